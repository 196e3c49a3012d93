"""The exit table of docs/exits.md: the longest wait for a release asked at t, row by row.

Whoever else could act falls silent or hostile; from then on only the staker acts, and time passes.
Every row runs with short times and with those of a real tournament.
"""

import heapq
from collections.abc import Callable
from dataclasses import replace

import pytest
from assay_system import compiled, refused
from exit_bench import DAY, HOUR, NMR, SCALES, STAKE, WEI, ExitBench, deploy_exit
from oracle_steps import RESULT

from oracle.settlement.batches import Batch, chain
from oracle.settlement.reference import MAX_PENDING
from oracle.settlement.units import WEI_PER_UNIT

NOTHING = [Batch(0, ())]
BATCHES = [Batch(0, (1,)), Batch(1, (1,))]
SCORED = replace(RESULT, chain_head=chain(BATCHES)[0], words=2)
"""A round of two batches, which can stop in the middle."""


@pytest.fixture(scope="module", params=list(SCALES))
def bench(request: pytest.FixtureRequest) -> ExitBench:
    return deploy_exit(request.param)


def test_bounds__times_of_a_real_tournament__in_days() -> None:
    """The numbers that the table shows."""
    bench = deploy_exit("production")
    timing, clocks = bench.timing, bench.clocks
    assert clocks.skip_after == timing.max_ahead == 14 * DAY
    assert timing.max_horizon == 90 * DAY
    assert timing.grace == 7 * DAY
    assert bench.latest_answer == (90 + 14) * DAY
    assert bench.withheld == 26 * DAY + 20 * HOUR
    assert bench.latest_answer + bench.withheld <= (90 + 41) * DAY
    assert clocks.wind_down_after == timing.max_horizon + 60 * DAY


# --- announcements stop ---


def test_exit__nothing_was_ever_announced__skip_after_from_construction(bench: ExitBench) -> None:
    built = bench.pool.round_state(0).close
    bench.system.deposit(0, STAKE)
    bench.ask(1)
    bound = built + bench.clocks.skip_after
    bench.warp(bound - 1)
    with refused("pool: too early"):
        bench.skip(1)
    with refused("pool: open"):
        bench.drain(1)
    bench.warp(bound)
    bench.skip(1)
    assert bench.leave(1) == bound
    bench.end_void(1)
    assert bench.pool.state().head == 2


def test_exit__announcements_stop__skip_after_from_the_last_close(bench: ExitBench) -> None:
    """The last round got its scores soon after its close."""
    asked = bench.closed_rounds(1, horizon=1)
    bench.system.play(1, NOTHING)
    assert bench.pool.state().head == 2
    bound = asked + bench.clocks.skip_after
    bench.warp(bound - 1)
    with refused("pool: too early"):
        bench.skip(2)
    bench.warp(bound)
    bench.skip(2)
    assert bench.leave(2) == bound


def test_exit__announcements_stop__at_once_after_the_last_round_ended(bench: ExitBench) -> None:
    """The last round ends later than that: the staker has waited long enough already."""
    bench.closed_rounds(2)
    bench.system.play(1, NOTHING)
    with refused("pool: not head"):
        bench.skip(3)
    bench.system.play(2, NOTHING)
    ended = bench.pool.state().head_since
    assert ended == bench.system.now > bench.pool.round_state(2).close + bench.clocks.skip_after
    bench.skip(3)
    assert bench.leave(3) == ended


def test_exit__announced_again_in_the_last_second__waits_for_that_close(bench: ExitBench) -> None:
    """The announcer did not stop: it waited as long as it could, and chose the latest close."""
    asked = bench.closed_rounds(1, horizon=1)
    bench.system.play(1, NOTHING)
    last_chance = asked + bench.clocks.skip_after - 1
    bench.warp(last_chance)
    bench.steps.announce(2, closes_in=bench.timing.max_ahead, horizon=bench.horizon)
    bench.warp(last_chance + 1)
    with refused("pool: announced"):
        bench.skip(2)
    bound = last_chance + bench.timing.max_ahead
    bench.warp(bound - 1)
    with refused("pool: open"):
        bench.drain(2)
    bench.warp(bound)
    assert bench.leave(2) == bound == asked + bench.clocks.skip_after + bench.timing.max_ahead - 1


