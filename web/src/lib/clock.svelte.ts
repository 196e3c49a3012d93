/** The chain's time: of the newest block the server saw, going on with this machine's clock. */

let ticks = $state(Date.now());
const ahead = $state<Record<number, number>>({});

setInterval(() => {
  ticks = Date.now();
}, 1000);

/** Takes in a block's time; blocks lie back a little, so it only goes back by a real jump. */
export function heard(tournament: number, iso: string | null): void {
  if (!iso) return;
  const offset = Date.parse(iso) - Date.now();
  const before = ahead[tournament];
  if (before === undefined || offset > before || offset < before - 60_000) ahead[tournament] = offset;
}

/** Milliseconds since 1970 by a tournament's chain; changes every second. */
export function chainNow(tournament: number): number {
  return ticks + (ahead[tournament] ?? 0);
}
