// All that the wallet page shows of one account in one tournament, read from the chains at one time.

import type { Address, Client } from "viem";
import { get, ApiError, type Model, type Page } from "../lib/api";
import { heldBy, modelNow, poolNow, type Held, type ModelNow, type PoolNow } from "../chain/facts";
import { clientOf, clientThrough, contractsOf, networks, type Contracts, type Networks } from "../chain/networks";
import { toldOf } from "./sending";
import { wallet } from "./wallet.svelte";

/** A tournament's chains, opened; `root` is null where the server knows of none. */
export interface Opened {
  readonly networks: Networks;
  readonly contracts: Contracts;
  readonly child: Client;
  readonly root: Client | null;
}

/** Models are listed by the server; whose they are and what they have is the chain's word. */
export interface Mine {
  readonly pool: PoolNow;
  readonly held: { readonly child: Held; readonly root: Held | null };
  readonly models: readonly { readonly now: ModelNow; readonly name: string; readonly id: string }[];
  /** The server did not list the models: those of the last answer are shown. */
  readonly isOld: boolean;
}

/** Errors of chains as the pages' own. */
export async function inWords<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof ApiError) throw error;
    const { kind, message, fix } = toldOf(error);
    throw new ApiError(kind === "unreachable" ? 0 : 400, kind, message, fix);
  }
}

export async function open(tournament: number, signal: AbortSignal): Promise<Opened> {
  const found = await networks(tournament, signal);
  const { child, bridge } = found;
  const reads = child.rpc.length ? clientOf(child.chain_id, child.rpc) : throughWallet(child.chain_id);
  const contracts = await inWords(contractsOf(reads, child.pool));
  const root = bridge?.root.rpc.length ? clientOf(bridge.root.chain_id, bridge.root.rpc) : null;
  return { networks: found, contracts, child: reads, root };
}

function throughWallet(chainId: number): Client {
  if (wallet.account && wallet.chainId === chainId) return clientThrough(wallet.provider, chainId);
  throw new ApiError(
    409,
    "refused",
    "this server names no endpoint of its chain for browsers",
    "connect your wallet and switch it to the tournament's chain: it is asked through the wallet then",
  );
}

let listed: { key: string; models: Model[] } | null = null;

async function modelsOf(tournament: number, account: Address, signal: AbortSignal): Promise<[Model[], boolean]> {
  const key = `${tournament} ${account}`;
  try {
    const query = { owner: account, limit: 200 };
    const { items } = await get<Page<Model>>(`/tournaments/${tournament}/models`, query, signal);
    listed = { key, models: items };
    return [items, false];
  } catch (error) {
    if (signal.aborted) throw error;
    if (listed?.key === key) return [listed.models, true];
    return [[], true];
  }
}

const SOON_MS = 4_000;

/** What comes soon; null for what fails or takes longer. */
function soon<T>(work: Promise<T>): Promise<T | null> {
  const late = new Promise<null>((wake) => setTimeout(() => wake(null), SOON_MS));
  return Promise.race([work.catch(() => null), late]);
}

export async function mine(opened: Opened, account: Address, signal: AbortSignal): Promise<Mine> {
  const { networks: found, contracts, child, root } = opened;
  const [[models, isOld], pool, held, above] = await Promise.all([
    modelsOf(found.tournament, account, signal),
    inWords(poolNow(child, contracts)),
    inWords(heldBy(child, contracts.token, account)),
    // The other chain may be down: what is on this one is shown all the same.
    root && found.bridge ? soon(heldBy(root, found.bridge.root.token, account)) : null,
  ]);
  const shown = models.map(async ({ id, name, number }) => ({ id, name, now: await modelNow(child, contracts, pool, number) }));
  return { pool, held: { child: held, root: above }, models: await inWords(Promise.all(shown)), isOld };
}
