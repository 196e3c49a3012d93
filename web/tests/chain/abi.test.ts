import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { toEventSelector, toFunctionSelector, type Abi, type AbiEvent, type AbiFunction } from "viem";
import { describe, expect, it } from "vitest";
import { ORACLE, POOL, REGISTRY, RELAY } from "../../src/chain/abi";

const ROOT = resolve(import.meta.dirname, "../../..");

function real(name: string): Abi {
  const read = JSON.parse(readFileSync(resolve(ROOT, `oracle/chain/abi/${name}.json`), "utf8"));
  return Array.isArray(read) ? read : read.abi;
}

/** Selectors with the names and types of what comes back, which selectors do not tell. */
function told(abi: Abi): Map<string, string> {
  const found = new Map<string, string>();
  for (const one of abi) {
    if (one.type === "function") {
      found.set(toFunctionSelector(one as AbiFunction), JSON.stringify(shape((one as AbiFunction).outputs)));
    }
    if (one.type === "event") {
      const inputs = (one as AbiEvent).inputs.map((input) => [input.name, !!input.indexed]);
      found.set(toEventSelector(one as AbiEvent), JSON.stringify(inputs));
    }
  }
  return found;
}

const shape = (parts: readonly any[]): unknown =>
  parts.map((part) => [part.type, part.components ? part.components.map((c: any) => [c.name, ...(shape([c]) as any[])]) : null]);

describe("ABIs that the app calls by", () => {
  it.each([
    ["StakePool", POOL],
    ["RoundOracle", ORACLE],
    ["ModelRegistry", REGISTRY],
    ["StakeRelay", RELAY],
  ] as [string, Abi][])("are those of %s", (name, abi) => {
    const theirs = told(real(name));
    for (const [selector, outputs] of told(abi)) {
      expect(theirs.has(selector), selector).toBe(true);
      expect(outputs).toBe(theirs.get(selector));
    }
  });
});
