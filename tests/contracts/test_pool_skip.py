"""StakePool.skip: a round that nobody announces is closed and ended, and its requests applied."""

import boa
from assay_system import System, refused

from oracle.settlement.batches import END, Batch
from oracle.settlement.units import TAKE_PROFIT, UNITS_PER_NMR, WEI_PER_UNIT

NMR = UNITS_PER_NMR
NOTHING = [Batch(0, ())]


def wait_for_skip(system: System, k: int) -> None:
    """Until round ``k``, which is the head, may be skipped."""
    close = system.pool.round_state(k - 1).close
    system.warp(max(system.now, close + system.clocks.skip_after))


def skip(system: System, k: int) -> None:
    wait_for_skip(system, k)
    system.pool.skip(k)


def test_skip__first_round__from_the_very_second_on(system: System, stranger: str) -> None:
    deployed = system.pool.round_state(0).close
    system.warp(deployed + system.clocks.skip_after - 1)
    with refused("pool: too early"):
        system.pool.skip(1)
    system.warp(deployed + system.clocks.skip_after)
    system.pool.skip(1, sender=stranger)
    (log,) = system.pool.get_logs()
    assert (type(log).__name__, log.round) == ("RoundSkipped", 1)
    shown = system.pool.round_state(1)
    assert (shown.close, shown.skipped, shown.void_at) == (system.now, True, 0)
    state = system.pool.state()
    assert (state.head, state.last_announced, state.begun) == (1, 1, False)
    assert system.pool.target() == 2


def test_skip__after_a_settled_round__counts_from_its_close(system: System) -> None:
    system.announce(1)
    close = system.pool.round_state(1).close
    system.play(1, NOTHING)
    assert system.now > close
    system.warp(close + system.clocks.skip_after - 1)
    with refused("pool: too early"):
        system.pool.skip(2)
    system.warp(close + system.clocks.skip_after)
    system.pool.skip(2)


def test_skip__several_in_a_row__each_waits_for_the_one_before(system: System) -> None:
    for k in range(1, 4):
        skip(system, k)
        system.pool.end_void(k)
        with refused("pool: too early"):
            system.pool.skip(k + 1)
    assert system.pool.state().head == 4
    assert system.pool.target() == 4


def test_skip__not_the_unannounced_head__refused(system: System) -> None:
    system.announce(1, closes_in=500)
    for now in (system.now, system.now + 500 + system.clocks.skip_after):
        system.warp(now)
        with refused("pool: announced"):
            system.pool.skip(1)
        for k in (0, 2, 2**32 + 1):
            with refused("pool: not head"):
                system.pool.skip(k)


def test_skip__twice__refused(system: System) -> None:
    skip(system, 1)
    wait_for_skip(system, 2)
    with refused("pool: announced"):
        system.pool.skip(1)
    with refused("pool: not head"):
        system.pool.skip(2)
    system.pool.end_void(1)
    system.pool.skip(2)


def test_skip__requests_that_waited__are_drained_and_leave(system: System, staker: str) -> None:
    for model in range(3):
        system.deposit(model, 10 * NMR)
    system.set_mode(2, TAKE_PROFIT)
    system.announce(1)
    system.play(1, NOTHING)
    assert system.request_release(0, None) == 2
    assert system.deposit(1, 5 * NMR) == 2
    skip(system, 2)
    assert system.deposit(2, NMR) == 3
    with refused("pool: queue"):
        system.pool.end_void(2)
    assert system.pool.drain(2, 1) == 1
    with refused("pool: queue"):
        system.pool.end_void(2)
    assert system.pool.drain(2, 9) == 1
    system.pool.end_void(2)
    assert [system.stake(m) for m in range(3)] == [0, 15 * NMR, 10 * NMR]
    assert system.pool.claim(0) == 10 * NMR * WEI_PER_UNIT
    state = system.pool.state()
    assert (state.head, state.head_since, state.last_announced) == (3, system.now, 2)
    assert system.pool.round_state(3).queue_head == 3


def test_drain__head_not_skipped_yet__waits(system: System, staker: str) -> None:
    system.deposit(0, NMR)
    wait_for_skip(system, 1)
    with refused("pool: open"):
        system.pool.drain(1, 1)
    system.pool.skip(1)
    assert system.pool.drain(1, 1) == 1


def test_skip__skipped_round__never_gets_scores(system: System) -> None:
    skip(system, 1)
    for call in (
        lambda: system.pool.begin(1),
        lambda: system.settle(1, NOTHING[0], END),
        lambda: system.pool.call_void(1),
    ):
        with refused("oracle: not announced"):
            call()
    with refused("pool: void not called"):
        system.pool.void_rest(1)


def test_announce__round_was_skipped__the_next_number_follows(system: System) -> None:
    skip(system, 1)
    with refused("pool: round order"):
        system.announce(1)
    system.announce(2)
    assert system.pool.state().last_announced == 2
    with refused("oracle: round order"):
        system.announce(1)
    system.pool.end_void(1)
    system.play(2, NOTHING)
    assert system.pool.state().head == 3


def test_announce__head_could_be_skipped__refused_from_that_second_on(system: System) -> None:
    """Else a break that nobody skipped would count towards winding down."""
    lapses = system.pool.round_state(0).close + system.clocks.skip_after
    system.warp(lapses - 1)
    with boa.env.anchor():
        system.announce(1)
    for now in (lapses, lapses + 10**4):
        system.warp(now)
        with refused("pool: skip first"):
            system.announce(1)
    system.pool.skip(1)
    system.announce(2)


def test_announce__another_round_is_the_head__however_long_ago_the_last_close(
    system: System,
) -> None:
    system.announce(1)
    system.warp(system.now + 500 + system.clocks.skip_after)
    system.announce(2)
    assert system.pool.target() == 2


def test_skip__announced_in_the_last_second__refused(system: System) -> None:
    system.warp(system.pool.round_state(0).close + system.clocks.skip_after - 1)
    system.announce(1)
    system.warp(system.now + 1)
    with refused("pool: announced"):
        system.pool.skip(1)
