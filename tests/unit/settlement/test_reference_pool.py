"""The reference pool by itself: every promise about stakes, under any sequence of calls."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace

import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from settlement_strategies import phis, score_lanes, templates

from oracle.settlement.batches import END, Batch, chain, cut
from oracle.settlement.payout import Template
from oracle.settlement.reference import ReferencePool, Refused, RoundTerms, apply_record
from oracle.settlement.units import (
    COMPOUND,
    MAX_AMOUNT,
    MILLIONTH,
    MIN_STAKE,
    RATE_ONE,
    RELEASE_ALL,
    TAKE_PROFIT,
    UNITS_PER_NMR,
    words_for,
)
from oracle.settlement.words import (
    Lane,
    QueueRecord,
    ScoreLane,
    decode_lane,
    score_words,
    split_word,
)

MODELS = 9  # three words, the last one not full
models = st.integers(0, MODELS - 1)
deposits = st.one_of(st.just(MIN_STAKE), st.integers(MIN_STAKE, 1000 * UNITS_PER_NMR))
releases = st.one_of(deposits, st.just(RELEASE_ALL))
lane_sets = st.one_of(
    st.dictionaries(models, score_lanes, max_size=3),
    st.dictionaries(models, score_lanes, min_size=5),
)
USUAL = Template(
    (1, 2, 0), (MILLIONTH, 2 * MILLIONTH, 0), RATE_ONE // 20, RATE_ONE // 20, 10**13, MILLIONTH
)
round_templates = st.one_of(st.just(USUAL), st.just(replace(USUAL, clip_up=RATE_ONE)), templates)


def _terms(template: Template, phi: int, at_risk: int, batches: Sequence[Batch]) -> RoundTerms:
    return RoundTerms(template, phi, at_risk, words_for(MODELS), chain(batches)[0])


def _one_word_each(words: Sequence[int]) -> list[Batch]:
    return [Batch(index, (word,)) for index, word in enumerate(words)]


def _drained(pool: ReferencePool, chunk: int) -> ReferencePool:
    """A copy with the head round's queue drained, ``chunk`` records a call."""
    copy = deepcopy(pool)
    while copy.drain(copy.head, chunk, copy.closes[copy.head]):
        pass
    return copy


