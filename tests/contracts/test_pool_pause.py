"""A pause of the pool: who may ask for it, how long it lasts, and all that it does not stop."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from assay_system import CLOCKS, System, deploy, refused
from oracle_steps import Steps
from relay_bench import RelayBench, on_system

from oracle.settlement.batches import Batch
from oracle.settlement.intents import StakeAction
from oracle.settlement.units import TAKE_PROFIT, UNITS_PER_NMR, WEI_PER_UNIT
from oracle.settlement.words import ScoreLane, score_words

NMR = UNITS_PER_NMR
BURNS = [Batch(0, tuple(score_words({0: ScoreLane((-500_000, 0, 0))}, 1)))]
LONG = replace(CLOCKS, pause=10**6)
"""A pause longer than all other clocks."""


@pytest.fixture(scope="module")
def system() -> System:
    return deploy(n=5, threshold=3, super_quorum=4)


def pause(system: System) -> int:
    """Pauses; returns the first second that is free again."""
    system.oracle.pause(sender=system.guardian)
    return system.pool.state().paused_until


def stopped(system: System) -> list[Callable[[], Any]]:
    """All that a pause stops."""
    k = system.pool.state().last_announced + 1
    return [lambda: system.deposit(0, NMR), lambda: system.fund(NMR), lambda: system.announce(k)]


# --- who, and how long ---


def test_pause__not_through_the_oracle__refused(system: System, stranger: str) -> None:
    for sender in (stranger, system.guardian, system.governor, system.relay.address):
        for call in (system.pool.pause, system.pool.unpause):
            with refused("pool: not oracle"):
                call(sender=sender)
    for sender in (stranger, system.governor, system.announcer):
        for call in (system.oracle.pause, system.oracle.unpause):
            with refused("oracle: not guardian"):
                call(sender=sender)


def test_pause__until_its_last_second__stops_deposits_funds_and_announcements(
    system: System, staker: str
) -> None:
    start = system.now
    system.oracle.pause(sender=system.guardian)
    (log,) = system.oracle.get_logs()
    until = start + system.clocks.pause
    assert (type(log).__name__, log.until) == ("Paused", until)
    assert system.pool.state().paused_until == until
    for now in (start, until - 1):
        system.warp(now)
        for call in stopped(system):
            with refused("pool: paused"):
                call()
    system.warp(until)
    for call in stopped(system):
        call()
    assert tuple(system.pool.totals()) == (0, NMR, 0, NMR, 0)


def test_pause__again__only_after_the_cooldown(system: System) -> None:
    until = pause(system)
    free = until + system.clocks.pause_cooldown
    for now in (system.now, until - 1, until, free - 1):
        system.warp(now)
        with refused("pool: paused lately"):
            pause(system)
    system.warp(free)
    assert pause(system) == free + system.clocks.pause


def test_unpause__early__ends_it_and_starts_the_cooldown(system: System, staker: str) -> None:
    with refused("pool: not paused"):
        system.oracle.unpause(sender=system.guardian)
    until = pause(system)
    system.warp(until - 1)
    system.oracle.unpause(sender=system.guardian)
    (log,) = system.oracle.get_logs()
    assert (type(log).__name__, log.until) == ("Paused", system.now)
    assert system.pool.state().paused_until == until - 1
    for call in stopped(system):
        call()
    with refused("pool: not paused"):
        system.oracle.unpause(sender=system.guardian)
    system.warp(until - 1 + system.clocks.pause_cooldown - 1)
    with refused("pool: paused lately"):
        pause(system)
    system.warp(until - 1 + system.clocks.pause_cooldown)
    pause(system)


def test_unpause__pause_is_over__refused(system: System) -> None:
    system.warp(pause(system))
    with refused("pool: not paused"):
        system.oracle.unpause(sender=system.guardian)


# --- what goes on ---


@pytest.fixture
def running(system: System) -> System:
    """Model 0 has 100 NMR at stake in round 1, which is due; model 1 has 7 NMR to claim and
    5 NMR are owed to the burn."""
    system.new_staker(models=2)
    system.announce(1)
    system.deposit(0, 100 * NMR)
    system.deposit(1, 7 * NMR)
    system.request_release(1, None)
    system.play(1, BURNS)
    system.announce(2)
    system.deposit(1, 20 * NMR)
    system.warp(system.due(2))
    return system


@pytest.fixture
def paused(running: System) -> System:
    pause(running)
    return running


def check_still_paused(system: System) -> None:
    with refused("pool: paused"):
        system.fund(NMR)


def test_pause__a_whole_round__is_drained_committed_and_settled(paused: System) -> None:
    paused.play(2, BURNS)
    assert paused.pool.state().head == 3
    assert paused.stake(0) == 9025 * NMR // 100
    check_still_paused(paused)


def test_pause__a_challenged_round__is_confirmed_and_begun(paused: System) -> None:
    steps = Steps(paused)
    steps.hashes[2] = paused.announce_hash(2)
    steps.commit(2)
    steps.challenge(2, steps.challenger())
    steps.confirm(2)
    paused.pool.drain(2, 9)
    paused.pool.begin(2)
    check_still_paused(paused)


def test_pause__release_mode_claim_and_burn__as_ever(paused: System, stranger: str) -> None:
    assert paused.request_release(0, None) == 3
    assert paused.set_mode(0, TAKE_PROFIT) == 3
    assert paused.pool.claim(1, sender=stranger) == 7 * NMR * WEI_PER_UNIT
    assert paused.pool.flush_burn(sender=stranger) == 5 * NMR * WEI_PER_UNIT
    check_still_paused(paused)


def test_pause__signed_requests__all_but_deposits(running: System) -> None:
    bench: RelayBench = on_system(running)
    model = running.registry.count() - 2
    release = bench.intent(model=model, action=StakeAction.RELEASE, amount=2**256 - 1)
    deposit = bench.intent(model=model, nonce=1)
    pause(running)
    assert bench.send(release) == 3
    with refused("pool: paused"):
        bench.send(deposit)
    running.warp(running.pool.state().paused_until)
    assert bench.send(deposit) == 3


def test_pause__void_rounds__end_as_ever(make_system: Callable[..., System]) -> None:
    system = make_system(n=5, threshold=3, super_quorum=4, clocks=LONG)
    system.new_staker(models=1)
    system.announce(1, closes_in=100, horizon=10)
    system.deposit(0, 100 * NMR)
    system.announce(2, closes_in=200, horizon=10)
    system.warp(system.due(2))
    system.commit(2, BURNS, 0, 1)
    pause(system)
    system.warp(system.due(1) + system.timing.grace + 1)
    system.pool.drain(1, 9)
    system.pool.end_void(1)
    system.warp(system.now + LONG.settle_time)
    system.pool.call_void(2)
    system.warp(system.now + LONG.rest_delay)
    system.pool.void_rest(2)
    system.warp(system.now + LONG.skip_after)
    system.pool.skip(3)
    system.pool.end_void(3)
    system.warp(system.now + LONG.wind_down_after)
    check_still_paused(system)
    system.pool.wind_down()
    assert system.pool.exit(0, []) == 100 * NMR * WEI_PER_UNIT


def test_pause__clocks__do_not_stop(running: System) -> None:
    """The round is void when it would have been."""
    pause(running)
    running.pool.drain(2, 9)
    running.warp(running.due(2) + running.timing.grace)
    with refused("pool: not void"):
        running.pool.end_void(2)
    running.warp(running.now + 1)
    running.pool.end_void(2)
