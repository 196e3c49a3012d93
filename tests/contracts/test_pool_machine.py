"""Pool, oracle and registry against the reference model, over rounds that overlap.

Every rule acts on both sides; after every step all lanes, out lanes, queues, totals and the place
in the rounds are compared. The invariants named are those of the project's specification.
"""

from dataclasses import dataclass
from random import Random

import boa
import pytest
from assay_system import ONE, System, Timing, deploy, refused
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from settle_strategies import MODELS, WORDS, Cut, amounts, cuts, scored

from oracle.settlement.batches import END, Batch, chain
from oracle.settlement.reference import ReferencePool, Refused, RoundTerms
from oracle.settlement.units import (
    COMPOUND,
    MAX_AMOUNT,
    RATE_ONE,
    RELEASE_ALL,
    TAKE_PROFIT,
    WEI_PER_UNIT,
)
from oracle.settlement.words import ScoreLane, decode_record, join_word, score_words

models = st.integers(0, MODELS - 1)
MAX_PENDING = 5


@dataclass
class Committed:
    """A commit on chain: its terms, its batches, how many of them are settled."""

    terms: RoundTerms
    batches: list[Batch]
    final_at: int
    settled: int = 0


class PoolMachine(RuleBasedStateMachine):
    """Random calls of every role."""

    def __init__(self, system: System) -> None:
        super().__init__()
        self.system = system
        self.reference = ReferencePool()
        self.commits: dict[int, Committed] = {}
        self.bases: dict[int, int] = {}
        self.donated = 0
        self.terminal: list[int] = []

    @initialize(
        vault=st.one_of(st.just(0), st.integers(1, 2**45)),
        stakes=st.dictionaries(models, amounts, max_size=MODELS),
        seed=st.integers(0, 2**32),
    )
    def first_round(self, vault: int, stakes: dict[int, int], seed: int) -> None:
        self.random = Random(seed)
        if vault:
            self.fund(vault)
        for model, amount in stakes.items():
            self.deposit(model, amount)
        self.announce(0, 1, 50_000)

    # --- owners and anyone ---

    @rule(model=models, amount=amounts)
    def deposit(self, model: int, amount: int) -> None:
        try:
            reached = self.reference.deposit(model, amount, self.system.now)
        except Refused as refusal:
            with refused(str(refusal)):
                self.system.deposit(model, amount)
            return
        assert self.system.deposit(model, amount) == reached

    @rule(model=models, amount=st.one_of(st.none(), amounts))
    def request_release(self, model: int, amount: int | None) -> None:
        reached = self.system.request_release(model, amount)
        units = RELEASE_ALL if amount is None else amount
        assert reached == self.reference.request_release(model, units, self.system.now)

    @rule(model=models, mode=st.sampled_from([COMPOUND, TAKE_PROFIT]))
    def set_mode(self, model: int, mode: int) -> None:
        reached = self.system.set_mode(model, mode)
        assert reached == self.reference.set_mode(model, mode, self.system.now)

    @rule(amount=st.integers(1, 2**45))
    def fund(self, amount: int) -> None:
        try:
            self.reference.fund(amount)
        except Refused as refusal:
            with refused(str(refusal)):
                self.system.fund(amount)
            return
        self.system.fund(amount)

    @rule(wei=st.integers(1, 10**18))
    def donate(self, wei: int) -> None:
        self.system.token.transfer(self.system.pool, wei)
        self.donated += wei

    @rule(model=models)
    def claim(self, model: int) -> None:
        try:
            amount = self.reference.claim(model)
        except Refused as refusal:
            with refused(str(refusal)):
                self.system.pool.claim(model)
            return
        payout = self.system.registry.payout_of(model)
        before = self.system.token.balanceOf(payout)
        assert self.system.pool.claim(model) == amount * WEI_PER_UNIT
        assert self.system.token.balanceOf(payout) == before + amount * WEI_PER_UNIT

    # --- the clock and the announcer ---

    @rule(seconds=st.integers(1, 400))
    def wait(self, seconds: int) -> None:
        self.system.warp(self.system.now + seconds)

    @precondition(lambda self: self.pending < MAX_PENDING)
    @rule(notice=st.integers(0, 200), horizon=st.integers(1, 600), step=st.integers(0, 100_000))
    def announce(self, notice: int, horizon: int, step: int) -> None:
        k = self.reference.last_announced + 1
        system, timing = self.system, self.system.timing
        earliest = max(system.now + timing.notice, self.reference.closes.get(k - 1, 0) + timing.gap)
        last_phi = system.oracle.latest().phi
        phi = min(ONE, max(500_000, last_phi - 50_000 + step))
        system.announce(k, closes_in=earliest + notice - system.now, horizon=horizon, phi=phi)
        self.reference.schedule(k, earliest + notice)

    @property
    def pending(self) -> int:
        return self.reference.last_announced - self.reference.head + 1

    # --- operators ---

    def committable(self) -> list[int]:
        return [
            k
            for k in range(self.reference.head, self.reference.last_announced + 1)
            if k not in self.commits
        ]

    @precondition(lambda self: self.committable())
    @rule(pick=st.integers(0, MAX_PENDING), words=scored, cut=cuts, share=st.integers(0, 3))
    def commit(self, pick: int, words: list[int], cut: Cut, share: int) -> None:
        """Commits any pending round, waiting for it if need be; not in the order of rounds."""
        waiting = self.committable()
        k = waiting[pick % len(waiting)]
        self.system.warp(max(self.system.now, self.system.due(k)))
        batches = cut.batches(words)
        at_risk = sum(self.reference.stakes(k, MODELS).stakes.values()) * share
        terms = self.system.commit(k, batches, min(at_risk, MAX_AMOUNT), WORDS)
        final_at = self.system.now + self.system.timing.window
        self.commits[k] = Committed(terms, batches, final_at)
        note(f"round {k} committed with {len(batches)} batches, at risk {at_risk}")

    # --- keepers ---

    @rule(count=st.integers(0, MODELS), offset=st.sampled_from([0, 0, 0, 1, -1]))
    def drain(self, count: int, offset: int) -> None:
        k = max(0, self.reference.head + offset)
        try:
            drained = self.reference.drain(k, count, self.system.now)
        except Refused as refusal:
            with refused(str(refusal)):
                self.system.pool.drain(k, count)
            return
        assert self.system.pool.drain(k, count) == drained

    @precondition(lambda self: self.reference.progress is None)
    @rule()
    def begin(self) -> None:
        k = self.reference.head
        refusal = self.why_not_begun(k)
        if refusal:
            with refused(refusal):
                self.system.pool.begin(k)
            return
        self.system.pool.begin(k)
        self.begin_reference(k)

    def why_not_begun(self, k: int) -> str | None:
        if self.reference.queues.get(k):
            return "pool: queue"
        if k > self.reference.last_announced:
            return "oracle: not announced"
        if k not in self.commits:
            return "oracle: not committed"
        return "oracle: not final" if self.system.now < self.commits[k].final_at else None

    def begin_reference(self, k: int) -> None:
        coefficients = self.reference.begin(k, self.commits[k].terms)
        shown = self.system.pool.round_state(k).coefficients
        assert (shown.c1, shown.c2, shown.c3) == coefficients.c
        assert (shown.up, shown.down, shown.hk, shown.scale) == (
            coefficients.up,
            coefficients.down,
            coefficients.hk,
            coefficients.scale,
        )
        self.vault_at_begin = self.reference.vault
        self.gained = 0
        self.bases = {m: self.reference.lane(m).stake for m in range(MODELS)}

    @precondition(lambda self: self.reference.head in self.commits)
    @rule(keeper=st.booleans())
    def settle(self, keeper: bool) -> None:
        """The next batch of the head round, or the refusal that fits."""
        k = self.reference.head
        committed = self.commits[k]
        links = [*chain(committed.batches), END]
        batch = committed.batches[committed.settled]
        following = links[committed.settled + 1]
        refusal = self.why_not_begun(k) if self.reference.progress is None else None
        if refusal:
            with refused(refusal):
                self.system.settle(k, batch, following)
            return
        sender = boa.env.generate_address() if keeper else boa.env.eoa
        with boa.env.prank(sender):
            self.system.settle(k, batch, following)
        if self.reference.progress is None:
            self.begin_reference(k)
        gains, _ = self.reference.settle(k, batch, following)
        self.gained += gains
        committed.settled += 1
        if following == END:
            self.end_of_round(k)

    def end_of_round(self, k: int) -> None:
        """Invariants 3, 5 and 13 for a round that has just ended."""
        assert self.gained <= self.vault_at_begin
        template = self.system.template
        for model, base in self.bases.items():
            change = self.reference.lane(model).stake - base
            assert -base * template.clip_down <= change * RATE_ONE <= base * template.clip_up
        self.terminal.append(k)
        assert self.terminal == list(range(1, k + 1))

    @precondition(lambda self: self.pending)
    @rule(words=scored, cut=cuts, pieces=st.integers(1, MODELS), count=st.integers(1, WORDS))
    def take_head_on(self, words: list[int], cut: Cut, pieces: int, count: int) -> None:
        """Brings the head round as far as ``count`` settled batches, waiting where needed."""
        k = self.reference.head
        self.system.warp(max(self.system.now, self.reference.closes[k]))
        if self.reference.progress is None:
            while self.reference.queues.get(k):
                self.drain(pieces, 0)
        if k not in self.commits:
            self.commit(0, words, cut, 1)
        self.system.warp(max(self.system.now, self.commits[k].final_at))
        for _ in range(count):
            if self.reference.head == k:
                self.settle(True)

    @precondition(lambda self: self.reference.progress is not None)
    @rule(words=scored)
    def settle_forged(self, words: list[int]) -> None:
        """Scores that the operators did not sign."""
        k = self.reference.head
        committed = self.commits[k]
        links = [*chain(committed.batches), END]
        forged = Batch(committed.batches[committed.settled].start, (*words, 1))
        with refused("pool: batch"):
            self.system.settle(k, forged, links[committed.settled + 1])

    # --- what must always hold ---

    @invariant()
    def lanes_agree(self) -> None:
        """Invariant 4, and with it 6: deposits and releases of later rounds change no lane."""
        pool = self.system.pool
        words = [self.reference.word(i) for i in range(WORDS)]
        assert pool.lane_words(0, WORDS) == words
        out = [
            join_word([self.reference.out.get(4 * i + p, 0) for p in range(4)])
            for i in range(WORDS)
        ]
        assert pool.out_words(0, WORDS) == out

    @invariant()
    def totals_agree(self) -> None:
        """Invariant 1: parts equal their sums, and the tokens are there."""
        reference = self.reference
        assert tuple(self.system.pool.totals()) == (
            reference.total,
            reference.queued,
            reference.out_total,
            reference.vault,
            reference.burn_owed,
        )
        held = reference.held * WEI_PER_UNIT + self.donated
        assert self.system.token.balanceOf(self.system.pool) == held

    @invariant()
    def rounds_agree(self) -> None:
        reference, state = self.reference, self.system.pool.state()
        assert (state.head, state.last_announced) == (reference.head, reference.last_announced)
        assert state.begun == (reference.progress is not None)
        if reference.progress is not None:
            assert state.next_word == reference.progress.next_word
            shown = self.system.pool.round_state(reference.head)
            assert shown.cursor == reference.progress.cursor
        assert self.system.pool.target() == reference.target(self.system.now)

    @invariant()
    def queues_agree(self) -> None:
        for k in {self.reference.head, self.reference.target(self.system.now)}:
            page = self.system.pool.queue(k, 0, 1024)
            queue = self.reference.queues.get(k, {})
            assert [word >> 160 for word in page] == list(reversed(queue))
            for word in page:
                record = decode_record(word & (2**160 - 1))
                wanted = queue[word >> 160]
                assert (record.deposit, record.release, record.mode) == (
                    wanted.deposit,
                    wanted.release,
                    wanted.mode,
                )

    def some_scores(self) -> list[int]:
        """Scores for rounds that are played after the last drawn step."""
        lanes = {
            m: ScoreLane(
                tuple(self.random.randint(-80_000, 80_000) for _ in range(3)),
                self.random.randint(0, 15),
            )
            for m in range(MODELS)
        }
        return score_words(lanes, WORDS)

    def teardown(self) -> None:
        """Whatever happened, every pending round can be brought to its end, and all can leave."""
        reference = self.reference
        while reference.head <= reference.last_announced:
            k = reference.head
            if reference.progress is None:
                if k not in self.commits:
                    self.commit(0, self.some_scores(), Cut((1, 2), True), 1)
                self.system.warp(max(self.system.now, self.commits[k].final_at))
                self.drain(MODELS, 0)
            self.settle(False)
        self.lanes_agree()
        queued = {m for queue in reference.queues.values() for m in queue}
        for model in sorted(set(reference.lanes) | queued):
            self.request_release(model, None)
        self.announce(0, 1, 50_000)
        self.commit(0, [0] * WORDS, Cut((), False), 1)
        self.system.warp(self.system.now + self.system.timing.window)
        self.drain(MODELS, 0)
        self.settle(False)
        assert self.system.pool.totals().staked == 0
        for model in sorted(reference.out):
            self.claim(model)
        totals = self.system.pool.totals()
        assert (totals.staked, totals.queued, totals.out) == (0, 0, 0)
        self.lanes_agree()
        self.totals_agree()


@pytest.fixture(scope="module")
def crowd() -> System:
    """A system with twelve models of three owners with ample tokens; commits may come late."""
    system = deploy(timing=Timing(grace=10**7))
    for _ in range(3):
        system.new_staker(models=MODELS // 3, tokens=MAX_AMOUNT)
    return system


@pytest.mark.slow
def test_pool__random_calls_of_all_roles__equals_the_reference(crowd: System) -> None:
    run_state_machine_as_test(lambda: PoolMachine(crowd))
