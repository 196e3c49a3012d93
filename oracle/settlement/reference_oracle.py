"""RoundOracle as a Python model: every rule of it, in plain integers.

It serves the tests that hold the contract to it. Bonds and ``staked`` are in U, times in seconds,
``now`` is a block timestamp. Signatures are given as the addresses that made them, in the order
sent. Who may call what, and what the pool adds to ``announce``, are not modelled. A refused call
raises ``Refused`` with the contract's own reason and changes nothing.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, field, replace
from enum import IntEnum

from eth_abi import encode
from eth_utils import keccak, to_checksum_address

from oracle.settlement.payout import Template
from oracle.settlement.reference import RoundTerms
from oracle.settlement.reference_quorum import ReferenceQuorum
from oracle.settlement.refusals import present, require
from oracle.settlement.rounds import Status
from oracle.settlement.typed_data import (
    SPEC_HASH,
    Announcement,
    Commit,
    Confirm,
    Result,
    struct_hash,
    template_hash,
)
from oracle.settlement.units import MAX_AMOUNT, MAX_MODELS, MILLIONTH, UNITS_PER_NMR, words_for

MIN_PHI = MILLIONTH // 2
MAX_PHI_STEP = MILLIONTH // 10
LAST_TIME = 2**32 - 1
MAX_TEMPLATES = 2**12 - 1
MIN_BOND = 100 * UNITS_PER_NMR
BOND_PART = 1_000
"""A bond is at least this part of all stake."""
VETOES = 3
VETO_SPAN = 30 * 86_400


class Outcome(IntEnum):
    """``RoundOracle.challenge_of(k).outcome``."""

    OPEN = 0
    UPHELD = 1
    REPLACED = 2
    VOID = 3


@dataclass(frozen=True, slots=True)
class Timing:
    """Bounds of every round in seconds (contracts/modules/bounds.vy); production's by default."""

    notice: int = 24 * 3_600
    gap: int = 20 * 3_600
    max_ahead: int = 14 * 86_400
    max_horizon: int = 90 * 86_400
    grace: int = 7 * 86_400
    window: int = 2 * 86_400
    challenge: int = 5 * 86_400