def test_exit__announcements_stop_and_the_pool_is_paused__same_second(bench: ExitBench) -> None:
    asked = bench.closed_rounds(1, horizon=1)
    bench.system.play(1, NOTHING)
    bound = asked + bench.clocks.skip_after
    bench.warp(bound - 1)
    bench.system.oracle.pause(sender=bench.system.guardian)
    bench.warp(bound)
    bench.skip(2)
    assert bench.leave(2) == bound
    bench.end_void(2)


def test_exit__round_cancelled__leaves_at_its_close(bench: ExitBench) -> None:
    bench.system.deposit(0, STAKE)
    notice = bench.timing.notice
    bench.steps.announce(1, opens_in=notice - 1, closes_in=notice, horizon=1)
    closes = bench.last_close
    bench.ask(1)
    bench.system.oracle.cancel(1, sender=bench.system.guardian)
    bench.warp(closes - 1)
    with refused("pool: open"):
        bench.drain(1)
    bench.warp(closes)
    assert bench.leave(1) == closes
    bench.end_void(1)


# --- commits stop ---


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "skipped"])
def test_exit__commits_stop__horizon_and_grace(bench: ExitBench, announced: bool) -> None:
    """Three closed rounds; the release waits for a fourth one, announced as late as may be or
    not at all."""
    asked = bench.closed_rounds(3)
    if announced:
        bench.steps.announce(4, closes_in=bench.timing.max_ahead, horizon=bench.horizon)
    bound = asked + bench.horizon + bench.timing.grace
    bench.warp(bound)
    bench.end_void(1)
    bench.end_void(2)
    bench.drain(3)
    with refused("pool: not void"):
        bench.pool.end_void(3, sender=bench.staker)
    bench.warp(bound + 1)
    bench.end_void(3)
    if not announced:
        bench.skip(4)
    assert bench.leave(4) == bound + 1


# --- challenged, then silent ---


@pytest.mark.parametrize("veto", [True, False], ids=["veto", "bond"])
def test_exit__challenged_then_silent__horizon_and_answer(bench: ExitBench, veto: bool) -> None:
    """Everything comes in its last second: the commit, the challenge, and no answer."""
    asked = bench.closed_rounds(2)
    bench.warp(bench.steps.deadline(2))
    bench.steps.commit(2, SCORED)
    bench.warp(bench.system.now + bench.timing.window - 1)
    if veto:
        bench.steps.veto(2)
    else:
        bench.steps.challenge(2, bench.steps.challenger())
    bound = asked + bench.latest_answer
    bench.warp(bound - 1)
    assert bound - 1 == bench.system.oracle.round_of(2).challenged_at + bench.timing.challenge
    bench.end_void(1)
    bench.drain(2)
    with refused("pool: not void"):
        bench.pool.end_void(2, sender=bench.staker)
    with refused("oracle: challenged"):
        bench.pool.call_void(2, sender=bench.staker)
    bench.warp(bound)
    bench.end_void(2)
    bench.skip(3)
    assert bench.leave(3) == bound


# --- every pending round withheld ---


class Timetable:
    """What is to happen when; at the same second, in the order it was written down."""

    def __init__(self, bench: ExitBench) -> None:
        self._bench = bench
        self._entries: list[tuple[int, int, Callable[[], object]]] = []

    def at(self, timestamp: int, step: Callable[[], object]) -> None:
        heapq.heappush(self._entries, (timestamp, len(self._entries), step))

    def run(self) -> None:
        while self._entries:
            timestamp, _, step = heapq.heappop(self._entries)
            self._bench.warp(timestamp)
            step()


def withhold(bench: ExitBench, timetable: Timetable) -> list[int]:
    """All pending rounds are committed in the last second and nothing is settled; the last one
    is challenged and upheld as late as may be on top. Returns when each is final."""
    finals = []
    for k in range(1, MAX_PENDING + 1):
        timetable.at(bench.steps.deadline(k), lambda k=k: bench.steps.commit(k))
        finals.append(bench.steps.deadline(k) + bench.timing.window)
    challenged = finals[-1] - 1
    timetable.at(challenged, lambda: bench.steps.veto(MAX_PENDING))
    finals[-1] = challenged + bench.timing.challenge
    timetable.at(finals[-1], lambda: bench.steps.confirm(MAX_PENDING))
    return finals


