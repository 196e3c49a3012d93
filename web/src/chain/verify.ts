// Why a model's stake changed as it did in a round, checked step by step in this browser: what the
// server shows against what the chain says, and both against the arithmetic.

import { isAddressEqual, type Address, type Client, type Hex } from "viem";
import { readContract } from "viem/actions";
import { ORACLE, POOL } from "./abi";
import { ballotOf, firstBlockSince, settledIn } from "./ballots";
import { links, wordAt, type BatchPath } from "./batches";
import { coefficientsOf, pathOf, signedUnits, statementOf, type Evidence } from "./evidence";
import { contractsOf, type Contracts } from "./networks";
import { Status } from "./outlook";
import { begin, SCORE_KINDS, working, type Coefficients, type Template } from "./payout";
import { commitHash, type Statement } from "./typed";
import { MILLIONTH, nmrOfUnits, percent, SCALE_ONE } from "./units";
import { decodeLane, decodeScoreLane, laneOf, placeOf, type ScoreLane } from "./words";

/** `unchecked`: the endpoint does not have what it takes, which speaks against nobody. */
export type Verdict = "right" | "wrong" | "unchecked";

/** One number or hash on the way. `chain` is what the chain says where both are known. */
export interface Line {
  readonly name: string;
  readonly value: string;
  readonly chain?: string;
  readonly isHash?: boolean;
}

export interface Check {
  readonly id: string;
  readonly title: string;
  readonly says: string;
  readonly verdict: Verdict;
  readonly lines: readonly Line[];
}

interface OnChain {
  readonly of: Contracts;
  readonly round: Awaited<ReturnType<typeof roundOf>>;
  readonly template: Template;
  readonly coefficients: Coefficients;
  readonly window: bigint;
}

const roundOf = (client: Client, of: Contracts, k: bigint) =>
  readContract(client, { address: of.oracle, abi: ORACLE, functionName: "round_of", args: [k] });

/** All checks in order; each is given to `done` as soon as it is made. */
export async function verify(
  client: Client,
  pool: Address,
  evidence: Evidence,
  done: (check: Check) => void,
): Promise<Check[]> {
  const found: Check[] = [];
  const put = (check: Check): void => {
    found.push(check);
    done(check);
  };
  const chain = await read(client, pool, BigInt(evidence.round));
  put(contracts(chain, evidence));
  put(result(chain, evidence));
  put(await signatures(client, chain, evidence));
  put(path(chain, evidence));
  const { check, lane } = scores(chain, evidence);
  put(check);
  put(rule(chain, evidence));
  put(payout(chain, evidence, lane));
  put(await stakes(client, chain, evidence, lane));
  return found;
}

/** The worst of all: nothing is right where one step is wrong. */
export function verdictOf(checks: readonly Check[]): Verdict {
  if (checks.some((one) => one.verdict === "wrong")) return "wrong";
  return checks.every((one) => one.verdict === "right") ? "right" : "unchecked";
}

async function read(client: Client, pool: Address, k: bigint): Promise<OnChain> {
  const of = await contractsOf(client, pool);
  const oracle = { address: of.oracle, abi: ORACLE } as const;
  const [round, template, timing, state] = await Promise.all([
    roundOf(client, of, k),
    readContract(client, { ...oracle, functionName: "template_of", args: [k] }),
    readContract(client, { ...oracle, functionName: "timing" }),
    readContract(client, { address: pool, abi: POOL, functionName: "round_state", args: [k] }),
  ]);
  const { c1, c2, c3, ...rest } = state.coefficients;
  return { of, round, template, coefficients: { c: [c1, c2, c3], ...rest }, window: timing.window };
}

// ---------------------------------------------------------------- the steps

function contracts({ of }: OnChain, { commit }: Evidence): Check {
  const right = same(commit.pool, of.pool) && BigInt(commit.tournament) === of.tournament;
  return {
    id: "contracts",
    title: "The contracts",
    says: "The pool itself names the others. Compare its address with the tournament's published deployment record: that it is the right pool is the one thing no page can show.",
    verdict: right ? "right" : "wrong",
    lines: [
      hash("Pool", commit.pool, of.pool),
      hash("Oracle, named by the pool", of.oracle),
      { name: "Tournament", value: String(commit.tournament), chain: String(of.tournament) },
    ],
  };
}

