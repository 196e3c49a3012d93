// Payout and burn arithmetic in whole numbers (docs/formats.md, section 5), as the pool and
// oracle/settlement/payout.py compute it; tests hold this file against the latter.

import { MAX_SCORE, MILLIONTH, RATE_ONE, SCALE_BITS, SCALE_ONE } from "./units";
import type { ScoreLane } from "./words";

export type Three = readonly [bigint, bigint, bigint];

/** Names of the scores that a template can pay on, by their codes. */
export const SCORE_KINDS = ["none", "CORR", "MMC", "TC", "Alpha", "MPC", "FNC"] as const;

/** A payout rule: multipliers, kappa at 10^-6, clips at 10^-12, threshold in U. */
export interface Template {
  readonly kinds: Three;
  readonly multipliers: Three;
  readonly clip_up: bigint;
  readonly clip_down: bigint;
  readonly threshold: bigint;
  readonly kappa: bigint;
}

/** `c` at 10^-6, `up` and `down` at 10^-12, `hk` at 2^-16 a hardening level, `scale` at 2^-40. */
export interface Coefficients {
  readonly c: Three;
  readonly up: bigint;
  readonly down: bigint;
  readonly hk: bigint;
  readonly scale: bigint;
}

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/** Coefficients of a round: `phi` at 10^-6; `atRisk`, `total` and `vault` in U. */
export function begin(
  template: Template,
  phi: bigint,
  atRisk: bigint,
  total: bigint,
  vault: bigint,
): Coefficients {
  const { multipliers, threshold, clip_up, clip_down, kappa } = template;
  const shrinks = atRisk > threshold;
  const c = multipliers.map((m) =>
    shrinks ? (m * phi * threshold) / (MILLIONTH * atRisk) : (m * phi) / MILLIONTH,
  ) as unknown as Three;
  const up = least(clip_up, (c[0] + c[1] + c[2]) * MAX_SCORE);
  const need = (total * up + RATE_ONE - 1n) / RATE_ONE;
  const scale = vault >= need ? SCALE_ONE : (vault << SCALE_BITS) / need;
  return { c, up, down: clip_down, hk: (kappa * 65536n) / (15n * MILLIONTH), scale };
}

/** How a change of stake comes about: every number on the way. `change` in U. */
export interface Working {
  readonly products: Three;
  readonly x: bigint;
  readonly hardened: bigint;
  readonly rate: bigint;
  readonly change: bigint;
}

/** Gain (positive) or burn (negative) of `stake` U with the scores of `lane`, step by step. */
export function working(coefficients: Coefficients, stake: bigint, lane: ScoreLane): Working {
  const { c, up, down, hk, scale } = coefficients;
  const products = c.map((each, i) => each * (lane.scores[i] ?? 0n)) as unknown as Three;
  const x = products[0] + products[1] + products[2];
  if (x >= 0n) {
    const rate = least(x, up);
    const change = (stake * rate * scale) / (RATE_ONE << SCALE_BITS);
    return { products, x, hardened: x, rate, change };
  }
  const hardened = (-x * (65536n + hk * lane.level)) >> 16n;
  const rate = least(hardened, down);
  return { products, x, hardened, rate, change: -((stake * rate) / RATE_ONE) };
}

/** The change alone, in U. */
export const change = (coefficients: Coefficients, stake: bigint, lane: ScoreLane): bigint =>
  working(coefficients, stake, lane).change;
