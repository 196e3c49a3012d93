/** Where rounds stand, in words. */
import type { Round } from "./api";

export type Stage =
  | "upcoming"
  | "open"
  | "closed"
  | "due"
  | "committed"
  | "challenged"
  | "final"
  | "settling"
  | "settled"
  | "void"
  | "skipped"
  | "cancelled";

const WORDS: Record<string, string> = {
  upcoming: "not open yet",
  open: "open",
  closed: "waiting for targets",
  due: "results due",
  committed: "committed",
  challenged: "challenged",
  final: "final",
  settling: "settling",
  settled: "settled",
  void: "void",
  skipped: "skipped",
  cancelled: "cancelled",
};

const SENTENCES: Record<string, string> = {
  upcoming: "It was announced and does not take predictions yet.",
  open: "It takes predictions and stakes.",
  closed: "It takes no more predictions on time; scores follow once its targets are known.",
  due: "Its targets are known. Operators score it and agree on the result.",
  committed: "The operators committed a result. Until its window ends anybody may challenge it.",
  challenged: "The result was challenged. Operators answer, or the round pays nothing.",
  final: "The result is final. Anybody may begin to settle it.",
  settling: "Payouts and burns are being applied, batch after batch.",
  settled: "Payouts and burns were applied.",
  void: "It ended without a result: stakes are untouched.",
  skipped: "It was never announced: stakes are untouched.",
  cancelled: "It was called off before it opened.",
};

export const wordOf = (stage: string): string => WORDS[stage] ?? stage;
export const sentenceOf = (stage: string): string => SENTENCES[stage] ?? "";
export const isBad = (stage: string): boolean => stage === "challenged" || stage === "void";

/** A round's stage by the times in it, where no event has said it (the server's rule). */
export function stageOf(round: Round, now: number): Stage {
  const past = (iso: string | null) => iso !== null && Date.parse(iso) <= now;
  if (round.ended) return round.ended as Stage;
  if (round.cancelled) return "cancelled";
  if (round.challenged) return "challenged";
  if (round.committed) return past(round.final) ? "final" : "committed";
  if (past(round.closes)) return past(round.scores_due) ? "due" : "closed";
  return round.opens !== null && !past(round.opens) ? "upcoming" : "open";
}

/** What happens next in a round and when, if its times say so. */
export function nextOf(round: Round, stage: string): { word: string; at: string } | null {
  const at: Record<string, [string, string | null]> = {
    upcoming: ["opens", round.opens],
    open: ["closes", round.closes],
    closed: ["scores due", round.scores_due],
    committed: ["final", round.final],
  };
  const [word, time] = at[stage] ?? ["", null];
  return time ? { word, at: time } : null;
}
