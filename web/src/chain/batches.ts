// Batches of score words and the chain of their hashes (docs/formats.md, section 4).

import { concatHex, encodeAbiParameters, keccak256, numberToHex, type Hex } from "viem";

export interface Batch {
  readonly start: number;
  readonly words: readonly bigint[];
}

/** A batch before the one that is shown: where it starts, and the hash of its words. */
export interface Earlier {
  readonly start: number;
  readonly words_hash: Hex;
}

/** A batch whole, the link that follows it, and what came before it, the nearest first. */
export interface BatchPath {
  readonly batch: Batch;
  readonly following: Hex;
  readonly earlier: readonly Earlier[];
}

/** keccak256(abi.encode(words)), as a link holds it. */
export const wordsHash = (words: readonly bigint[]): Hex =>
  keccak256(encodeAbiParameters([{ type: "uint256[]" }], [[...words]]));

/** The hash that admits a batch, and then the batch whose link is `following`. */
export const link = (following: Hex, start: number, hashed: Hex): Hex =>
  keccak256(concatHex([following, numberToHex(start, { size: 32 }), hashed]));

/** The links that follow from a path, the batch's own first; the last is the committed one. */
export function links({ batch, following, earlier }: BatchPath): Hex[] {
  const found = [link(following, batch.start, wordsHash(batch.words))];
  for (const one of earlier) found.push(link(found.at(-1) as Hex, one.start, one.words_hash));
  return found;
}

/** The word at `index` if the batch holds it. */
export const wordAt = ({ start, words }: Batch, index: number): bigint | undefined =>
  words[index - start];
