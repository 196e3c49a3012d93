// Which burns can be exited, and whether they are: what the root chain marks (oracle/bridge/exits.py).

import { concatHex, hexToBytes, keccak256, numberToHex, toRlp, type Hex } from "viem";

/** The id under which RootChainManager marks the exit of a log as done. */
export function exitId(block: bigint, index: number, logIndex: number): Hex {
  const path = toRlp(index === 0 ? "0x" : numberToHex(index));
  const nibbles = [...hexToBytes(path)].flatMap((byte) => [byte >> 4, byte & 15]);
  const key = nibbles.map((nibble) => numberToHex(nibble, { size: 1 }));
  return keccak256(
    concatHex([numberToHex(block, { size: 32 }), ...key, numberToHex(logIndex, { size: 32 })]),
  );
}
