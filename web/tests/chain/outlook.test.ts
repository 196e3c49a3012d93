import { describe, expect, it } from "vitest";
import {
  depositOutlook,
  releaseOutlook,
  type Outlook,
  type PoolFacts,
} from "../../src/chain/outlook";
import type { QueueRecord } from "../../src/chain/words";
import { big, vectors } from "./vectors";

const { outlooks } = vectors("outlooks");

function poolOf(plain: any): PoolFacts {
  const pool = big(plain);
  const rounds = pool.rounds.map((one: any) => ({ ...one, status: Number(one.status) }));
  const [head, last] = [Number(pool.head), Number(pool.last_announced)];
  return { ...pool, head, last_announced: last, rounds };
}

const NAMES = ["round", "close", "expected_at", "latest_at", "max_loss", "amount"] as const;

function expectSame(mine: Outlook, plain: any): void {
  const shown = Object.fromEntries(NAMES.map((name) => [name, String(mine[name])]));
  expect(shown).toEqual(Object.fromEntries(NAMES.map((name) => [name, plain[name]])));
}

describe("outlooks, against the reference", () => {
  it("say the same of deposits", () => {
    expect(outlooks.length).toBeGreaterThan(200);
    for (const { pool, deposit } of outlooks)
      expectSame(depositOutlook(poolOf(pool), BigInt(deposit.amount)), deposit);
    const losses = outlooks.map((one: any) => one.deposit.max_loss);
    expect(new Set(losses).size).toBeGreaterThan(3);
  });

  it("say the same of releases", () => {
    for (const { pool, releases } of outlooks)
      for (const one of releases) {
        const records = new Map<number, QueueRecord>(
          one.records.map((record: any) => [
            Number(record.round),
            { ...big(record), next: null } as QueueRecord,
          ]),
        );
        const mine = releaseOutlook(poolOf(pool), BigInt(one.stake), records, BigInt(one.asked));
        expectSame(mine, one);
      }
  });
});
