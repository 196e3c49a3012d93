// An account's movements of NMR on one chain, from the token's own events.

import { getAbiItem, type Address, type Client, type Hex } from "viem";
import { getBlock, getBlockNumber, getLogs } from "viem/actions";
import { TOKEN } from "./abi";

/** Blocks that are asked for at once: many endpoints answer no more. */
export const SPAN = 9_000n;

export interface Movement {
  readonly chainId: number;
  readonly hash: Hex;
  readonly block: bigint;
  readonly at: bigint;
  readonly wei: bigint;
  readonly isIn: boolean;
  readonly other: Address;
}

/** The newest first, of the `SPAN` blocks up to `until` (the newest block without it); `from` is
 * the first block that was looked at. */
export async function movements(
  client: Client,
  token: Address,
  account: Address,
  until?: bigint,
): Promise<{ found: Movement[]; from: bigint }> {
  const toBlock = until ?? (await getBlockNumber(client, { cacheTime: 0 }));
  const fromBlock = toBlock >= SPAN ? toBlock - SPAN + 1n : 0n;
  const event = getAbiItem({ abi: TOKEN, name: "Transfer" });
  const where = { address: token, event, fromBlock, toBlock, strict: true } as const;
  const [into, out] = await Promise.all([
    getLogs(client, { ...where, args: { to: account } }),
    getLogs(client, { ...where, args: { from: account } }),
  ]);
  const times = new Map<bigint, bigint>();
  const blocks = [...new Set([...into, ...out].map((log) => log.blockNumber))];
  await Promise.all(
    blocks.map(async (blockNumber) => {
      times.set(blockNumber, (await getBlock(client, { blockNumber })).timestamp);
    }),
  );
  const shown = [...into.map((log) => ({ log, isIn: true })), ...out.map((log) => ({ log, isIn: false }))];
  const found = shown.map(({ log, isIn }) => ({
    chainId: client.chain?.id ?? 0,
    hash: log.transactionHash,
    block: log.blockNumber,
    at: times.get(log.blockNumber) ?? 0n,
    wei: log.args.value,
    isIn,
    other: isIn ? log.args.from : log.args.to,
  }));
  return { found: found.sort((a, b) => Number(b.block - a.block)), from: fromBlock };
}
