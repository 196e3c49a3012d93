// Wallets of this browser: those that announce themselves by EIP-6963, else the one page global.

import type { EIP1193Provider } from "viem";

/** `id` is the same at the next visit. */
export interface Found {
  readonly id: string;
  readonly name: string;
  readonly provider: EIP1193Provider;
}

interface Announcement extends Event {
  readonly detail: {
    readonly info: { readonly uuid: string; readonly name: string; readonly rdns: string };
    readonly provider: EIP1193Provider;
  };
}

const PATIENCE_MS = 400;
const MOST = 20;

/** Calls back with every wallet that is there, once each; returns how to stop. */
export function watchWallets(found: (wallet: Found) => void): () => void {
  const seen = new Set<string>();
  const announced = (event: Event) => {
    const { info, provider } = (event as Announcement).detail ?? {};
    if (!info || typeof provider?.request !== "function" || seen.size >= MOST) return;
    if (seen.has(info.rdns)) return;
    seen.add(info.rdns);
    found({ id: String(info.rdns), name: String(info.name).slice(0, 40), provider });
  };
  addEventListener("eip6963:announceProvider", announced);
  dispatchEvent(new Event("eip6963:requestProvider"));
  const timer = setTimeout(() => {
    const { ethereum } = window as unknown as { ethereum?: EIP1193Provider };
    if (ethereum && seen.size === 0) found({ id: "window.ethereum", name: "Browser wallet", provider: ethereum });
  }, PATIENCE_MS);
  return () => {
    clearTimeout(timer);
    removeEventListener("eip6963:announceProvider", announced);
  };
}
