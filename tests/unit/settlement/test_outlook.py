"""What the outlook says, against what then happens: every history is played on, by brute force."""

from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from outlook_world import (
    CLOCKS,
    FRESH,
    MODELS,
    NAMES,
    START,
    TEMPLATE,
    TIMING,
    WORDS,
    WORST_FOR_ALL,
    Batches,
    World,
    acts,
    amounts,
    batches_of,
    models,
    releases,
    score_lanes,
    worlds,
)

from oracle.settlement.batches import chain
from oracle.settlement.outlook import Phase, Step, Steps
from oracle.settlement.payout import Template
from oracle.settlement.reference import ReferencePool, RoundTerms
from oracle.settlement.reference_oracle import Status
from oracle.settlement.refusals import Refused
from oracle.settlement.units import MILLIONTH, MIN_STAKE, RATE_ONE, RELEASE_ALL
from oracle.settlement.words import Lane

NMR = 10 * MIN_STAKE
BURNS_ALL = replace(TEMPLATE, clip_down=RATE_ONE)


# --- playing on ---


def end_rounds(
    world: World, until: int, batches: Batches | None, template: Template | None = None
) -> ReferencePool:
    """A copy of the pool with the rounds before ``until`` drained and ended, and ``until`` drained;
    those that can still have scores get these. What is settled of the head round counts for
    nothing: all its batches come on top."""
    pool = deepcopy(world.pool)
    pool.progress = None
    pool.wound_down = False
    while True:
        head = pool.head
        if head > pool.last_announced:
            pool.put_round(head, world.now)
        pool.drain(head, MODELS, max(world.now, pool.closes[head]))
        if head == until:
            return pool
        void = head in pool.skipped or world.status(head) is Status.VOID
        if batches is None or void:
            pool.end_head(world.now)
            continue
        rule = template or world.oracle.rounds[head].template
        terms = RoundTerms(rule, MILLIONTH, 0, WORDS, chain(batches)[0])
        pool.settle_round(head, terms, batches)


Others = Callable[[World], bool]
"""What the others do now; whether they did anything."""


def play(world: World, others: Others, done: Callable[[], bool]) -> int:
    """Second by second until ``done``; the staker takes every step that the outlook names."""
    for _ in range(2_000):
        while others(world) or world.staker_step():
            if done():
                return world.now
        if done():
            return world.now
        world.now += 1
    raise AssertionError("still in")


def hinder(last: int) -> Others:
    """Everything comes at the last moment, scores never; rounds up to ``last`` are announced just
    before they could be skipped."""

    def others(world: World) -> bool:
        pool, now = world.pool, world.now
        for number in world.pending():
            announced = world.oracle.rounds[number]
            status = world.status(number)
            due = announced.closes + announced.horizon
            if status is Status.ANNOUNCED and now == due + TIMING.grace:
                world.commit(number, WORST_FOR_ALL)
                return True
            if status is Status.COMMITTED and now == announced.final_at - 1:
                world.challenge(number)
                return True
            if status is Status.CHALLENGED:
                asked = world.oracle.challenges[number].challenged_at
                if now == asked + TIMING.challenge:
                    world.confirm(number)
                    return True
        following = pool.last_announced + 1
        lapse = pool.closes[following - 1] + CLOCKS.skip_after
        last_moment = now == lapse - 1 if pool.head == following else now >= lapse - 1
        if following <= last and last_moment and (pool.head == following or ends_now(world)):
            world.announce(now + TIMING.max_ahead, TIMING.max_horizon)
            return True
        return False

    return others


def ends_now(world: World) -> bool:
    """Whether the staker is about to end the last announced round."""
    head, steps = world.pool.head, world.outlook().steps(world.pool.head)
    if head < world.pool.last_announced:
        return False
    if steps.step is Step.END_VOID:
        return world.now >= steps.step_at
    return steps.fallback_step is Step.VOID_REST and world.now >= steps.fallback_at


def work(world: World) -> bool:
    """Operators commit what burns most as soon as they can, and settle; no challenge is
    answered."""
    for number in world.pending():
        announced = world.oracle.rounds[number]
        open_since = announced.closes + announced.horizon
        if world.status(number) is Status.ANNOUNCED and world.now >= open_since:
            world.commit(number, WORST_FOR_ALL)
            return True
    if world.outlook().steps(world.pool.head).step is Step.SETTLE:
        try:
            world.settle_batch()
        except Refused:
            return False
        return True
    return False


