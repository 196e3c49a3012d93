"""A RoundOracle beside its reference model: what the oracle's state machine knows and compares.

Everything that the contract shows is held against the model after every step.
"""

from collections.abc import Callable, Sequence
from dataclasses import astuple, replace
from typing import Any, TypeVar

from assay_system import TEMPLATE, TOURNAMENT, System, operators, refused
from eth_account.signers.local import LocalAccount
from hypothesis.stateful import RuleBasedStateMachine, invariant
from oracle_steps import DAY

from oracle.settlement.batches import Batch, chain
from oracle.settlement.payout import Template
from oracle.settlement.reference import ReferencePool
from oracle.settlement.reference_oracle import ReferenceOracle, Timing
from oracle.settlement.refusals import Refused
from oracle.settlement.rounds import Status
from oracle.settlement.typed_data import Commit, Confirm, Domain, Result, digest, recover
from oracle.settlement.units import WEI_PER_UNIT

T = TypeVar("T")

TIMING = Timing(notice=3_600, gap=3_600)
"""Production's, but for rounds that may be announced close to each other."""

CANDIDATES = operators(11)
"""Who may ever sign, by ascending address."""
FIRST, THRESHOLD, SUPER_QUORUM = 7, 4, 5
"""How many of them are operators from the start, and how many sign a Commit and a Confirm."""

BATCHES = [Batch(start, ()) for start in range(3)]
RESULTS = [
    Result(b"\x01" * 32, chain([batch])[0], 70 + i, 5, b"\x02" * 32, b"\x03" * 32)
    for i, batch in enumerate(BATCHES)
]
TEMPLATES = [TEMPLATE, Template((4, 5, 0), (1, 2, 0), 3, 4, 5, 6)]
Signed = Commit | Confirm


