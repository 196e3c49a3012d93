// Where a transfer over the bridge stands, by both chains.

import { parseEventLogs, type Client, type Hex } from "viem";
import { getBlock, getTransactionReceipt, readContract } from "viem/actions";
import { TransactionReceiptNotFoundError, type TransactionReceipt } from "viem";
import { BRIDGE, TOKEN } from "../chain/abi";
import { exitId } from "../chain/exits";
import type { Bridge } from "../chain/networks";
import type { Transfer } from "./pending.svelte";

/** `sync`: the message of a deposit that failed, to be replayed. */
export type Stage =
  | { readonly is: "sent" }
  | { readonly is: "reverted" }
  | { readonly is: "locked"; readonly since: bigint }
  | { readonly is: "failed"; readonly sync: bigint }
  | { readonly is: "minted" }
  | { readonly is: "burnt"; readonly since: bigint }
  | { readonly is: "payable" }
  | { readonly is: "paid" };

const NOBODY = "0x0000000000000000000000000000000000000000";

export const STEPS = {
  in: [
    ["sent", "Sent"],
    ["locked", "Locked by the bridge"],
    ["minted", "Arrived"],
  ],
  out: [
    ["sent", "Sent"],
    ["burnt", "Burnt; waits for a checkpoint"],
    ["payable", "Can be paid out"],
    ["paid", "Paid"],
  ],
} as const;

export async function stageOf(
  transfer: Pick<Transfer, "hash" | "way">,
  bridge: Bridge,
  root: Client,
  child: Client,
  token: Hex,
): Promise<Stage> {
  const receipt = await receiptOf(transfer.way === "in" ? root : child, transfer.hash);
  if (!receipt) return { is: "sent" };
  if (receipt.status !== "success") return { is: "reverted" };
  return transfer.way === "in"
    ? deposited(receipt, bridge, root, child)
    : withdrawn(receipt, bridge, root, child, token);
}

async function deposited(receipt: TransactionReceipt, bridge: Bridge, root: Client, child: Client): Promise<Stage> {
  const { logs } = receipt;
  const [synced] = parseEventLogs({ abi: BRIDGE, eventName: "StateSynced", logs }).filter(
    (log) => same(log.address, bridge.root.state_sender),
  );
  if (!synced) return { is: "reverted" };
  const receiver = { address: bridge.state_receiver as Hex, abi: BRIDGE } as const;
  const last = await readContract(child, { ...receiver, functionName: "lastStateId" });
  if (last < synced.args.id) {
    const { timestamp } = await getBlock(root, { blockNumber: receipt.blockNumber });
    return { is: "locked", since: timestamp };
  }
  const args = [synced.args.id] as const;
  const kept = await readContract(child, { ...receiver, functionName: "failedStateSyncs", args });
  return kept === "0x" ? { is: "minted" } : { is: "failed", sync: synced.args.id };
}

async function withdrawn(receipt: TransactionReceipt, bridge: Bridge, root: Client, child: Client, token: Hex): Promise<Stage> {
  const place = burnPlace(receipt, token);
  if (place < 0) return { is: "reverted" };
  const { blockNumber, transactionIndex } = receipt;
  const checkpoints = { address: bridge.root.checkpoint_manager, abi: BRIDGE } as const;
  const covered = await readContract(root, { ...checkpoints, functionName: "getLastChildBlock" });
  if (covered < blockNumber) {
    const { timestamp } = await getBlock(child, { blockNumber });
    return { is: "burnt", since: timestamp };
  }
  const args = [exitId(blockNumber, transactionIndex, place)] as const;
  const manager = { address: bridge.root.root_chain_manager, abi: BRIDGE } as const;
  const paid = await readContract(root, { ...manager, functionName: "processedExits", args });
  return { is: paid ? "paid" : "payable" };
}

/** Place of the first burn of `token` among a receipt's logs; -1 without one. */
export function burnPlace({ logs }: TransactionReceipt, token: Hex): number {
  const burns = parseEventLogs({ abi: TOKEN, eventName: "Transfer", logs }).filter(
    (log) => same(log.address, token) && log.args.to === NOBODY,
  );
  return logs.findIndex((log) => log.logIndex === burns[0]?.logIndex);
}

async function receiptOf(client: Client, hash: Hex): Promise<TransactionReceipt | null> {
  try {
    return await getTransactionReceipt(client, { hash });
  } catch (error) {
    if (error instanceof TransactionReceiptNotFoundError) return null;
    throw error;
  }
}

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