def at_random(data: st.DataObject) -> Others:
    """Up to thirty acts of a history, now and then."""
    left = data.draw(st.integers(0, 30))
    waits_until = START

    def others(world: World) -> bool:
        nonlocal left, waits_until
        if not left or world.now < waits_until:
            return False
        left -= 1
        waits_until = world.now + data.draw(st.sampled_from([0, 0, 1, 5, 12]))
        with suppress(Refused):
            acts(world, data.draw)[data.draw(st.sampled_from(NAMES))]()
        return True

    return others


def can_be_skipped(world: World) -> bool:
    """Whether nobody announced the head round, nor may any more."""
    steps = world.outlook().steps(world.pool.head)
    return steps.step is Step.SKIP and world.now >= steps.step_at


def released(world: World, model: int, number: int) -> Callable[[], bool]:
    """Whether the model's requests for a round are drained."""
    return lambda: model not in world.pool.queues.get(number, {})


# --- models ---


@given(world=worlds(), model=models)
def test_standing__all_queues_drained__is_what_came_and_left(world: World, model: int) -> None:
    outlook = world.outlook()
    standing = outlook.standing(model)
    target = world.pool.target(world.now)
    drained = end_rounds(world, target, None)
    assert standing.claimable == world.pool.out.get(model, 0)
    assert standing.releasing == drained.out.get(model, 0) - standing.claimable
    assert standing.queued == sum(
        q[model].deposit for q in world.pool.queues.values() if model in q
    )
    left = standing.stake + standing.queued - standing.releasing
    assert left == drained.lane(model).stake == outlook.stake_at_close(model, target)
    assert outlook.stake_at_close(model, target + 9) == left
    assert (standing.mode == 2) == world.pool.lane(model).take_profit


@given(world=worlds(), model=models)
def test_standing__closed_rounds_burn_all_they_can__is_the_exposed(
    world: World, model: int
) -> None:
    """It is a bound where rounds are void, or releases of later rounds take their deposits."""
    pool, exposed = world.pool, world.outlook().standing(model).exposed
    target = pool.target(world.now)
    if target == pool.head:
        assert exposed == 0
        return
    before = end_rounds(world, target, None)
    after = end_rounds(world, target, WORST_FOR_ALL, BURNS_ALL)
    burned = worth(before, model) - worth(after, model)
    assert burned <= exposed
    closed = range(pool.head, target)
    void = any(n in pool.skipped or world.status(n) is Status.VOID for n in closed)
    later = [pool.queues.get(n, {}).get(model) for n in closed[1:]]
    if not void and not any(record and record.release for record in later):
        assert burned == exposed


def worth(pool: ReferencePool, model: int) -> int:
    return pool.lane(model).stake + pool.out.get(model, 0)


def test_standing__wound_down__nothing_leaves_or_is_exposed() -> None:
    world = World()
    world.pool.lanes[0] = Lane(2 * NMR)
    world.announce(START + 5, 5)
    world.pool.request_release(0, NMR, world.now)
    world.now += 5
    standing = world.outlook().standing(0)
    assert (standing.releasing, standing.exposed) == (NMR, NMR)
    world.pool.deposit(0, NMR, world.now)
    world.pool.wound_down = True
    standing = world.outlook().standing(0)
    assert (standing.stake, standing.queued) == (2 * NMR, NMR)
    assert (standing.releasing, standing.exposed) == (0, 0)
    for call in (lambda o: o.release(0, NMR), lambda o: o.deposit(NMR)):
        with pytest.raises(Refused, match=r"^lens: wound down$"):
            call(world.outlook())


def test_stake_at_close__ended_round__is_refused() -> None:
    world = World()
    world.pool.end_head(world.now)
    with pytest.raises(Refused, match=r"^lens: round ended$"):
        world.outlook().stake_at_close(0, 1)


# --- a release ---


