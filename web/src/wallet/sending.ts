// A step through a wallet: chain checked, tried on the chain first, sent, and waited for.

import { encodeFunctionData, numberToHex, type Address, type Client, type EIP1193Provider, type Hex } from "viem";
import {
  call,
  estimateContractGas,
  getBalance,
  getGasPrice,
  getTransaction,
  getTransactionReceipt,
  simulateContract,
} from "viem/actions";
import { TransactionNotFoundError, TransactionReceiptNotFoundError } from "viem";
import { coinOf, nameOf } from "../chain/networks";
import type { Told } from "../chain/errors";
import { told } from "../chain/errors";
import type { Step } from "./steps";

/** An error that is in words already. */
export class Refusal extends Error {
  constructor(readonly told: Told) {
    super(told.message);
  }
}

export const toldOf = (error: unknown): Told => (error instanceof Refusal ? error.told : told(error));

/** Gas for what the chain does differently in another block. */
const SPARE = 125n;

/** Tries a step on the chain as it is now; the gas it would take. Throws why it would fail. */
export async function tried(client: Client, account: Address, step: Step): Promise<bigint> {
  const { abi, functionName, args, to: address } = step;
  await simulateContract(client, { account, address, abi, functionName, args });
  const [gas, price, coin] = await Promise.all([
    estimateContractGas(client, { account, address, abi, functionName, args }),
    getGasPrice(client),
    getBalance(client, { address: account }),
  ]);
  const needed = (gas * SPARE) / 100n;
  if (coin < needed * price) {
    const name = coinOf(step.chainId);
    throw new Refusal({
      kind: "funds",
      message: `your account has too little ${name} on ${nameOf(step.chainId)} for the gas`,
      fix: `it takes about ${(Number(needed * price) / 1e18).toPrecision(2)} ${name}; send it some`,
    });
  }
  return needed;
}

/** Tries the step, asks the wallet to sign and send it; the transaction's hash. */
export async function sent(
  provider: EIP1193Provider,
  client: Client,
  account: Address,
  step: Step,
): Promise<Hex> {
  const gas = await tried(client, account, step);
  const on = Number(await provider.request({ method: "eth_chainId" }));
  if (on !== step.chainId)
    throw new Refusal({
      kind: "wallet",
      message: `your wallet is on ${nameOf(on)}, and this goes to ${nameOf(step.chainId)}`,
      fix: "switch it and begin again; nothing was sent",
    });
  const { abi, functionName, args } = step;
  const data = encodeFunctionData({ abi, functionName, args: [...args] });
  const price = step.legacy ? { gasPrice: numberToHex((await getGasPrice(client)) * 2n) } : {};
  const fields = { from: account, to: step.to, data, gas: numberToHex(gas), value: "0x0" as Hex, ...price };
  return provider.request({ method: "eth_sendTransaction", params: [fields] });
}

/** What became of a transaction: still on its way, in a block, reverted, or known to nobody. */
export type Fate =
  | { readonly is: "waiting" }
  | { readonly is: "unknown" }
  | { readonly is: "done"; readonly block: bigint }
  | { readonly is: "failed"; readonly block: bigint; readonly why: Told };

export async function fateOf(client: Client, hash: Hex): Promise<Fate> {
  try {
    const receipt = await getTransactionReceipt(client, { hash });
    if (receipt.status === "success") return { is: "done", block: receipt.blockNumber };
    const why = await reasonOf(client, hash, receipt.blockNumber);
    return { is: "failed", block: receipt.blockNumber, why };
  } catch (error) {
    if (!(error instanceof TransactionReceiptNotFoundError)) throw error;
  }
  try {
    await getTransaction(client, { hash });
    return { is: "waiting" };
  } catch (error) {
    if (error instanceof TransactionNotFoundError) return { is: "unknown" };
    throw error;
  }
}

/** Why a transaction reverted: the same call on the state before its block, and on that after it,
 * which has the block's time. */
async function reasonOf(client: Client, hash: Hex, block: bigint): Promise<Told> {
  const unknown: Told = { kind: "reverted", message: "the contract refused it", fix: "nothing moved" };
  try {
    const { from, to, input, value, gas } = await getTransaction(client, { hash });
    for (const blockNumber of [block - 1n, block]) {
      const found = await call(client, { account: from, to, data: input, value, gas, blockNumber }).then(
        () => null,
        (error: unknown) => told(error),
      );
      if (found?.kind === "reverted") return found;
    }
  } catch {
    // The endpoint shows no more than that it reverted.
  }
  return unknown;
}
