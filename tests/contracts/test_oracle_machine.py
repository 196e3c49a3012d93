"""RoundOracle against its reference model: random calls of all roles, in any order and at the
seconds on both sides of every limit.

Operators come, go, are suspended, revoked, and sign what they should not; the pool below it ends
rounds as it is told. After every step everything that the oracle shows is compared.
"""

import os
from copy import copy
from dataclasses import astuple
from typing import Any

import boa
import pytest
from assay_system import ALL_WEI, ONE, System, deploy, refused
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule, run_state_machine_as_test
from oracle_steps import DAY, EVIDENCE, SERIES
from oracle_world import (
    BATCHES,
    CANDIDATES,
    FIRST,
    RESULTS,
    SUPER_QUORUM,
    TEMPLATES,
    THRESHOLD,
    TIMING,
    OracleWorld,
    Signed,
)

from oracle.settlement.batches import END, chain
from oracle.settlement.payout import Template
from oracle.settlement.reference import Clocks
from oracle.settlement.refusals import Refused
from oracle.settlement.rounds import Status
from oracle.settlement.typed_data import SPEC_HASH, Commit, Confirm, Result
from oracle.settlement.units import MAX_AMOUNT, WEI_PER_UNIT

MACHINE = settings.get_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci") + "-machine")
MAX_ROUNDS = 5
CHALLENGERS = 2

picks = st.integers(0, 6 * 60 - 1)
"""Picks a round: see ``OracleWorld.pick``."""
results = st.sampled_from(RESULTS)
candidates = st.integers(0, len(CANDIDATES) - 1)
some = st.lists(candidates, unique=True, max_size=3)
crews = st.one_of(st.none(), st.none(), st.lists(candidates, unique=True, max_size=9))
"""Who signs; None: as many as it takes of those whose signatures count."""
slips = st.sampled_from(
    ["none"] * 8 + ["order", "twice", "type", "round", "result", "chain", "contract"]
)
"""What is wrong with the signatures."""
whens = st.sampled_from(["now", "early", "first", "first", "first", "last", "last", "late"])
"""At which second of the time it has, or next to it, a call comes; never in the past."""