def give_up(bench: ExitBench, timetable: Timetable, finals: list[int], begin: int) -> int:
    """The staker's calls, each as early as it is taken and none before ``begin``. Returns when
    the last round ends."""
    clocks, ended = bench.clocks, begin - bench.clocks.head_time
    for k, final in enumerate(finals, start=1):
        called = max(final + clocks.settle_time, ended + clocks.head_time)
        ended = called + clocks.rest_delay
        timetable.at(called, lambda k=k: bench.call_void(k))
        timetable.at(ended, lambda k=k: bench.void_rest(k))
    return ended


def test_exit__every_pending_round_withheld__nobody_acts_before_all_are_final(
    bench: ExitBench,
) -> None:
    """The slowest staker: begins when the last round's time to settle has passed."""
    asked, timetable = bench.closed_rounds(MAX_PENDING), Timetable(bench)
    finals = withhold(bench, timetable)
    begin = finals[-1] + bench.clocks.settle_time
    ended = give_up(bench, timetable, finals, begin)
    timetable.run()
    bench.skip(MAX_PENDING + 1)
    assert bench.leave(MAX_PENDING + 1) == ended
    assert ended == asked + bench.latest_answer - 1 + bench.withheld


def test_exit__every_pending_round_withheld__each_call_as_early_as_it_is_taken(
    bench: ExitBench,
) -> None:
    """The quickest staker, whose last steps are refused one second earlier."""
    asked, timetable = bench.closed_rounds(MAX_PENDING), Timetable(bench)
    finals = withhold(bench, timetable)
    ended = give_up(bench, timetable, finals, asked)
    rest, last = bench.clocks.rest_delay, MAX_PENDING

    def too_early(call: Callable[[int], None]) -> None:
        with refused("pool: too early"):
            call(last)

    timetable.at(ended - rest - 1, lambda: too_early(bench.pool.call_void))
    timetable.at(ended - 1, lambda: too_early(bench.pool.void_rest))
    timetable.run()
    bench.skip(MAX_PENDING + 1)
    assert bench.leave(MAX_PENDING + 1) == ended
    assert ended <= asked + bench.latest_answer - 1 + bench.withheld
    if bench.timing.gap >= bench.clocks.head_time + rest:
        # Rounds close further apart than they are given up: only the last one keeps the staker.
        assert ended == finals[-1] + bench.clocks.settle_time + rest


# --- the oracle contract reverts ---


def scattered(bench: ExitBench) -> int:
    """The staker has some of everything: 8 NMR at stake, 2 NMR claimable, 1 NMR that waits for
    round 2 and 1 NMR for round 4. Rounds 2 and 3 are closed; returns when round 1 ended."""
    bench.system.deposit(0, STAKE)
    bench.system.request_release(0, 2 * NMR)
    bench.announce(1, horizon=1)
    bench.system.play(1, NOTHING)
    ended = bench.pool.state().head_since
    bench.announce(2)
    bench.system.deposit(0, NMR)
    bench.warp(bench.announce(3))
    bench.ask(4)
    bench.system.deposit(0, NMR)
    return ended


def wind_down_and_exit(bench: ExitBench, ended: int) -> None:
    """At the bound, and not a second earlier."""
    bound = ended + bench.clocks.wind_down_after
    bench.warp(bound - 1)
    with refused("pool: too early"):
        bench.pool.wind_down(sender=bench.staker)
    with refused("pool: not wound down"):
        bench.exit([2, 4])
    bench.warp(bound)
    bench.pool.wind_down(sender=bench.staker)
    bench.exit([2, 4])
    assert bench.system.token.balanceOf(bench.payout) == (STAKE + 2 * NMR) * WEI_PER_UNIT


def test_exit__oracle_reverts__wind_down(bench: ExitBench) -> None:
    ended, last_close = scattered(bench), bench.last_close
    bench.break_oracle()
    bench.warp(last_close + bench.latest_answer + bench.clocks.settle_time)
    bench.drain(2)
    for call in (bench.pool.end_void, bench.pool.call_void, bench.pool.begin):
        with refused("oracle: broken"):
            call(2)
    with refused("pool: not head"):
        bench.skip(4)
    wind_down_and_exit(bench, ended)


