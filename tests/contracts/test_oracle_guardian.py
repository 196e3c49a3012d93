"""RoundOracle's guardian: what it may stop, and where each of its powers ends."""

from collections.abc import Callable
from typing import Any

import boa
import pytest
from assay_system import ONE, System, Timing, deploy, refused
from oracle_steps import DAY, EVIDENCE, OTHER, RESULT, SERIES, Steps

from oracle.settlement.typed_data import SPEC_HASH


@pytest.fixture(scope="module")
def system() -> System:
    return deploy(n=7, threshold=4, super_quorum=5)


@pytest.fixture
def steps(system: System) -> Steps:
    return Steps(system)


def suspend(system: System, place: int) -> None:
    system.oracle.suspend(system.signers[place].address, sender=system.guardian)


def is_operator(system: System, place: int) -> bool:
    return system.oracle.is_signer(system.signers[place].address, 1)


def upcoming(steps: Steps, k: int = 1, opens_in: int = 100) -> int:
    """Announces a round that opens later, and returns when."""
    system = steps.system
    opens = system.now + opens_in
    steps.hashes[k] = system.oracle.announce(
        k, opens, opens + 400, 300, ONE, SERIES, SPEC_HASH, sender=system.announcer
    )
    return opens


def test_guardian_call__by_anyone_else__refused(steps: Steps, stranger: str) -> None:
    system = steps.system
    upcoming(steps)
    calls: dict[str, tuple[Any, ...]] = {
        "cancel": (1,),
        "veto": (1, EVIDENCE),
        "suspend": (system.signers[0].address,),
        "pause": (),
        "unpause": (),
    }
    for call, arguments in calls.items():
        for sender in (system.announcer, system.governor, system.signers[0].address, stranger):
            with refused("oracle: not guardian"):
                getattr(system.oracle, call)(*arguments, sender=sender)


# --- cancel ---


def test_cancel__before_it_opens__void_for_good(steps: Steps) -> None:
    system = steps.system
    upcoming(steps)
    before = system.oracle.round_of(1)
    system.oracle.cancel(1, sender=system.guardian)
    [log] = system.oracle.get_logs()
    assert (type(log).__name__, log.round) == ("RoundCancelled", 1)
    assert system.oracle.is_void(1)
    stored = system.oracle.round_of(1)
    assert (stored.status, stored.template_hash) == (5, bytes(32))
    assert tuple(stored)[1:9] == tuple(before)[1:9]
    with refused("oracle: cancelled"):
        system.oracle.cancel(1, sender=system.guardian)
    with refused("oracle: not committed"):
        system.oracle.settlement(1)
    for moment in (system.due(1), steps.deadline()):
        system.warp(moment)
        with refused("oracle: cancelled"):
            steps.commit(1)
        assert system.oracle.is_void(1)


def test_cancel__last_second_before_it_opens__taken_and_one_later_refused(steps: Steps) -> None:
    system = steps.system
    opens = upcoming(steps)
    system.warp(opens)
    with refused("oracle: opened"):
        system.oracle.cancel(1, sender=system.guardian)
    system.warp(opens - 1)
    system.oracle.cancel(1, sender=system.guardian)
    assert system.oracle.is_void(1)


def test_cancel__round_that_opened_at_its_announcement__refused(steps: Steps) -> None:
    """So an announcer need not fear a guardian that would cancel every round."""
    steps.announce(1)
    with refused("oracle: opened"):
        steps.oracle.cancel(1, sender=steps.system.guardian)


def test_cancel__unannounced_round__refused(system: System) -> None:
    with refused("oracle: not announced"):
        system.oracle.cancel(1, sender=system.guardian)


def test_cancel__committed_or_final__refused(steps: Steps) -> None:
    steps.committed(1)
    for wait in (0, steps.system.timing.window):
        steps.system.warp(steps.system.now + wait)
        with refused("oracle: opened"):
            steps.oracle.cancel(1, sender=steps.system.guardian)


def test_cancel__one_round__the_next_one_goes_on(steps: Steps) -> None:
    system = steps.system
    upcoming(steps)
    system.oracle.cancel(1, sender=system.guardian)
    closes = system.oracle.round_of(1).closes
    steps.announce(2, closes_in=closes + system.timing.gap - system.now)
    system.warp(closes)
    system.pool.end_void(1)
    system.warp(system.due(2))
    steps.commit(2)
    system.warp(system.now + system.timing.window)
    system.pool.begin(2)
    assert system.pool.state().head == 2


# --- veto ---


