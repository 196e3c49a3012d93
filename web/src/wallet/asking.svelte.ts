// The plan that is shown and asked for: its steps one after the other, each tried before it is sent.

import type { Client, Hex } from "viem";
import type { Told } from "../chain/errors";
import { Failed, pending } from "./pending.svelte";
import type { Plan } from "./plans";
import { sent, toldOf, tried } from "./sending";
import type { Step } from "./steps";
import { wallet } from "./wallet.svelte";

export type Doing = "looking" | "ready" | "wallet" | "chain" | "done";

class Asking {
  plan = $state.raw<Plan | null>(null);
  steps = $state.raw<readonly Step[]>([]);
  done = $state(0);
  doing = $state<Doing>("looking");
  trouble = $state.raw<Told | null>(null);
  #client: Client | null = null;
  #finished: () => void = () => undefined;

  /** Shows a plan, with its steps and whether the first would work now. */
  async open(plan: Plan, client: Client, finished: () => void): Promise<void> {
    this.plan = plan;
    this.#client = client;
    this.#finished = finished;
    await this.look();
  }

  /** Looks at the chain anew: what is left to do, and whether the next step would work. */
  async look(): Promise<void> {
    const { plan } = this;
    if (!plan || !this.#client || !wallet.account) return;
    this.doing = "looking";
    this.trouble = null;
    this.done = 0;
    try {
      const steps = await plan.steps();
      if (this.plan !== plan) return;
      this.steps = steps;
      if (steps[0]) await tried(this.#client, wallet.account, steps[0]);
    } catch (error) {
      if (this.plan === plan) this.trouble = toldOf(error);
    }
    if (this.plan === plan) this.doing = "ready";
  }

  /** Takes all steps that are left. What the wallet refuses can be asked for again. */
  async go(): Promise<void> {
    const { plan } = this;
    const client = this.#client;
    const account = wallet.account;
    if (!plan || !client || !account) return;
    this.trouble = null;
    try {
      for (const step of this.steps.slice(this.done)) {
        const isLast = step === this.steps.at(-1);
        this.doing = "wallet";
        const hash: Hex = await sent(wallet.provider, client, account, step);
        const { kind, title, chainId } = step;
        pending.add({ hash, chainId, account, kind, title, rest: isLast ? undefined : plan.rest });
        if (isLast) {
          pending.finish(plan.rest);
          plan.sent?.(hash);
        }
        if (this.plan === plan) this.doing = "chain";
        await pending.settled(client, hash);
        if (this.plan !== plan) return; // closed meanwhile: nothing more is asked for
        this.done += 1;
      }
      this.doing = "done";
    } catch (error) {
      if (this.plan !== plan) return;
      this.trouble = error instanceof Failed ? error.why : toldOf(error);
      this.doing = "ready";
    } finally {
      this.#finished();
    }
  }

  close(): void {
    this.plan = null;
    this.steps = [];
  }
}

export const asking = new Asking();
