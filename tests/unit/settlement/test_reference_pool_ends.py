"""The reference pool: rounds without scores, pauses, the burn, and the pool's end."""

from collections.abc import Callable
from copy import deepcopy

import pytest
from pool_cases import NMR, TEMPLATE, pool_of, terms_of

from oracle.settlement.batches import END, Batch, chain
from oracle.settlement.reference import MAX_PENDING, Clocks, ReferencePool
from oracle.settlement.refusals import Refused
from oracle.settlement.units import COMPOUND, MILLIONTH, RELEASE_ALL, TAKE_PROFIT
from oracle.settlement.words import Lane, ScoreLane, score_words

CLOCKS = Clocks()
LOSS = ScoreLane((-500_000, 0, 0))
BATCHES = [Batch(i, tuple(score_words({0: LOSS}, 1))) for i in range(2)]
"""Models 0 and 4 lose 5 %, each in a batch of its own."""


def refused(pool: ReferencePool, reason: str, call: Callable[[], object]) -> None:
    """The call is refused for this reason and changes nothing."""
    before = deepcopy(pool)
    with pytest.raises(Refused) as refusal:
        call()
    assert str(refusal.value) == reason
    assert pool == before


def withheld(settled: int = 0) -> ReferencePool:
    """Round 1, closed at 100, has begun; ``settled`` of its two batches are settled."""
    pool = pool_of([100], {0: Lane(100 * NMR), 4: Lane(100 * NMR, True)})
    pool.begin(1, terms_of(TEMPLATE, MILLIONTH, 0, BATCHES))
    links = [*chain(BATCHES), END]
    for i in range(settled):
        pool.settle(1, BATCHES[i], links[i + 1], 100)
    return pool


# --- rounds without scores ---


def test_skip__unannounced_head__from_the_very_second_on() -> None:
    pool = pool_of([100])
    pool.end_void(1, True, 100)
    refused(pool, "pool: not head", lambda: pool.skip(1, 10**9))
    refused(pool, "pool: not head", lambda: pool.skip(3, 10**9))
    refused(pool, "pool: too early", lambda: pool.skip(2, 100 + CLOCKS.skip_after - 1))
    assert pool.deposit(0, NMR, 200) == 2
    pool.skip(2, 100 + CLOCKS.skip_after)
    assert pool.target(10**9) == 3
    refused(pool, "pool: queue", lambda: pool.end_void(2, False, 10**9))
    pool.drain(2, 1, 10**9)
    pool.end_void(2, False, 10**9)
    assert (pool.head, pool.head_since, pool.lane(0).stake) == (3, 10**9, NMR)


def test_skip__announced_head__refused() -> None:
    pool = pool_of([100])
    refused(pool, "pool: announced", lambda: pool.skip(1, 10**9))


def test_end_void__open_healthy_or_begun_round__refused() -> None:
    pool = pool_of([100])
    refused(pool, "pool: open", lambda: pool.end_void(1, True, 99))
    refused(pool, "pool: not void", lambda: pool.end_void(1, False, 100))
    refused(pool, "pool: not head", lambda: pool.end_void(2, True, 100))
    pool.begin(1, terms_of(TEMPLATE, MILLIONTH, 0, BATCHES))
    refused(pool, "pool: begun", lambda: pool.end_void(1, True, 100))


@pytest.mark.parametrize(
    ("final_at", "head_since", "deadline"),
    [
        (1_000, 0, 1_000 + CLOCKS.settle_time),
        (1_000, 1_000 + CLOCKS.settle_time, 1_000 + CLOCKS.settle_time + CLOCKS.head_time),
    ],
)
def test_call_void__deadline__is_the_later_of_two(
    final_at: int, head_since: int, deadline: int
) -> None:
    pool = withheld()
    pool.head_since = head_since
    refused(pool, "pool: too early", lambda: pool.call_void(1, final_at, deadline - 1))
    pool.call_void(1, final_at, deadline)
    assert pool.void_at == {1: deadline + CLOCKS.rest_delay}
    refused(pool, "pool: void called", lambda: pool.call_void(1, final_at, deadline))


