// What is about to be signed, in words and numbers, before any wallet is asked: steps with what they
// come to.

import { getAddress, isAddress, isAddressEqual, type Address, type Client, type Hex } from "viem";
import type { ModelNow, PoolNow } from "../chain/facts";
import { nameOf, type Bridge, type Contracts } from "../chain/networks";
import { depositOutlook, releaseOutlook, targetOf, type Outlook } from "../chain/outlook";
import { MAX_AMOUNT, MIN_STAKE, nmrOfUnits, nmrOfWei, RATE_ONE, WEI_PER_UNIT } from "../chain/units";
import { local, utc } from "../lib/format";
import type { Rest } from "./pending.svelte";
import {
  approvals,
  burnStep,
  claimStep,
  depositStep,
  exitStep,
  leaveStep,
  lockStep,
  modeStep,
  payoutStep,
  releaseStep,
  replayStep,
  revokeStep,
  type Step,
} from "./steps";

export interface Fact {
  readonly name: string;
  readonly value: string;
  readonly title?: string;
  readonly isStrong?: boolean;
}

/** `steps` looks at the chain each time it is asked: what is done already is not among them. `rest`
 * is kept with every step but the last, so that a reload in between can go on. */
export interface Plan {
  readonly title: string;
  readonly chainId: number;
  readonly facts: readonly Fact[];
  readonly note?: string;
  readonly steps: () => Promise<readonly Step[]>;
  readonly rest?: Rest;
  /** What to remember once the last step is sent. */
  readonly sent?: (hash: Hex) => void;
}

/** A tournament as its pages have it. */
export interface Where {
  readonly tournament: number;
  readonly client: Client;
  readonly contracts: Contracts;
  readonly account: Address;
}

/** Why a plan cannot be made, said where it was asked for. */
export class CannotError extends Error {}

const UNKNOWN = "not known yet";

/** A date of the chain; 0 is not known. */
export function dateFact(name: string, seconds: bigint, unknown = UNKNOWN): Fact {
  if (seconds === 0n) return { name, value: unknown };
  const iso = new Date(Number(seconds) * 1000).toISOString().replace(".000", "");
  return { name, value: local(iso), title: utc(iso) };
}

export function depositPlan(
  where: Where,
  pool: PoolNow,
  model: ModelNow,
  name: string,
  units: bigint,
  heldWei: bigint,
): Plan {
  const { client, contracts, account } = where;
  if (units < MIN_STAKE) throw new CannotError(`the least that can be deposited is ${nmrOfUnits(MIN_STAKE)} NMR`);
  if (pool.paused_until > pool.now) {
    const until = dateFact("", pool.paused_until).value;
    throw new CannotError(`the pool takes no deposits until ${until}; releases and claims work`);
  }
  requireRunning(pool);
  requireOwner(where, model);
  if (units * WEI_PER_UNIT > heldWei)
    throw new CannotError(`your wallet holds ${nmrOfWei(heldWei)} NMR on ${nameOf(contracts.chainId)}, which is less`);
  const found = depositOutlook(pool, units);
  const spender = { address: contracts.pool, name: "the pool" };
  return {
    title: `Deposit ${nmrOfUnits(units)} NMR into ${name}`,
    chainId: contracts.chainId,
    facts: [
      joins(found),
      dateFact("Can be withdrawn", found.expected_at, "not known yet: a round that it waits for is not announced"),
      dateFact("At the latest, whoever is silent", found.latest_at),
      loss("Largest possible loss until then", found.max_loss, units),
    ],
    note: "The dates are those of a release asked as soon as its first round is over. For every further round that it stays in, as large a part of it can be burned again.",
    steps: async () => [
      ...(await approvals(client, contracts.chainId, contracts.token, account, spender, units * WEI_PER_UNIT)),
      depositStep(contracts, model.model, name, units, found.round),
    ],
    rest: { action: "deposit", tournament: where.tournament, model: model.model, units: String(units) },
  };
}