class PoolMachine(RuleBasedStateMachine):
    """Owners, funders, keepers and a clock act in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = ReferencePool()
        self.now = 1_000
        self.paid_in = 0
        self.claimed = 0
        self.burned = 0
        self.settled: list[int] = []

    # ------------------------------------------------------------------ time

    @initialize(
        stakes=st.lists(st.integers(0, 100 * UNITS_PER_NMR), min_size=MODELS, max_size=MODELS),
        take_profit=st.sets(models),
        vault=st.integers(0, 100 * UNITS_PER_NMR),
    )
    def begin_in_the_middle(self, stakes: list[int], take_profit: set[int], vault: int) -> None:
        """A pool with stakes and an open round, as after many rounds."""
        for model, stake in enumerate(stakes):
            self.pool.lanes[model] = Lane(stake, model in take_profit)
        self.pool.vault = vault
        self.paid_in = sum(stakes) + vault
        self.announce(10)

    @precondition(lambda self: self.pool.last_announced - self.pool.head < 5)
    @rule(after=st.integers(1, 50))
    def announce(self, after: int) -> None:
        last = self.pool.closes.get(self.pool.last_announced, self.now)
        self.pool.schedule(self.pool.last_announced + 1, max(last, self.now) + after)

    @precondition(lambda self: not self._closed())
    @rule(late=st.integers(-1, 60))
    def wait_for_the_close(self, late: int) -> None:
        """To the head round's close, or just before, or past closes of later rounds."""
        close = self.pool.closes.get(self.pool.head, self.now)
        self.now = max(self.now, close + late)

    # ------------------------------------------------------------------ owners and funders

    @rule(model=models, amount=deposits)
    def deposit(self, model: int, amount: int) -> None:
        joined = self.pool.deposit(model, amount, self.now)
        assert joined == self.pool.target(self.now)
        self.paid_in += amount

    @rule(model=models, amount=releases)
    def request_release(self, model: int, amount: int) -> None:
        self.pool.request_release(model, amount, self.now)

    @rule(model=models, mode=st.sampled_from([COMPOUND, TAKE_PROFIT]))
    def set_mode(self, model: int, mode: int) -> None:
        self.pool.set_mode(model, mode, self.now)

    @rule(amount=st.integers(1, 100 * UNITS_PER_NMR))
    def fund(self, amount: int) -> None:
        self.pool.fund(amount)
        self.paid_in += amount

    @precondition(lambda self: self.pool.out)
    @rule(data=st.data())
    def claim(self, data: st.DataObject) -> None:
        model = data.draw(st.sampled_from(sorted(self.pool.out)))
        expected = self.pool.out[model]
        assert self.pool.claim(model) == expected > 0
        self.claimed += expected

    # ------------------------------------------------------------------ keepers

    def _closed(self) -> bool:
        head = self.pool.head
        return head <= self.pool.last_announced and self.now >= self.pool.closes[head]

    @precondition(lambda self: self._closed())
    @rule(count=st.integers(0, MODELS + 1))
    def drain(self, count: int) -> None:
        head = self.pool.head
        later = self._queues_after(head)
        waiting = len(self.pool.queues.get(head, {}))
        assert self.pool.drain(head, count, self.now) == min(count, waiting)
        assert self._queues_after(head) == later

    @precondition(lambda self: self.pool.head <= self.pool.last_announced)
    @rule(
        template=round_templates,
        phi=st.one_of(st.just(MILLIONTH), phis),
        lanes=lane_sets,
        data=st.data(),
    )
    def settle(
        self, template: Template, phi: int, lanes: dict[int, ScoreLane], data: st.DataObject
    ) -> None:
        """One round: all of it, from one of several equivalent cuts."""
        number = self.pool.head
        self.now = max(self.now, self.pool.closes[number])
        before = deepcopy(self.pool)
        self._projection_equals_drain(number)
        while self.pool.drain(number, data.draw(st.integers(1, MODELS)), self.now):
            pass
        later, vault = self._queues_after(number), self.pool.vault
        stakes = {m: self.pool.lane(m).stake for m in range(MODELS)}
        words = score_words(lanes, words_for(MODELS))
        at_risk = data.draw(st.integers(0, 2 * sum(stakes.values()) + 1))
        batches = data.draw(st.sampled_from([cut(words), [Batch(0, tuple(words))]]))
        gains, burns = self.pool.settle_round(
            number, _terms(template, phi, at_risk, batches), batches
        )
        note(f"round {number}: gains {gains}, burns {burns}")
        self.burned += burns
        self.settled.append(number)
        assert self._queues_after(number) == later
        assert 0 <= gains <= vault
        assert vault - gains == self.pool.vault
        for model, stake in stakes.items():
            lost = stake - self.pool.lane(model).stake
            assert lost * RATE_ONE <= template.clip_down * stake
            if model not in lanes:
                assert lost == 0
        other = _drained(before, 1)
        single = _one_word_each(words)
        other.settle_round(number, _terms(template, phi, at_risk, single), single)
        assert other == self.pool

    def _projection_equals_drain(self, number: int) -> None:
        """Draining on copies, with rounds that score nobody in between, gives the projection."""
        copy = deepcopy(self.pool)
        for through in range(number, self.pool.last_announced + 1):
            copy = _drained(copy, MODELS)
            for model in range(MODELS):
                assert self.pool.projected_lane(model, through) == copy.lane(model)
            projected = self.pool.stakes(through, MODELS)
            assert sum(projected.stakes.values()) == copy.total
            nobody = Template((0, 0, 0), (0, 0, 0), 0, 0, 0, 0)
            copy.settle_round(through, _terms(nobody, 0, 0, cut([])), cut([]))

    def _queues_after(self, number: int) -> dict[int, dict[int, QueueRecord]]:
        return deepcopy({k: q for k, q in self.pool.queues.items() if k > number})

    # ------------------------------------------------------------------ what always holds

    @invariant()
    def nothing_appears_or_vanishes(self) -> None:
        assert self.pool.held == self.paid_in - self.claimed
        assert self.pool.burn_owed == self.burned

    @invariant()
    def every_part_fits(self) -> None:
        pool = self.pool
        assert 0 <= pool.held <= MAX_AMOUNT
        assert pool.vault >= 0
        assert all(lane.stake >= 0 for lane in pool.lanes.values())
        assert all(amount > 0 for amount in pool.out.values())

    @invariant()
    def rounds_settle_once_and_in_order(self) -> None:
        assert self.settled == list(range(1, self.pool.head))

    @invariant()
    def words_show_the_lanes(self) -> None:
        bits = [part for i in range(words_for(MODELS)) for part in split_word(self.pool.word(i))]
        assert [decode_lane(b) for b in bits[:MODELS]] == [
            self.pool.lane(model) for model in range(MODELS)
        ]

    @invariant()
    def refused_calls_change_nothing(self) -> None:
        """One call of every kind that the contract would refuse now."""
        pool, before = self.pool, deepcopy(self.pool)
        head = pool.head
        refused = [
            lambda: pool.deposit(0, MIN_STAKE - 1, self.now),
            lambda: pool.deposit(0, MAX_AMOUNT + 1 - pool.held, self.now),
            lambda: pool.fund(MAX_AMOUNT + 1 - pool.held),
            lambda: pool.request_release(0, MIN_STAKE - 1, self.now),
            lambda: pool.set_mode(0, 3, self.now),
            lambda: pool.claim(MODELS),
            lambda: pool.drain(head + 1, 1, self.now),
            lambda: pool.settle(head, Batch(0, (1,)), END),
        ]
        if not self._closed():
            refused.append(lambda: pool.drain(head, 1, self.now))
        for call in refused:
            with pytest.raises(Refused):
                call()
        assert pool == before