function result({ round, of }: OnChain, evidence: Evidence): Check {
  const said = attempt(() => statementOf(evidence, round.at_risk));
  const hashed = said && commitHash(said);
  const isRight =
    said !== null &&
    same(hashed!, round.sealed) &&
    same(said.chain_head, round.chain_head) &&
    said.at_risk === round.at_risk &&
    said.words === round.words &&
    said.epoch === round.epoch &&
    isAddressEqual(said.pool, of.pool);
  const settledFor = round.status === BigInt(Status.FINAL);
  return {
    id: "result",
    title: "What the operators said of the round",
    says: settledFor
      ? "The chain keeps one hash over the whole result, and the result is final."
      : "The chain keeps one hash over the whole result, which is not final yet: it may still be challenged.",
    verdict: isRight ? "right" : "wrong",
    lines: [
      hash("Hash of all fields", hashed ?? "not whole", round.sealed),
      hash("Link of the first batch", evidence.commit.chain_head ?? "none", round.chain_head),
      { name: "At risk", value: amount(evidence.commit.at_risk), chain: `${nmrOfUnits(round.at_risk)} NMR` },
      { name: "Score words", value: String(evidence.commit.words), chain: String(round.words) },
      hash("Manifest of the artefacts", evidence.commit.manifest ?? "none"),
    ],
  };
}

async function signatures(client: Client, chain: OnChain, evidence: Evidence): Promise<Check> {
  const { of, round, window } = chain;
  const base = { id: "signatures", title: "Who signed it" };
  const isAnswer = BigInt(round.challenge_id) !== 0n;
  const committedAt = isAnswer ? round.final_at : round.final_at - window;
  let said: Statement;
  try {
    said = statementOf(evidence, round.at_risk);
  } catch (error) {
    return { ...base, verdict: "wrong", says: String((error as Error).message), lines: [] };
  }
  try {
    const ballot = await ballotOf(client, of, said, round.challenge_id, committedAt);
    const needed = Number(ballot.isAnswer ? round.super_quorum : round.threshold);
    const counts = new Set<string>();
    const lines = ballot.signers.map((signer, i): Line => {
      const isMember = signer !== null && ballot.members.some((m) => isAddressEqual(m, signer));
      if (isMember) counts.add(signer.toLowerCase());
      const note = signer === null ? "does not count" : isMember ? "an operator of the round" : "no operator of the round";
      return { name: `Signature ${i + 1}: ${note}`, value: signer ?? "nobody's", isHash: true };
    });
    const enough = counts.size >= needed && counts.size === ballot.signers.length;
    return {
      ...base,
      says: `${counts.size} of the ${ballot.members.length} operators that the chain names for this round signed exactly this; ${needed} must.`,
      verdict: enough ? "right" : "wrong",
      lines: [...lines, hash("Transaction", ballot.transaction)],
    };
  } catch (error) {
    return {
      ...base,
      says: `The endpoint does not show the transaction that carried the signatures: ${(error as Error).message.split("\n")[0]}. The contract took the result only with enough of them.`,
      verdict: "unchecked",
      lines: [],
    };
  }
}

function path({ round }: OnChain, evidence: Evidence): Check {
  const base = { id: "path", title: "From the model's word to the commit" };
  const { index, position } = placeOf(evidence.model);
  const shown = attempt(() => pathOf(evidence));
  const place = { name: "Place", value: `word ${index}, lane ${position}` };
  if (evidence.path === null || shown === null) {
    return {
      ...base,
      says: "No batch names this model's word: it was not scored. That no other batch does cannot be seen without all of them.",
      verdict: BigInt(evidence.word) === 0n ? "unchecked" : "wrong",
      lines: [place, hash("Word", evidence.word)],
    };
  }
  const way = links(shown as BatchPath);
  const word = wordAt(shown.batch, index);
  const isRight =
    same(way.at(-1)!, round.chain_head) &&
    word === BigInt(evidence.word) &&
    evidence.word_index === index &&
    evidence.position === position;
  return {
    ...base,
    says: "Hashing the batch with the word, and the links before it, must lead to the link in the commit.",
    verdict: isRight ? "right" : "wrong",
    lines: [
      place,
      hash("Word, as shown", evidence.word, word === undefined ? "not in the batch" : word64(word)),
      { name: "Batch", value: `words ${shown.batch.start} to ${shown.batch.start + shown.batch.words.length - 1}` },
      ...way.map((one, i): Line => {
        const isLast = i === way.length - 1;
        return hash(isLast ? "Link that follows" : `Link ${i + 1}`, one, isLast ? round.chain_head : undefined);
      }),
    ],
  };
}

