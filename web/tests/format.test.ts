import { expect, test } from "vitest";
import { nmr, percent, score, short, signed, span, utc } from "../src/lib/format";
import { cumulative, drawdown } from "../src/lib/series";
import { nextOf, stageOf } from "../src/lib/stages";
import type { Round } from "../src/lib/api";

test("amounts have three places, large ones none", () => {
  expect(nmr("123456.789")).toBe("123,457");
  expect(nmr("12345.678")).toBe("12,345.678");
  expect(nmr("2.5")).toBe("2.500");
  expect(nmr("0")).toBe("0.000");
  expect(nmr("-0.0512")).toBe("\u22120.051");
  expect(nmr("0.000000001")).toBe("<0.001");
  expect(nmr("-0.000000001")).toBe("\u2212<0.001");
  expect(nmr(null)).toBe("\u2013");
});

test("changes have a sign that needs no colour", () => {
  expect(signed("0.25")).toBe("+0.2500");
  expect(signed("-0.25")).toBe("\u22120.2500");
  expect(signed("0")).toBe("0.0000");
});

test("scores have a true minus, and no minus on zero", () => {
  expect(score(-0.01234)).toBe("\u22120.0123");
  expect(score(-0.00001)).toBe("0.0000");
  expect(score(undefined)).toBe("\u2013");
  expect(percent(0.05)).toBe("5.0\u202f%");
});

test("spans are told in their two largest units", () => {
  expect(span(0)).toBe("0 s");
  expect(span(59)).toBe("59\u202fs");
  expect(span(3_725)).toBe("1\u202fh 2\u202fmin");
  expect(span(86_400)).toBe("1\u202fd");
  expect(span(-5)).toBe("0 s");
});

test("times and hashes are cut for the eye only", () => {
  expect(utc("2026-11-23T13:00:00Z")).toBe("2026-11-23 13:00:00 UTC");
  expect(short("0x1234567890abcdef1234567890abcdef12345678")).toBe("0x1234\u20265678");
});

test("cumulative sums and drawdowns follow from the eras", () => {
  const eras = [0.1, -0.3, null, 0.05];
  expect(cumulative(eras).map((v) => v && Number(v.toFixed(6)))).toEqual([0.1, -0.2, null, -0.15]);
  expect(drawdown(eras).map((v) => v && Number(v.toFixed(6)))).toEqual([0, -0.3, null, -0.25]);
  expect(drawdown([-0.1])).toEqual([-0.1]);
});

const round = (values: Partial<Round>): Round =>
  ({ ended: null, cancelled: false, challenged: null, committed: null, final: null, opens: null, closes: null, scores_due: null, ...values }) as Round;
const at = (minute: number) => `2026-11-23T13:${String(minute).padStart(2, "0")}:00Z`;
const NOW = Date.parse(at(30));

test.each([
  ["upcoming", { opens: at(40), closes: at(50) }],
  ["open", { opens: at(10), closes: at(40), scores_due: at(50) }],
  ["closed", { opens: at(10), closes: at(20), scores_due: at(50) }],
  ["due", { opens: at(10), closes: at(20), scores_due: at(30) }],
  ["committed", { closes: at(10), scores_due: at(11), committed: at(20), final: at(40) }],
  ["final", { closes: at(10), scores_due: at(11), committed: at(20), final: at(30) }],
  ["challenged", { closes: at(10), committed: at(20), challenged: at(25) }],
  ["void", { ended: "void" }],
  ["cancelled", { cancelled: true }],
] as [string, Partial<Round>][])("a round is %s by its times", (stage, values) => {
  expect(stageOf(round(values), NOW)).toBe(stage);
});

test("what comes next has a time, or is not told", () => {
  expect(nextOf(round({ closes: at(40) }), "open")).toEqual({ word: "closes", at: at(40) });
  expect(nextOf(round({}), "due")).toBeNull();
});