@dataclass(frozen=True, slots=True)
class Round:
    """A round. ``final_at`` and ``result`` are None before the commit."""

    opens: int
    closes: int
    horizon: int
    phi: int
    epoch: int
    template: Template
    threshold: int
    super_quorum: int
    announce_hash: bytes
    cancelled: bool = False
    result: Result | None = None
    final_at: int | None = None


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge; ``bond`` in U. ``outcome`` stays OPEN where no answer came."""

    challenger: str
    challenged_at: int
    bond: int
    challenge_id: bytes
    outcome: Outcome = Outcome.OPEN
    bond_settled: bool = False


@dataclass
class ReferenceOracle:
    """State of one RoundOracle. ``template``, ``threshold`` and ``super_quorum`` are those of the
    next announcement; ``number``, ``closes`` and ``phi`` those of the last one."""

    pool: str
    tournament: int
    timing: Timing
    template: Template
    initial_signers: Sequence[str]
    threshold: int
    super_quorum: int
    number: int = 0
    closes: int = 0
    phi: int = MILLIONTH
    templates: int = 1
    quorum: ReferenceQuorum = field(default_factory=ReferenceQuorum)
    rounds: dict[int, Round] = field(default_factory=dict)
    challenges: dict[int, Challenge] = field(default_factory=dict)
    vetoes: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rotate(self.initial_signers, (), self.threshold, self.super_quorum)

    # --- governor ---

    def add_template(self, template: Template) -> int:
        require(self.templates < MAX_TEMPLATES, "oracle: no template left")
        self.templates += 1
        self.template = template
        return self.templates

    def rotate(
        self, added: Sequence[str], retired: Sequence[str], threshold: int, super_quorum: int
    ) -> int:
        """Begins the next epoch and returns it."""
        self.quorum.rotate(added, retired, threshold, super_quorum)
        self.threshold, self.super_quorum = threshold, super_quorum
        return self.quorum.epoch

    def revoke(self, signer: str) -> None:
        self.quorum.revoke(signer)

    # --- guardian ---

    def suspend(self, signer: str, now: int) -> None:
        self.quorum.suspend(signer, now)

    def cancel(self, number: int, now: int) -> None:
        announced = self._announced(number)
        require(not announced.cancelled, "oracle: cancelled")
        require(now < announced.opens, "oracle: opened")
        self.rounds[number] = replace(announced, cancelled=True)

    def veto(self, number: int, guardian: str, evidence: bytes, now: int) -> bytes:
        """Returns the challenge's id."""
        recent = sum(now - VETO_SPAN < at for at in self.vetoes)
        require(recent < VETOES, "challenge: too many vetoes")
        challenge_id = self._challenge(number, guardian, 0, evidence, now)
        self.vetoes.append(now)
        return challenge_id

    # --- announcer ---

    def announce(
        self,
        number: int,
        opens: int,
        closes: int,
        horizon: int,
        phi: int,
        series_hash: bytes,
        now: int,
    ) -> bytes:
        """Returns the announcement's hash."""
        timing = self.timing
        require(number > self.number, "oracle: round order")
        require(opens >= now, "bounds: opens in the past")
        require(opens < closes, "bounds: closes before it opens")
        require(closes >= now + timing.notice, "bounds: notice too short")
        require(closes >= self.closes + timing.gap, "bounds: gap too short")
        require(closes <= now + timing.max_ahead, "bounds: too far ahead")
        require(0 < horizon <= timing.max_horizon, "bounds: bad horizon")
        last_answer = closes + horizon + timing.grace + timing.window + timing.challenge
        require(last_answer <= LAST_TIME, "bounds: beyond the last time")
        require(MIN_PHI <= phi <= MILLIONTH, "bounds: bad phi")
        require(abs(phi - self.phi) <= MAX_PHI_STEP, "bounds: phi step")
        require(phi == MILLIONTH or series_hash != bytes(32), "bounds: phi without series")
        announce_hash = Announcement(
            pool=self.pool,
            tournament=self.tournament,
            round=number,
            opens=opens,
            closes=closes,
            horizon=horizon,
            phi=phi,
            series_hash=series_hash,
            spec_hash=SPEC_HASH,
            epoch=self.quorum.epoch,
            template=self.template,
        ).hash()
        self.rounds[number] = Round(
            opens=opens,
            closes=closes,
            horizon=horizon,
            phi=phi,
            epoch=self.quorum.epoch,
            template=self.template,
            threshold=self.threshold,
            super_quorum=self.super_quorum,
            announce_hash=announce_hash,
        )
        self.number, self.closes, self.phi = number, closes, phi
        return announce_hash

    # --- operators and anyone ---

    def commit(self, number: int, result: Result, signers: Sequence[str], now: int) -> None:
        """``signers`` signed ``commit_of(number, result)``."""
        announced = self._announced(number)
        require(not announced.cancelled, "oracle: cancelled")
        require(announced.final_at is None, "oracle: already committed")
        due = announced.closes + announced.horizon
        require(now >= due, "oracle: too early")
        require(now <= due + self.timing.grace, "oracle: too late")
        self.quorum.check(signers, announced.epoch, announced.threshold, now)
        self._put(number, announced, result, now + self.timing.window)

    def challenge(
        self, number: int, challenger: str, staked: int, evidence: bytes, now: int
    ) -> bytes:
        """``staked`` is the pool's T. Returns the challenge's id."""
        bond = max(MIN_BOND, staked // BOND_PART)
        return self._challenge(number, challenger, bond, evidence, now)

    def confirm(
        self,
        number: int,
        announce_hash: bytes,
        committed: Result,
        result: Result,
        signers: Sequence[str],
        now: int,
    ) -> None:
        """``signers`` signed ``confirm_of(number, result)``."""
        announced = self._announced(number)
        require(self._is_challenged(number), "oracle: not challenged")
        challenge = self.challenges[number]
        require(now <= challenge.challenged_at + self.timing.challenge, "oracle: too late")
        require(announced.super_quorum != 0, "oracle: no super-quorum")
        known = (announced.announce_hash, announced.result)
        require((announce_hash, committed) == known, "oracle: not the commit")
        self.quorum.check(signers, announced.epoch, announced.super_quorum, now)
        self._put(number, announced, result, now)
        outcome = Outcome.UPHELD if result == committed else Outcome.REPLACED
        self.challenges[number] = replace(challenge, outcome=outcome)

    def settle_bond(self, number: int, now: int) -> tuple[str | None, int]:
        """Who gets a challenge's bond, None for the burn, and how much, in U."""
        challenge = present(self.challenges.get(number), "oracle: no bond")
        require(challenge.bond != 0, "oracle: no bond")
        require(not challenge.bond_settled, "oracle: bond settled")
        outcome = self.outcome(number, now)
        require(outcome is not Outcome.OPEN, "oracle: not answered")
        self.challenges[number] = replace(challenge, bond_settled=True)
        receiver = None if outcome is Outcome.UPHELD else challenge.challenger
        return receiver, challenge.bond

    def report_equivocation(
        self, first: Commit | Confirm, second: Commit | Confirm, first_by: str, second_by: str
    ) -> None:
        """Two statements on one round, each with its signer."""
        matters = [
            (s.epoch, s.announce_hash, getattr(s, "challenge_id", b"")) for s in (first, second)
        ]
        require(matters[0] == matters[1], "oracle: two matters")
        require(first != second, "oracle: one statement")
        require(first_by == second_by, "oracle: two signers")
        self.revoke(first_by)

    # --- views ---

    def status(self, number: int, now: int) -> Status:
        announced = self.rounds.get(number)
        if announced is None:
            return Status.UNKNOWN
        if announced.cancelled:
            return Status.VOID
        if announced.final_at is None:
            last = announced.closes + announced.horizon + self.timing.grace
            return Status.ANNOUNCED if now <= last else Status.VOID
        if self._is_challenged(number):
            silent = self.outcome(number, now) is Outcome.VOID
            return Status.VOID if silent else Status.CHALLENGED
        return Status.COMMITTED if now < announced.final_at else Status.FINAL

    def is_void(self, number: int, now: int) -> bool:
        return self.status(number, now) is Status.VOID

    def outcome(self, number: int, now: int) -> Outcome:
        """Outcome by now of the round's challenge."""
        challenge = self.challenges[number]
        late = now > challenge.challenged_at + self.timing.challenge
        return Outcome.VOID if challenge.outcome is Outcome.OPEN and late else challenge.outcome

    def settlement(self, number: int, now: int) -> RoundTerms:
        """What the pool begins a round with."""
        announced = self._announced(number)
        final_at = present(announced.final_at, "oracle: not committed")
        result = present(announced.result, "oracle: not committed")
        require(not self._is_challenged(number), "oracle: challenged")
        require(now >= final_at, "oracle: not final")
        return RoundTerms(
            announced.template, announced.phi, result.at_risk, result.words, result.chain_head
        )

    def is_result(self, number: int, announce_hash: bytes, result: Result, now: int) -> bool:
        if self.status(number, now) is not Status.FINAL:
            return False
        announced = self.rounds[number]
        return (announce_hash, result) == (announced.announce_hash, announced.result)

    def sealed(self, number: int) -> bytes:
        """The announcement's hash, from the commit on the struct hash of the Commit in force."""
        announced = self.rounds.get(number)
        if announced is None:
            return bytes(32)
        if announced.result is None:
            return announced.announce_hash
        return struct_hash(self.commit_of(number, announced.result))

    def template_hash(self, number: int) -> bytes:
        """Of the round's template, zero for a cancelled or unknown round."""
        announced = self.rounds.get(number)
        if announced is None or announced.cancelled:
            return bytes(32)
        return template_hash(announced.template)

    def commit_of(self, number: int, result: Result) -> Commit:
        """The Commit with which operators give an announced round this result."""
        announced = self.rounds[number]
        return Commit(
            self.pool,
            self.tournament,
            number,
            announced.epoch,
            announced.announce_hash,
            *astuple(result),
        )

    def confirm_of(self, number: int, result: Result) -> Confirm:
        """The Confirm with which operators answer the round's challenge with this result."""
        commit = self.commit_of(number, result)
        challenge_id = self.challenges[number].challenge_id
        return Confirm(*astuple(commit), challenge_id)  # type: ignore[call-arg]

    @property
    def bonds(self) -> int:
        """Bonds that are not settled, in U: the tokens the contract holds."""
        return sum(c.bond for c in self.challenges.values() if not c.bond_settled)

    # --- shared ---

    def _announced(self, number: int) -> Round:
        return present(self.rounds.get(number), "oracle: not announced")

    def _is_challenged(self, number: int) -> bool:
        """Whether a challenge waits for its answer, or never got it."""
        challenge = self.challenges.get(number)
        return challenge is not None and challenge.outcome is Outcome.OPEN

    def _put(self, number: int, announced: Round, result: Result, final_at: int) -> None:
        require(result.chain_head != bytes(32), "oracle: zero chain head")
        require(result.at_risk <= MAX_AMOUNT, "oracle: at risk")
        require(result.words <= words_for(MAX_MODELS), "oracle: words")
        self.rounds[number] = replace(announced, result=result, final_at=final_at)

    def _challenge(
        self, number: int, challenger: str, bond: int, evidence: bytes, now: int
    ) -> bytes:
        announced = self._announced(number)
        final_at = present(announced.final_at, "oracle: not committed")
        require(not self._is_challenged(number), "oracle: challenged")
        require(now < final_at, "oracle: final")
        content = [number, to_checksum_address(challenger), now, evidence]
        challenge_id = keccak(encode(["uint256", "address", "uint256", "bytes32"], content))
        self.challenges[number] = Challenge(challenger, now, bond, challenge_id)
        return challenge_id
