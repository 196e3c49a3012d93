/** What the Python reference says of drawn inputs: made at test time, kept nowhere. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../../..");
const OWN = resolve(ROOT, ".venv/bin/python");
const PYTHON = process.env.ASSAY_PYTHON ?? (existsSync(OWN) ? OWN : "python3");

/** Numbers are decimal text: `big` and the like turn them. */
export type Plain = any; // eslint-disable-line

/** Parts of tests/support/chain_vectors.py by their names. */
export function vectors(...parts: string[]): Record<string, Plain> {
  const script = resolve(ROOT, "tests/support/chain_vectors.py");
  const text = execFileSync(PYTHON, [script, ...parts], {
    cwd: ROOT,
    env: { ...process.env, PYTHONPATH: ROOT },
    maxBuffer: 2 ** 26,
    encoding: "utf8",
  });
  return JSON.parse(text) as Record<string, Plain>;
}

/** The same with every decimal text a bigint, at any depth. */
export function big(value: Plain): Plain {
  if (typeof value === "string") return /^-?\d+$/.test(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(big);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, big(one)]));
}
