"""The reference pool: single promises about requests, queues and scores."""

from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pool_cases import (
    MODELS,
    NMR,
    TEMPLATE,
    deposits,
    drained,
    models,
    pool_of,
    releases,
    terms_of,
)

from oracle.settlement.batches import END, Batch, chain, cut
from oracle.settlement.reference import ReferencePool, RoundTerms, apply_record
from oracle.settlement.refusals import Refused
from oracle.settlement.units import (
    COMPOUND,
    MILLIONTH,
    RELEASE_ALL,
    TAKE_PROFIT,
    words_for,
)
from oracle.settlement.words import Lane, QueueRecord, ScoreLane, score_words


def _score(pool: ReferencePool, lanes: dict[int, ScoreLane]) -> tuple[int, int]:
    batches = cut(score_words(lanes, words_for(MODELS)))
    return pool.settle_round(pool.head, terms_of(TEMPLATE, MILLIONTH, 0, batches), batches)


def test_deposit__in_round_two__is_not_scored_in_round_one() -> None:
    pool = pool_of([100, 200])
    assert pool.deposit(0, 10 * NMR, now=50) == 1
    assert pool.deposit(0, 90 * NMR, now=100) == 2
    pool.drain(1, 9, now=100)
    _, burns = _score(pool, {0: ScoreLane((-500_000, 0, 0))})
    assert burns == NMR // 2  # 5 % of 10 NMR, not of 100
    pool.drain(2, 9, now=200)
    assert pool.lane(0).stake == 100 * NMR - burns


def test_request_release__in_round_two__bears_round_one_and_not_round_two() -> None:
    pool = pool_of([100, 200], {0: Lane(100 * NMR)})
    assert pool.request_release(0, RELEASE_ALL, now=150) == 2
    _score(pool, {0: ScoreLane((-500_000, 0, 0))})
    pool.drain(2, 9, now=200)
    assert pool.out == {0: 95 * NMR}
    assert _score(pool, {0: ScoreLane((-500_000, 0, 0))}) == (0, 0)
    assert pool.claim(0) == 95 * NMR


def test_settle__take_profit__gain_leaves_and_burn_stays_in_the_lane() -> None:
    pool = pool_of([100, 200], {0: Lane(100 * NMR, True), 1: Lane(100 * NMR)})
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
    pool = pool_of([100])
    for amount in (NMR, 2 * NMR):
        pool.request_release(4, amount, now=0)
    assert pool.queues[1][4].release == 3 * NMR
    pool.request_release(4, RELEASE_ALL, now=0)
    assert pool.queues[1][4].release == RELEASE_ALL


def test_target__no_open_round__is_the_one_after_the_last_announced() -> None:
    pool = pool_of([100, 200])
    assert [pool.target(now) for now in (0, 99, 100, 199, 200)] == [1, 1, 2, 2, 3]


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda p: p.settle(2, Batch(0, (1,)), END), "pool: not head"),
        (lambda p: p.settle(1, Batch(0, (2,)), END), "pool: batch"),
        (lambda p: p.settle(1, Batch(1, (1,)), END), "pool: batch"),
        (lambda p: p.settle(1, Batch(0, (1,)), bytes(31) + b"\x01"), "pool: batch"),
        (lambda p: p.drain(1, 1, 100), "pool: begun"),
        (lambda p: p.begin(1, terms_of(TEMPLATE, 0, 0, cut([]))), "pool: begun"),
    ],
)
def test_settle__begun_round__takes_its_own_batches_only(call: object, reason: str) -> None:
    pool = pool_of([100, 200])
    batches = [Batch(0, (1,)), Batch(1, (1,))]
    pool.begin(1, terms_of(TEMPLATE, MILLIONTH, 0, batches))
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
        pool_of([100]).settle_round(1, terms_of(TEMPLATE, 0, 0, batches), batches)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda p: p.begin(2, terms_of(TEMPLATE, 0, 0, cut([]))), "pool: not head"),
        (lambda p: p.begin(1, RoundTerms(TEMPLATE, 0, 0, 1, END)), "pool: no scores"),
        (lambda p: p.begin(1, RoundTerms(TEMPLATE, 0, 0, 2**18 + 1, b"\1" * 32)), "pool: too many"),
        (lambda p: p.settle(1, Batch(0, ()), END), "pool: not begun"),
        (lambda p: p.fund(0, 0), "pool: zero amount"),
        (lambda p: p.drain(3, 1, 10**6), "pool: not head"),
        (lambda p: p.drain(1, 1, 99), "pool: open"),
    ],
)
def test_call__not_due__refused_with_the_contracts_reason(call: object, reason: str) -> None:
    pool = pool_of([100, 200])
    before = deepcopy(pool)
    with pytest.raises(Refused, match=f"^{reason}"):
        call(pool)
    assert pool == before


def test_begin__undrained_queue__refused() -> None:
    pool = pool_of([100])
    pool.deposit(0, NMR, now=0)
    with pytest.raises(Refused, match=r"^pool: queue$"):
        pool.begin(1, terms_of(TEMPLATE, 0, 0, cut([])))


def test_drain__queue_emptied__leaves_no_trace_of_it() -> None:
    """So that a replayed pool equals one read from the chain."""
    pool = pool_of([100])
    pool.deposit(0, NMR, now=0)
    pool.drain(1, 9, now=100)
    assert pool.queues == {}


@given(st.dictionaries(models, st.tuples(deposits, releases), min_size=1), st.integers(1, 9))
def test_drain__any_chunk__same_state(wishes: dict[int, tuple[int, int]], chunk: int) -> None:
    pool = pool_of([100], {m: Lane(NMR * m) for m in range(MODELS)})
    for model, (deposit, release) in wishes.items():
        pool.deposit(model, deposit, now=0)
        pool.request_release(model, release, now=0)
    assert drained(pool, chunk) == drained(pool, MODELS)