class OracleWorld(RuleBasedStateMachine):
    """Both sides, and no rules yet."""

    def __init__(self, system: System, challengers: Sequence[str]) -> None:
        super().__init__()
        self.system = system
        self.oracle = system.oracle
        self.challengers = challengers
        self.reference = ReferenceOracle(
            pool=system.pool.address,
            tournament=TOURNAMENT,
            timing=TIMING,
            template=TEMPLATE,
            initial_signers=[signer.address for signer in system.signers],
            threshold=system.threshold,
            super_quorum=system.super_quorum,
        )
        built = system.pool.state().head_since
        self.pool = ReferencePool(clocks=system.clocks, head_since=built, closes={0: built})
        self.held = system.token.totalSupply() // WEI_PER_UNIT
        self.finals: dict[int, Any] = {}

    @property
    def now(self) -> int:
        return self.system.now

    def act(self, expected: Callable[[], T], call: Callable[[], Any]) -> T | None:
        """Does the same on both sides; None where both refuse for the same reason."""
        try:
            outcome = expected()
        except Refused as refusal:
            with refused(str(refusal)):
                call()
            return None
        returned = call()
        assert returned is None or returned == outcome
        return outcome

    def pick(self, at: int, likely: Status) -> int:
        """Five times of six a round of the likely status, if there is one; else any, announced or
        next to that."""
        fitting = [k for k in self.reference.rounds if self.reference.status(k, self.now) is likely]
        if at % 6 and fitting:
            return fitting[at % len(fitting)]
        return at // 6 % (self.reference.number + 2)

    def reach(self, when: str, first: int, last: int) -> None:
        """Waits for a second of the time from ``first`` to ``last``, or next to it."""
        moments = {"early": first - 1, "first": first, "last": last, "late": last + 1}
        self.system.warp(max(self.now, moments.get(when, self.now)))

    def limits(self) -> set[int]:
        """Block times at which something ends or begins."""
        found = {at + 30 * DAY for at in self.reference.vetoes}
        spell = self.reference.quorum.spell
        found |= {spell + 14 * DAY, spell + 28 * DAY, self.pool.paused_until}
        found.add(self.pool.closes[self.pool.last_announced] + self.pool.clocks.skip_after)
        for number, made in self.reference.rounds.items():
            due = made.closes + made.horizon
            found |= {made.opens, due, due + TIMING.grace, made.final_at or 0}
            if challenge := self.reference.challenges.get(number):
                found.add(challenge.challenged_at + TIMING.challenge)
        return found

    # --- what operators sign ---

    def statement(self, number: int, result: Result, kind: type[Signed]) -> Signed:
        """What could be signed of a round, announced and challenged or not."""
        made = self.reference.rounds.get(number)
        commit = Commit(
            self.system.pool.address,
            TOURNAMENT,
            number,
            made.epoch if made else 1,
            made.announce_hash if made else b"\x08" * 32,
            *astuple(result),
        )
        if kind is Commit:
            return commit
        challenge = self.reference.challenges.get(number)
        return Confirm(*astuple(commit), challenge.challenge_id if challenge else b"\x09" * 32)

    def signatures(
        self, statement: Signed, needed: int, crew: list[int] | None, slip: str
    ) -> tuple[list[bytes], list[str]]:
        """Signatures over ``statement``, or nearly, and whom the contract takes them to be by."""
        if crew is None:
            counts = self.reference.quorum.is_signer
            able = [c for c in CANDIDATES if counts(c.address, statement.epoch, self.now)]
            signers = able[:needed]
        else:
            signers = [CANDIDATES[place] for place in sorted(crew)]
        domain, signed = self.system.domain, statement
        if slip == "type":
            other = Confirm if isinstance(statement, Commit) else Commit
            signed = self.statement(statement.round, statement.result, other)
        elif slip == "round":
            signed = replace(statement, round=statement.round + 1)
        elif slip == "result":
            signed = replace(statement, at_risk=statement.at_risk + 1)
        elif slip == "chain":
            domain = replace(domain, chain_id=domain.chain_id + 1)
        elif slip == "contract":
            domain = replace(domain, contract=self.system.pool.address)
        made = [self.sign(signed, signer, domain) for signer in signers]
        if slip == "order":
            made.reverse()
        if slip == "twice":
            made += made[-1:]
        by = [recover(statement, self.system.domain, signature) for signature in made]
        assert None not in by
        return made, by

    @staticmethod
    def sign(statement: Signed, signer: LocalAccount, domain: Domain) -> bytes:
        return bytes(signer.unsafe_sign_hash(digest(statement, domain)).signature)

    # --- everything agrees ---

    @invariant()
    def rounds_agree(self) -> None:
        now = self.now
        for number in range(1, self.pool.last_announced + 2):
            shown, status = self.oracle.round_of(number), self.reference.status(number, now)
            made = self.reference.rounds.get(number)
            assert shown.status == status
            assert self.oracle.is_void(number) == (status is Status.VOID)
            assert shown.sealed == self.reference.sealed(number)
            assert shown.template_hash == self.reference.template_hash(number)
            if made is None:
                assert shown.closes == 0
                continue
            assert tuple(shown)[1:8] == (
                made.opens,
                made.closes,
                made.horizon,
                made.phi,
                made.epoch,
                made.threshold,
                made.super_quorum,
            )
            result = made.result or Result(bytes(32), bytes(32), 0, 0, bytes(32), bytes(32))
            assert tuple(shown)[10:14] == (
                result.chain_head,
                result.at_risk,
                result.words,
                made.final_at or 0,
            )
            self.challenge_agrees(number, shown)

    def challenge_agrees(self, number: int, shown: Any) -> None:
        kept = self.oracle.challenge_of(number)
        made = self.reference.challenges.get(number)
        if made is None:
            assert kept.challenged_at == shown.challenged_at == kept.outcome == 0
            return
        assert (shown.challenged_at, shown.challenge_id) == (made.challenged_at, made.challenge_id)
        assert tuple(kept) == (
            made.challenger,
            made.challenged_at,
            made.bond,
            self.reference.outcome(number, self.now),
            made.bond_settled,
            made.challenge_id,
        )

    @invariant()
    def final_rounds_stay_as_they_are(self) -> None:
        for number, made in self.reference.rounds.items():
            if self.reference.status(number, self.now) is Status.FINAL:
                terms = self.oracle.settlement(number)
                assert self.finals.setdefault(number, terms) == terms
                assert self.oracle.is_result(number, made.announce_hash, made.result.argument())
            else:
                assert number not in self.finals

    @invariant()
    def signers_agree(self) -> None:
        quorum = self.reference.quorum
        assert self.oracle.signers() == list(quorum.members)
        for epoch in (1, quorum.epoch, quorum.epoch + 1):
            assert self.oracle.members(epoch) == quorum.members_of(epoch)
        for candidate in CANDIDATES:
            who = candidate.address
            for epoch in {0, quorum.epoch - 1, quorum.epoch}:
                assert self.oracle.is_signer(who, epoch) == quorum.is_signer(who, epoch, self.now)

    @invariant()
    def what_the_next_round_takes_agrees(self) -> None:
        reference = self.reference
        assert tuple(self.oracle.latest()) == (
            reference.number,
            reference.closes,
            reference.phi,
            reference.quorum.epoch,
            reference.templates,
            reference.threshold,
            reference.super_quorum,
        )

    @invariant()
    def bonds_are_conserved(self) -> None:
        token = self.system.token
        assert token.balanceOf(self.oracle) == self.reference.bonds * WEI_PER_UNIT
        accounts = [self.oracle, self.system.burn_vault, self.system.treasury, *self.challengers]
        assert sum(map(token.balanceOf, accounts)) == self.held * WEI_PER_UNIT