class OracleMachine(OracleWorld):
    """Random calls of every role."""

    @initialize(
        staked=st.one_of(st.just(0), st.integers(0, MAX_AMOUNT // 2)),
        opens=st.lists(st.sampled_from([0, 600]), min_size=1, max_size=2),
    )
    def begin(self, staked: int, opens: list[int]) -> None:
        """All stake decides on a bond; how it came into the pool does not matter here."""
        layout = self.system.pool.compiler_data.storage_layout["storage_layout"]
        slot = layout["books"]["_holdings"]["slot"]
        boa.env.set_storage(self.system.pool.address, slot, staked)
        assert self.system.pool.totals().staked == staked
        self.staked = staked
        for opens_in in opens:
            length = max(DAY, self.reference.closes + TIMING.gap - self.now)
            self.announce(0, opens_in, length, DAY, 0)

    # --- the clock ---

    @rule(seconds=st.one_of(st.integers(1, 7_200), st.integers(1, 10 * DAY)))
    def wait(self, seconds: int) -> None:
        self.system.warp(self.now + seconds)

    @rule(data=st.data(), offset=st.sampled_from([-1, 0, 0, 1]))
    def wait_for_a_limit(self, data: st.DataObject, offset: int) -> None:
        moments = [at + offset for at in self.limits() if at + offset >= self.now]
        if moments:
            self.system.warp(data.draw(st.sampled_from(sorted(moments)), label="moment"))

    # --- announcer ---

    @precondition(lambda self: self.pool.last_announced < MAX_ROUNDS)
    @rule(
        skipped=st.sampled_from([0] * 9 + [-1, 1]),
        opens=st.sampled_from([0, 0, 0, 600, -1]),
        length=st.one_of(st.just(2 * DAY), st.integers(3_000, 15 * DAY)),
        horizon=st.one_of(st.just(DAY), st.integers(0, 91 * DAY)),
        step=st.one_of(st.just(0), st.integers(-110_000, 110_000)),
    )
    def announce(self, skipped: int, opens: int, length: int, horizon: int, step: int) -> None:
        number, now, reference = self.pool.last_announced + 1 + skipped, self.now, self.reference
        phi = min(reference.phi + step, ONE)
        terms = (number, now + opens, now + length, horizon, phi, SERIES)

        def expected() -> bytes:
            # The pool has the last word; what it refuses leaves the oracle as it was.
            tried = copy(reference)
            tried.rounds = dict(reference.rounds)
            made = tried.announce(*terms, now)
            self.pool.schedule(number, now + length, now)
            self.reference = tried
            return made

        self.act(
            expected,
            lambda: self.oracle.announce(*terms, SPEC_HASH, sender=self.system.announcer),
        )

    # --- operators ---

    @rule(at=picks, when=whens, result=results, crew=crews, slip=slips)
    def commit(self, at: int, when: str, result: Result, crew: list[int] | None, slip: str) -> None:
        number = self.pick(at, Status.ANNOUNCED)
        made = self.reference.rounds.get(number)
        if made:
            due = made.closes + made.horizon
            self.reach(when, due, due + TIMING.grace)
        statement = self.statement(number, result, Commit)
        needed = made.threshold if made else 0
        signatures, by = self.signatures(statement, needed, crew, slip)
        self.act(
            lambda: self.reference.commit(number, result, by, self.now),
            lambda: self.oracle.commit(number, result.argument(), signatures),
        )

    @precondition(lambda self: self.reference.challenges)
    @rule(
        at=picks,
        when=whens,
        result=results,
        mistaken=st.sampled_from([False] * 5 + [True]),
        crew=crews,
        slip=slips,
    )
    def confirm(
        self,
        at: int,
        when: str,
        result: Result,
        mistaken: bool,
        crew: list[int] | None,
        slip: str,
    ) -> None:
        number = self.pick(at, Status.CHALLENGED)
        made = self.reference.rounds.get(number)
        if challenge := self.reference.challenges.get(number):
            self.reach(when, self.now, challenge.challenged_at + TIMING.challenge)
        statement = self.statement(number, result, Confirm)
        needed = made.super_quorum if made else 0
        signatures, by = self.signatures(statement, needed, crew, slip)
        committed = made.result if made and made.result and not mistaken else RESULTS[0]
        announced = statement.announce_hash
        self.act(
            lambda: self.reference.confirm(number, announced, committed, result, by, self.now),
            lambda: self.oracle.confirm(
                number, announced, committed.argument(), result.argument(), signatures
            ),
        )

    @rule(
        at=picks,
        kinds=st.sampled_from([(Commit,) * 2, (Confirm,) * 2, (Commit, Confirm)]),
        said=st.lists(results, min_size=2, max_size=2),
        by=st.lists(st.integers(0, 1), min_size=2, max_size=2),
        who=candidates,
    )
    def report_equivocation(
        self,
        at: int,
        kinds: tuple[type[Signed], ...],
        said: list[Result],
        by: list[int],
        who: int,
    ) -> None:
        number = self.pick(at, Status.ANNOUNCED)
        pair = [
            self.statement(number, result, kind) for result, kind in zip(said, kinds, strict=True)
        ]
        signers = [CANDIDATES[(who + i) % len(CANDIDATES)] for i in by]
        signatures = [
            self.sign(statement, signer, self.system.domain)
            for statement, signer in zip(pair, signers, strict=True)
        ]
        self.act(
            lambda: self.reference.report_equivocation(*pair, *(s.address for s in signers)),
            lambda: self.oracle.report_equivocation(
                number, *(statement.argument() for statement in pair), *signatures
            ),
        )

    # --- anyone ---

    def reach_the_window(self, number: int, when: str) -> None:
        made = self.reference.rounds.get(number)
        if made and made.final_at:
            self.reach(when, self.now, made.final_at - 1)

    @rule(at=picks, when=whens, who=st.integers(0, CHALLENGERS - 1), evidence=st.binary(max_size=1))
    def challenge(self, at: int, when: str, who: int, evidence: bytes) -> None:
        number = self.pick(at, Status.COMMITTED)
        self.reach_the_window(number, when)
        challenger, evidence = self.challengers[who], evidence.rjust(32, b"\0")
        self.act(
            lambda: self.reference.challenge(number, challenger, self.staked, evidence, self.now),
            lambda: self.oracle.challenge(number, evidence, sender=challenger),
        )

    @precondition(lambda self: self.reference.challenges)
    @rule(at=picks)
    def settle_bond(self, at: int) -> None:
        number = self.pick(at, Status.FINAL)
        self.settle_bond_of(number)

    def settle_bond_of(self, number: int) -> None:
        token = self.system.token
        try:
            receiver, bond = self.reference.settle_bond(number, self.now)
        except Refused as refusal:
            with refused(str(refusal)):
                self.oracle.settle_bond(number)
            return
        receiver = receiver or self.system.burn_vault
        before = token.balanceOf(receiver)
        self.oracle.settle_bond(number)
        assert token.balanceOf(receiver) == before + bond * WEI_PER_UNIT

    @rule(
        at=st.integers(0, MAX_ROUNDS - 1),
        when=whens,
        result=results,
        who=st.integers(0, CHALLENGERS),
    )
    def carry_on(self, at: int, when: str, result: Result, who: int) -> None:
        """The step that a round waits for, mostly done well."""
        number, to_round = 1 + at % self.reference.number, 6 * (at % self.reference.number + 1)
        match self.reference.status(number, self.now):
            case Status.ANNOUNCED:
                self.commit(to_round, when, result, None, "none")
            case Status.COMMITTED if who == CHALLENGERS:
                self.veto(to_round, when)
            case Status.COMMITTED:
                self.challenge(to_round, when, who, b"")
            case Status.CHALLENGED:
                self.confirm(to_round, when, result, False, None, "none")
            case Status.FINAL | Status.VOID:
                self.settle_bond_of(number)
                self.end_the_head()

    @precondition(lambda self: self.pool.head <= self.pool.last_announced)
    @rule()
    def end_the_head(self) -> None:
        """The pool ends a round by its scores where they are final, without where it is void."""
        number, now, pool = self.pool.head, self.now, self.system.pool
        if number not in self.reference.rounds or now < self.reference.rounds[number].closes:
            return
        try:
            terms = self.reference.settlement(number, now)
        except Refused as refusal:
            with refused(str(refusal)):
                pool.begin(number)
            if not self.reference.is_void(number, now):
                with refused("pool: not void"):
                    pool.end_void(number)
                return
            pool.end_void(number)
        else:
            with refused("pool: not void"):
                pool.end_void(number)
            [batch] = [b for b in BATCHES if chain([b])[0] == terms.chain_head]
            pool.settle(number, batch.start, END, [])
        self.pool.end_head(now)
        assert pool.state().head == self.pool.head

    @precondition(lambda self: self.pool.head > self.pool.last_announced)
    @rule(when=whens)
    def skip(self, when: str) -> None:
        """The pool goes on without a round that nobody announced."""
        number, pool = self.pool.head, self.system.pool
        earliest = self.pool.closes[number - 1] + self.pool.clocks.skip_after
        self.reach(when, earliest, earliest)
        now = self.now
        self.act(lambda: self.pool.skip(number, now), lambda: pool.skip(number))
        if number in self.pool.skipped:
            assert not self.oracle.is_void(number)
            pool.end_void(number)
            self.pool.end_head(now)

    # --- guardian ---

    @rule(at=picks, when=whens)
    def veto(self, at: int, when: str) -> None:
        number = self.pick(at, Status.COMMITTED)
        self.reach_the_window(number, when)
        guardian = self.system.guardian
        self.act(
            lambda: self.reference.veto(number, guardian, EVIDENCE, self.now),
            lambda: self.oracle.veto(number, EVIDENCE, sender=guardian),
        )

    @rule(at=picks, when=whens)
    def cancel(self, at: int, when: str) -> None:
        number = self.pick(at, Status.ANNOUNCED)
        if made := self.reference.rounds.get(number):
            self.reach(when, self.now, made.opens - 1)
        self.act(
            lambda: self.reference.cancel(number, self.now),
            lambda: self.oracle.cancel(number, sender=self.system.guardian),
        )

    @rule(call=st.sampled_from(["suspend"] * 4 + ["pause", "unpause"]), who=candidates)
    def guard(self, call: str, who: int) -> None:
        signer, guardian = CANDIDATES[who].address, self.system.guardian
        if call == "suspend":
            self.act(
                lambda: self.reference.suspend(signer, self.now),
                lambda: self.oracle.suspend(signer, sender=guardian),
            )
        else:
            self.act(
                lambda: getattr(self.pool, call)(self.now),
                lambda: getattr(self.oracle, call)(sender=guardian),
            )

    # --- governor ---

    @rule(added=some, retired=some, threshold=st.integers(2, 6), more=st.integers(-1, 2))
    def rotate(self, added: list[int], retired: list[int], threshold: int, more: int) -> None:
        self.change_signers(
            [CANDIDATES[place].address for place in added],
            [CANDIDATES[place].address for place in retired],
            threshold,
            0 if more < 0 else threshold + more,
        )

    @rule(first=candidates)
    def replace_one(self, first: int) -> None:
        """An operator leaves and another account joins, if there are any."""
        members = self.reference.quorum.members
        order = [c.address for c in CANDIDATES[first:] + CANDIDATES[:first]]
        new = [who for who in order if who not in members]
        old = [who for who in order if who in members and members[who].in_force]
        n = len(old) + bool(new) - bool(old)
        threshold = n // 2 + 1
        self.change_signers(new[:1], old[:1], threshold, threshold + 1 if threshold < n - 1 else 0)

    def change_signers(self, *terms: Any) -> None:
        self.act(
            lambda: self.reference.rotate(*terms),
            lambda: self.oracle.rotate(*terms, sender=self.system.governor),
        )

    @rule(who=candidates, template=st.sampled_from([None, *TEMPLATES]))
    def govern(self, who: int, template: Template | None) -> None:
        """Adds a template, or revokes a signer."""
        signer, governor = CANDIDATES[who].address, self.system.governor
        if template is None:
            self.act(
                lambda: self.reference.revoke(signer),
                lambda: self.oracle.revoke(signer, sender=governor),
            )
        else:
            self.act(
                lambda: self.reference.add_template(template),
                lambda: self.oracle.add_template(astuple(template), sender=governor),
            )

    # --- wrong roles ---

    @rule(
        call=st.sampled_from(["announce", "cancel", "veto", "suspend", "pause", "revoke"]),
        number=st.integers(0, MAX_ROUNDS),
        data=st.data(),
    )
    def intrude(self, call: str, number: int, data: st.DataObject) -> None:
        system, signer = self.system, CANDIDATES[0].address
        role = {"announce": "announcer", "revoke": "governor"}.get(call, "guardian")
        roles = {"announcer", "governor", "guardian"} - {role}
        senders = [getattr(system, other) for other in sorted(roles)] + [signer]
        arguments = {
            "announce": (number, self.now, self.now + DAY, DAY, ONE, bytes(32), SPEC_HASH),
            "cancel": (number,),
            "veto": (number, bytes(32)),
            "suspend": (signer,),
            "pause": (),
            "revoke": (signer,),
        }[call]
        sender = data.draw(st.sampled_from(senders), label="sender")
        with refused(f"oracle: not {role}"):
            getattr(self.oracle, call)(*arguments, sender=sender)

    def teardown(self) -> None:
        """Whatever happened, time alone brings every round to its end and every bond home."""
        last = max([self.now, *self.limits()])
        self.system.warp(last + 1)
        for number in range(self.pool.head, self.pool.last_announced + 1):
            self.end_the_head()
            assert self.pool.head == number + 1
        for number in self.reference.challenges:
            self.settle_bond_of(number)
        assert self.system.token.balanceOf(self.oracle) == 0


@pytest.fixture(scope="module")
def arena() -> tuple[System, list[str]]:
    """A system of seven operators, and two accounts that may challenge."""
    system = deploy(
        n=FIRST,
        threshold=THRESHOLD,
        super_quorum=SUPER_QUORUM,
        timing=TIMING,
        clocks=Clocks(),
    )
    challengers = [boa.env.generate_address() for _ in range(CHALLENGERS)]
    for account in challengers:
        system.token.transfer(account, MAX_AMOUNT * WEI_PER_UNIT)
        system.token.approve(system.oracle, ALL_WEI, sender=account)
    return system, challengers


@pytest.mark.slow
def test_oracle__random_calls_of_all_roles__equals_the_reference(
    arena: tuple[System, list[str]],
) -> None:
    run_state_machine_as_test(lambda: OracleMachine(*arena), settings=MACHINE)
