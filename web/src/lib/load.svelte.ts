/** What a page reads from the server: what is there stays on the page while newer is fetched. */
import { ApiError } from "./api";

export class Loaded<T> {
  value = $state.raw<T | undefined>(undefined);
  error = $state.raw<ApiError | null>(null);
  isLoading = $state(false);
  #stop: AbortController | null = null;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #tries = 0;

  constructor(readonly fetch: (signal: AbortSignal) => Promise<T>) {}

  /** Fetches anew. After a failure that may pass it is tried again, ever more seldom. */
  async refresh(): Promise<void> {
    this.end();
    const stop = new AbortController();
    this.#stop = stop;
    this.isLoading = true;
    try {
      const value = await this.fetch(stop.signal);
      if (stop.signal.aborted) return;
      this.value = value;
      this.error = null;
      this.#tries = 0;
    } catch (error) {
      if (stop.signal.aborted) return;
      this.error = error instanceof ApiError ? error : new ApiError(0, "internal", String(error));
      if (this.error.isDown) {
        this.#tries += 1;
        this.#retry = setTimeout(() => void this.refresh(), Math.min(30_000, 1_000 * 2 ** this.#tries));
      }
    }
    this.isLoading = false;
  }

  /** Lets go of what is under way. */
  end(): void {
    this.#stop?.abort();
    clearTimeout(this.#retry);
  }
}

/** Loads while the component that asks is there. `fetch` is called again when state it reads
 * changes; `every`: seconds between looks, for what no event tells of. */
export function load<T>(fetch: (signal: AbortSignal) => Promise<T>, every?: number): Loaded<T> {
  const made = new Loaded(fetch);
  $effect(() => {
    void made.refresh();
    const timer = every ? setInterval(() => document.hidden || void made.refresh(), every * 1000) : undefined;
    return () => {
      clearInterval(timer);
      made.end();
    };
  });
  return made;
}