TestPool = PoolMachine.TestCase


# ---------------------------------------------------------------------- single promises

TEMPLATE = Template((1, 2, 0), (MILLIONTH, 0, 0), RATE_ONE // 20, RATE_ONE // 20, MAX_AMOUNT, 0)
NMR = UNITS_PER_NMR


def _pool(closes: Sequence[int], lanes: dict[int, Lane] | None = None) -> ReferencePool:
    pool = ReferencePool(lanes=lanes or {}, vault=100 * NMR)
    for number, close in enumerate(closes, 1):
        pool.schedule(number, close)
    return pool


def _score(pool: ReferencePool, lanes: dict[int, ScoreLane]) -> tuple[int, int]:
    batches = cut(score_words(lanes, words_for(MODELS)))
    return pool.settle_round(pool.head, _terms(TEMPLATE, MILLIONTH, 0, batches), batches)


def test_deposit__in_round_two__is_not_scored_in_round_one() -> None:
    pool = _pool([100, 200])
    assert pool.deposit(0, 10 * NMR, now=50) == 1
    assert pool.deposit(0, 90 * NMR, now=100) == 2
    pool.drain(1, 9, now=100)
    _, burns = _score(pool, {0: ScoreLane((-500_000, 0, 0))})
    assert burns == NMR // 2  # 5 % of 10 NMR, not of 100
    pool.drain(2, 9, now=200)
    assert pool.lane(0).stake == 100 * NMR - burns


def test_request_release__in_round_two__bears_round_one_and_not_round_two() -> None:
    pool = _pool([100, 200], {0: Lane(100 * NMR)})
    assert pool.request_release(0, RELEASE_ALL, now=150) == 2
    _score(pool, {0: ScoreLane((-500_000, 0, 0))})
    pool.drain(2, 9, now=200)
    assert pool.out == {0: 95 * NMR}
    assert _score(pool, {0: ScoreLane((-500_000, 0, 0))}) == (0, 0)
    assert pool.claim(0) == 95 * NMR


def test_settle__take_profit__gain_leaves_and_burn_stays_in_the_lane() -> None:
    pool = _pool([100, 200], {0: Lane(100 * NMR, True), 1: Lane(100 * NMR)})
    gain = ScoreLane((10_000, 0, 0))
    assert _score(pool, {0: gain, 1: gain}) == (2 * NMR, 0)
    assert (pool.lane(0).stake, pool.lane(1).stake, pool.out) == (100 * NMR, 101 * NMR, {0: NMR})
    loss = ScoreLane((-10_000, 0, 0))
    assert _score(pool, {0: loss}) == (0, NMR)
    assert (pool.lane(0), pool.out) == (Lane(99 * NMR, True), {0: NMR})


@pytest.mark.parametrize(
    ("record", "lane", "released"),
    [
        (QueueRecord(deposit=5, release=3), Lane(12), 3),
        (QueueRecord(deposit=5, release=RELEASE_ALL), Lane(0), 15),
        (QueueRecord(release=11), Lane(0), 10),
        (QueueRecord(mode=TAKE_PROFIT), Lane(10, True), 0),
        (QueueRecord(mode=COMPOUND), Lane(10, False), 0),
    ],
)
def test_apply_record__mode_then_deposit_then_release(
    record: QueueRecord, lane: Lane, released: int
) -> None:
    assert apply_record(Lane(10), record) == (lane, released)


@pytest.mark.parametrize(("mode", "after"), [(0, True), (COMPOUND, False), (TAKE_PROFIT, True)])
def test_apply_record__mode__zero_keeps_what_was(mode: int, after: bool) -> None:
    assert apply_record(Lane(1, True), QueueRecord(mode=mode))[0] == Lane(1, after)


def test_request_release__several__add_up_to_all_at_most() -> None:
    pool = _pool([100])
    for amount in (NMR, 2 * NMR):
        pool.request_release(4, amount, now=0)
    assert pool.queues[1][4].release == 3 * NMR
    pool.request_release(4, RELEASE_ALL, now=0)
    assert pool.queues[1][4].release == RELEASE_ALL


def test_target__no_open_round__is_the_one_after_the_last_announced() -> None:
    pool = _pool([100, 200])
    assert [pool.target(now) for now in (0, 99, 100, 199, 200)] == [1, 1, 2, 2, 3]


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda p: p.settle(2, Batch(0, (1,)), END), "pool: not head"),
        (lambda p: p.settle(1, Batch(0, (2,)), END), "pool: batch"),
        (lambda p: p.settle(1, Batch(1, (1,)), END), "pool: batch"),
        (lambda p: p.settle(1, Batch(0, (1,)), bytes(31) + b"\x01"), "pool: batch"),
        (lambda p: p.drain(1, 1, 100), "pool: begun"),
        (lambda p: p.begin(1, _terms(TEMPLATE, 0, 0, cut([]))), "pool: begun"),
    ],
)
def test_settle__begun_round__takes_its_own_batches_only(call: object, reason: str) -> None:
    pool = _pool([100, 200])
    batches = [Batch(0, (1,)), Batch(1, (1,))]
    pool.begin(1, _terms(TEMPLATE, MILLIONTH, 0, batches))
    before = deepcopy(pool)
    with pytest.raises(Refused, match=f"^{reason}$"):
        call(pool)
    assert pool == before
    pool.settle(1, batches[0], chain(batches)[1])
    with pytest.raises(Refused, match=r"^pool: batch$"):
        pool.settle(1, batches[0], chain(batches)[1])
    pool.settle(1, batches[1], END)
    assert (pool.head, pool.progress) == (2, None)