/** Of `units`, or of everything with null. */
export function releasePlan(where: Where, pool: PoolNow, model: ModelNow, name: string, units: bigint | null): Plan {
  if (units !== null && units < MIN_STAKE)
    throw new CannotError(`the least that can be released is ${nmrOfUnits(MIN_STAKE)} NMR, or everything`);
  requireRunning(pool);
  requireOwner(where, model);
  const found = releaseOutlook(pool, model.stake, model.records, units ?? MAX_AMOUNT);
  if (found.amount === 0n) throw new CannotError("there is nothing more to release");
  return {
    title: `Release ${units === null ? "everything" : `${nmrOfUnits(units)} NMR`} from ${name}`,
    chainId: where.contracts.chainId,
    facts: [
      joins(found),
      { name: "Pays, if no round changes the stake", value: `${nmrOfUnits(found.amount)} NMR` },
      dateFact("Can be claimed", found.expected_at, `not known yet: round ${found.round} is not announced`),
      dateFact("At the latest, whoever is silent", found.latest_at),
      loss("Largest possible loss until then", found.max_loss, found.amount),
    ],
    note: "A release cannot be taken back. It bears the rounds before it, and none from it on.",
    steps: async () => [releaseStep(where.contracts, model.model, name, units, found.round)],
  };
}

export function modePlan(where: Where, pool: PoolNow, model: ModelNow, name: string, takesProfit: boolean): Plan {
  requireRunning(pool);
  requireOwner(where, model);
  const round = targetOf(pool);
  const step = modeStep(where.contracts, model.model, name, takesProfit, round);
  return {
    title: step.title,
    chainId: where.contracts.chainId,
    facts: [
      { name: "From", value: `round ${round} on` },
      { name: "Gains", value: takesProfit ? "become claimable" : "are added to the stake" },
      { name: "Burns", value: "lower the stake, as before" },
    ],
    steps: async () => [step],
  };
}

export function claimPlan(where: Where, model: ModelNow, name: string): Plan {
  if (model.claimable === 0n) throw new CannotError("there is nothing to claim");
  const step = claimStep(where.contracts, model.model, name, model.claimable, model.payout);
  return {
    title: step.title,
    chainId: where.contracts.chainId,
    facts: [
      { name: "Amount", value: `${nmrOfUnits(model.claimable)} NMR` },
      goesTo(where, model),
    ],
    note: isPaidTo(where, model) ? undefined : "The model's payout address is another account than yours.",
    steps: async () => [step],
  };
}

/** Everything that a model has in a pool that is wound down. */
export function leavePlan(where: Where, pool: PoolNow, model: ModelNow, name: string): Plan {
  if (!pool.wound_down) throw new CannotError("the pool has not ended: release, then claim");
  const waiting = [...model.records].filter(([, one]) => one.deposit > 0n);
  const deposits = waiting.reduce((sum, [, one]) => sum + one.deposit, 0n);
  const units = model.stake + model.claimable + deposits;
  if (units === 0n) throw new CannotError("this model has nothing in the pool");
  const rounds = waiting.map(([round]) => round);
  const step = leaveStep(where.contracts, model.model, name, units, rounds, model.payout);
  return {
    title: step.title,
    chainId: where.contracts.chainId,
    facts: [
      { name: "Stake", value: `${nmrOfUnits(model.stake)} NMR` },
      { name: "Claimable", value: `${nmrOfUnits(model.claimable)} NMR` },
      { name: "Deposits that wait", value: `${nmrOfUnits(deposits)} NMR` },
      goesTo(where, model),
    ],
    note: "No round can burn any of it any more.",
    steps: async () => [step],
  };
}

export function payoutPlan(where: Where, model: ModelNow, name: string, text: string): Plan {
  requireOwner(where, model);
  const wanted = text.trim();
  if (!isAddress(wanted)) throw new CannotError("that is no address: 0x and 40 hex digits, capitals as they were given to you");
  const payout = getAddress(wanted);
  if (isAddressEqual(payout, model.payout) && model.nextPayout === null)
    throw new CannotError("it is the payout address already");
  const step = payoutStep(where.contracts, model.model, name, payout);
  return {
    title: step.title,
    chainId: where.contracts.chainId,
    facts: [
      { name: "Pays now to", value: model.payout },
      { name: "From 48 hours on", value: payout, isStrong: true },
    ],
    note: "Whatever is claimed goes there, and cannot be called back: be sure that you can sign with it on this chain.",
    steps: async () => [step],
  };
}

export function revokePlan(where: Where, hash: Hex): Plan {
  return {
    title: "Revoke the mandate",
    chainId: where.contracts.chainId,
    facts: [{ name: "Mandate", value: hash }],
    note: "What the pool may take from your wallet stays as it is: it takes only what you, or a mandate, ask it to.",
    steps: async () => [revokeStep(where.contracts.chainId, where.contracts.relay, hash)],
  };
}

// ---------------------------------------------------------------- the bridge

