"""RoundOracle.challenge: anyone's objection to a commit, its bond, and its last second."""

from collections.abc import Callable
from typing import Any

import boa
import pytest
from assay_system import ALL_WEI, SUPPLY, System, compiled, deploy, refused
from eth_abi import encode
from eth_utils import keccak
from hypothesis import given
from hypothesis import strategies as st
from oracle_steps import EVIDENCE, RESULT, Steps

from oracle.settlement.reference_oracle import BOND_PART, MIN_BOND
from oracle.settlement.units import UNITS_PER_NMR, WEI_PER_UNIT

NMR = UNITS_PER_NMR


@pytest.fixture(scope="module")
def system() -> System:
    return deploy(n=7, threshold=4, super_quorum=5)


@pytest.fixture
def steps(system: System) -> Steps:
    """Round 1 is committed."""
    steps = Steps(system)
    steps.committed(1)
    return steps


def test_challenge__committed_round__bond_held_stored_and_logged(steps: Steps) -> None:
    now, challenger = steps.system.now, steps.challenger()
    before = steps.oracle.round_of(1)
    challenge_id = steps.challenge(1, challenger)
    content = [1, challenger, now, EVIDENCE]
    expected = keccak(encode(["uint256", "address", "uint256", "bytes32"], content))
    assert challenge_id == expected
    log = steps.event("Challenged")
    assert (log.round, log.challenger, log.challenge_id) == (1, challenger, expected)
    assert (log.bond, log.evidence) == (MIN_BOND, EVIDENCE)
    assert tuple(steps.oracle.challenge_of(1)) == (challenger, now, MIN_BOND, 0, False, expected)
    assert (steps.tokens(steps.oracle), steps.tokens(challenger)) == (MIN_BOND, 9 * MIN_BOND)
    stored = steps.oracle.round_of(1)
    assert stored.status == 4
    assert (stored.challenged_at, stored.challenge_id) == (now, expected)
    assert tuple(stored)[1:14] == tuple(before)[1:14]


def test_challenge__last_second_of_the_window__taken_and_one_later_refused(steps: Steps) -> None:
    final_at, challenger = steps.oracle.round_of(1).final_at, steps.challenger()
    steps.system.warp(final_at)
    with refused("oracle: final"):
        steps.challenge(1, challenger)
    steps.system.warp(final_at - 1)
    steps.challenge(1, challenger)
    steps.system.warp(final_at)
    assert steps.status() == 4
    with refused("oracle: challenged"):
        steps.oracle.settlement(1)


def test_challenge__long_final_round__stays_final(steps: Steps) -> None:
    final_at = steps.oracle.round_of(1).final_at
    steps.system.warp(final_at + 10**6)
    with refused("oracle: final"):
        steps.challenge(1, steps.challenger())
    with refused("oracle: final"):
        steps.veto(1)
    assert steps.oracle.settlement(1).final_at == final_at


def test_challenge__no_commit_yet__refused(steps: Steps) -> None:
    challenger = steps.challenger()
    with refused("oracle: not announced"):
        steps.challenge(2, challenger)
    steps.announce(2)
    with refused("oracle: not committed"):
        steps.challenge(2, challenger)


def test_challenge__second_one__refused_while_open_and_after(steps: Steps) -> None:
    steps.challenge(1, steps.challenger())
    other, timing = steps.challenger(), steps.system.timing
    for wait in (0, timing.challenge, 1, 10**6):
        steps.system.warp(steps.system.now + wait)
        with refused("oracle: challenged"):
            steps.challenge(1, other)
        with refused("oracle: challenged"):
            steps.veto(1)


def test_challenge__answered_round__refused(steps: Steps) -> None:
    steps.challenge(1, steps.challenger())
    steps.confirm(1)
    with refused("oracle: final"):
        steps.challenge(1, steps.challenger())


def test_challenge__open__no_terms_and_no_result_for_the_pool(steps: Steps) -> None:
    steps.challenge(1, steps.challenger())
    for wait in (0, steps.system.timing.window, steps.system.timing.challenge):
        steps.system.warp(steps.system.now + wait)
        with refused("oracle: challenged"):
            steps.oracle.settlement(1)
        assert not steps.oracle.is_result(1, steps.hashes[1], RESULT.argument())


def stake(system: System, amount: int) -> None:
    """Brings all stake to ``amount`` U by way of round 1's queue."""
    system.new_staker(models=1, tokens=amount)
    system.deposit(0, amount)


