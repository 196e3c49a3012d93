import { hashStruct } from "viem";
import { describe, expect, it } from "vitest";
import { exitId } from "../../src/chain/exits";
import { commitHash, digestOf, signerOf, TYPES, type Said } from "../../src/chain/typed";
import { big, vectors } from "./vectors";

const raw = vectors("statements", "mandates", "exits");
const HALF = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

describe("what operators sign, against the reference", () => {
  it("has the same hash, digest and signer", async () => {
    for (const one of raw.statements) {
      const said = big(one.said) as Said;
      const digest = digestOf(said, Number(one.chain_id), one.oracle);
      expect(digest).toBe(one.digest);
      const { challenge_id: _, ...statement } = said;
      expect(commitHash(statement)).toBe(one.hash);
      expect(await signerOf(digest, one.signature)).toBe(one.signer);
    }
  });

  it("has another signer where anything is changed", async () => {
    const [one] = raw.statements;
    const said = { ...big(one.said), at_risk: BigInt(one.said.at_risk) + 1n } as Said;
    const digest = digestOf(said, Number(one.chain_id), one.oracle);
    expect(await signerOf(digest, one.signature)).not.toBe(one.signer);
  });

  it("counts by the contracts' rule of signatures", async () => {
    const [one] = raw.statements;
    const r = one.signature.slice(2, 66);
    const s = BigInt(`0x${one.signature.slice(66, 130)}`);
    const high = (HALF - s).toString(16).padStart(64, "0");
    const v = one.signature.endsWith("1b") ? "1c" : "1b";
    expect(await signerOf(one.digest, `0x${r}${high}${v}`)).toBeNull();
    expect(await signerOf(one.digest, `${one.signature.slice(0, 130)}00` as `0x${string}`)).toBeNull();
    expect(await signerOf(one.digest, "0x12")).toBeNull();
  });
});

describe("what owners sign, against the reference", () => {
  it("has the same hash", () => {
    for (const { mandate, hash } of raw.mandates) {
      const types = { StakeMandate: TYPES.StakeMandate };
      expect(hashStruct({ data: big(mandate), primaryType: "StakeMandate", types })).toBe(hash);
    }
  });
});

describe("exits, against the reference", () => {
  it("have the same ids", () => {
    for (const { block, index, log, id } of raw.exits)
      expect(exitId(BigInt(block), Number(index), Number(log))).toBe(id);
  });
});
