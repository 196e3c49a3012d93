// The 256-bit words of docs/formats.md, sections 2 and 3, as oracle/settlement/words.py reads them.

import { MAX_AMOUNT } from "./units";

const LANE_MASK = (1n << 64n) - 1n;
const SCORE_BITS = 20n;
const SCORE_MASK = (1n << SCORE_BITS) - 1n;
const NOBODY = 0n;

/** A stake in U, and whether its gains leave it. */
export interface Lane {
  readonly stake: bigint;
  readonly takeProfit: boolean;
}

/** Three scores at 10^-6 and a hardening level from 0 to 15. */
export interface ScoreLane {
  readonly scores: readonly [bigint, bigint, bigint];
  readonly level: bigint;
}

/** What a model asked for in a round, in U; `mode` 0 unchanged, 1 compound, 2 take-profit. */
export interface QueueRecord {
  readonly deposit: bigint;
  readonly release: bigint;
  readonly mode: bigint;
  readonly next: number | null;
}

/** Where a model's lane is: the word's index, and the place in it. */
export const placeOf = (model: number): { index: number; position: number } => ({
  index: Math.floor(model / 4),
  position: model % 4,
});

/** The 64 bits at `position` (0 to 3) of a word. */
export const laneOf = (word: bigint, position: number): bigint =>
  (word >> (64n * BigInt(position))) & LANE_MASK;

export const decodeLane = (bits: bigint): Lane => ({
  stake: bits & MAX_AMOUNT,
  takeProfit: bits >> 63n === 1n,
});

export function decodeScoreLane(bits: bigint): ScoreLane {
  const score = (at: bigint): bigint => BigInt.asIntN(20, (bits >> (SCORE_BITS * at)) & SCORE_MASK);
  return { scores: [score(0n), score(1n), score(2n)], level: bits >> (3n * SCORE_BITS) };
}

export function decodeRecord(word: bigint): QueueRecord {
  const next = word >> 114n;
  return {
    deposit: word & MAX_AMOUNT,
    release: (word >> 56n) & MAX_AMOUNT,
    mode: (word >> 112n) & 3n,
    next: next === NOBODY ? null : Number(next) - 1,
  };
}