@pytest.mark.parametrize(
    ("staked", "bond"),
    [
        (NMR, 100 * NMR),
        (100_000 * NMR + 999, 100 * NMR),
        (100_000 * NMR + 1_000, 100 * NMR + 1),
        (250_000 * NMR, 250 * NMR),
        (2**56 - 1, (2**56 - 1) // 1_000),
    ],
)
def test_challenge__all_stake__asks_for_a_thousandth_and_at_least_100_nmr(
    system: System, staked: int, bond: int
) -> None:
    stake(system, staked)
    steps = Steps(system)
    steps.announce(1)
    system.warp(system.due(1))
    system.pool.drain(1, 10)
    assert system.pool.totals().staked == staked
    steps.commit(1)
    poor, rich = steps.challenger(bond - 1), steps.challenger(bond)
    with refused("token: balance too low"):
        steps.challenge(1, poor)
    assert steps.status() == 2
    steps.challenge(1, rich)
    assert steps.oracle.challenge_of(1).bond == bond == max(MIN_BOND, staked // BOND_PART)
    assert (steps.tokens(system.oracle), steps.tokens(rich)) == (bond, 0)
    system.warp(system.now + system.timing.challenge + 1)
    system.oracle.settle_bond(1)
    assert (steps.tokens(system.oracle), steps.tokens(rich)) == (0, bond)


def test_challenge__no_allowance__refused_and_nothing_changed(steps: Steps) -> None:
    challenger = steps.challenger()
    wei = MIN_BOND * WEI_PER_UNIT
    steps.system.token.approve(steps.oracle, wei - 1, sender=challenger)
    with refused("token: allowance too low"):
        steps.challenge(1, challenger)
    assert steps.status() == 2
    assert steps.oracle.challenge_of(1).challenged_at == 0
    steps.system.token.approve(steps.oracle, wei, sender=challenger)
    steps.challenge(1, challenger)


def test_challenge__tokens_given_away_to_the_oracle__do_not_pay_for_a_bond(steps: Steps) -> None:
    steps.system.token.transfer(steps.oracle, MIN_BOND * WEI_PER_UNIT)
    with refused("token: balance too low"):
        steps.challenge(1, steps.challenger(MIN_BOND - 1))
    steps.challenge(1, steps.challenger())
    assert steps.tokens(steps.oracle) == 2 * MIN_BOND


@pytest.fixture
def hostile() -> Steps:
    """Round 1 is committed, in a system whose token obeys the test."""
    token = compiled("tests/contracts/hostile/HostileToken.vy").deploy(SUPPLY * WEI_PER_UNIT)
    steps = Steps(deploy(n=7, threshold=4, super_quorum=5, token=token))
    steps.committed(1)
    return steps


def test_challenge__token_that_keeps_a_fee__refused(hostile: Steps) -> None:
    challenger = hostile.challenger()
    hostile.system.token.set_fee(1)
    with refused("oracle: inexact transfer"):
        hostile.challenge(1, challenger)
    assert hostile.status() == 2


def test_challenge__token_that_answers_false__refused(hostile: Steps) -> None:
    challenger = hostile.challenger()
    hostile.system.token.refuse_quietly(True)
    with refused("oracle: transfer failed"):
        hostile.challenge(1, challenger)
    assert hostile.status() == 2


def callbacks(oracle: Any) -> list[bytes]:
    """Calls that a token might make while it moves a bond."""
    return [
        oracle.challenge.prepare_calldata(1, EVIDENCE),
        oracle.settle_bond.prepare_calldata(1),
        oracle.settlement.prepare_calldata(1),
        oracle.is_void.prepare_calldata(1),
    ]


@pytest.mark.parametrize("call", range(4))
def test_challenge__token_calls_back__finds_the_door_shut(hostile: Steps, call: int) -> None:
    challenger, token = hostile.challenger(), hostile.system.token
    token.call_back(hostile.oracle, callbacks(hostile.oracle)[call])
    hostile.challenge(1, challenger)
    assert (token.attempts(), token.successes()) == (1, 0)


def test_challenge__from_a_contract__bond_comes_back_to_it(steps: Steps) -> None:
    contract = steps.system.registry
    wei = MIN_BOND * WEI_PER_UNIT
    steps.system.token.transfer(contract, wei)
    steps.system.token.approve(steps.oracle, ALL_WEI, sender=contract.address)
    steps.challenge(1, contract.address)
    steps.system.warp(steps.system.now + steps.system.timing.challenge + 1)
    steps.oracle.settle_bond(1)
    assert steps.tokens(contract) == MIN_BOND


@given(wait=st.integers(0, 400))
def test_challenge__any_second__taken_exactly_before_finality(system: System, wait: int) -> None:
    steps = Steps(system)
    steps.committed(1)
    final_at, challenger = steps.oracle.round_of(1).final_at, steps.challenger()
    system.warp(system.now + wait)
    if system.now < final_at:
        steps.challenge(1, challenger)
        assert steps.status() == 4
    else:
        with boa.reverts("oracle: final"):
            steps.challenge(1, challenger)
        assert steps.status() == 3


def test_challenge__many_rounds__every_bond_is_held(make_system: Callable) -> None:
    steps = Steps(make_system(n=7, threshold=4, super_quorum=5))
    for k in (1, 2, 3):
        steps.announce(k, closes_in=500 + 50 * k)
    for k in (1, 2, 3):
        steps.system.warp(steps.system.due(k))
        steps.commit(k)
        steps.challenge(k, steps.challenger())
    assert steps.tokens(steps.oracle) == 3 * MIN_BOND
    ids = {bytes(steps.oracle.challenge_of(k).challenge_id) for k in (1, 2, 3)}
    assert len(ids) == 3