@pytest.mark.parametrize("settled", [0, 1])
def test_void_rest__applied_batches_stand__no_more_come(settled: int) -> None:
    pool = withheld(settled)
    refused(pool, "pool: void not called", lambda: pool.void_rest(1, 10**9))
    pool.call_void(1, 100, 10**6)
    void_at = pool.void_at[1]
    refused(pool, "pool: too early", lambda: pool.void_rest(1, void_at - 1))
    pool.void_rest(1, void_at)
    assert pool.lane(0).stake == (95 if settled else 100) * NMR
    assert pool.lane(4) == Lane(100 * NMR, True)
    assert (pool.head, pool.head_since, pool.progress) == (2, void_at, None)
    refused(pool, "pool: not head", lambda: pool.settle(1, BATCHES[1], END, void_at))


def test_settle__void_was_called__counts_until_the_rest_is_given_up() -> None:
    pool = withheld(1)
    pool.call_void(1, 100, 10**6)
    late = pool.void_at[1] + 1
    assert pool.settle(1, BATCHES[1], END, late) == (0, 5 * NMR)
    refused(pool, "pool: not head", lambda: pool.void_rest(1, late))


def test_void_rest__undrained_queue__refused() -> None:
    pool = pool_of([100])
    pool.deposit(0, NMR, 0)
    pool.call_void(1, 100, 10**6)
    refused(pool, "pool: queue", lambda: pool.void_rest(1, 10**7))
    pool.drain(1, 1, 10**7)
    pool.void_rest(1, 10**7)


# --- announcements ---


def test_schedule__out_of_order_or_bounds__refused() -> None:
    pool = pool_of([100])
    for number in (1, 3):
        refused(pool, "pool: round order", lambda k=number: pool.schedule(k, 300, 0))
    for closes, now in [(100, 0), (200, 200)]:
        refused(
            pool,
            "pool: close in the past",
            lambda closes=closes, now=now: pool.schedule(2, closes, now),
        )
    for number in range(2, MAX_PENDING + 1):
        pool.schedule(number, 100 * number, 0)
    refused(pool, "pool: too many pending", lambda: pool.schedule(MAX_PENDING + 1, 10**6, 0))


def test_schedule__head_could_be_skipped__refused_from_that_second_on() -> None:
    pool = pool_of([100])
    lapses = 100 + CLOCKS.skip_after
    waiting = deepcopy(pool)
    waiting.schedule(2, lapses + 100, lapses)
    pool.end_void(1, True, 100)
    refused(pool, "pool: skip first", lambda: pool.schedule(2, lapses + 100, lapses))
    pool.schedule(2, lapses + 100, lapses - 1)


# --- a pause ---


def test_pause__stops_deposits_funds_and_announcements_only() -> None:
    pool = pool_of([100], {0: Lane(NMR)})
    pool.pause(CLOCKS.pause_cooldown)
    until = pool.paused_until
    assert until == CLOCKS.pause_cooldown + CLOCKS.pause
    for call in (
        lambda now: pool.deposit(0, NMR, now),
        lambda now: pool.fund(1, now),
        lambda now: pool.schedule(2, until + 100, now),
    ):
        refused(pool, "pool: paused", lambda call=call: call(until - 1))
        call(until)
    pool.request_release(0, RELEASE_ALL, until - 1)
    pool.set_mode(0, COMPOUND, until - 1)


def test_pause__again__only_after_the_cooldown() -> None:
    pool = ReferencePool()
    pool.pause(CLOCKS.pause_cooldown)
    until = pool.paused_until
    free = until + CLOCKS.pause_cooldown
    refused(pool, "pool: paused lately", lambda: pool.pause(free - 1))
    pool.pause(free)


