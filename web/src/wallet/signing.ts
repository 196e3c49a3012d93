// What owners sign once, for the server to act within bounds: a mandate, a key for submissions. The
// server proposes; whether it is what was asked for is checked here, field by field, before a
// wallet is asked.

import { isAddressEqual, type Address, type EIP1193Provider, type Hex } from "viem";
import { toHex } from "viem";
import { ApiError, send } from "../lib/api";
import { nameOf } from "../chain/networks";
import { TYPES } from "../chain/typed";
import { MAX_UINT256, nmrOfWei } from "../chain/units";
import { CannotError, dateFact, type Fact } from "./plans";

export interface Typed {
  readonly domain: { readonly name: string; readonly version: string; readonly chainId: number; readonly verifyingContract: Address };
  readonly primaryType: string;
  readonly types: Record<string, readonly { readonly name: string; readonly type: string }[]>;
  readonly message: Record<string, unknown>;
}

export interface MandateToSign {
  readonly typed_data: Typed;
  readonly unsigned: { readonly chain_id: number; readonly relay: Address; readonly mandate: Record<string, unknown> };
}

export interface MandateShown {
  readonly hash: Hex;
  readonly relayer: Address;
  readonly models: number[];
  readonly max_deposit: string;
  readonly max_release: string | null;
  readonly deposited: string;
  readonly released: string;
  readonly expires: string | null;
  readonly revoked: boolean;
}

export interface KeyToSign {
  readonly wanted: { readonly key: Address; readonly first_round: number; readonly last_round: number };
  readonly typed_data: Typed;
}

interface Terms {
  readonly domain: string;
  readonly uri: string;
  readonly chain_ids: number[];
  readonly nonce: string;
}

/** What was asked for: nothing else may be signed. */
export interface Bounds {
  readonly chainId: number;
  readonly contract: Address;
  readonly account: Address;
}

// ---------------------------------------------------------------- signing in

/** EIP-4361: the wallet signs a text that names this site. Returns a session, to be kept nowhere. */
export async function signIn(provider: EIP1193Provider, account: Address, chainId: number): Promise<string> {
  const terms = await send<Terms>("GET", "/sign-in");
  if (terms.domain !== location.host)
    throw new CannotError(`the server wants a sign-in for ${terms.domain}, and this page is ${location.host}'s: open it there`);
  const id = terms.chain_ids.includes(chainId) ? chainId : terms.chain_ids[0]!;
  const message =
    `${terms.domain} wants you to sign in with your Ethereum account:\n${account}\n\n` +
    `Sign in to the tournament.\n\nURI: ${terms.uri}\nVersion: 1\nChain ID: ${id}\n` +
    `Nonce: ${terms.nonce}\nIssued At: ${new Date().toISOString()}`;
  const signature = await provider.request({ method: "personal_sign", params: [toHex(message), account] });
  const { session } = await send<{ session: string }>("POST", "/sign-in", { body: { message, signature } });
  return session;
}

export const signOut = (token: string): Promise<void> =>
  send<void>("DELETE", "/sign-in", { token }).catch((error: unknown) => {
    if (!(error instanceof ApiError)) throw error;
  });

// ---------------------------------------------------------------- what is signed, in words

/** Throws unless the typed data is a mandate of `bounds` for `models`, this relayer and this much. */
export function checkMandate(typed: Typed, bounds: Bounds, relayer: Address, models: readonly number[], maxDeposit: bigint): void {
  checkShape(typed, "StakeMandate", bounds);
  const { message } = typed;
  const named = (message.models as unknown[]).map(Number);
  requireThat(isAddressEqual(message.owner as Address, bounds.account), "names another owner");
  requireThat(isAddressEqual(message.relayer as Address, relayer), "is for another relayer than the server's");
  requireThat(named.every((one) => models.includes(one)), "names models that are not yours");
  requireThat(BigInt(message.max_deposit as string) === maxDeposit, "allows other deposits than you asked for");
}

export function checkKey(typed: Typed, bounds: Bounds, wanted: KeyToSign["wanted"]): void {
  checkShape(typed, "SubmissionKey", bounds);
  const { message } = typed;
  requireThat(isAddressEqual(message.key as Address, wanted.key), "names another key");
  requireThat(Number(message.last_round) === wanted.last_round, "holds for other rounds");
  requireThat(Number(message.first_round) === wanted.first_round, "holds for other rounds");
}

function checkShape(typed: Typed, name: "StakeMandate" | "SubmissionKey", bounds: Bounds): void {
  const { domain, primaryType, types } = typed;
  requireThat(primaryType === name, `is no ${name}`);
  requireThat(JSON.stringify(types[name]) === JSON.stringify(TYPES[name]), "has other fields");
  requireThat(domain.name === "Assay" && domain.version === "1", "is for another application");
  requireThat(Number(domain.chainId) === bounds.chainId, "is for another chain");
  requireThat(isAddressEqual(domain.verifyingContract, bounds.contract), "is for another contract");
}

function requireThat(holds: boolean, what: string): void {
  if (!holds) throw new CannotError(`what the server wants to be signed ${what}: it was not shown to your wallet`);
}

/** A mandate in words, from the very fields that are signed. */
export function mandateWords({ domain, message }: Typed): Fact[] {
  const most = BigInt(message.max_release as string);
  return [
    { name: "Who may act", value: String(message.relayer) },
    { name: "For models", value: (message.models as unknown[]).join(", ") || "none" },
    { name: "Deposits, in all", value: `up to ${nmrOfWei(BigInt(message.max_deposit as string))} NMR from your wallet, into these models' stakes`, isStrong: true },
    { name: "Releases, in all", value: most === MAX_UINT256 ? "without a bound; they are paid to the models' payout addresses" : `up to ${nmrOfWei(most)} NMR` },
    dateFact("Until", BigInt(message.expiry as string)),
    { name: "Good on", value: `${nameOf(Number(domain.chainId))}, at ${domain.verifyingContract}` },
    { name: "To end it", value: "revoke it here or on the chain, at any time" },
  ];
}

export function keyWords({ domain, message }: Typed): Fact[] {
  return [
    { name: "Which key", value: String(message.key) },
    { name: "May sign", value: "submissions of all models that are yours at the time. It moves no money." },
    { name: "Rounds", value: `${message.first_round} to ${message.last_round}` },
    { name: "Good on", value: `${nameOf(Number(domain.chainId))}, for the pool ${domain.verifyingContract}` },
    { name: "To end it", value: "it cannot be revoked, and ends with its last round; a submission you sign yourself goes before its own", isStrong: true },
  ];
}
