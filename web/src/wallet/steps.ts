// What the app asks a wallet to send: one call of a contract each, said in words beforehand.

import {
  encodeAbiParameters,
  type Abi,
  type Address,
  type Client,
  type Hex,
} from "viem";
import { readContract, simulateContract } from "viem/actions";
import { BRIDGE, POOL, REGISTRY, RELAY, TOKEN } from "../chain/abi";
import type { Bridge, Contracts } from "../chain/networks";
import { MAX_UINT256, nmrOfUnits, nmrOfWei, WEI_PER_UNIT } from "../chain/units";

/** `says`: what it does, in words; `kind` is kept with its hash. */
export interface Step {
  readonly kind: Kind;
  readonly title: string;
  readonly says: string;
  readonly chainId: number;
  readonly to: Address;
  readonly abi: Abi;
  readonly functionName: string;
  readonly args: readonly unknown[];
  /** A transaction of type 0, which a local bridge asks for. */
  readonly legacy?: boolean;
}

export type Kind =
  | "approve"
  | "deposit"
  | "release"
  | "mode"
  | "claim"
  | "leave"
  | "payout"
  | "lock"
  | "burn"
  | "exit"
  | "replay"
  | "revoke";

/** Who gets an allowance, in words. */
export interface Spender {
  readonly address: Address;
  readonly name: string;
}

/** Lets `spender` take exactly `wei` where it may not take as much yet. NMR's `approve` goes only
 * from or to zero: then `changeApproval` names the old value, or there are two steps. */
export async function approvals(
  client: Client,
  chainId: number,
  token: Address,
  owner: Address,
  spender: Spender,
  wei: bigint,
): Promise<Step[]> {
  const at = { address: token, abi: TOKEN } as const;
  const args = [owner, spender.address] as const;
  const allowed = await readContract(client, { ...at, functionName: "allowance", args });
  if (allowed >= wei) return [];
  const plain = approval(chainId, token, spender, wei);
  if (allowed === 0n) return [plain];
  if (await works(client, owner, plain)) return [plain];
  const changed: Step = {
    ...plain,
    title: `Change what ${spender.name} may take to ${nmrOfWei(wei)} NMR`,
    functionName: "changeApproval",
    args: [spender.address, allowed, wei],
  };
  if (await works(client, owner, changed)) return [changed];
  return [approval(chainId, token, spender, 0n), plain];
}

function approval(chainId: number, token: Address, spender: Spender, wei: bigint): Step {
  const amount = nmrOfWei(wei);
  return {
    kind: "approve",
    title: wei ? `Allow ${spender.name} to take ${amount} NMR` : `Take back what ${spender.name} may take`,
    says: wei
      ? `It may take exactly ${amount} NMR from your wallet, once or in parts, and no more.`
      : "It may take nothing from your wallet; NMR wants this before another amount.",
    chainId,
    to: token,
    abi: TOKEN,
    functionName: "approve",
    args: [spender.address, wei],
  };
}

async function works(client: Client, account: Address, step: Step): Promise<boolean> {
  const { abi, functionName, args } = step;
  try {
    await simulateContract(client, { account, address: step.to, abi, functionName, args });
    return true;
  } catch {
    return false;
  }
}

// ---------------------------------------------------------------- stakes

type OfPool = Pick<Contracts, "chainId" | "pool">;

function poolStep(of: OfPool, kind: Kind, title: string, says: string, functionName: string, args: readonly unknown[]): Step {
  return { kind, title, says, chainId: of.chainId, to: of.pool, abi: POOL, functionName, args };
}

export function depositStep(of: OfPool, model: number, name: string, units: bigint, round: number): Step {
  const says = `It becomes stake of ${name} at the close of round ${round}. If that round closes before your transaction comes, nothing happens.`;
  const args = [BigInt(model), units * WEI_PER_UNIT, BigInt(round)];
  return poolStep(of, "deposit", `Deposit ${nmrOfUnits(units)} NMR into ${name}`, says, "deposit", args);
}

/** Of `units`, or of everything with null. */
export function releaseStep(of: OfPool, model: number, name: string, units: bigint | null, round: number): Step {
  const what = units === null ? "everything" : `${nmrOfUnits(units)} NMR`;
  const says = `It leaves the stake with round ${round} and becomes claimable; it cannot be taken back.`;
  const args = [BigInt(model), units === null ? MAX_UINT256 : units * WEI_PER_UNIT, BigInt(round)];
  return poolStep(of, "release", `Release ${what} from ${name}`, says, "request_release", args);
}