def test_unpause__early__ends_it_and_starts_the_cooldown() -> None:
    pool = ReferencePool()
    refused(pool, "pool: not paused", lambda: pool.unpause(0))
    pool.pause(CLOCKS.pause_cooldown)
    now = CLOCKS.pause_cooldown + 1
    pool.unpause(now)
    pool.fund(1, now)
    refused(pool, "pool: not paused", lambda: pool.unpause(now))
    refused(pool, "pool: paused lately", lambda: pool.pause(now + CLOCKS.pause_cooldown - 1))


# --- the burn ---


def test_flush_burn__all_that_is_owed__once() -> None:
    pool = withheld(1)
    assert pool.flush_burn() == 5 * NMR
    refused(pool, "pool: nothing to burn", pool.flush_burn)


# --- the end of the pool ---


@pytest.fixture
def stranded() -> ReferencePool:
    """Round 1 is half settled; deposits wait in rounds 2 and 3, a release and a mode in 2."""
    pool = withheld(1)
    pool.out = {0: 3 * NMR}
    for number, close in ((2, 200), (3, 300)):
        pool.put_round(number, close)
    pool.deposit(0, NMR, 150)
    pool.request_release(0, RELEASE_ALL, 150)
    pool.set_mode(4, TAKE_PROFIT, 150)
    pool.deposit(0, 2 * NMR, 250)
    pool.deposit(8, 7 * NMR, 250)
    return pool


def wound_down(pool: ReferencePool) -> ReferencePool:
    pool.wind_down(pool.head_since + CLOCKS.wind_down_after)
    return pool


def test_wind_down__no_round_ended_for_long__from_the_very_second_on() -> None:
    pool = pool_of([100])
    pool.end_void(1, True, 500)
    bound = 500 + CLOCKS.wind_down_after
    refused(pool, "pool: too early", lambda: pool.wind_down(bound - 1))
    pool.wind_down(bound)
    refused(pool, "pool: wound down", lambda: pool.wind_down(bound))


def test_wind_down__every_other_call__refused(stranded: ReferencePool) -> None:
    pool = wound_down(stranded)
    calls = [
        lambda: pool.schedule(4, 10**9, 0),
        lambda: pool.deposit(0, NMR, 0),
        lambda: pool.request_release(0, NMR, 0),
        lambda: pool.set_mode(0, COMPOUND, 0),
        lambda: pool.fund(1, 0),
        lambda: pool.drain(1, 1, 0),
        lambda: pool.begin(1, terms_of(TEMPLATE, MILLIONTH, 0, BATCHES)),
        lambda: pool.settle(1, BATCHES[1], END),
        lambda: pool.skip(1, 10**9),
        lambda: pool.end_void(1, True, 10**9),
        lambda: pool.call_void(1, 0, 10**9),
        lambda: pool.void_rest(1, 10**9),
    ]
    for call in calls:
        refused(pool, "pool: wound down", call)
    assert pool.claim(0) == 3 * NMR
    assert pool.flush_burn() == 5 * NMR


def test_exit__listed_rounds__pays_each_thing_once(stranded: ReferencePool) -> None:
    refused(stranded, "pool: not wound down", lambda: stranded.exit(0, [2, 3]))
    pool = wound_down(stranded)
    assert pool.exit(0, [2, 2, 9]) == (95 + 3 + 1) * NMR
    assert pool.exit(0, [2, 3, 3]) == 2 * NMR
    refused(pool, "pool: nothing to pay", lambda: pool.exit(0, [2, 3]))
    assert pool.exit(4, [2]) == 100 * NMR
    assert pool.exit(8, [3]) == 7 * NMR
    assert (pool.total, pool.queued, pool.out_total) == (0, 0, 0)
    assert pool.held == pool.vault + pool.burn_owed


def test_exit__nothing_to_pay__changes_nothing(stranded: ReferencePool) -> None:
    """Not even the mode of an empty lane, as on chain."""
    stranded.lanes[5] = Lane(0, True)
    pool = wound_down(stranded)
    refused(pool, "pool: nothing to pay", lambda: pool.exit(5, [2]))
    refused(pool, "pool: nothing to pay", lambda: pool.exit(6, [2, 3]))
