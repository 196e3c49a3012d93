// What the server shows of a model's round, as it shows it: nothing of it is believed before
// `verify.ts` has held it against the chain.

import type { Hex } from "viem";
import { get } from "../lib/api";
import type { Batch, BatchPath } from "./batches";
import type { Coefficients, Three } from "./payout";
import type { Statement } from "./typed";
import { unitsOf } from "./units";

export interface Evidence {
  readonly round: number;
  readonly model: number;
  readonly word_index: number;
  readonly position: number;
  readonly word: Hex;
  readonly scores: readonly number[];
  readonly level: number;
  readonly path: {
    readonly start: number;
    readonly words: readonly Hex[];
    readonly following: Hex;
    readonly earlier: readonly { readonly start: number; readonly words_hash: Hex }[];
  } | null;
  readonly commit: {
    readonly pool: Hex;
    readonly tournament: number;
    readonly round: number;
    readonly epoch: number | null;
    readonly announce_hash: Hex | null;
    readonly close_block_hash: Hex | null;
    readonly chain_head: Hex | null;
    readonly at_risk: number | null;
    readonly words: number | null;
    readonly manifest: Hex | null;
    readonly meta_root: Hex | null;
  };
  readonly coefficients: {
    readonly c: readonly number[];
    readonly up: number;
    readonly down: number;
    readonly hk: number;
    readonly scale: number;
  } | null;
  readonly stake: string | null;
  readonly payout: string | null;
  readonly taken: string | null;
}

export const evidenceOf = (model: string, round: number, signal?: AbortSignal): Promise<Evidence> =>
  get<Evidence>(`/models/${model}/rounds/${round}/evidence`, {}, signal);

export function pathOf(evidence: Evidence): BatchPath | null {
  const { path } = evidence;
  if (!path) return null;
  const batch: Batch = { start: path.start, words: path.words.map(BigInt) };
  return { batch, following: path.following, earlier: path.earlier };
}

/** The operators' statement as the server shows it; throws where it is not whole. JSON's numbers
 * are exact below 2^53 only, so `atRisk` is the chain's where both round to the same. */
export function statementOf({ commit }: Evidence, atRisk: bigint): Statement {
  for (const [name, value] of Object.entries(commit))
    if (value === null) throw new Error(`the server shows no ${name.replaceAll("_", " ")}`);
  const { tournament, round, epoch, at_risk, words, ...rest } = commit;
  const numbers = { tournament, round, epoch: epoch!, at_risk: at_risk!, words: words! };
  const big = Object.fromEntries(Object.entries(numbers).map(([name, n]) => [name, BigInt(n)]));
  const exact = Number(atRisk) === at_risk ? { at_risk: atRisk } : {};
  return { ...rest, ...big, ...exact } as unknown as Statement;
}

export function coefficientsOf({ coefficients }: Evidence): Coefficients | null {
  if (!coefficients) return null;
  const { c, up, down, hk, scale } = coefficients;
  const three = c.map(BigInt) as unknown as Three;
  return { c: three, up: BigInt(up), down: BigInt(down), hk: BigInt(hk), scale: BigInt(scale) };
}

/** U of an amount that may be negative, or is not there. */
export function signedUnits(text: string | null): bigint | null {
  if (text === null) return null;
  return text.startsWith("-") ? -unitsOf(text.slice(1)) : unitsOf(text);
}
