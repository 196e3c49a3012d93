// Why something failed, in words: the wallet's refusal, the contract's reason, or who does not answer.

import {
  BaseError,
  ContractFunctionRevertedError,
  ExecutionRevertedError,
  HttpRequestError,
  InsufficientFundsError,
  TimeoutError,
  UserRejectedRequestError,
} from "viem";
import { ApiError } from "../lib/api";

export type Kind = "rejected" | "reverted" | "funds" | "unreachable" | "wallet" | "refused";

/** `reason` is the contract's own text; `fix` what to do about it. */
export interface Told {
  readonly kind: Kind;
  readonly message: string;
  readonly fix: string;
  readonly reason?: string;
}

/** Refusals that people meet, by the contracts' reasons. */
const REASONS: Record<string, [string, string]> = {
  "pool: not owner": ["this account does not own the model", "choose the owner's account in your wallet"],
  "pool: below minimum": ["the amount is below the least of 0.1 NMR", "name a larger amount"],
  "pool: not whole units": ["the amount has more than 9 decimals", "shorten it"],
  "pool: round passed": ["the round closed while you were signing", "look at the next round's dates and try again"],
  "pool: paused": ["the pool takes no deposits at the moment", "it says until when; releases and claims work"],
  "pool: wound down": ["the pool has ended", "everything is paid out by exit"],
  "pool: nothing to claim": ["there is nothing to claim", "a release becomes claimable after its round's close"],
  "pool: nothing to pay": ["this model has nothing left in the pool", "look at its payout address's balance"],
  "registry: bad payout": ["that address cannot be paid: it is a contract of the tournament, or nobody's", "name an account of your own"],
  "registry: not owner": ["this account does not own the model", "choose the owner's account in your wallet"],
  "pool: capacity": ["the pool holds as much as it can", ""],
  "pool: transfer failed": ["the token refused the transfer", "look at your balance and at the allowance"],
  "token: allowance too low": ["the contract may not take that much from your wallet", "allow it first: begin again"],
  "token: balance too low": ["your wallet holds too little NMR on this chain", "name a smaller amount"],
  "RootChainManager: EXIT_ALREADY_PROCESSED": ["this withdrawal was paid already", "look at your balance"],
};

/** The first error of a kind in a chain of causes. */
function within<T extends Error>(error: BaseError, kind: new (...args: never[]) => T): T | null {
  return error.walk((one) => one instanceof kind) as T | null;
}

const CODES: Record<number, [Kind, string, string]> = {
  4001: ["rejected", "you refused it in your wallet", "nothing was sent"],
  4100: ["wallet", "the wallet does not let this site use the account", "connect it again"],
  4900: ["unreachable", "the wallet is connected to no chain", "look at its network settings"],
  4901: ["unreachable", "the wallet is not connected to this chain", "switch it"],
  [-32002]: ["wallet", "the wallet has a question open already", "answer it there first"],
};

/** The code of a wallet's own error, wherever it is wrapped. */
function codeOf(error: unknown): number | null {
  for (let one = error as { code?: unknown; cause?: unknown } | undefined; one; ) {
    if (typeof one.code === "number" && one.code in CODES) return one.code;
    one = one.cause as typeof one;
  }
  return null;
}

export function told(error: unknown): Told {
  if (error instanceof ApiError) {
    const kind = error.isDown ? "unreachable" : "refused";
    return { kind, message: error.message, fix: error.fix };
  }
  const code = codeOf(error);
  if (code !== null) {
    const [kind, message, fix] = CODES[code]!;
    return { kind, message, fix };
  }
  if (!(error instanceof BaseError)) return { kind: "wallet", message: textOf(error), fix: "" };
  if (within(error, UserRejectedRequestError)) return told({ code: 4001 });
  if (within(error, InsufficientFundsError) || /insufficient funds/i.test(error.message))
    return {
      kind: "funds",
      message: "the account has too little of the chain's coin for the gas",
      fix: "send it some, on the chain where the transaction goes",
    };
  const reason = reasonOf(error);
  if (reason !== null) {
    const [message, fix] = REASONS[reason] ?? [`the contract refuses it`, ""];
    return { kind: "reverted", message, fix, reason };
  }
  if (within(error, HttpRequestError) || within(error, TimeoutError) || /fetch|network/i.test(error.message))
    return {
      kind: "unreachable",
      message: "the chain's endpoint does not answer",
      fix: "nothing is lost: it is asked again",
    };
  return { kind: "wallet", message: error.shortMessage || error.message, fix: error.details ?? "" };
}

/** What the contract said; "" where it reverted without a word; null where it did not revert. */
function reasonOf(error: BaseError): string | null {
  const reverted = within(error, ContractFunctionRevertedError);
  if (reverted) {
    const { data } = reverted;
    if (data && data.errorName !== "Error") return `${data.errorName}(${(data.args ?? []).join(", ")})`;
    return reverted.reason ?? "";
  }
  const executed = within(error, ExecutionRevertedError);
  if (!executed) return null;
  return /reason: (.+?)\.?$/m.exec(executed.shortMessage)?.[1] ?? "";
}

const textOf = (error: unknown): string =>
  error instanceof Error || typeof (error as { message?: unknown })?.message === "string"
    ? (error as Error).message
    : String(error);
