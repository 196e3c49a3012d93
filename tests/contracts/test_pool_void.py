"""Rounds that end without scores (end_void), or without the rest of them (call_void, void_rest)."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from assay_system import System, deploy, refused
from oracle_steps import OTHER, RESULT, Steps

from oracle.settlement.batches import END, Batch, chain
from oracle.settlement.units import UNITS_PER_NMR
from oracle.settlement.words import ScoreLane, score_words

NMR = UNITS_PER_NMR
NOTHING = [Batch(0, ())]
LOSS = ScoreLane((-500_000, 0, 0))
BATCHES = [Batch(i, tuple(score_words({0: LOSS}, 1))) for i in range(3)]
"""Models 0, 4 and 8 lose 5 %, each in a batch of its own."""
SCORED = replace(RESULT, chain_head=chain(BATCHES)[0], words=3, at_risk=0)
SCORED_MODELS = (0, 4, 8)


@pytest.fixture(scope="module")
def system() -> System:
    """Twelve models of one owner; a super-quorum, so that challenges can be answered."""
    system = deploy(n=5, threshold=3, super_quorum=4)
    system.new_staker(models=12)
    return system


@pytest.fixture
def steps(system: System) -> Steps:
    return Steps(system)


def stakes(system: System) -> list[int]:
    return [system.stake(model) for model in SCORED_MODELS]


# --- no scores at all: why, and from which second on ---


def cancelled(steps: Steps) -> int:
    steps.announce(1, opens_in=100)
    steps.oracle.cancel(1, sender=steps.system.guardian)
    return steps.system.pool.round_state(1).close


def never_committed(steps: Steps) -> int:
    steps.announce(1)
    return steps.deadline(1) + 1


def challenged_in_vain(steps: Steps) -> int:
    steps.challenged(1, SCORED)
    return steps.system.now + steps.system.timing.challenge + 1


def vetoed_in_vain(steps: Steps) -> int:
    steps.committed(1, SCORED)
    steps.system.warp(steps.oracle.round_of(1).final_at - 1)
    steps.veto(1)
    return steps.system.now + steps.system.timing.challenge + 1


REASONS = [cancelled, never_committed, challenged_in_vain, vetoed_in_vain]


@pytest.mark.parametrize("reason", REASONS)
def test_end_void__each_reason__from_its_very_second_on(
    steps: Steps, stranger: str, reason: Callable[[Steps], int]
) -> None:
    system, void_from = steps.system, reason(steps)
    system.warp(void_from - 1)
    with refused("pool: open" if reason is cancelled else "pool: not void"):
        system.pool.end_void(1)
    system.warp(void_from)
    system.pool.end_void(1, sender=stranger)
    (log,) = system.pool.get_logs()
    assert (type(log).__name__, log.round) == ("RoundVoided", 1)
    state = system.pool.state()
    assert (state.head, state.head_since, state.last_announced) == (2, void_from, 1)
    with refused("pool: not head"):
        system.pool.end_void(1)


@pytest.mark.parametrize("reason", REASONS)
def test_end_void__requests_of_the_round__are_drained_first_and_count(
    steps: Steps, reason: Callable[[Steps], int]
) -> None:
    system = steps.system
    for model in SCORED_MODELS:
        system.deposit(model, 10 * NMR)
    system.request_release(4, 4 * NMR)
    system.warp(reason(steps))
    with refused("pool: queue"):
        system.pool.end_void(1)
    assert system.pool.drain(1, 2) == 2
    with refused("pool: queue"):
        system.pool.end_void(1)
    assert system.pool.drain(1, 2) == 1
    system.pool.end_void(1)
    assert stakes(system) == [10 * NMR, 6 * NMR, 10 * NMR]
    assert tuple(system.pool.totals()) == (26 * NMR, 0, 4 * NMR, 0, 0)


@pytest.mark.parametrize("reason", REASONS)
def test_end_void__scores_signed_all_the_same__never_count(
    steps: Steps, reason: Callable[[Steps], int]
) -> None:
    system = steps.system
    system.deposit(0, 10 * NMR)
    system.warp(reason(steps))
    system.pool.drain(1, 1)
    for call in (
        lambda: system.settle(1, BATCHES[0], chain(BATCHES)[1]),
        lambda: system.pool.begin(1),
        lambda: system.pool.call_void(1),
    ):
        with refused(
            "oracle: challenged"
            if reason in (challenged_in_vain, vetoed_in_vain)
            else "oracle: not committed"
        ):
            call()
    system.pool.end_void(1)
    with refused("pool: not head"):
        system.settle(1, BATCHES[0], chain(BATCHES)[1])
    with refused("pool: not head"):
        system.pool.call_void(1)
    assert system.stake(0) == 10 * NMR


def test_end_void__cancelled_round__takes_requests_until_its_close(steps: Steps) -> None:
    cancelled(steps)
    system = steps.system
    system.warp(system.pool.round_state(1).close - 1)
    assert system.deposit(0, NMR) == 1
    system.warp(system.now + 1)
    assert system.deposit(0, NMR) == 2
    system.pool.drain(1, 1)
    system.pool.end_void(1)
    assert system.stake(0) == NMR


def test_end_void__round_that_may_get_scores_or_has_them__refused(steps: Steps) -> None:
    system = steps.system
    with refused("pool: open"):
        system.pool.end_void(1)
    steps.committed(1, SCORED)
    with refused("pool: not void"):
        system.pool.end_void(1)
    steps.challenge(1, steps.challenger())
    with refused("pool: not void"):
        system.pool.end_void(1)
    steps.confirm(1, SCORED, SCORED)
    system.warp(system.now + 10**6)
    with refused("pool: not void"):
        system.pool.end_void(1)
    system.pool.begin(1)
    with refused("pool: begun"):
        system.pool.end_void(1)


def test_end_void__not_the_head__refused(steps: Steps) -> None:
    never_committed(steps)
    steps.announce(2, closes_in=600)
    steps.system.warp(steps.deadline(2) + 1)
    for k in (0, 2, 3):
        with refused("pool: not head"):
            steps.system.pool.end_void(k)
    steps.system.pool.end_void(1)
    steps.system.pool.end_void(2)
    with refused("pool: open"):
        steps.system.pool.end_void(3)


def test_end_void__between_scored_rounds__their_scores_count(steps: Steps) -> None:
    """Round 2 of three that overlap is void; a release for round 3 bears round 1 alone."""
    system = steps.system
    system.deposit(0, 100 * NMR)
    for k in (1, 2, 3):
        steps.announce(k, closes_in=100 * k + 100)
        system.warp(system.now + 100 * k + 100)
    assert system.request_release(0, None) == 4
    for k in (1, 3):
        system.warp(max(system.now, system.due(k)))
        steps.commit(k, SCORED)
    system.warp(steps.deadline(2) + 1)
    system.pool.drain(1, 9)
    system.settle_all(1, BATCHES)
    system.pool.end_void(2)
    assert system.stake(0) == 95 * NMR
    system.settle_all(3, BATCHES)
    assert system.stake(0) == 9025 * NMR // 100


# --- scores that are withheld ---


@pytest.fixture
def withheld(steps: Steps) -> Steps:
    """Models 0, 4 and 8 have 100 NMR each in round 1; its scores are final and nobody settles."""
    system = steps.system
    for model in SCORED_MODELS:
        system.deposit(model, 100 * NMR)
    steps.committed(1, SCORED)
    system.warp(steps.oracle.round_of(1).final_at)
    return steps


def call_void(steps: Steps, k: int = 1) -> int:
    """Calls the round void as early as may be; returns the second its rest may be given up."""
    system = steps.system
    final_at = steps.oracle.round_of(k).final_at
    since = system.pool.state().head_since
    clocks = system.clocks
    system.warp(max(system.now, final_at + clocks.settle_time, since + clocks.head_time))
    system.pool.call_void(k)
    return system.now + clocks.rest_delay


def test_call_void__scores_not_settled__from_settle_time_after_finality(
    withheld: Steps, stranger: str
) -> None:
    system = withheld.system
    deadline = withheld.oracle.round_of(1).final_at + system.clocks.settle_time
    system.warp(deadline - 1)
    with refused("pool: too early"):
        system.pool.call_void(1)
    system.warp(deadline)
    system.pool.call_void(1, sender=stranger)
    (log,) = system.pool.get_logs()
    assert (type(log).__name__, log.round) == ("VoidCalled", 1)
    assert log.void_at == deadline + system.clocks.rest_delay
    assert system.pool.round_state(1).void_at == log.void_at
    assert system.pool.state().head == 1
    with refused("pool: void called"):
        system.pool.call_void(1)


def test_call_void__round_became_head_late__has_its_time_as_head(steps: Steps) -> None:
    """Both rounds are final at the same time; the second one waits for the first."""
    system = steps.system
    for k in (1, 2):
        steps.announce(k, closes_in=100 * k)
    system.warp(system.due(2))
    for k in (1, 2):
        steps.commit(k, SCORED)
    final_at = steps.oracle.round_of(2).final_at
    ended = final_at + system.clocks.settle_time - system.clocks.head_time + 1
    system.warp(ended)
    system.settle_all(1, BATCHES)
    deadline = ended + system.clocks.head_time
    assert deadline == final_at + system.clocks.settle_time + 1
    system.warp(deadline - 1)
    with refused("pool: too early"):
        system.pool.call_void(2)
    system.warp(deadline)
    system.pool.call_void(2)


def test_call_void__challenged_round__counts_from_its_confirmation(steps: Steps) -> None:
    system = steps.system
    steps.challenged(1, SCORED)
    system.warp(system.now + system.timing.challenge)
    steps.confirm(1, SCORED, OTHER)
    deadline = system.now + system.clocks.settle_time
    system.warp(deadline - 1)
    with refused("pool: too early"):
        system.pool.call_void(1)
    system.warp(deadline)
    system.pool.call_void(1)


def test_call_void__scores_not_final__refused(steps: Steps) -> None:
    system = steps.system
    with refused("oracle: not announced"):
        system.pool.call_void(1)
    steps.announce(1)
    system.warp(system.due(1))
    with refused("oracle: not committed"):
        system.pool.call_void(1)
    steps.commit(1, SCORED)
    with refused("oracle: not final"):
        system.pool.call_void(1)
    steps.challenge(1, steps.challenger())
    with refused("oracle: challenged"):
        system.pool.call_void(1)


def test_call_void__not_the_head__refused(withheld: Steps) -> None:
    withheld.system.warp(withheld.system.now + 10**5)
    for k in (0, 2):
        with refused("pool: not head"):
            withheld.system.pool.call_void(k)
        with refused("pool: not head"):
            withheld.system.pool.void_rest(k)


def test_void_rest__not_called_or_too_early__refused(withheld: Steps) -> None:
    system = withheld.system
    system.warp(system.now + 10**5)
    system.pool.drain(1, 9)
    with refused("pool: void not called"):
        system.pool.void_rest(1)
    void_at = call_void(withheld)
    system.warp(void_at - 1)
    with refused("pool: too early"):
        system.pool.void_rest(1)
    system.warp(void_at)
    system.pool.void_rest(1)


def test_void_rest__nothing_settled__round_ends_and_its_drain_counts(
    withheld: Steps, stranger: str
) -> None:
    system = withheld.system
    system.warp(call_void(withheld))
    for n in (2, 1):
        with refused("pool: queue"):
            system.pool.void_rest(1)
        assert system.pool.drain(1, n) == n
    system.pool.void_rest(1, sender=stranger)
    (log,) = system.pool.get_logs()
    assert (type(log).__name__, log.round) == ("RoundVoided", 1)
    assert (system.pool.state().head, system.pool.state().head_since) == (2, system.now)
    assert tuple(system.pool.totals()) == (300 * NMR, 0, 0, 0, 0)


@pytest.mark.parametrize("settled", [1, 2])
def test_void_rest__some_batches_settled__they_stand_and_no_more_come(
    withheld: Steps, settled: int
) -> None:
    system, links = withheld.system, chain(BATCHES)
    system.pool.drain(1, 9)
    for i in range(settled):
        system.settle(1, BATCHES[i], links[i + 1])
    system.warp(call_void(withheld))
    system.pool.void_rest(1)
    state = system.pool.state()
    assert (state.head, state.begun, state.words, state.next_word) == (2, False, 0, 0)
    assert system.pool.round_state(1).cursor == links[settled]
    assert stakes(system) == [95 * NMR] * settled + [100 * NMR] * (3 - settled)
    assert system.pool.totals().burn_owed == settled * 5 * NMR
    with refused("pool: not head"):
        system.settle(1, BATCHES[settled], [*links, END][settled + 1])
    withheld.announce(2)
    system.play(2, BATCHES, words=3)
    assert system.stake(0) == 9025 * NMR // 100
    assert system.stake(8) == 95 * NMR


@pytest.mark.parametrize("late", [0, 10**5])
def test_settle__void_was_called__still_counts_until_the_rest_is_given_up(
    withheld: Steps, late: int
) -> None:
    system, links = withheld.system, [*chain(BATCHES), END]
    void_at = call_void(withheld)
    system.warp(void_at - 1)
    system.pool.drain(1, 9)
    system.settle(1, BATCHES[0], links[1])
    system.warp(void_at + late)
    system.settle(1, BATCHES[1], links[2])
    system.settle(1, BATCHES[2], links[3])
    assert stakes(system) == [95 * NMR] * 3
    with refused("pool: not head"):
        system.pool.void_rest(1)
    assert system.pool.state().head == 2


@pytest.mark.parametrize("settle_first", [True, False])
def test_settle__last_batch_races_the_giving_up__the_first_one_counts(
    withheld: Steps, settle_first: bool
) -> None:
    system, links = withheld.system, [*chain(BATCHES), END]
    system.pool.drain(1, 9)
    for i in (0, 1):
        system.settle(1, BATCHES[i], links[i + 1])
    system.warp(call_void(withheld))
    if settle_first:
        system.settle(1, BATCHES[2], END)
        with refused("pool: not head"):
            system.pool.void_rest(1)
    else:
        system.pool.void_rest(1)
        with refused("pool: not head"):
            system.settle(1, BATCHES[2], END)
    assert system.stake(8) == (95 if settle_first else 100) * NMR
    assert system.pool.state().head == 2


def test_call_void__round_settled_after_it__the_next_round_is_not_called(withheld: Steps) -> None:
    system = withheld.system
    system.pool.drain(1, 9)
    void_at = call_void(withheld)
    system.settle_all(1, BATCHES)
    withheld.committed(2, SCORED)
    system.warp(max(void_at, withheld.oracle.round_of(2).final_at))
    with refused("pool: void not called"):
        system.pool.void_rest(2)
    assert system.pool.round_state(2).void_at == 0


def test_void_rest__several_rounds_withheld__one_after_the_other(steps: Steps) -> None:
    system = steps.system
    for k in (1, 2, 3):
        steps.announce(k, closes_in=100 * k)
    system.warp(system.due(3))
    for k in (1, 2, 3):
        steps.commit(k, SCORED)
    system.warp(system.now + system.timing.window + system.clocks.settle_time)
    start = system.now
    for k in (1, 2, 3):
        system.warp(call_void(steps, k))
        system.pool.void_rest(k)
    each = system.clocks.head_time + system.clocks.rest_delay
    assert system.now == start + system.clocks.rest_delay + 2 * each
    assert system.pool.state().head == 4
