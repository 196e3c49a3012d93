import { describe, expect, it } from "vitest";
import { links, wordAt } from "../../src/chain/batches";
import { begin, change, working } from "../../src/chain/payout";
import { nmrOfUnits, nmrOfWei, percent, unitsOf } from "../../src/chain/units";
import { decodeLane, decodeRecord, decodeScoreLane, laneOf, placeOf } from "../../src/chain/words";
import { big, vectors } from "./vectors";

const found = big(vectors("payouts", "words", "paths"));

describe("payouts, against the reference", () => {
  it("begin a round with the same coefficients", () => {
    expect(found.payouts).toHaveLength(300);
    for (const one of found.payouts)
      expect(begin(one.template, one.phi, one.at_risk, one.total, one.vault)).toEqual(
        one.coefficients,
      );
  });

  it("change a stake by the same amount", () => {
    for (const one of found.payouts)
      expect(change(one.coefficients, one.stake, one.lane)).toBe(one.change);
    expect(found.payouts.some((one: any) => one.change > 0n)).toBe(true);
    expect(found.payouts.some((one: any) => one.change < 0n)).toBe(true);
  });

  it("show numbers on the way that add up", () => {
    for (const { coefficients, stake, lane } of found.payouts) {
      const way = working(coefficients, stake, lane);
      expect(way.products.reduce((a, b) => a + b)).toBe(way.x);
      expect(way.rate <= (way.x < 0n ? coefficients.down : coefficients.up)).toBe(true);
    }
  });
});

describe("words, against the reference", () => {
  it("are read alike", () => {
    for (const { bits, stake, take_profit } of found.words.lanes)
      expect(decodeLane(bits)).toEqual({ stake, takeProfit: take_profit });
    for (const { bits, deposit, release, mode, next_model } of found.words.records) {
      const next = next_model === null ? null : Number(next_model);
      expect(decodeRecord(bits)).toEqual({ deposit, release, mode, next });
    }
    for (const { lane } of found.payouts)
      expect(decodeScoreLane(lane.bits)).toEqual({ scores: lane.scores, level: lane.level });
  });

  it("find a lane in its place", () => {
    expect(placeOf(7)).toEqual({ index: 1, position: 3 });
    expect(laneOf((5n << 192n) | 1n, 3)).toBe(5n);
    expect(laneOf((5n << 192n) | 1n, 0)).toBe(1n);
  });
});

describe("batches, against the reference", () => {
  it("lead to the committed link, and no changed word does", () => {
    const shown = found.paths.filter((one: any) => one.path);
    expect(shown.some((one: any) => one.path.earlier.length > 0)).toBe(true);
    for (const { path, chain_head, model, word } of shown) {
      const batch = { start: Number(path.start), words: path.words };
      const earlier = path.earlier.map((e: any) => ({ ...e, start: Number(e.start) }));
      expect(links({ batch, following: path.following, earlier }).at(-1)).toBe(chain_head);
      expect(wordAt(batch, placeOf(Number(model)).index)).toBe(word);
      const flipped = { ...batch, words: [path.words[0] ^ 1n, ...path.words.slice(1)] };
      expect(links({ batch: flipped, following: path.following, earlier }).at(-1)).not.toBe(
        chain_head,
      );
    }
  });
});

describe("amounts", () => {
  it("are read and written exactly", () => {
    for (const { units, text } of found.words.amounts) {
      expect(nmrOfUnits(units)).toBe(String(text));
      if (units >= 0n) expect(unitsOf(String(text))).toBe(units);
    }
    expect(nmrOfWei(1n)).toBe("0.000000000000000001");
    expect(percent(50_000_000_000n)).toBe("5 %");
    expect(unitsOf(".5")).toBe(500_000_000n);
  });

  it.each(["", ".", "-1", "1e3", "1,5", "0.1234567891", "99999999", "0x1", "1 2"])(
    "refuse %j",
    (text) => expect(() => unitsOf(text)).toThrow(),
  );
});