export function bridgeInPlan(where: Where, bridge: Bridge, root: Client, wei: bigint, heldWei: bigint, rest: Rest, sent: (hash: Hex) => void): Plan {
  requireSome(wei, heldWei, bridge.root.chain_id);
  const { account, contracts } = where;
  const spender = { address: bridge.root.erc20_predicate, name: "Polygon's bridge" };
  return {
    title: `Bring ${nmrOfWei(wei)} NMR from ${nameOf(bridge.root.chain_id)} to ${nameOf(contracts.chainId)}`,
    chainId: bridge.root.chain_id,
    facts: [
      { name: "Leaves", value: `${account} on ${nameOf(bridge.root.chain_id)}` },
      { name: "Arrives", value: `the same address on ${nameOf(contracts.chainId)}` },
      { name: "How long", value: "until Polygon's validators hand the message over: on the real chains usually 20 to 30 minutes" },
    ],
    note: "The bridge is Polygon's own, and so is the risk of it. The way back takes longer: it waits for a checkpoint and a second transaction.",
    steps: async () => [
      ...(await approvals(root, bridge.root.chain_id, bridge.root.token, account, spender, wei)),
      lockStep(bridge, account, wei),
    ],
    rest,
    sent,
  };
}

export function bridgeOutPlan(where: Where, bridge: Bridge, wei: bigint, heldWei: bigint, sent: (hash: Hex) => void): Plan {
  const { account, contracts } = where;
  requireSome(wei, heldWei, contracts.chainId);
  return {
    title: `Withdraw ${nmrOfWei(wei)} NMR to ${nameOf(bridge.root.chain_id)}`,
    chainId: contracts.chainId,
    facts: [
      { name: "Leaves", value: `${account} on ${nameOf(contracts.chainId)}` },
      { name: "Arrives", value: `the same address on ${nameOf(bridge.root.chain_id)}` },
      { name: "How long", value: "until a checkpoint has the block: on the real chains usually 1 to 3 hours; then a second transaction, there" },
    ],
    note: `Only withdraw to an address that you control on ${nameOf(bridge.root.chain_id)} too: a wallet that is a contract may not be there.`,
    steps: async () => [burnStep(bridge, contracts.chainId, contracts.token, wei)],
    sent,
  };
}

export function exitPlan(bridge: Bridge, payload: Hex, wei: bigint, account: Address): Plan {
  return {
    title: `Have ${nmrOfWei(wei)} NMR paid out on ${nameOf(bridge.root.chain_id)}`,
    chainId: bridge.root.chain_id,
    facts: [
      { name: "Goes to", value: account },
      { name: "Proof", value: "made by this server, checked by the bridge's own contract" },
    ],
    steps: async () => [exitStep(bridge, payload, wei)],
  };
}

export function replayPlan(where: Where, bridge: Bridge, sync: bigint): Plan {
  return {
    title: "Hand the deposit over once more",
    chainId: where.contracts.chainId,
    facts: [{ name: "Message", value: String(sync) }],
    steps: async () => [replayStep(bridge, where.contracts.chainId, sync)],
  };
}

// ---------------------------------------------------------------- shared

const joins = (found: Outlook): Fact => {
  if (found.close === 0n) return { name: "Joins", value: `round ${found.round}, which is not announced yet` };
  const { value, title } = dateFact("", found.close);
  return { name: "Joins", value: `round ${found.round}, at its close on ${value}`, title };
};

function loss(name: string, most: bigint, of: bigint): Fact {
  const part = of === 0n ? 0n : (most * RATE_ONE) / of;
  const share = (Number(part) / 1e10).toFixed(1).replace(/\.0$/, "");
  return { name, value: `${nmrOfUnits(most)} NMR (${share} %)`, isStrong: true };
}

const isPaidTo = (where: Where, model: ModelNow): boolean => isAddressEqual(model.payout, where.account);

function goesTo(where: Where, model: ModelNow): Fact {
  const isOwn = isPaidTo(where, model);
  return { name: "Goes to", value: isOwn ? `${model.payout}, which is you` : model.payout, isStrong: !isOwn };
}

function requireRunning(pool: PoolNow): void {
  if (pool.wound_down) throw new CannotError("the pool has ended: everything is paid out by exit");
}

function requireOwner(where: Where, model: ModelNow): void {
  if (!isAddressEqual(model.owner, where.account))
    throw new CannotError(`this model is ${model.owner}'s: choose that account in your wallet`);
}

function requireSome(wei: bigint, heldWei: bigint, chainId: number): void {
  if (wei <= 0n) throw new CannotError("the amount must be above zero");
  if (wei > heldWei) throw new CannotError(`your wallet holds ${nmrOfWei(heldWei)} NMR on ${nameOf(chainId)}, which is less`);
}