function scores({ template }: OnChain, evidence: Evidence): { check: Check; lane: ScoreLane } {
  const lane = decodeScoreLane(laneOf(BigInt(evidence.word), placeOf(evidence.model).position));
  const isRight =
    lane.scores.every((score, i) => score === BigInt(evidence.scores[i] ?? 0)) &&
    lane.level === BigInt(evidence.level);
  const lines = lane.scores.map((score, i): Line => ({
    name: SCORE_KINDS[Number(template.kinds[i])] ?? "score",
    value: millionths(BigInt(evidence.scores[i] ?? 0)),
    chain: millionths(score),
  }));
  const kept = lines.filter((_, i) => template.kinds[i] !== 0n);
  const check: Check = {
    id: "scores",
    title: "The scores in the word",
    says: "Three scores of 20 bits and a hardening level, cut out of the word.",
    verdict: isRight ? "right" : "wrong",
    lines: [...kept, { name: "Hardening level", value: String(evidence.level), chain: String(lane.level) }],
  };
  return { check, lane };
}

function rule({ round, template, coefficients }: OnChain, evidence: Evidence): Check {
  const base = { id: "rule", title: "The payout rule" };
  const shown = attempt(() => coefficientsOf(evidence));
  if (coefficients.scale === 0n && coefficients.down === 0n) {
    const says = "The round has not begun to be settled: its coefficients are not fixed yet.";
    return { ...base, says, verdict: shown === null ? "unchecked" : "wrong", lines: [] };
  }
  // Total and vault decide the scale alone, which shows as less than one where the vault was short.
  const again = begin(template, round.phi, round.at_risk, 0n, 1n);
  const follows =
    again.c.every((c, i) => c === coefficients.c[i]) &&
    again.up === coefficients.up &&
    again.down === coefficients.down &&
    again.hk === coefficients.hk &&
    coefficients.scale <= SCALE_ONE;
  const isShown =
    shown !== null &&
    shown.c.every((c, i) => c === coefficients.c[i]) &&
    (["up", "down", "hk", "scale"] as const).every((name) => shown[name] === coefficients[name]);
  const names = template.kinds.map((kind) => SCORE_KINDS[Number(kind)] ?? "score");
  return {
    ...base,
    says: "Multipliers times phi, lowered where more is at risk than the threshold; fixed when the round began.",
    verdict: follows && isShown ? "right" : "wrong",
    lines: [
      { name: "Phi", value: millionths(round.phi) },
      { name: "At risk, of a threshold of", value: `${nmrOfUnits(round.at_risk)} of ${nmrOfUnits(template.threshold)} NMR` },
      ...names.flatMap((name, i): Line[] =>
        template.kinds[i] === 0n
          ? []
          : [{ name: `Factor of ${name}`, value: millionths(shown?.c[i] ?? 0n), chain: millionths(coefficients.c[i]!) }],
      ),
      { name: "Most that is gained", value: percent(shown?.up ?? 0n), chain: percent(coefficients.up) },
      { name: "Most that is burned", value: percent(shown?.down ?? 0n), chain: percent(coefficients.down) },
      {
        name: "Part of each gain that the vault could pay",
        value: percent(shown?.scale ?? 0n, SCALE_ONE).slice(0, 12),
        chain: percent(coefficients.scale, SCALE_ONE).slice(0, 12),
      },
    ],
  };
}

