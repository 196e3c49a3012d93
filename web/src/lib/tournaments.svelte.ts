/** The tournaments of this server, read once and looked at again now and then for their clocks. */
import { tournaments, type Tournament } from "./api";
import { Loaded } from "./load.svelte";

export const served = new Loaded<Tournament[]>(tournaments);

const NAMES: Record<number, string> = { 8: "Classic", 11: "Signals", 12: "Crypto" };

export function titleOf(tournament: number): string {
  return NAMES[tournament] ?? `Tournament ${tournament}`;
}

export function watchTournaments(): () => void {
  void served.refresh();
  const timer = setInterval(() => document.hidden || void served.refresh(), 15_000);
  return () => {
    clearInterval(timer);
    served.end();
  };
}