@pytest.mark.parametrize(
    ("batches", "reason"),
    [
        ([Batch(1, (1,)), Batch(0, (1,))], "pool: order"),
        ([Batch(0, (1, 1)), Batch(1, (1,))], "pool: order"),
        ([Batch(0, (1, 1, 1, 1))], "pool: words"),
        ([Batch(3, (1,))], "pool: words"),
    ],
)
def test_settle__signed_nonsense__refused(batches: list[Batch], reason: str) -> None:
    """Even a batch in the chain stays inside the round's words and behind the last one."""
    with pytest.raises(Refused, match=f"^{reason}$"):
        _pool([100]).settle_round(1, _terms(TEMPLATE, 0, 0, batches), batches)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda p: p.begin(2, _terms(TEMPLATE, 0, 0, cut([]))), "pool: not head"),
        (lambda p: p.begin(1, RoundTerms(TEMPLATE, 0, 0, 1, END)), "pool: no scores"),
        (lambda p: p.begin(1, RoundTerms(TEMPLATE, 0, 0, 2**18 + 1, b"\1" * 32)), "pool: too many"),
        (lambda p: p.settle(1, Batch(0, ()), END), "pool: not begun"),
        (lambda p: p.fund(0), "pool: zero amount"),
        (lambda p: p.drain(3, 1, 10**6), "pool: not head"),
        (lambda p: p.drain(1, 1, 99), "pool: open"),
    ],
)
def test_call__not_due__refused_with_the_contracts_reason(call: object, reason: str) -> None:
    pool = _pool([100, 200])
    before = deepcopy(pool)
    with pytest.raises(Refused, match=f"^{reason}"):
        call(pool)
    assert pool == before


def test_begin__undrained_queue__refused() -> None:
    pool = _pool([100])
    pool.deposit(0, NMR, now=0)
    with pytest.raises(Refused, match=r"^pool: queue$"):
        pool.begin(1, _terms(TEMPLATE, 0, 0, cut([])))


def test_drain__queue_emptied__leaves_no_trace_of_it() -> None:
    """So that a replayed pool equals one read from the chain."""
    pool = _pool([100])
    pool.deposit(0, NMR, now=0)
    pool.drain(1, 9, now=100)
    assert pool.queues == {}


@given(st.dictionaries(models, st.tuples(deposits, releases), min_size=1), st.integers(1, 9))
def test_drain__any_chunk__same_state(wishes: dict[int, tuple[int, int]], chunk: int) -> None:
    pool = _pool([100], {m: Lane(NMR * m) for m in range(MODELS)})
    for model, (deposit, release) in wishes.items():
        pool.deposit(model, deposit, now=0)
        pool.request_release(model, release, now=0)
    assert _drained(pool, chunk) == _drained(pool, MODELS)
