/** The server's REST API, /v1. Whatever goes wrong becomes an ApiError that says what to do. */
import { heard } from "./clock.svelte";

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly fix = "",
  ) {
    super(message);
  }

  /** Whether trying again may help: nothing was reached, or what is needed does not answer. */
  get isDown(): boolean {
    return this.status === 0 || this.status >= 500 || this.status === 429;
  }
}

export interface Page<T> {
  items: T[];
  next: number | null;
}

export type Query = Record<string, string | number | boolean | null | undefined>;

const SECONDS = 20;

export function path(route: string, query: Query = {}): string {
  const text = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") text.set(name, String(value));
  }
  const asked = text.toString();
  return `/v1${route}${asked ? `?${asked}` : ""}`;
}

async function answered<T>(response: Response): Promise<T> {
  const body: unknown = await response.json().catch(() => null);
  if (response.ok && body !== undefined) return body as T;
  const error = (body as { error?: { code?: string; message?: string; fix?: string } } | null)?.error;
  throw new ApiError(
    response.status,
    error?.code ?? "internal",
    error?.message ?? `the server answered ${response.status}`,
    error?.fix ?? "",
  );
}

/** One request. `token`: a session of the person who signed in. */
export async function send<T>(
  method: string,
  route: string,
  { query = {}, body, token, signal }: { query?: Query; body?: unknown; token?: string; signal?: AbortSignal } = {},
): Promise<T> {
  const late = AbortSignal.timeout(SECONDS * 1000);
  let response: Response;
  try {
    response = await fetch(path(route, query), {
      method,
      headers: {
        accept: "application/json",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, late]) : late,
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "unreachable", "the server does not answer", "it is tried again; what is shown may be old");
  }
  return answered<T>(response);
}

export function get<T>(route: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return send<T>("GET", route, { query, signal });
}

/** All pages of a list that is known to be short, `most` items of it. */
export async function all<T>(route: string, query: Query = {}, most = 2_000, signal?: AbortSignal): Promise<T[]> {
  const found: T[] = [];
  let cursor: number | null = null;
  do {
    const page: Page<T> = await get<Page<T>>(route, { ...query, cursor }, signal);
    found.push(...page.items);
    cursor = page.next;
  } while (cursor !== null && found.length < most);
  return found.slice(0, most);
}

export interface Tournament {
  tournament: number;
  name: string;
  chain_id: number;
  pool: string;
  now: string | null;
  is_followed: boolean;
  current_round: number | null;
}

export interface PaidScore {
  name: string;
  multiplier: number;
}

export interface Round {
  tournament: number;
  number: number;
  status: "UPCOMING" | "OPEN" | "RESOLVING" | "RESOLVED";
  opens: string | null;
  closes: string | null;
  scores_due: string | null;
  resolved: string | null;
  ended: string | null;
  cancelled: boolean;
  pays_on: PaidScore[];
  clip_up: number | null;
  clip_down: number | null;
  threshold: string | null;
  kappa: number | null;
  phi: number | null;
  payout_factor: number | null;
  at_risk: string | null;
  committed: string | null;
  final: string | null;
  challenged: string | null;
  paid: string;
  burned: string;
  spec_hash: string | null;
  announce_hash: string | null;
  manifest: string | null;
  chain_head: string | null;
  meta_root: string | null;
}

export interface Model {
  id: string;
  tournament: number;
  number: number;
  name: string;
  owner: string;
  payout: string;
  registered: string | null;
}

export interface Score {
  round: number;
  model: number;
  name: string;
  value: number;
  percentile: number;
}

export interface Payout {
  tournament: number;
  round: number;
  model: number;
  name: string;
  closed: string | null;
  settled: string | null;
  stake: string;
  payout: string;
  taken: string;
}

export interface Result {
  round: number;
  model: number;
  status: "scored" | "late" | "rejected" | "none";
  reason: string;
  stake: string;
  at_risk: string;
  sha256: string | null;
  correlation_with_meta_model: number | null;
  hardening_level: number | null;
}

export interface Stake {
  stake: string;
  take_profit: boolean;
  claimable: string;
  waiting: { round: number; deposit: string; release: string; mode: string | null }[];
}

export interface Chain {
  chain_id: number;
  contracts: Record<"pool" | "oracle" | "registry" | "relay" | "token" | "burn_vault", string>;
  relayer: string | null;
  newest: number;
  finalized: number;
  time: string | null;
  followed: string | null;
  head: number;
  last_announced: number;
  target: number | null;
  paused_until: string | null;
  wound_down: boolean;
  pool: Record<"staked" | "queued" | "claimable" | "vault" | "owed_to_burn", string>;
}

export interface StagedRound extends Round {
  stage: string;
}

export interface Overview {
  tournament: number;
  now: string | null;
  wound_down: boolean;
  models: number;
  staked_models: number;
  staked: string;
  claimable: string;
  paid: string;
  burned: string;
  settled_rounds: number;
  at_risk: string;
  under_way: StagedRound[];
  last_settled: StagedRound | null;
}

export interface Leader {
  rank: number;
  prev_rank: number | null;
  id: string;
  number: number;
  name: string;
  owner: string;
  stake: string;
  score: number | null;
  sharpe: number | null;
  today: number | null;
  reputations: Record<string, number>;
  ranks: Record<string, number>;
  returns: Record<"1_day" | "13_weeks" | "52_weeks", number | null>;
  season: { year: number; rank: number; score: number; rounds: number; tier: string } | null;
}

/** A model in a round's result. */
export interface Placed {
  model: number;
  id: string | null;
  name: string;
  status: Result["status"];
  reason: string;
  stake: string;
  at_risk: string;
  payout: string | null;
  correlation_with_meta_model: number | null;
  hardening_level: number | null;
  scores: Record<string, { value: number; percentile: number }>;
}

export interface Band {
  round: number;
  p10: number;
  p25: number;
  p50: number;
  p75: number;
  p90: number;
}

export interface Counts {
  stage: string;
  scored: number;
  late: number;
  rejected: number;
  none: number;
  settled: number;
  words: number | null;
}

export interface Operators {
  epoch: number;
  threshold: number;
  super_quorum: number;
  operators: {
    address: string;
    index: number;
    first_epoch: number;
    last_epoch: number | null;
    is_member: boolean;
    commits: number;
    signed: number;
    revoked: string | null;
    convicted: boolean;
    suspended_until: string | null;
    url: string | null;
    answers: boolean | null;
    asked: number;
    answered: number;
    asked_since: string | null;
    last_answer: string | null;
  }[];
  silent: string[];
}

/** The tournaments that are served; also sets the clock to the chain's. */
export async function tournaments(signal?: AbortSignal): Promise<Tournament[]> {
  const found = await get<Tournament[]>("/tournaments", {}, signal);
  for (const one of found) heard(one.tournament, one.now);
  return found;
}