@given(world=worlds(), model=models, amount=releases, lanes=score_lanes)
def test_release__pending_rounds_score__loses_up_to_max_loss_and_reaches_it(
    world: World, model: int, amount: int, lanes: dict
) -> None:
    outlook = world.outlook().release(model, amount)
    asked = deepcopy(world)
    assert asked.pool.request_release(model, amount, world.now) == outlook.round

    def paid(batches: Batches | None) -> int:
        """What the release pays on top of what was asked before."""
        pools = (end_rounds(w, outlook.round, batches) for w in (asked, world))
        more, less = (pool.out.get(model, 0) for pool in pools)
        return more - less

    assert paid(None) == outlook.amount
    assert paid(WORST_FOR_ALL) == outlook.amount - outlook.max_loss
    assert paid(batches_of(lanes)) >= outlook.amount - outlook.max_loss


@given(world=worlds(), model=models, amount=releases)
def test_release__everybody_hinders__is_out_at_the_latest_date_exactly(
    world: World, model: int, amount: int
) -> None:
    outlook = world.outlook().release(model, amount)
    world.pool.request_release(model, amount, world.now)
    others = hinder(outlook.round)
    assert play(world, others, released(world, model, outlook.round)) == outlook.latest_at


@given(world=worlds(), model=models, amount=releases, data=st.data())
def test_release__others_do_anything__is_out_by_the_latest_date(
    world: World, model: int, amount: int, data: st.DataObject
) -> None:
    outlook = world.outlook().release(model, amount)
    world.pool.request_release(model, amount, world.now)
    reached = play(world, at_random(data), released(world, model, outlook.round))
    assert reached <= outlook.latest_at


@given(world=worlds(), model=models, amount=releases)
def test_release__everybody_works__is_out_when_expected(
    world: World, model: int, amount: int
) -> None:
    outlook = world.outlook().release(model, amount)
    assert outlook.close == world.pool.closes.get(outlook.round, 0)
    assert (outlook.expected_at != 0) == (outlook.close != 0 or can_be_skipped(world))
    if outlook.expected_at:
        world.pool.request_release(model, amount, world.now)
        reached = play(world, work, released(world, model, outlook.round))
        assert reached == outlook.expected_at


# --- a deposit ---


def stay_for_a_round(world: World, amount: int, others: Others) -> tuple[int, int]:
    """The fresh model's deposit, released as soon as possible: when it is out, and how much."""
    pool = world.pool
    joined = pool.deposit(FRESH, amount, world.now)
    asked = False

    def acting(world: World) -> bool:
        nonlocal asked
        if not asked and joined <= pool.last_announced and world.now >= pool.closes[joined]:
            assert pool.request_release(FRESH, RELEASE_ALL, world.now) == joined + 1
            asked = True
            return True
        return others(world)

    out = released(world, FRESH, joined + 1)
    return play(world, acting, lambda: asked and out()), pool.out.get(FRESH, 0)


@given(world=worlds(), amount=amounts)
def test_deposit__everybody_hinders__is_out_at_the_latest_date_exactly(
    world: World, amount: int
) -> None:
    outlook = world.outlook().deposit(amount)
    assert outlook.round == world.pool.target(world.now) == outlook.release_round - 1
    others = hinder(outlook.release_round)
    assert stay_for_a_round(world, amount, others) == (outlook.latest_at, amount)


@given(world=worlds(), amount=amounts, data=st.data())
def test_deposit__others_do_anything__is_out_by_the_latest_date(
    world: World, amount: int, data: st.DataObject
) -> None:
    outlook = world.outlook().deposit(amount)
    reached, _ = stay_for_a_round(world, amount, at_random(data))
    assert reached <= outlook.latest_at


@given(world=worlds(), amount=amounts)
def test_deposit__everybody_works_and_scores_are_worst__expected_date_and_max_loss(
    world: World, amount: int
) -> None:
    outlook = world.outlook().deposit(amount)
    announced, certain = world.pool.last_announced, can_be_skipped(world)
    assert (outlook.close == 0) == (outlook.round > announced)
    assert (outlook.expected_at == 0) == (outlook.release_round > announced)
    reached, out = stay_for_a_round(world, amount, work)
    if outlook.expected_at:
        assert reached == outlook.expected_at
    if outlook.close or certain:
        assert out == amount - outlook.max_loss


