// EIP-712 structs of docs/formats.md, section 7: what operators sign of a round, and what owners
// sign here. Signatures count by the contracts' rule: 65 bytes, low s, v 27 or 28.

import {
  hashStruct,
  hashTypedData,
  hexToBigInt,
  recoverAddress,
  size,
  slice,
  type Address,
  type Hex,
  type TypedDataDomain,
} from "viem";

const HALF_CURVE_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;

const COMMIT = [
  { name: "pool", type: "address" },
  { name: "tournament", type: "uint256" },
  { name: "round", type: "uint256" },
  { name: "epoch", type: "uint256" },
  { name: "announce_hash", type: "bytes32" },
  { name: "close_block_hash", type: "bytes32" },
  { name: "chain_head", type: "bytes32" },
  { name: "at_risk", type: "uint256" },
  { name: "words", type: "uint256" },
  { name: "manifest", type: "bytes32" },
  { name: "meta_root", type: "bytes32" },
] as const;

export const TYPES = {
  Commit: COMMIT,
  Confirm: [...COMMIT, { name: "challenge_id", type: "bytes32" }],
  StakeMandate: [
    { name: "pool", type: "address" },
    { name: "owner", type: "address" },
    { name: "relayer", type: "address" },
    { name: "models", type: "uint256[]" },
    { name: "max_deposit", type: "uint256" },
    { name: "max_release", type: "uint256" },
    { name: "expiry", type: "uint256" },
    { name: "salt", type: "uint256" },
  ],
  SubmissionKey: [
    { name: "key", type: "address" },
    { name: "first_round", type: "uint256" },
    { name: "last_round", type: "uint256" },
  ],
} as const;

/** What operators say of a round. */
export interface Statement {
  readonly pool: Address;
  readonly tournament: bigint;
  readonly round: bigint;
  readonly epoch: bigint;
  readonly announce_hash: Hex;
  readonly close_block_hash: Hex;
  readonly chain_head: Hex;
  readonly at_risk: bigint;
  readonly words: bigint;
  readonly manifest: Hex;
  readonly meta_root: Hex;
}

/** An answer to a challenge names it. */
export type Said = Statement & { readonly challenge_id?: Hex };

export const domainOf = (chainId: number, contract: Address): TypedDataDomain => ({
  name: "Assay",
  version: "1",
  chainId,
  verifyingContract: contract,
});

/** EIP-712's hashStruct of the Commit: what the contract keeps of a result. */
export const commitHash = (said: Statement): Hex =>
  hashStruct({ data: { ...said }, primaryType: "Commit", types: { Commit: TYPES.Commit } });

/** The 32 bytes that an operator signs; those of a Confirm where a challenge is named. */
export function digestOf(said: Said, chainId: number, oracle: Address): Hex {
  const domain = domainOf(chainId, oracle);
  const { challenge_id, ...statement } = said;
  if (challenge_id === undefined) {
    const types = { Commit: TYPES.Commit };
    return hashTypedData({ domain, types, primaryType: "Commit", message: statement });
  }
  const types = { Confirm: TYPES.Confirm };
  const message = { ...statement, challenge_id };
  return hashTypedData({ domain, types, primaryType: "Confirm", message });
}

/** Who signed a digest; null where the contracts would refuse the signature. */
export async function signerOf(digest: Hex, signature: Hex): Promise<Address | null> {
  if (!/^0x[0-9a-fA-F]{130}$/.test(signature) || size(signature) !== 65) return null;
  const v = Number(slice(signature, 64, 65));
  if (v !== 27 && v !== 28) return null;
  if (hexToBigInt(slice(signature, 32, 64)) > HALF_CURVE_ORDER) return null;
  try {
    return await recoverAddress({ hash: digest, signature });
  } catch {
    return null;
  }
}
