// How a round's result came onto the chain: the transaction that carried the operators' signatures.

import { decodeFunctionData, getAbiItem, type Address, type Client, type Hex } from "viem";
import { getBlock, getLogs, getTransaction, readContract } from "viem/actions";
import { ORACLE, POOL } from "./abi";
import type { Contracts } from "./networks";
import { digestOf, signerOf, type Said, type Statement } from "./typed";

/** Signers by recovery, in the order of their signatures; null where one does not count. */
export interface Ballot {
  readonly transaction: Hex;
  readonly isAnswer: boolean;
  readonly signers: readonly (Address | null)[];
  readonly members: readonly Address[];
}

/** The first block of a time or later, by bisection: some 25 questions. */
export async function firstBlockSince(client: Client, timestamp: bigint): Promise<bigint> {
  const newest = await getBlock(client, { blockTag: "latest" });
  let [low, high] = [0n, newest.number];
  while (low < high) {
    const middle = (low + high) / 2n;
    const { timestamp: at } = await getBlock(client, { blockNumber: middle });
    if (at < timestamp) low = middle + 1n;
    else high = middle;
  }
  return low;
}

/** From the first to at most the one after the last block of a time: several may share it. */
export async function blocksAt(client: Client, timestamp: bigint): Promise<readonly [bigint, bigint]> {
  return Promise.all([firstBlockSince(client, timestamp), firstBlockSince(client, timestamp + 1n)]);
}

/** What the operators signed to bring `said` in, with who signed. `committedAt`: the commit's time,
 * or the answer's to a challenge. */
export async function ballotOf(
  client: Client,
  of: Contracts,
  said: Statement,
  challengeId: Hex,
  committedAt: bigint,
): Promise<Ballot> {
  const isAnswer = BigInt(challengeId) !== 0n;
  const [fromBlock, toBlock] = await blocksAt(client, committedAt);
  const where = { address: of.oracle, fromBlock, toBlock, args: { round: said.round } };
  const [log] = isAnswer
    ? await getLogs(client, { ...where, event: getAbiItem({ abi: ORACLE, name: "Confirmed" }) })
    : await getLogs(client, { ...where, event: getAbiItem({ abi: ORACLE, name: "Committed" }) });
  if (!log?.transactionHash) throw new Error("the endpoint shows no event of the commit");
  const { input, hash } = await getTransaction(client, { hash: log.transactionHash });
  const { functionName, args } = decodeFunctionData({ abi: ORACLE, data: input });
  if (functionName !== "commit" && functionName !== "confirm")
    throw new Error("another contract sent the commit: its signatures are in a trace");
  const signed = args.at(-1) as readonly Hex[];
  const message: Said = isAnswer ? { ...said, challenge_id: challengeId } : said;
  const digest = digestOf(message, of.chainId, of.oracle);
  const [signers, members] = await Promise.all([
    Promise.all(signed.map((signature) => signerOf(digest, signature))),
    readContract(client, { address: of.oracle, abi: ORACLE, functionName: "members", args: [said.epoch] }),
  ]);
  return { transaction: hash, isAnswer, signers, members };
}

/** The block in which the batch that starts at `start` was applied. */
export async function settledIn(
  client: Client,
  of: Contracts,
  round: bigint,
  start: bigint,
  since: bigint,
): Promise<bigint | null> {
  const event = getAbiItem({ abi: POOL, name: "BatchSettled" });
  const newest = (await getBlock(client, { blockTag: "latest" })).number;
  for (let from = since; from <= newest; from += 9_000n) {
    const to = from + 8_999n > newest ? newest : from + 8_999n;
    const where = { address: of.pool, event, fromBlock: from, toBlock: to, strict: true } as const;
    const found = await getLogs(client, { ...where, args: { round } });
    const [mine] = found.filter((log) => log.args.start === start);
    if (mine) return mine.blockNumber;
  }
  return null;
}
