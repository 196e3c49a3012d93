// The calls, views and events of the contracts that the app uses; `abi.test.ts` holds each against
// the contract's own ABI.

import { parseAbi } from "viem";

const COEFFICIENTS =
  "struct Coefficients { uint256 c1; uint256 c2; uint256 c3; uint256 up; uint256 down; uint256 hk; uint256 scale; }";
const RESULT =
  "struct Result { bytes32 close_block_hash; bytes32 chain_head; uint256 at_risk; uint256 words; bytes32 manifest; bytes32 meta_root; }";
const TEMPLATE =
  "struct Template { uint256[3] kinds; uint256[3] multipliers; uint256 clip_up; uint256 clip_down; uint256 threshold; uint256 kappa; }";

export const POOL = parseAbi([
  COEFFICIENTS,
  "struct Clocks { uint256 skip_after; uint256 settle_time; uint256 head_time; uint256 rest_delay; uint256 wind_down_after; uint256 pause; uint256 pause_cooldown; }",
  "struct State { uint256 head; uint256 head_since; uint256 next_word; uint256 words; bool begun; bool wound_down; uint256 last_announced; uint256 paused_until; }",
  "struct Totals { uint256 staked; uint256 queued; uint256 out; uint256 vault; uint256 burn_owed; }",
  "struct RoundState { uint256 close; uint256 queue_head; bool skipped; uint256 void_at; bytes32 cursor; Coefficients coefficients; }",
  "function ORACLE() view returns (address)",
  "function REGISTRY() view returns (address)",
  "function RELAY() view returns (address)",
  "function TOKEN() view returns (address)",
  "function BURN_VAULT() view returns (address)",
  "function clocks() view returns (Clocks)",
  "function state() view returns (State)",
  "function totals() view returns (Totals)",
  "function target() view returns (uint256)",
  "function round_state(uint256 k) view returns (RoundState)",
  "function record_of(uint256 k, uint256 model) view returns (uint256)",
  "function lane_words(uint256 start, uint256 n) view returns (uint256[])",
  "function out_words(uint256 start, uint256 n) view returns (uint256[])",
  "function claimable_of(uint256 model) view returns (uint256)",
  "function deposit(uint256 model, uint256 amount, uint256 max_round) returns (uint256)",
  "function request_release(uint256 model, uint256 amount, uint256 max_round) returns (uint256)",
  "function set_mode(uint256 model, uint256 mode, uint256 max_round) returns (uint256)",
  "function claim(uint256 model) returns (uint256)",
  "function exit(uint256 model, uint256[] rounds) returns (uint256)",
  "event BatchSettled(uint256 indexed round, uint256 start, uint256 words, uint256 gains, uint256 taken, uint256 burns)",
  "event RoundBegun(uint256 indexed round, bytes32 chain_head, uint256 words, uint256 at_risk, Coefficients coefficients)",
]);

export const ORACLE = parseAbi([
  RESULT,
  TEMPLATE,
  "struct Round { uint256 status; uint256 opens; uint256 closes; uint256 horizon; uint256 phi; uint256 epoch; uint256 threshold; uint256 super_quorum; bytes32 sealed; bytes32 template_hash; bytes32 chain_head; uint256 at_risk; uint256 words; uint256 final_at; uint256 challenged_at; bytes32 challenge_id; }",
  "struct Timing { uint256 notice; uint256 gap; uint256 max_ahead; uint256 max_horizon; uint256 grace; uint256 window; uint256 challenge; }",
  "function TOURNAMENT() view returns (uint256)",
  "function round_of(uint256 k) view returns (Round)",
  "function template_of(uint256 k) view returns (Template)",
  "function template() view returns (Template)",
  "function timing() view returns (Timing)",
  "function members(uint256 epoch) view returns (address[])",
  "function commit(uint256 k, Result result, bytes[] signed)",
  "function confirm(uint256 k, bytes32 announce_hash, Result committed, Result result, bytes[] signed)",
  "event Committed(uint256 indexed round, bytes32 chain_head, uint256 at_risk, uint256 words, bytes32 close_block_hash, bytes32 manifest, bytes32 meta_root, uint256 signers)",
  "event Confirmed(uint256 indexed round, bytes32 chain_head, uint256 at_risk, uint256 words, bytes32 close_block_hash, bytes32 manifest, bytes32 meta_root, uint256 signers, bool upheld)",
]);

export const REGISTRY = parseAbi([
  "function owner_of(uint256 model) view returns (address)",
  "function payout_of(uint256 model) view returns (address)",
  "function payout_change_of(uint256 model) view returns (address, uint256)",
  "function set_payout(uint256 model, address payout)",
]);

export const RELAY = parseAbi([
  "struct Use { uint256 deposited; uint256 released; bool revoked; }",
  "function mandate_use(address owner, bytes32 mandate) view returns (Use)",
  "function revoke_mandate(bytes32 mandate)",
]);

/** NMR on either chain: `withdraw` is the child chain's, `changeApproval` and `stopped` Ethereum's. */
export const TOKEN = parseAbi([
  "function balanceOf(address account) view returns (uint256)",
  "function allowance(address owner, address spender) view returns (uint256)",
  "function approve(address spender, uint256 amount) returns (bool)",
  "function changeApproval(address spender, uint256 oldValue, uint256 newValue) returns (bool)",
  "function withdraw(uint256 amount)",
  "event Transfer(address indexed from, address indexed to, uint256 value)",
]);

export const BRIDGE = parseAbi([
  "function depositFor(address user, address rootToken, bytes depositData)",
  "function exit(bytes inputData)",
  "function processedExits(bytes32 id) view returns (bool)",
  "function lastStateId() view returns (uint256)",
  "function failedStateSyncs(uint256 id) view returns (bytes)",
  "function replayFailedStateSync(uint256 stateId)",
  "function getLastChildBlock() view returns (uint256)",
  "event StateSynced(uint256 indexed id, address indexed contractAddress, bytes data)",
]);