export function modeStep(of: OfPool, model: number, name: string, takesProfit: boolean, round: number): Step {
  const title = takesProfit ? `Take ${name}'s profits` : `Add ${name}'s gains to its stake`;
  const says = takesProfit
    ? `From round ${round} on gains become claimable; burns still lower the stake.`
    : `From round ${round} on gains are added to the stake.`;
  return poolStep(of, "mode", title, says, "set_mode", [BigInt(model), takesProfit ? 2n : 1n, BigInt(round)]);
}

export function claimStep(of: OfPool, model: number, name: string, units: bigint, payout: Address): Step {
  const says = `It is paid to ${payout}, the model's payout address.`;
  return poolStep(of, "claim", `Claim ${nmrOfUnits(units)} NMR of ${name}`, says, "claim", [BigInt(model)]);
}

/** Out of a pool that is wound down; `rounds` hold deposits that were not drained. */
export function leaveStep(of: OfPool, model: number, name: string, units: bigint, rounds: readonly number[], payout: Address): Step {
  const says = `Stake, what is claimable and deposits that wait are paid to ${payout}, the model's payout address.`;
  const args = [BigInt(model), rounds.map(BigInt)];
  return poolStep(of, "leave", `Take ${nmrOfUnits(units)} NMR of ${name} out of the pool`, says, "exit", args);
}

export function payoutStep(of: Contracts, model: number, name: string, payout: Address): Step {
  return {
    kind: "payout",
    title: `Have ${name} pay to ${payout}`,
    says: "Until 48 hours after its block the present address is paid; another request takes this one's place.",
    chainId: of.chainId,
    to: of.registry,
    abi: REGISTRY,
    functionName: "set_payout",
    args: [BigInt(model), payout],
  };
}

export function revokeStep(chainId: number, relay: Address, hash: Hex): Step {
  return {
    kind: "revoke",
    title: "Revoke the mandate",
    says: "The server can act by it no more, from this transaction's block on.",
    chainId,
    to: relay,
    abi: RELAY,
    functionName: "revoke_mandate",
    args: [hash],
  };
}

// ---------------------------------------------------------------- the bridge

export function lockStep(bridge: Bridge, account: Address, wei: bigint): Step {
  const { root } = bridge;
  return {
    kind: "lock",
    title: `Send ${nmrOfWei(wei)} NMR over the bridge`,
    says: "Polygon's bridge keeps it on this chain and mints as much for your own address on the other one.",
    chainId: root.chain_id,
    to: root.root_chain_manager,
    abi: BRIDGE,
    functionName: "depositFor",
    args: [account, root.token, encodeAbiParameters([{ type: "uint256" }], [wei])],
  };
}

export function burnStep(bridge: Bridge, chainId: number, token: Address, wei: bigint): Step {
  return {
    kind: "burn",
    title: `Withdraw ${nmrOfWei(wei)} NMR over the bridge`,
    says: "It is destroyed here and can be paid to your own address on the other chain once a checkpoint has this block. That takes a second transaction, there.",
    chainId,
    to: token,
    abi: TOKEN,
    functionName: "withdraw",
    args: [wei],
    legacy: bridge.legacy_only,
  };
}

export function exitStep(bridge: Bridge, payload: Hex, wei: bigint): Step {
  return {
    kind: "exit",
    title: `Have ${nmrOfWei(wei)} NMR paid out`,
    says: "The bridge checks the proof of your withdrawal and pays whoever made it.",
    chainId: bridge.root.chain_id,
    to: bridge.root.root_chain_manager,
    abi: BRIDGE,
    functionName: "exit",
    args: [payload],
  };
}

export function replayStep(bridge: Bridge, chainId: number, sync: bigint): Step {
  return {
    kind: "replay",
    title: "Hand the deposit over once more",
    says: "The message of your deposit failed on this chain and is kept; this tries it again.",
    chainId,
    to: bridge.state_receiver,
    abi: BRIDGE,
    functionName: "replayFailedStateSync",
    args: [sync],
  };
}
