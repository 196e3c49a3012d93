// What the pool, its oracle and its registry say now, at one block.

import type { Address, Client } from "viem";
import { getBalance, getBlock, readContract } from "viem/actions";
import { ORACLE, POOL, REGISTRY, TOKEN } from "./abi";
import type { Contracts } from "./networks";
import { Status, type PoolFacts, type RoundFacts } from "./outlook";
import { decodeLane, decodeRecord, laneOf, placeOf, type QueueRecord } from "./words";

/** A pool with what an outlook needs, at block `block`. */
export interface PoolNow extends PoolFacts {
  readonly block: bigint;
  readonly wound_down: boolean;
  readonly paused_until: bigint;
}

/** A model by the chain; amounts in U. `records` are its requests that wait, by round. */
export interface ModelNow {
  readonly model: number;
  readonly owner: Address;
  readonly payout: Address;
  /** Another payout address that was asked for, and the second from which it is in force. */
  readonly nextPayout: { readonly payout: Address; readonly at: bigint } | null;
  readonly stake: bigint;
  readonly takeProfit: boolean;
  readonly claimable: bigint;
  readonly records: ReadonlyMap<number, QueueRecord>;
}

/** Wei of NMR and of the chain's coin. */
export interface Held {
  readonly nmr: bigint;
  readonly coin: bigint;
}

export async function poolNow(client: Client, of: Contracts): Promise<PoolNow> {
  const { number: blockNumber, timestamp: now } = await getBlock(client, { blockTag: "latest" });
  const pool = { address: of.pool, abi: POOL, blockNumber } as const;
  const oracle = { address: of.oracle, abi: ORACLE, blockNumber } as const;
  const [state, clocks, timing, template] = await Promise.all([
    readContract(client, { ...pool, functionName: "state" }),
    readContract(client, { ...pool, functionName: "clocks" }),
    readContract(client, { ...oracle, functionName: "timing" }),
    readContract(client, { ...oracle, functionName: "template" }),
  ]);
  const head = Number(state.head);
  const last = Number(state.last_announced);
  const numbers = Array.from({ length: Math.max(0, last - head + 1) }, (_, i) => BigInt(head + i));
  const [before, ...rounds] = await Promise.all([
    readContract(client, { ...pool, functionName: "round_state", args: [BigInt(head - 1)] }),
    ...numbers.map((k) => roundFacts(client, of, k, blockNumber)),
  ]);
  return {
    block: blockNumber,
    now,
    head,
    head_since: state.head_since,
    last_announced: last,
    previous_close: before.close,
    clocks,
    timing,
    clip_down: template.clip_down,
    rounds,
    wound_down: state.wound_down,
    paused_until: state.paused_until,
  };
}

async function roundFacts(
  client: Client,
  of: Contracts,
  k: bigint,
  blockNumber: bigint,
): Promise<RoundFacts> {
  const oracle = { address: of.oracle, abi: ORACLE, blockNumber } as const;
  const [round, state] = await Promise.all([
    readContract(client, { ...oracle, functionName: "round_of", args: [k] }),
    readContract(client, {
      address: of.pool,
      abi: POOL,
      functionName: "round_state",
      args: [k],
      blockNumber,
    }),
  ]);
  const status = Number(round.status);
  // A cancelled round has no template, and one that was skipped was never announced.
  const asks = status !== Status.UNKNOWN && status !== Status.VOID;
  const template = asks
    ? await readContract(client, { ...oracle, functionName: "template_of", args: [k] })
    : null;
  return {
    status,
    closes: state.close,
    horizon: round.horizon,
    final_at: round.final_at,
    challenged_at: round.challenged_at,
    clip_down: template?.clip_down ?? 0n,
    skipped: state.skipped,
    void_at: state.void_at,
  };
}

/** A model at the block of `pool`. */
export async function modelNow(
  client: Client,
  of: Contracts,
  pool: PoolNow,
  model: number,
): Promise<ModelNow> {
  const { index, position } = placeOf(model);
  const at = { address: of.pool, abi: POOL, blockNumber: pool.block } as const;
  const named = { address: of.registry, abi: REGISTRY, args: [BigInt(model)] } as const;
  const numbers = Array.from({ length: pool.last_announced - pool.head + 2 }, (_, i) => pool.head + i);
  const [lanes, outs, owner, payout, change, ...records] = await Promise.all([
    readContract(client, { ...at, functionName: "lane_words", args: [BigInt(index), 1n] }),
    readContract(client, { ...at, functionName: "out_words", args: [BigInt(index), 1n] }),
    readContract(client, { ...named, functionName: "owner_of", blockNumber: pool.block }),
    readContract(client, { ...named, functionName: "payout_of", blockNumber: pool.block }),
    readContract(client, { ...named, functionName: "payout_change_of", blockNumber: pool.block }),
    ...numbers.map((k) =>
      readContract(client, { ...at, functionName: "record_of", args: [BigInt(k), BigInt(model)] }),
    ),
  ]);
  const lane = decodeLane(laneOf(lanes[0] ?? 0n, position));
  const waiting = records.map((word, i) => [numbers[i]!, decodeRecord(word)] as const);
  return {
    model,
    owner,
    payout,
    nextPayout: change[1] > pool.now ? { payout: change[0], at: change[1] } : null,
    ...lane,
    claimable: laneOf(outs[0] ?? 0n, position),
    records: new Map(waiting.filter(([, one]) => one.deposit || one.release || one.mode)),
  };
}

export async function heldBy(client: Client, token: Address, account: Address): Promise<Held> {
  const [nmr, coin] = await Promise.all([
    readContract(client, { address: token, abi: TOKEN, functionName: "balanceOf", args: [account] }),
    getBalance(client, { address: account }),
  ]);
  return { nmr, coin };
}
