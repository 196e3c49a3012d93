import { expect, test } from "vitest";
import { match } from "../src/router.svelte";
import { anchor, render, target } from "../plugins/docs";

const ID = "0b5d8f12-1111-2222-3333-444455556666";

test.each([
  ["/app/", "start", {}],
  ["/app/8", "overview", { t: "8" }],
  ["/app/8/", "overview", { t: "8" }],
  ["/app/11/leaderboard", "leaderboard", { t: "11" }],
  ["/app/8/rounds/12", "round", { t: "8", round: "12" }],
  [`/app/models/${ID}`, "model", { id: ID }],
  [`/app/models/${ID}/diagnostics`, "diagnostics", { id: ID }],
  [`/app/verify/${ID}/3`, "verify", { id: ID, round: "3" }],
  ["/app/docs/scoring", "docs", { name: "scoring" }],
] as [string, string, Record<string, string>][])("%s is the page %s", (path, page, params) => {
  expect(match(path)).toEqual({ page, params });
});

test.each(["/", "/v1/tournaments", "/app/models/x", "/app/8/rounds/abc", "/sign", "/app/docs/../x"])("%s is no page of the app", (path) => {
  expect(match(path).page).toBe("missing");
});

test("documents link among themselves, and to nothing else here", () => {
  expect(target("formats.md#7-eip-712-structs")).toBe("/app/docs/formats#7-eip-712-structs");
  expect(target("../tests/clients/results.md")).toBeNull();
  expect(target("#stakes")).toBe("#stakes");
  expect(target("javascript:alert(1)")).toBeNull();
});

test("a document becomes HTML without styles or pictures from elsewhere", () => {
  const { title, html } = render("# On `scores`\n\n| a | b |\n|---:|---|\n| 1 | ![x](https://x.example/x.png) |\n");
  expect(title).toBe("On scores");
  expect(html).toContain('<h1 id="on-scores">');
  expect(html).not.toMatch(/style=|align=|<img/);
  expect(anchor("7. EIP-712 structs")).toBe("7-eip-712-structs");
});
