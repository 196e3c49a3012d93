"""Rules of the pool's state machine: who announces, scores, challenges, guards and governs."""

from collections.abc import Sequence
from dataclasses import astuple, replace

from assay_system import ONE, series_of
from eth_account.signers.local import LocalAccount
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from machine_world import MAX_PENDING, World, picks
from oracle_steps import EVIDENCE, RESULT
from settle_strategies import MODELS, WORDS, Cut, seeded_cuts, seeded_scores, seeded_templates

from oracle.settlement.batches import chain
from oracle.settlement.payout import Template
from oracle.settlement.reference_oracle import Outcome, Status
from oracle.settlement.typed_data import Result, Struct, digest
from oracle.settlement.units import MAX_AMOUNT


class Operators(World):
    """RoundOracle's roles, as far as the pool feels them."""

    @precondition(lambda self: len(self.pending) < MAX_PENDING)
    @rule(
        notice=st.integers(0, 200),
        horizon=st.integers(1, 600),
        step=st.integers(0, 100_000),
        opens_late=st.booleans(),
    )
    def announce(self, notice: int, horizon: int, step: int, opens_late: bool) -> None:
        k, timing = self.pool.last_announced + 1, self.oracle.timing
        closes = max(self.now + timing.notice, self.oracle.closes + timing.gap) + notice
        opens = closes - 1 if opens_late else self.now
        phi = min(ONE, max(ONE // 2, self.oracle.phi - 50_000 + step))

        def twin() -> bytes:
            self.pool.schedule(k, closes, self.now)
            return self.oracle.announce(k, opens, closes, horizon, phi, series_of(phi), self.now)

        self.both(
            lambda: self.system.announce(
                k, closes - self.now, horizon, phi, opens_in=opens - self.now
            ),
            twin,
        )

    def some_round(self, pick: int, *statuses: Status) -> int:
        """A pending round, one of these statuses if there is any."""
        wanted = [k for k in self.pending if self.status(k) in statuses] or self.pending
        return wanted[pick % len(wanted)]

    # --- operators ---

    @precondition(lambda self: self.pending)
    @rule(pick=picks, words=seeded_scores, cut=seeded_cuts, share=st.integers(0, 3))
    def commit(self, pick: int, words: list[int], cut: Cut, share: int) -> None:
        """Any pending round, waiting for it if need be; not in the order of rounds."""
        k = self.some_round(pick, Status.ANNOUNCED)
        if k in self.oracle.rounds:
            self.reach(self.system.due(k))
            self.commit_now(k, words, cut, share)

    def commit_now(self, k: int, words: list[int], cut: Cut, share: int = 1) -> None:
        announced, result = self.oracle.rounds[k], self.result(k, words, cut, share)
        by = self.signers(announced.epoch, announced.threshold)
        signatures = self.sign(self.oracle.commit_of(k, result), by)
        addresses = [signer.address for signer in by]
        self.both(
            lambda: self.system.oracle.commit(k, result.argument(), signatures),
            lambda: self.oracle.commit(k, result, addresses, self.now),
        )

    def result(self, k: int, words: list[int], cut: Cut, share: int = 1) -> Result:
        """Scores for a round, remembered by their chain's head."""
        batches = cut.batches(words)
        head = chain(batches)[0]
        self.batches[head] = batches
        at_risk = sum(self.pool.stakes(k, MODELS).stakes.values()) * share
        note(f"round {k}: {len(batches)} batches, at risk {at_risk}")
        return replace(RESULT, chain_head=head, at_risk=min(at_risk, MAX_AMOUNT), words=WORDS)

    def signers(self, epoch: int, count: int) -> list[LocalAccount]:
        """The first ``count`` of an epoch's operators, by ascending address."""
        ordered = sorted(self.oracle.quorum.members, key=lambda address: int(address, 16))
        counted = [a for a in ordered if self.oracle.quorum.is_signer(a, epoch, self.now)]
        return [self.crowd.operators[address] for address in counted[:count]]

    def sign(self, struct: Struct, by: Sequence[LocalAccount]) -> list[bytes]:
        signed = digest(struct, self.system.domain)
        return [bytes(signer.unsafe_sign_hash(signed).signature) for signer in by]

    # --- challenges ---

    @precondition(lambda self: self.pending)
    @rule(pick=picks, veto=st.booleans())
    def challenge(self, pick: int, veto: bool) -> None:
        self.challenge_now(self.some_round(pick, Status.COMMITTED), veto)

    def challenge_now(self, k: int, veto: bool) -> None:
        oracle, by = self.system.oracle, self.crowd.challenger
        if veto:
            guardian = self.system.guardian
            self.both(
                lambda: oracle.veto(k, EVIDENCE, sender=guardian),
                lambda: self.oracle.veto(k, guardian, EVIDENCE, self.now),
            )
            return
        self.both(
            lambda: oracle.challenge(k, EVIDENCE, sender=by),
            lambda: self.oracle.challenge(k, by, self.pool.total, EVIDENCE, self.now),
            pays=True,
        )

    @precondition(lambda self: any(k in self.oracle.challenges for k in self.pending))
    @rule(pick=picks, words=st.one_of(st.none(), seeded_scores), cut=seeded_cuts)
    def confirm(self, pick: int, words: list[int] | None, cut: Cut) -> None:
        """With other scores, or None for the committed ones."""
        k = self.some_round(pick, Status.CHALLENGED)
        if k in self.oracle.challenges:
            self.confirm_now(k, words, cut)

    def confirm_now(self, k: int, words: list[int] | None, cut: Cut) -> None:
        announced = self.oracle.rounds[k]
        committed = announced.result
        result = committed if words is None else self.result(k, words, cut)
        by = self.signers(announced.epoch, announced.super_quorum)
        signatures = self.sign(self.oracle.confirm_of(k, result), by)
        announce_hash, addresses = announced.announce_hash, [signer.address for signer in by]
        self.both(
            lambda: self.system.oracle.confirm(
                k, announce_hash, committed.argument(), result.argument(), signatures
            ),
            lambda: self.oracle.confirm(k, announce_hash, committed, result, addresses, self.now),
        )

    @precondition(lambda self: self.oracle.challenges)
    @rule(pick=picks)
    def settle_bond(self, pick: int) -> None:
        challenged = sorted(self.oracle.challenges)
        k = challenged[pick % len(challenged)]

        def twin() -> None:
            self.oracle.settle_bond(k, self.now)

        if self.both(lambda: self.system.oracle.settle_bond(k), twin, pays=True):
            challenge = self.oracle.challenges[k]
            if challenge.outcome is Outcome.UPHELD:
                self.ledger.forfeited += challenge.bond

    # --- guardian and governor ---

    @precondition(lambda self: 0 < len(self.pending) < MAX_PENDING)
    @rule(pick=picks, in_time=st.booleans())
    def cancel(self, pick: int, in_time: bool) -> None:
        """Any pending round, or one announced for it."""
        if in_time:
            self.announce(100, 1, 50_000, True)
        k = self.pending[-1] if in_time else self.some_round(pick, Status.ANNOUNCED)
        self.both(
            lambda: self.system.oracle.cancel(k, sender=self.system.guardian),
            lambda: self.oracle.cancel(k, self.now),
        )

    @rule(stops=st.booleans())
    def pause(self, stops: bool) -> None:
        call = "pause" if stops else "unpause"
        self.both(
            lambda: getattr(self.system.oracle, call)(sender=self.system.guardian),
            lambda: getattr(self.pool, call)(self.now),
        )

    @rule(template=seeded_templates)
    def add_template(self, template: Template) -> None:
        """Counts for rounds announced from now on (invariant 14)."""
        self.both(
            lambda: self.system.oracle.add_template(astuple(template), sender=self.system.governor),
            lambda: self.oracle.add_template(template),
        )

    @rule(pick=picks)
    def rotate(self, pick: int) -> None:
        """An operator leaves and another one comes, while there are any (invariant 14)."""
        quorum = self.oracle.quorum
        new = [a for a in self.crowd.operators if a not in quorum.members][:1]
        if not new:
            return
        serving = [a for a, member in quorum.members.items() if member.in_force]
        old = [serving[pick % len(serving)]]
        sizes = (self.oracle.threshold, self.oracle.super_quorum)
        self.both(
            lambda: self.system.oracle.rotate(new, old, *sizes, sender=self.system.governor),
            lambda: self.oracle.rotate(new, old, *sizes),
        )