def test_exit__oracle_reverts_in_the_middle_of_a_round__wind_down(bench: ExitBench) -> None:
    """Round 2 has begun and its second batch is withheld: nothing can end it."""
    ended = scattered(bench)
    bench.warp(bench.steps.deadline(2))
    bench.steps.commit(2, SCORED)
    bench.drain(2)
    bench.warp(bench.system.now + bench.timing.window)
    bench.system.settle(2, BATCHES[0], chain(BATCHES)[1])
    bench.break_oracle()
    with refused("oracle: broken"):
        bench.pool.call_void(2)
    with refused("pool: begun"):
        bench.pool.end_void(2)
    wind_down_and_exit(bench, ended)


def test_exit__oracle_reverts_after_void_was_called__needs_it_no_more(bench: ExitBench) -> None:
    bench.closed_rounds(1)
    bench.warp(bench.steps.deadline(1))
    bench.steps.commit(1)
    bench.warp(bench.system.now + bench.timing.window + bench.clocks.settle_time)
    bench.call_void(1)
    bench.break_oracle()
    bench.warp(bench.system.now + bench.clocks.rest_delay)
    bench.void_rest(1)
    bench.skip(2)
    assert bench.leave(2) == bench.system.now


def test_exit__oracle_reverts_and_no_round_is_pending__skips_without_it(bench: ExitBench) -> None:
    asked = bench.closed_rounds(1, horizon=1)
    bench.system.play(1, NOTHING)
    bench.break_oracle()
    bound = asked + bench.clocks.skip_after
    bench.warp(bound)
    bench.skip(2)
    assert bench.leave(2) == bound
    bench.end_void(2)


# --- the token is stopped ---


@pytest.fixture(scope="module", params=list(SCALES))
def stopped(request: pytest.FixtureRequest) -> ExitBench:
    """On a token that can be stopped."""
    token = compiled("tests/contracts/hostile/HostileToken.vy").deploy(10**9 * WEI)
    return deploy_exit(request.param, token)


def test_exit__token_stopped__state_proceeds_and_the_claim_waits(stopped: ExitBench) -> None:
    bench, token = stopped, stopped.system.token
    asked = bench.closed_rounds(1)
    token.stop(True)
    bound = asked + bench.horizon + bench.timing.grace + 1
    bench.warp(bound)
    bench.end_void(1)
    bench.skip(2)
    bench.drain(2)
    with refused("token: stopped"):
        bench.pool.claim(0, sender=bench.staker)
    assert (bench.system.stake(0), bench.system.claimable(0)) == (0, STAKE)
    bench.end_void(2)
    bench.warp(bound + 1000 * DAY)
    token.stop(False)
    bench.pool.claim(0, sender=bench.staker)
    assert token.balanceOf(bench.payout) == STAKE * WEI_PER_UNIT


def test_exit__token_stopped_at_the_wind_down__the_exit_waits(stopped: ExitBench) -> None:
    bench, token = stopped, stopped.system.token
    ended = scattered(bench)
    bench.break_oracle()
    token.stop(True)
    bench.warp(ended + bench.clocks.wind_down_after)
    bench.pool.wind_down(sender=bench.staker)
    with refused("token: stopped"):
        bench.exit([2, 4])
    assert (bench.system.stake(0), bench.system.claimable(0)) == (8 * NMR, 2 * NMR)
    bench.warp(bench.system.now + 1000 * DAY)
    token.stop(False)
    bench.exit([2, 4])
    assert token.balanceOf(bench.payout) == (STAKE + 2 * NMR) * WEI_PER_UNIT


# --- a pool that is not dead ---


def test_wind_down__after_a_long_break__a_skip_comes_before_the_announcement(
    bench: ExitBench,
) -> None:
    """A break counts towards the wind-down, so the round it ends with must be skipped first."""
    clocks, timing, state = bench.clocks, bench.timing, bench.pool.state()
    bench.warp(state.head_since + clocks.wind_down_after - timing.notice - bench.horizon)
    with refused("pool: skip first"):
        bench.announce(1)
    bench.skip(1)
    bench.end_void(1)
    bench.announce(2)
    bench.warp(bench.system.due(2))
    with refused("pool: too early"):
        bench.pool.wind_down()
