"""RoundOracle.is_void: which rounds never get a result, from which second on, and for good."""

from collections.abc import Callable

import pytest
from assay_system import ONE, System, deploy, refused
from oracle_steps import OTHER, RESULT, SERIES, Steps

from oracle.settlement.typed_data import SPEC_HASH, Result

FAR = 10**7


@pytest.fixture(scope="module")
def system() -> System:
    return deploy(n=7, threshold=4, super_quorum=5)


@pytest.fixture
def steps(system: System) -> Steps:
    return Steps(system)


def test_is_void__unannounced__never(steps: Steps) -> None:
    for k in (0, 1, 2**32, 2**256 - 1):
        assert not steps.oracle.is_void(k)
        assert steps.status(k) == 0


def test_is_void__no_commit__from_the_second_after_the_grace(steps: Steps) -> None:
    steps.announce(1)
    for moment in (steps.system.now, steps.system.due(1), steps.deadline()):
        steps.system.warp(moment)
        assert not steps.oracle.is_void(1)
        assert steps.status() == 1
    for moment in (steps.deadline() + 1, steps.deadline() + FAR):
        steps.system.warp(moment)
        assert steps.oracle.is_void(1)
        assert steps.status() == 5
        with refused("oracle: too late"):
            steps.commit(1)


def test_is_void__committed_in_the_last_second__never(steps: Steps) -> None:
    steps.announce(1)
    steps.system.warp(steps.deadline())
    steps.commit(1)
    for wait in (0, 1, steps.system.timing.window, FAR):
        steps.system.warp(steps.system.now + wait)
        assert not steps.oracle.is_void(1)
    assert steps.status() == 3


@pytest.mark.parametrize("by_veto", [False, True])
def test_is_void__no_answer__from_the_second_after_the_challenge_time(
    steps: Steps, by_veto: bool
) -> None:
    if by_veto:
        steps.committed(1)
        steps.veto(1)
    else:
        steps.challenged(1)
    last = steps.system.now + steps.system.timing.challenge
    steps.system.warp(last)
    assert not steps.oracle.is_void(1)
    assert steps.status() == 4
    for moment in (last + 1, last + FAR):
        steps.system.warp(moment)
        assert steps.oracle.is_void(1)
        assert steps.status() == 5
        for result in (RESULT, OTHER):
            with refused("oracle: too late"):
                steps.confirm(1, RESULT, result)
        with refused("oracle: challenged"):
            steps.oracle.settlement(1)
        assert not steps.oracle.is_result(1, steps.hashes[1], RESULT.argument())


@pytest.mark.parametrize("result", [RESULT, OTHER])
def test_is_void__answered_in_the_last_second__never(steps: Steps, result: Result) -> None:
    steps.challenged(1)
    steps.system.warp(steps.system.now + steps.system.timing.challenge)
    steps.confirm(1, RESULT, result)
    for wait in (0, 1, FAR):
        steps.system.warp(steps.system.now + wait)
        assert not steps.oracle.is_void(1)
        assert steps.oracle.settlement(1).chain_head == result.chain_head


def test_is_void__cancelled__at_once_and_for_good(steps: Steps) -> None:
    system = steps.system
    opens = system.now + 10
    steps.hashes[1] = system.oracle.announce(
        1, opens, opens + 400, 300, ONE, SERIES, SPEC_HASH, sender=system.announcer
    )
    assert not system.oracle.is_void(1)
    system.oracle.cancel(1, sender=system.guardian)
    for moment in (system.now, opens, system.due(1), steps.deadline(), FAR + system.now):
        system.warp(moment)
        assert system.oracle.is_void(1)
        assert steps.status() == 5


def test_is_void__final__whatever_the_roles_do(steps: Steps) -> None:
    system = steps.system
    steps.committed(1)
    system.warp(system.now + system.timing.window)
    before, terms = tuple(system.oracle.round_of(1)), system.oracle.settlement(1)
    for signer in system.signers:
        system.oracle.suspend(signer.address, sender=system.guardian)
    for signer in system.signers:
        system.oracle.revoke(signer.address, sender=system.governor)
    system.oracle.pause(sender=system.guardian)
    system.oracle.add_template(((1, 0, 0), (1, 0, 0), 1, 1, 1, 1), sender=system.governor)
    for call, reason in (
        (lambda: steps.veto(1), "oracle: final"),
        (lambda: steps.challenge(1, steps.challenger()), "oracle: final"),
        (lambda: steps.confirm(1), "oracle: not challenged"),
        (lambda: steps.commit(1, OTHER), "oracle: already committed"),
        (lambda: system.oracle.cancel(1, sender=system.guardian), "oracle: opened"),
        (lambda: system.oracle.settle_bond(1), "oracle: no bond"),
    ):
        with refused(reason):
            call()
    system.warp(system.now + FAR)
    assert tuple(system.oracle.round_of(1)) == before
    assert system.oracle.settlement(1) == terms


def test_is_void__all_silent__the_pool_ends_every_kind(make_system: Callable) -> None:
    """A cancelled, an uncommitted and an unanswered round, ended by anyone, in order."""
    steps = Steps(make_system(n=7, threshold=4, super_quorum=5))
    system = steps.system
    opens = system.now + 10
    steps.hashes[1] = system.oracle.announce(
        1, opens, opens + 400, 300, ONE, SERIES, SPEC_HASH, sender=system.announcer
    )
    system.oracle.cancel(1, sender=system.guardian)
    steps.announce(2, closes_in=600)
    steps.announce(3, closes_in=700)
    system.warp(system.due(3))
    steps.commit(3)
    steps.challenge(3, steps.challenger())
    system.pool.end_void(1)
    with refused("pool: not void"):
        system.pool.end_void(2)
    system.warp(steps.deadline(2) + 1)
    system.pool.end_void(2)
    system.pool.end_void(3)
    assert system.pool.state().head == 4
