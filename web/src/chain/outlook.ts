// What a deposit or release asked now comes to: when it can be withdrawn, and what rounds can burn
// of it until then. The arithmetic of StakeLens and oracle/settlement/outlook.py, on facts that
// `facts.ts` reads from the chain; why the latest dates are bounds is said in
// contracts/modules/outlook.vy. Amounts in U, times in seconds; a date of 0 is not known.

import { MAX_AMOUNT, RATE_ONE } from "./units";
import type { QueueRecord } from "./words";

export interface Clocks {
  readonly skip_after: bigint;
  readonly settle_time: bigint;
  readonly head_time: bigint;
  readonly rest_delay: bigint;
}

export interface Timing {
  readonly max_ahead: bigint;
  readonly max_horizon: bigint;
  readonly grace: bigint;
  readonly window: bigint;
  readonly challenge: bigint;
}

/** Of RoundOracle, in its numbering. */
export const Status = {
  UNKNOWN: 0,
  ANNOUNCED: 1,
  COMMITTED: 2,
  FINAL: 3,
  CHALLENGED: 4,
  VOID: 5,
} as const;

/** A round from the head to the target. `clip_down`: the largest part of a stake it can burn. */
export interface RoundFacts {
  readonly status: number;
  readonly closes: bigint;
  readonly horizon: bigint;
  readonly final_at: bigint;
  readonly challenged_at: bigint;
  readonly clip_down: bigint;
  readonly skipped: boolean;
  readonly void_at: bigint;
}

/** A pool at `now`. `previous_close`: of the round before the head, or the pool's construction.
 * `rounds` are those from the head to the last announced one, in order; `clip_down` is that of the
 * next announcement. */
export interface PoolFacts {
  readonly now: bigint;
  readonly head: number;
  readonly head_since: bigint;
  readonly last_announced: number;
  readonly previous_close: bigint;
  readonly clocks: Clocks;
  readonly timing: Timing;
  readonly clip_down: bigint;
  readonly rounds: readonly RoundFacts[];
}

export interface Outlook {
  readonly round: number;
  readonly close: bigint;
  readonly amount: bigint;
  readonly expected_at: bigint;
  readonly latest_at: bigint;
  readonly max_loss: bigint;
}

interface Dates {
  readonly expected: bigint;
  readonly latest: bigint;
}

const most = (...values: bigint[]): bigint => values.reduce((a, b) => (a > b ? a : b));
const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const isVoid = (round: RoundFacts): boolean => round.skipped || round.status === Status.VOID;
const clipOf = (round: RoundFacts): bigint => (isVoid(round) ? 0n : round.clip_down);
const EMPTY: QueueRecord = { deposit: 0n, release: 0n, mode: 0n, next: null };

/** The round that requests join now. */
export function targetOf(pool: PoolFacts): number {
  const found = pool.rounds.findIndex((round) => pool.now < round.closes);
  return found < 0 ? pool.last_announced + 1 : pool.head + found;
}

/** A release of `amount` U (MAX_AMOUNT or more is all) of a stake, on top of what waits in
 * `records`, by round. */
export function releaseOutlook(
  pool: PoolFacts,
  stake: bigint,
  records: ReadonlyMap<number, QueueRecord>,
  amount: bigint,
): Outlook {
  const target = targetOf(pool);
  let there = stake;
  let fewest = stake;
  for (let number = pool.head; number < target; number++) {
    const record = records.get(number) ?? EMPTY;
    there = drained(there, record).stake;
    fewest = drained(fewest, record).stake;
    fewest -= (fewest * clipOf(roundOf(pool, number))) / RATE_ONE;
  }
  const waiting = records.get(target) ?? EMPTY;
  const paid = paidOf(there, waiting, amount);
  const joined = join(pool, target, closeOf(pool, target - 1), ended(pool, target));
  return {
    round: target,
    close: joined.close,
    amount: paid,
    expected_at: joined.dates.expected,
    latest_at: joined.dates.latest,
    max_loss: paid - paidOf(fewest, waiting, amount),
  };
}