function payout({ coefficients, template }: OnChain, evidence: Evidence, lane: ScoreLane): Check {
  const base = { id: "payout", title: "The payout" };
  const stake = signedUnits(evidence.stake);
  const shown = signedUnits(evidence.payout);
  if (stake === null || shown === null) {
    const says = "The round settled nothing of this model: it had no stake then, or the round is not settled.";
    return { ...base, says, verdict: "unchecked", lines: [] };
  }
  const way = working(coefficients, stake, lane);
  const products = way.products.flatMap((product, i): Line[] =>
    template.kinds[i] === 0n
      ? []
      : [{
          name: `${SCORE_KINDS[Number(template.kinds[i])]} × factor`,
          value: `${millionths(lane.scores[i]!)} × ${millionths(coefficients.c[i]!)} = ${percent(product)}`,
        }],
  );
  const isBurn = way.x < 0n;
  return {
    ...base,
    says: isBurn
      ? "Their sum is negative: with the hardening, and at most the clip, that part of the stake burns."
      : "Their sum is not negative: at most the clip of it is gained, as far as the vault could pay.",
    verdict: way.change === shown ? "right" : "wrong",
    lines: [
      ...products,
      { name: "Sum", value: percent(way.x) },
      ...(isBurn ? [{ name: "With hardening", value: percent(way.hardened) }] : []),
      { name: "Rate, clipped", value: percent(way.rate) },
      { name: "Stake in the round", value: `${nmrOfUnits(stake)} NMR` },
      { name: "Payout", value: `${nmrOfUnits(shown)} NMR`, chain: `${nmrOfUnits(way.change)} NMR` },
    ],
  };
}

/** The pool's own words in the blocks before and after the batch was applied. */
async function stakes(client: Client, chain: OnChain, evidence: Evidence, lane: ScoreLane): Promise<Check> {
  const base = { id: "stakes", title: "The stake on chain, before and after" };
  const unchecked = (says: string): Check => ({ ...base, says, verdict: "unchecked", lines: [] });
  const stake = signedUnits(evidence.stake);
  const start = evidence.path?.start;
  if (stake === null || start === undefined) return unchecked("There is nothing to compare.");
  try {
    const since = await firstBlockSince(client, chain.round.final_at);
    const block = await settledIn(client, chain.of, BigInt(evidence.round), BigInt(start), since);
    if (block === null) return unchecked("The endpoint shows no event of this batch.");
    const [before, after] = await Promise.all([block - 1n, block].map((at) => laneAt(client, chain.of, evidence.model, at)));
    const { change } = working(chain.coefficients, before!.stake, lane);
    const kept = before!.takeProfit && change > 0n ? 0n : change;
    const isRight = before!.stake === stake && after!.stake === before!.stake + kept;
    return {
      ...base,
      says: `Block ${block} applied the batch. ${before!.takeProfit ? "The model took its profits, so a gain left the stake." : "The payout stayed in the stake."}`,
      verdict: isRight ? "right" : "wrong",
      lines: [
        { name: "Before", value: `${nmrOfUnits(stake)} NMR`, chain: `${nmrOfUnits(before!.stake)} NMR` },
        { name: "After", value: `${nmrOfUnits(stake + kept)} NMR`, chain: `${nmrOfUnits(after!.stake)} NMR` },
      ],
    };
  } catch {
    return unchecked("The endpoint does not keep states as old as this round's. Ask one that does, or run `assay verify`.");
  }
}

async function laneAt(client: Client, of: Contracts, model: number, blockNumber: bigint) {
  const { index, position } = placeOf(model);
  const args = [BigInt(index), 1n] as const;
  const words = await readContract(client, { address: of.pool, abi: POOL, functionName: "lane_words", args, blockNumber });
  return decodeLane(laneOf(words[0] ?? 0n, position));
}

// ---------------------------------------------------------------- shared

const hash = (name: string, value: string, chain?: string): Line => ({ name, value, chain, isHash: true });
const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
const word64 = (word: bigint): Hex => `0x${word.toString(16).padStart(64, "0")}`;
const amount = (units: number | null): string =>
  units === null ? "none" : `${nmrOfUnits(BigInt(units))} NMR`;

/** A number at 10^-6, exact. */
function millionths(value: bigint): string {
  const size = value < 0n ? -value : value;
  const places = (size % MILLIONTH).toString().padStart(6, "0");
  return `${value < 0n ? "−" : ""}${size / MILLIONTH}.${places}`;
}

/** What `make` gives, or null where it throws. */
function attempt<T>(make: () => T): T | null {
  try {
    return make();
  } catch {
    return null;
  }
}

