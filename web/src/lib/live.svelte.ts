/** Rounds as they move, by server-sent events; one stream for the whole app. */

export interface RoundEvent {
  tournament: number;
  round: number;
  stage: string;
  at: string;
}

type Listener = (event: RoundEvent) => void;

const listeners = new Set<Listener>();
const FIRST_SECONDS = 2;
const MOST_SECONDS = 60;

export const live = $state({ is: "connecting" as "connecting" | "open" | "lost", stages: {} as Record<string, string> });

let source: EventSource | null = null;
let pause = FIRST_SECONDS;

/** Opens the stream. The browser resumes after a lost connection; a refusal is tried again later. */
export function connect(): void {
  source?.close();
  source = new EventSource("/v1/events");
  source.onopen = () => {
    live.is = "open";
    pause = FIRST_SECONDS;
  };
  source.onerror = () => {
    live.is = "lost";
    if (source?.readyState === EventSource.CLOSED) {
      setTimeout(connect, pause * 1000);
      pause = Math.min(pause * 2, MOST_SECONDS);
    }
  };
  source.addEventListener("round", (message) => {
    const event = JSON.parse((message as MessageEvent<string>).data) as RoundEvent;
    live.stages[`${event.tournament}/${event.round}`] = event.stage;
    for (const listener of listeners) listener(event);
  });
}

/** Calls back with every change of a round until the returned function is called. */
export function onRound(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
