// The chains of a tournament: where the server says they are, asked without it. A `Client` reads
// by JSON-RPC from endpoints that the server names, or through the visitor's own wallet.

import {
  createClient,
  custom,
  defineChain,
  fallback,
  http,
  type Address,
  type Chain,
  type Client,
  type EIP1193Provider,
} from "viem";
import { getChainId, readContract } from "viem/actions";
import { get } from "../lib/api";
import { ORACLE, POOL } from "./abi";

export interface Networks {
  readonly tournament: number;
  readonly child: {
    readonly chain_id: number;
    readonly rpc: readonly string[];
    readonly pool: Address;
    readonly token: Address;
  };
  readonly relayer: Address | null;
  readonly bridge: Bridge | null;
}

export interface Bridge {
  readonly root: {
    readonly chain_id: number;
    readonly rpc: readonly string[];
    readonly token: Address;
    readonly root_chain_manager: Address;
    readonly erc20_predicate: Address;
    readonly state_sender: Address;
    readonly checkpoint_manager: Address;
  };
  readonly state_receiver: Address;
  readonly legacy_only: boolean;
}

const NAMES: Record<number, string> = {
  1: "Ethereum",
  137: "Polygon",
  80002: "Polygon Amoy",
  11155111: "Sepolia",
};
const COINS: Record<number, string> = { 137: "POL", 80002: "POL" };
const SECONDS = 8;

export const nameOf = (chainId: number): string => NAMES[chainId] ?? `chain ${chainId}`;
export const coinOf = (chainId: number): string => COINS[chainId] ?? "ETH";

export const networks = (tournament: number, signal?: AbortSignal): Promise<Networks> =>
  get<Networks>(`/tournaments/${tournament}/networks`, {}, signal);

export function chainOf(chainId: number, rpc: readonly string[]): Chain {
  return defineChain({
    id: chainId,
    name: nameOf(chainId),
    nativeCurrency: { name: coinOf(chainId), symbol: coinOf(chainId), decimals: 18 },
    rpcUrls: { default: { http: [...rpc] } },
  });
}

/** Reads from these endpoints, the next where one fails. */
export function clientOf(chainId: number, rpc: readonly string[]): Client {
  const options = { batch: { batchSize: 50, wait: 4 }, timeout: SECONDS * 1000, retryCount: 0 };
  const transports = rpc.map((url) => http(url, options));
  return createClient({
    chain: chainOf(chainId, rpc),
    transport: transports.length === 1 ? transports[0]! : fallback(transports, { retryCount: 0 }),
    pollingInterval: 1_000,
    cacheTime: 0,
  });
}

/** Reads through a wallet, whose endpoint its owner chose. */
export function clientThrough(provider: EIP1193Provider, chainId: number): Client {
  const chain = chainOf(chainId, []);
  return createClient({ chain, transport: custom(provider, { retryCount: 0 }), cacheTime: 0 });
}

/** A tournament's contracts, as the pool itself names them. */
export interface Contracts {
  readonly chainId: number;
  readonly pool: Address;
  readonly oracle: Address;
  readonly registry: Address;
  readonly relay: Address;
  readonly token: Address;
  readonly burnVault: Address;
  readonly tournament: bigint;
}

/** Asked of the chain; throws where the client is of another one. */
export async function contractsOf(client: Client, pool: Address): Promise<Contracts> {
  const chainId = await getChainId(client);
  if (chainId !== client.chain?.id)
    throw new Error(`the endpoint serves ${nameOf(chainId)}, not ${nameOf(client.chain?.id ?? 0)}`);
  const ask = (functionName: "ORACLE" | "REGISTRY" | "RELAY" | "TOKEN" | "BURN_VAULT") =>
    readContract(client, { address: pool, abi: POOL, functionName });
  const [oracle, registry, relay, token, burnVault] = await Promise.all(
    (["ORACLE", "REGISTRY", "RELAY", "TOKEN", "BURN_VAULT"] as const).map(ask),
  );
  const address = oracle!;
  const tournament = await readContract(client, { address, abi: ORACLE, functionName: "TOURNAMENT" });
  return { chainId, pool, oracle: address, registry: registry!, relay: relay!, token: token!, burnVault: burnVault!, tournament };
}