/** A deposit of a model without other stake, released as soon as it bore its round's scores. */
export function depositOutlook(pool: PoolFacts, amount: bigint): Outlook {
  const target = targetOf(pool);
  const before = ended(pool, target);
  let [close, latestClose, clip, dates] = [0n, pool.now, 0n, before];
  if (target <= pool.last_announced) {
    const round = roundOf(pool, target);
    close = latestClose = round.closes;
    clip = clipOf(round);
    dates = after(pool, round, before);
  } else if (!hasLapsed(pool, target)) {
    latestClose = latestCloseOf(pool, closeOf(pool, target - 1), before.latest);
    clip = pool.clip_down;
    const due = decided(pool, latestClose + pool.timing.max_horizon);
    dates = { expected: 0n, latest: withheld(pool, due, before.latest) };
  }
  const joined = join(pool, target + 1, latestClose, dates);
  return {
    round: target,
    close,
    amount,
    expected_at: joined.dates.expected,
    latest_at: joined.dates.latest,
    max_loss: (amount * clip) / RATE_ONE,
  };
}

// ---------------------------------------------------------------- dates

function ended(pool: PoolFacts, number: number): Dates {
  let dates: Dates = { expected: 0n, latest: pool.head_since };
  for (const round of pool.rounds.slice(0, Math.max(0, number - pool.head)))
    dates = after(pool, round, dates);
  return dates;
}

/** When an announced or skipped round has ended. */
function after(pool: PoolFacts, round: RoundFacts, before: Dates): Dates {
  let expected = round.closes;
  let latest = most(expected, before.latest);
  if (!isVoid(round)) {
    const [expects, decides] = finality(pool, round);
    expected = expects;
    latest = withheld(pool, decides, before.latest);
  }
  if (round.void_at) latest = round.void_at;
  return { expected: most(expected, before.expected), latest: most(latest, pool.now) };
}

/** When a round has a final result, or is void, if everybody does his work; and when it has a final
 * result at the latest, if ever. */
function finality({ timing, now }: { timing: Timing; now: bigint }, round: RoundFacts) {
  const due = round.closes + round.horizon;
  switch (round.status) {
    case Status.ANNOUNCED:
      return [most(due, now) + timing.window, decided({ timing }, due)] as const;
    case Status.CHALLENGED: {
      const end = round.challenged_at + timing.challenge;
      return [end + 1n, end] as const;
    }
    case Status.COMMITTED:
      return [round.final_at, round.final_at + timing.challenge - 1n] as const;
    default:
      return [round.final_at, round.final_at] as const;
  }
}

const decided = ({ timing }: { timing: Timing }, due: bigint): bigint =>
  due + timing.grace + timing.window + timing.challenge - 1n;

function withheld({ clocks, now }: PoolFacts, decides: bigint, head: bigint): bigint {
  return most(now, decides + clocks.settle_time, head + clocks.head_time) + clocks.rest_delay;
}

function join(pool: PoolFacts, number: number, previous: bigint, before: Dates) {
  if (hasLapsed(pool, number)) return { close: 0n, dates: { expected: pool.now, latest: pool.now } };
  if (number > pool.last_announced) {
    const latest = latestCloseOf(pool, previous, before.latest);
    return { close: 0n, dates: { expected: 0n, latest } };
  }
  const close = roundOf(pool, number).closes;
  const dates = { expected: most(close, before.expected), latest: most(close, before.latest) };
  return { close, dates };
}

/** Whether the round can be skipped now, and therefore not be announced any more. */
function hasLapsed(pool: PoolFacts, number: number): boolean {
  const skips = number === pool.head && pool.head > pool.last_announced;
  return skips && pool.now >= closeOf(pool, number - 1) + pool.clocks.skip_after;
}

function latestCloseOf({ clocks, timing }: PoolFacts, previous: bigint, head: bigint): bigint {
  return most(previous + clocks.skip_after - 1n, head) + timing.max_ahead;
}

// ---------------------------------------------------------------- shared

function roundOf(pool: PoolFacts, number: number): RoundFacts {
  const found = pool.rounds[number - pool.head];
  if (!found) throw new Error(`round ${number} is not among the pending ones`);
  return found;
}

const closeOf = (pool: PoolFacts, number: number): bigint =>
  number < pool.head ? pool.previous_close : roundOf(pool, number).closes;

/** A stake after a record, and what left. */
export function drained(stake: bigint, record: QueueRecord): { stake: bigint; released: bigint } {
  const released = least(record.release, stake + record.deposit);
  return { stake: stake + record.deposit - released, released };
}

/** What a release pays that joins `waiting`, on top of what waits there. */
function paidOf(stake: bigint, waiting: QueueRecord, amount: bigint): bigint {
  const more = { ...waiting, release: least(waiting.release + amount, MAX_AMOUNT) };
  return drained(stake, more).released - drained(stake, waiting).released;
}
