// What was sent and is not in a block yet, and transfers under way. Both survive a reload: kept by
// transaction hash, looked up on the chain.

import { untrack } from "svelte";
import type { Address, Client, Hex } from "viem";
import type { Told } from "../chain/errors";
import { fateOf } from "./sending";
import type { Kind } from "./steps";

/** What is still to be done once a transaction is in a block, for after a reload. */
export interface Rest {
  readonly action: "deposit" | "lock";
  readonly tournament: number;
  readonly model?: number;
  readonly units: string;
}

export interface Sent {
  readonly hash: Hex;
  readonly chainId: number;
  readonly account: Address;
  readonly kind: Kind;
  readonly title: string;
  readonly at: number;
  readonly rest?: Rest;
  is: "waiting" | "unknown" | "done" | "failed";
  why?: Told;
}

/** A transfer over the bridge, by the transaction that began it. */
export interface Transfer {
  readonly hash: Hex;
  readonly way: "in" | "out";
  readonly tournament: number;
  readonly account: Address;
  readonly wei: string;
  readonly at: number;
}

const LOOK_MS = 1_000;
const MOST = 30;
/** A node may not know yet what another one was given. */
const GRACE_MS = 60_000;
/** Settled ones are shown for so long. */
const SHOWN_MS = 86_400_000;

/** A list in this browser's storage. */
function stored<T>(key: string): { read: () => T[]; write: (list: readonly T[]) => void } {
  return {
    read: () => {
      try {
        const found: unknown = JSON.parse(localStorage.getItem(key) ?? "[]");
        return Array.isArray(found) ? (found as T[]) : [];
      } catch {
        return [];
      }
    },
    write: (list) => {
      try {
        localStorage.setItem(key, JSON.stringify(list));
      } catch {
        // Without storage it lasts as long as the page.
      }
    },
  };
}

const isHash = (one: { hash?: unknown }): boolean => /^0x[0-9a-f]{64}$/i.test(String(one?.hash));

class Pending {
  list = $state<Sent[]>([]);
  transfers = $state<Transfer[]>([]);
  /** An endpoint does not answer at the moment. */
  isSilent = $state(false);
  #sent = stored<Sent>("assay.sent");
  #moved = stored<Transfer>("assay.transfers");

  constructor() {
    const isShown = (one: Sent) => isHash(one) && (one.is === "waiting" || one.at > Date.now() - SHOWN_MS);
    this.list = this.#sent.read().filter(isShown);
    this.transfers = this.#moved.read().filter(isHash);
  }

  add(one: Omit<Sent, "is" | "at">): void {
    this.list = [{ ...one, is: "waiting" as const, at: Date.now() }, ...this.list].slice(0, MOST);
    this.#keep();
  }

  /** What was to be done after some transactions is done: nothing is to be gone on with. */
  finish(rest: Rest | undefined): void {
    const same = JSON.stringify(rest);
    this.list = this.list.map((one) => (JSON.stringify(one.rest) === same ? { ...one, rest: undefined } : one));
    this.#keep();
  }

  forget(hash: Hex): void {
    this.list = this.list.filter((one) => one.hash !== hash);
    this.#keep();
  }

  follow(one: Transfer): void {
    if (this.transfers.some((other) => other.hash === one.hash)) return;
    this.transfers = [one, ...this.transfers].slice(0, MOST);
    this.#moved.write(this.transfers);
  }

  drop(hash: Hex): void {
    this.transfers = this.transfers.filter((one) => one.hash !== hash);
    this.#moved.write(this.transfers);
  }

  /** Looks for each that is not settled; `changed` is called when one is. */
  watch(clients: (chainId: number) => Client | null, changed: (one: Sent) => void): () => void {
    let stopped = false;
    const turn = async (): Promise<void> => {
      let silent = false;
      for (const one of this.list.filter((each) => each.is === "waiting" || each.is === "unknown")) {
        const client = clients(one.chainId);
        if (!client) continue;
        try {
          const fate = await fateOf(client, one.hash);
          if (stopped || fate.is === one.is) continue;
          if (fate.is === "unknown" && Date.now() < one.at + GRACE_MS) continue;
          this.#settle(one.hash, fate.is, fate.is === "failed" ? fate.why : undefined);
          if (fate.is === "done" || fate.is === "failed") changed(one);
        } catch {
          silent = true;
        }
      }
      if (stopped) return;
      this.isSilent = silent;
      setTimeout(() => void turn(), LOOK_MS);
    };
    untrack(() => void turn());
    return () => {
      stopped = true;
    };
  }

  /** Waits until a transaction is in a block. Throws why it failed. */
  async settled(client: Client, hash: Hex): Promise<void> {
    for (;;) {
      const fate = await fateOf(client, hash).catch(() => ({ is: "waiting" }) as const);
      if (fate.is === "done" || fate.is === "failed") {
        this.#settle(hash, fate.is, fate.is === "failed" ? fate.why : undefined);
        if (fate.is === "failed") throw new Failed(fate.why);
        return;
      }
      await new Promise((wake) => setTimeout(wake, LOOK_MS / 2));
    }
  }

  #settle(hash: Hex, is: Sent["is"], why?: Told): void {
    this.list = this.list.map((one) => (one.hash === hash ? { ...one, is, why } : one));
    this.#keep();
  }

  #keep(): void {
    this.#sent.write(this.list);
  }
}

/** A transaction that the chain took and reverted. */
export class Failed extends Error {
  constructor(readonly why: Told) {
    super(why.message);
  }
}

export const pending = new Pending();