def test_veto__committed_round__challenged_without_a_bond(steps: Steps) -> None:
    system = steps.system
    steps.committed(1)
    challenge_id = steps.veto(1)
    log = steps.event("Challenged")
    assert (log.challenger, log.bond, log.evidence) == (system.guardian, 0, EVIDENCE)
    assert tuple(system.oracle.challenge_of(1)) == (
        system.guardian,
        system.now,
        0,
        0,
        False,
        challenge_id,
    )
    assert (steps.status(), steps.tokens(system.oracle)) == (4, 0)
    with refused("oracle: challenged"):
        steps.challenge(1, steps.challenger())
    steps.confirm(1, RESULT, OTHER)
    assert system.oracle.settlement(1).chain_head == OTHER.chain_head


def test_veto__not_committed_or_final__refused_and_not_counted(steps: Steps) -> None:
    steps.announce(1)
    for _ in range(4):
        with refused("oracle: not committed"):
            steps.veto(1)
    steps.system.warp(steps.system.due(1))
    steps.commit(1)
    final_at = steps.oracle.round_of(1).final_at
    steps.system.warp(final_at)
    for _ in range(4):
        with refused("oracle: final"):
            steps.veto(1)
    steps.system.warp(final_at - 1)
    steps.veto(1)


@pytest.fixture
def patient(make_system: Callable) -> Steps:
    """A system in which rounds stay committed for weeks: seven rounds, all committed."""
    timing = Timing(gap=1, window=100 * DAY)
    steps = Steps(make_system(n=7, threshold=4, super_quorum=5, timing=timing))
    for k in range(1, 8):
        steps.announce(k, closes_in=500 + k)
    steps.system.warp(steps.system.due(7))
    for k in range(1, 8):
        steps.commit(k)
    return steps


def test_veto__fourth_in_30_days__refused_until_the_second_they_are_over(patient: Steps) -> None:
    system, steps = patient.system, patient
    first = system.now
    vetoed_at = [first, first, first + 10 * DAY]
    for k, moment in enumerate(vetoed_at, 1):
        system.warp(moment)
        steps.veto(k)
    for moment in (first + 10 * DAY, first + 30 * DAY - 1):
        system.warp(moment)
        with refused("challenge: too many vetoes"):
            steps.veto(4)
        assert steps.status(4) == 2
    system.warp(first + 30 * DAY)
    steps.veto(4)
    steps.veto(5)
    for moment in (first + 30 * DAY, first + 40 * DAY - 1):
        system.warp(moment)
        with refused("challenge: too many vetoes"):
            steps.veto(6)
    system.warp(first + 40 * DAY)
    steps.veto(6)
    with refused("challenge: too many vetoes"):
        steps.veto(7)


def test_veto__another_guardian__inherits_the_count(patient: Steps) -> None:
    system, steps = patient.system, patient
    for k in (1, 2, 3):
        steps.veto(k)
    successor = boa.env.generate_address()
    system.oracle.set_guardian(successor, sender=system.governor)
    with refused("challenge: too many vetoes"):
        system.oracle.veto(4, EVIDENCE, sender=successor)


def test_veto__used_up__others_may_still_challenge(patient: Steps) -> None:
    for k in (1, 2, 3):
        patient.veto(k)
    patient.challenge(4, patient.challenger())
    assert patient.status(4) == 4


# --- suspend ---


def test_suspend__operator__out_for_14_days_to_the_second(steps: Steps) -> None:
    system = steps.system
    steps.announce(1, closes_in=500, horizon=10_000)
    start = system.now
    suspend(system, 0)
    [log] = system.oracle.get_logs()
    assert (log.signer, log.until) == (system.signers[0].address, start + 14 * DAY)
    assert not is_operator(system, 0)
    system.warp(start + 14 * DAY - 1)
    assert not is_operator(system, 0)
    system.warp(start + 14 * DAY)
    assert is_operator(system, 0)


def test_suspend__open_round__signature_counts_again_only_after_it(make_system: Callable) -> None:
    timing = Timing(grace=20 * DAY)
    steps = Steps(make_system(n=7, threshold=4, super_quorum=5, timing=timing))
    system = steps.system
    steps.announce(1)
    system.warp(system.due(1))
    suspend(system, 0)
    with refused("quorum: not a signer"):
        steps.commit(1)
    with boa.env.anchor():
        steps.commit(1, signers=steps.by(1, 2, 3, 4))
    system.warp(system.now + 14 * DAY - 1)
    with refused("quorum: not a signer"):
        steps.commit(1)
    system.warp(system.now + 1)
    steps.commit(1)


def test_suspend__answer_to_a_challenge__does_not_count_either(steps: Steps) -> None:
    steps.challenged(1)
    suspend(steps.system, 0)
    with refused("quorum: not a signer"):
        steps.confirm(1)
    steps.confirm(1, signers=steps.by(1, 2, 3, 4, 5))


def test_suspend__again_while_out__refused(system: System) -> None:
    start = system.now
    suspend(system, 0)
    for moment in (start, start + 14 * DAY - 1):
        system.warp(moment)
        with refused("quorum: suspended"):
            suspend(system, 0)


