"""Tokens that call back, keep a fee or stop: the pool's books and its exits hold."""

from collections.abc import Callable
from typing import Any

import boa
import pytest
from assay_system import System, compiled, refused
from eth.exceptions import Revert

from oracle.settlement.batches import Batch
from oracle.settlement.units import UNITS_PER_NMR, WEI_PER_UNIT

NMR = UNITS_PER_NMR
WEI = NMR * WEI_PER_UNIT
NOTHING = [Batch(0, ())]


@pytest.fixture
def hostile(make_system: Callable[..., System]) -> System:
    """A system on the hostile token; model 0 has staked 5 NMR and can claim 2 NMR."""
    token = compiled("tests/contracts/hostile/HostileToken.vy").deploy(10**9 * WEI)
    system = make_system(token=token)
    system.new_staker(models=1, tokens=1000 * NMR)
    system.deposit(0, 7 * NMR)
    system.request_release(0, 2 * NMR)
    system.announce(1)
    system.play(1, NOTHING)
    return system


def calls(system: System) -> list[tuple[str, bytes]]:
    """Every call into the pool that a hostile token may try, and its calldata."""
    pool = system.pool
    return [
        ("claim", pool.claim.prepare_calldata(0)),
        ("deposit", pool.deposit.prepare_calldata(0, WEI, 99)),
        ("request_release", pool.request_release.prepare_calldata(0, WEI, 99)),
        ("set_mode", pool.set_mode.prepare_calldata(0, 1, 99)),
        ("fund", pool.fund.prepare_calldata(WEI)),
        ("drain", pool.drain.prepare_calldata(2, 1)),
        ("begin", pool.begin.prepare_calldata(2)),
        ("settle", pool.settle.prepare_calldata(2, 0, bytes(32), [])),
        ("schedule", pool.schedule.prepare_calldata(2, 2**39)),
        ("totals", pool.totals.prepare_calldata()),
        ("stake_of", pool.stake_of.prepare_calldata(0)),
        ("target", pool.target.prepare_calldata()),
    ]


@pytest.mark.parametrize("index", range(12))
@pytest.mark.parametrize("entry", ["deposit", "fund", "claim"])
def test_token__calls_back_into_the_pool__is_locked_out(
    hostile: System, entry: str, index: int
) -> None:
    name, data = calls(hostile)[index]
    hostile.token.call_back(hostile.pool, data)
    owner = hostile.registry.owner_of(0)
    if entry == "claim":
        hostile.pool.claim(0)
    elif entry == "fund":
        hostile.pool.fund(WEI)
    else:
        hostile.pool.deposit(0, WEI, 99, sender=owner)
    assert hostile.token.attempts() > 0, name
    assert hostile.token.successes() == 0, name
    held = sum(hostile.pool.totals())
    assert hostile.token.balanceOf(hostile.pool) == held * WEI_PER_UNIT


@pytest.mark.parametrize("percent", [1, 99, 100])
@pytest.mark.parametrize("call", ["deposit", "fund"])
def test_token__keeps_a_fee__refused(hostile: System, call: str, percent: int) -> None:
    hostile.token.set_fee(percent)
    before = tuple(hostile.pool.totals())
    with refused("pool: inexact transfer"):
        if call == "fund":
            hostile.pool.fund(WEI)
        else:
            hostile.deposit(0, NMR)
    assert tuple(hostile.pool.totals()) == before


def test_token__stopped__rounds_go_on_and_the_claim_waits(hostile: System) -> None:
    hostile.token.stop(True)
    with refused("token: stopped"):
        hostile.pool.claim(0)
    assert hostile.claimable(0) == 2 * NMR
    hostile.announce(2)
    hostile.request_release(0, None)
    hostile.play(2, NOTHING)
    assert (hostile.stake(0), hostile.claimable(0)) == (0, 7 * NMR)
    hostile.token.stop(False)
    assert hostile.pool.claim(0) == 7 * WEI


def test_token__answers_false_to_a_claim__nothing_changes(hostile: System) -> None:
    hostile.token.refuse_quietly(True)
    before = (tuple(hostile.pool.totals()), hostile.registry.nonce_of(0))
    with refused("pool: transfer failed"):
        hostile.pool.claim(0)
    assert (tuple(hostile.pool.totals()), hostile.registry.nonce_of(0)) == before


def test_donation__tokens_sent_to_the_pool__stay_outside_the_books(
    system: System, staker: str
) -> None:
    system.deposit(0, NMR)
    before = tuple(system.pool.totals())
    system.token.transfer(system.pool, 5 * WEI)
    assert tuple(system.pool.totals()) == before
    system.deposit(1, NMR)
    assert system.token.balanceOf(system.pool) == 7 * WEI


def test_pool__plain_transfer_of_the_chains_coin__refused(system: System) -> None:
    boa.env.set_balance(boa.env.eoa, 10**18)
    for contract in (system.pool, system.oracle, system.registry):
        with pytest.raises(Revert):
            boa.env.raw_call(contract.address, value=1)
        assert boa.env.get_balance(contract.address) == 0


def selectors(contract: Any) -> set[str]:
    return {entry["name"] for entry in contract.abi if entry["type"] == "function"}


def test_pool__all_it_offers__no_call_of_a_role_moves_stake(system: System) -> None:
    """The whole surface: the only role is the oracle's, and it can only add rounds."""
    assert selectors(system.pool) == {
        "schedule", "deposit", "request_release", "set_mode", "claim", "fund", "drain", "begin",
        "settle", "target", "round_state", "stake_of", "claimable_of", "lane_words", "out_words",
        "record_of", "queue", "totals", "state", "TOKEN", "ORACLE", "REGISTRY",
    }  # fmt: skip
