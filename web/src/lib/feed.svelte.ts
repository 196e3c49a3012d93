/** A long list, page by page as somebody scrolls. */
import { untrack } from "svelte";
import { ApiError, get, type Page, type Query } from "./api";

export class Feed<T> {
  rows = $state.raw<T[]>([]);
  error = $state.raw<ApiError | null>(null);
  isLoading = $state(false);
  isWhole = $state(false);
  /** Whether the first page is there, of these or of what was asked before. */
  hasBegun = $state(false);
  #cursor: number | null = null;
  #stop: AbortController | null = null;
  #route = "";
  #query: Query = {};

  /** Begins anew with another question; what is there stays until the first page has come. */
  ask(route: string, query: Query): void {
    this.#route = route;
    this.#query = query;
    this.#cursor = null;
    this.isWhole = false;
    // Who asks in an effect depends on the question alone.
    untrack(() => void this.#fetch(true));
  }

  /** The next page, unless one is on its way or there is none. */
  more(): void {
    if (!this.isLoading && !this.isWhole && !this.error) void this.#fetch(false);
  }

  again(): void {
    this.error = null;
    void this.#fetch(this.#cursor === null);
  }

  end(): void {
    this.#stop?.abort();
  }

  async #fetch(isFirst: boolean): Promise<void> {
    this.end();
    const stop = new AbortController();
    this.#stop = stop;
    this.isLoading = true;
    try {
      const page = await get<Page<T>>(this.#route, { ...this.#query, cursor: this.#cursor }, stop.signal);
      if (stop.signal.aborted) return;
      this.rows = isFirst ? page.items : [...this.rows, ...page.items];
      this.#cursor = page.next;
      this.isWhole = page.next === null;
      this.hasBegun = true;
      this.error = null;
    } catch (error) {
      if (stop.signal.aborted) return;
      this.error = error instanceof ApiError ? error : new ApiError(0, "internal", String(error));
    }
    this.isLoading = false;
  }
}
