// The visitor's wallet: which one, its account and chain. What it signs is asked for elsewhere.

import { untrack } from "svelte";
import { getAddress, type Address, type EIP1193Provider } from "viem";
import { chainOf, nameOf } from "../chain/networks";
import { watchWallets, type Found } from "./discovery";

const KEPT = "assay.wallet";

class Wallet {
  found = $state.raw<Found[]>([]);
  chosen = $state.raw<Found | null>(null);
  account = $state<Address | null>(null);
  chainId = $state<number | null>(null);
  #stop: (() => void) | null = null;

  /** Looks for wallets, and takes up the one of the last visit if it still allows this site. */
  watch(): () => void {
    // Wallets may answer at once, within an effect that must not depend on what it finds.
    return untrack(() =>
      watchWallets((one) => {
        this.found = [...this.found.filter((other) => other.id !== one.id), one];
        if (kept() === one.id && this.account === null) void this.#resume(one);
      }),
    );
  }

  async connect(one: Found): Promise<void> {
    const accounts = await one.provider.request({ method: "eth_requestAccounts" });
    await this.#take(one, accounts);
  }

  /** Forgets the wallet here; its own permission stays its owner's to take back. */
  forget(): void {
    this.#stop?.();
    this.chosen = null;
    this.account = null;
    this.chainId = null;
    keep(null);
  }

  get provider(): EIP1193Provider {
    if (!this.chosen) throw new Error("no wallet is connected");
    return this.chosen.provider;
  }

  /** Asks the wallet to go to a chain; it may not know it yet, then it is offered one. */
  async switchTo(chainId: number, rpc: readonly string[]): Promise<void> {
    const id = `0x${chainId.toString(16)}` as const;
    const { provider } = this;
    try {
      await provider.request({ method: "wallet_switchEthereumChain", params: [{ chainId: id }] });
    } catch (error) {
      if (!isUnknownChain(error) || rpc.length === 0) throw error;
      const { nativeCurrency } = chainOf(chainId, rpc);
      const chain = { chainId: id, chainName: nameOf(chainId), nativeCurrency, rpcUrls: [...rpc] };
      await provider.request({ method: "wallet_addEthereumChain", params: [chain] });
      await provider.request({ method: "wallet_switchEthereumChain", params: [{ chainId: id }] });
    }
    await this.look();
    if (this.chainId !== chainId)
      throw new Error(`the wallet stayed on ${nameOf(this.chainId ?? 0)}: switch it to ${nameOf(chainId)}`);
  }

  /** Asks the wallet for its chain now. */
  async look(): Promise<void> {
    if (this.chosen) this.chainId = Number(await this.provider.request({ method: "eth_chainId" }));
  }

  async #resume(one: Found): Promise<void> {
    try {
      const accounts = await one.provider.request({ method: "eth_accounts" });
      if (accounts.length && this.account === null) await this.#take(one, accounts);
    } catch {
      // It is offered as any other then.
    }
  }

  async #take(one: Found, accounts: readonly string[]): Promise<void> {
    const [first] = accounts;
    if (!first) throw new Error("the wallet names no account");
    this.#stop?.();
    this.chosen = one;
    this.account = getAddress(first);
    await this.look();
    keep(one.id);
    const { provider } = one;
    const turned = (others: readonly string[]) => {
      if (others[0]) this.account = getAddress(others[0]);
      else this.forget();
    };
    const moved = (id: string) => {
      this.chainId = Number(id);
    };
    provider.on?.("accountsChanged", turned);
    provider.on?.("chainChanged", moved);
    this.#stop = () => {
      provider.removeListener?.("accountsChanged", turned);
      provider.removeListener?.("chainChanged", moved);
    };
  }
}

const UNKNOWN_CHAIN = 4902;

function isUnknownChain(error: unknown): boolean {
  for (let one = error as { code?: number; cause?: unknown; data?: unknown } | undefined; one; ) {
    if (one.code === UNKNOWN_CHAIN) return true;
    const inner = (one.data as { originalError?: { code?: number } } | undefined)?.originalError;
    if (inner?.code === UNKNOWN_CHAIN) return true;
    one = one.cause as typeof one;
  }
  return false;
}

function kept(): string | null {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

function keep(id: string | null): void {
  try {
    if (id === null) localStorage.removeItem(KEPT);
    else localStorage.setItem(KEPT, id);
  } catch {
    // It is for this visit then.
  }
}

export const wallet = new Wallet();