def test_suspend__same_operator_later__only_after_14_days_of_rest(system: System) -> None:
    start = system.now
    suspend(system, 0)
    for moment in (start + 14 * DAY, start + 28 * DAY - 1):
        system.warp(moment)
        with refused("quorum: no suspension now"):
            suspend(system, 0)
        assert is_operator(system, 0)
    system.warp(start + 28 * DAY)
    suspend(system, 0)
    assert not is_operator(system, 0)


def test_suspend__others__until_the_first_one_is_back(system: System) -> None:
    start = system.now
    suspend(system, 0)
    system.warp(start + 14 * DAY - 1)
    suspend(system, 1)
    [log] = system.oracle.get_logs()
    assert log.until == start + 14 * DAY
    for moment in (start + 14 * DAY, start + 28 * DAY - 1):
        system.warp(moment)
        assert all(is_operator(system, place) for place in range(7))
        with refused("quorum: no suspension now"):
            suspend(system, 2)
    system.warp(start + 28 * DAY)
    suspend(system, 2)
    [log] = system.oracle.get_logs()
    assert log.until == start + 42 * DAY


def test_suspend__all_it_can_again_and_again__leaves_14_of_every_28_days(
    make_system: Callable,
) -> None:
    """A guardian that suspends whenever it may, in a small system that needs 3 of 4."""
    system = make_system()
    start, tries = system.now, range(0, 100 * DAY, DAY // 2)
    free = []
    for passed in tries:
        system.warp(start + passed)
        for place in (0, 1) if passed // (14 * DAY) % 2 == 0 else (2, 3):
            try:
                suspend(system, place)
            except boa.BoaError:
                continue
        if all(is_operator(system, place) for place in range(4)):
            free.append(passed)
    for begun in range(0, 70 * DAY, DAY):
        within = [passed for passed in free if begun <= passed < begun + 28 * DAY]
        assert len(within) >= 28, begun // DAY


def test_suspend__unknown_or_revoked__refused(system: System, stranger: str) -> None:
    with refused("quorum: not a signer"):
        system.oracle.suspend(stranger, sender=system.guardian)
    system.oracle.revoke(system.signers[0].address, sender=system.governor)
    with refused("quorum: revoked"):
        suspend(system, 0)


def test_suspend__retired_operator__out_of_the_rounds_it_still_has(system: System) -> None:
    system.oracle.rotate([], [system.signers[0].address], 4, 5, sender=system.governor)
    assert is_operator(system, 0)
    suspend(system, 0)
    assert not is_operator(system, 0)
    system.warp(system.now + 14 * DAY)
    assert is_operator(system, 0)
    assert not system.oracle.is_signer(system.signers[0].address, 2)


def test_suspend__then_revoked__never_comes_back(system: System) -> None:
    suspend(system, 0)
    system.oracle.revoke(system.signers[0].address, sender=system.governor)
    system.warp(system.now + 14 * DAY)
    assert not is_operator(system, 0)


def test_suspend__after_a_commit__what_was_signed_stands(steps: Steps) -> None:
    steps.committed(1)
    for place in range(7):
        suspend(steps.system, place)
    steps.system.warp(steps.system.now + steps.system.timing.window)
    assert steps.oracle.settlement(1).chain_head == RESULT.chain_head


# --- pause ---


def test_pause__as_long_and_as_often_as_the_pool_allows(steps: Steps) -> None:
    system, clocks = steps.system, steps.system.clocks
    start = system.now
    system.oracle.pause(sender=system.guardian)
    with refused("pool: paused lately"):
        system.oracle.pause(sender=system.guardian)
    system.warp(start + clocks.pause - 1)
    with refused("pool: paused"):
        steps.announce(1)
    system.warp(start + clocks.pause)
    steps.announce(1)
    with refused("pool: not paused"):
        system.oracle.unpause(sender=system.guardian)
    system.warp(start + clocks.pause + clocks.pause_cooldown - 1)
    with refused("pool: paused lately"):
        system.oracle.pause(sender=system.guardian)
    system.warp(start + clocks.pause + clocks.pause_cooldown)
    system.oracle.pause(sender=system.guardian)


def test_unpause__early__ends_it(steps: Steps) -> None:
    system = steps.system
    system.oracle.pause(sender=system.guardian)
    system.oracle.unpause(sender=system.guardian)
    steps.announce(1)


def test_pause__commit_challenge_and_answer__go_on(steps: Steps) -> None:
    system = steps.system
    steps.announce(1)
    system.warp(system.due(1))
    system.oracle.pause(sender=system.guardian)
    steps.commit(1)
    steps.challenge(1, steps.challenger())
    steps.confirm(1)
    steps.oracle.settle_bond(1)
    assert system.oracle.settlement(1).chain_head == RESULT.chain_head