def test_deposit__no_round_announced__max_loss_is_by_the_rule_of_today() -> None:
    world = World()
    before = world.outlook().deposit(NMR)
    assert (before.round, before.close, before.max_loss) == (1, 0, NMR // 20)
    world.announce(START + 5, 5)
    after = world.outlook().deposit(NMR)
    assert (after.round, after.close, after.max_loss) == (1, START + 5, NMR // 20)


# --- rounds ---


@given(world=worlds())
def test_steps__head_round__are_possible_from_their_times_on(world: World) -> None:
    steps = world.outlook().steps(world.pool.head)
    for step, at in (
        (steps.step, steps.step_at),
        (steps.fallback_step, steps.fallback_at),
    ):
        if step is Step.NONE:
            continue
        later = deepcopy(world)
        if world.now < at:
            later.now = at - 1
            with pytest.raises(Refused):
                deepcopy(later).take(step)
        later.now = max(world.now, at)
        later.take(step)
    assert steps.step is not Step.NONE


def test_steps__later_and_unknown_rounds__own_times_or_none() -> None:
    world = World()
    world.announce(START + 5, 5)
    world.announce(START + 10, 5)
    world.now = START + 10
    world.commit(1, WORST_FOR_ALL)
    world.pool.deposit(0, NMR, START + 6)
    outlook = world.outlook()
    final_at = START + 10 + TIMING.window
    assert outlook.steps(0) == Steps()
    assert outlook.steps(1) == Steps(
        Step.SETTLE, final_at, Step.CALL_VOID, final_at + CLOCKS.settle_time
    )
    assert outlook.steps(2) == Steps(Step.DRAIN, START + 10)
    assert outlook.steps(3) == Steps(Step.SKIP, START + 10 + CLOCKS.skip_after)
    assert outlook.steps(4) == Steps()
    world.pool.wound_down = True
    assert outlook.steps(1) == Steps()


def test_phase__a_round_that_is_settled__from_unknown_to_ended() -> None:
    world = World()
    assert world.outlook().phase(1) is Phase.UNKNOWN
    world.announce(START + 5, 5)
    opens = START + 1
    world.oracle.rounds[1] = replace(world.oracle.rounds[1], opens=opens)
    seen = []
    for now in (START, START + 1, START + 4, START + 5, START + 9, START + 10):
        world.now = now
        seen.append(world.outlook().phase(1))
    world.commit(1, WORST_FOR_ALL)
    seen.append(world.outlook().phase(1))
    world.now += TIMING.window
    seen.append(world.outlook().phase(1))
    for _ in range(WORDS):
        world.settle_batch()
        seen.append(world.outlook().phase(1))
    assert seen == [
        Phase.ANNOUNCED,
        Phase.OPEN,
        Phase.OPEN,
        Phase.CLOSED,
        Phase.CLOSED,
        Phase.DUE,
        Phase.COMMITTED,
        Phase.FINAL,
        Phase.SETTLING,
        Phase.ENDED,
    ]


def test_phase__rounds_without_all_scores__void_then_ended_void() -> None:
    """Cancelled, not committed, challenged without an answer, settled in part, skipped."""
    world = World()
    for closes in (START + 2, START + 5, START + 8, START + 11):
        world.announce(closes, 5)
    world.oracle.cancel(1, START - 1)
    assert world.outlook().phase(1) is Phase.VOID
    world.now = START + 5 + 5 + TIMING.grace
    for number in (3, 4):
        world.commit(number, WORST_FOR_ALL)
    world.challenge(3)
    assert [world.outlook().phase(n) for n in (2, 3, 4)] == [
        Phase.DUE,
        Phase.CHALLENGED,
        Phase.COMMITTED,
    ]
    world.now += TIMING.challenge + 1
    assert [world.outlook().phase(n) for n in (2, 3, 4)] == [Phase.VOID, Phase.VOID, Phase.FINAL]
    for number in (1, 2, 3):
        assert world.staker_step()
        assert world.outlook().phase(number) is Phase.ENDED_VOID
    world.settle_batch()
    world.announce(world.now + 5, 5)
    assert [world.outlook().phase(n) for n in (4, 5)] == [Phase.SETTLING, Phase.OPEN]
    world.now += 99
    assert world.staker_step()
    world.now += CLOCKS.rest_delay
    assert world.staker_step()
    assert [world.outlook().phase(n) for n in (4, 5)] == [Phase.ENDED_VOID, Phase.VOID]
    world.take(Step.END_VOID)
    assert world.outlook().phase(6) is Phase.UNKNOWN
    world.take(Step.SKIP)
    assert world.outlook().phase(6) is Phase.VOID
    world.take(Step.END_VOID)
    assert world.outlook().phase(6) is Phase.ENDED_VOID
