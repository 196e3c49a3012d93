"""Tokens that call back, keep a fee or stop: the pool's books and its exits hold."""

from collections.abc import Callable
from typing import Any

import boa
import pytest
from assay_system import System, compiled, refused
from eth.exceptions import Revert

from oracle.settlement.batches import Batch
from oracle.settlement.units import UNITS_PER_NMR, WEI_PER_UNIT
from oracle.settlement.words import ScoreLane, score_words

NMR = UNITS_PER_NMR
WEI = NMR * WEI_PER_UNIT
NOTHING = [Batch(0, ())]
BURNS = [Batch(0, tuple(score_words({0: ScoreLane((-500_000, 0, 0))}, 1)))]

# All that the pool offers, with arguments that a hostile token might try.
CALLS: dict[str, tuple[Any, ...]] = {
    "act": (0, 1, WEI, 99),
    "begin": (2,),
    "call_void": (2,),
    "claim": (0,),
    "deposit": (0, WEI, 99),
    "drain": (2, 1),
    "end_void": (2,),
    "exit": (0, [1, 2]),
    "flush_burn": (),
    "fund": (WEI,),
    "pause": (),
    "request_release": (0, WEI, 99),
    "schedule": (2, 2**31),
    "set_mode": (0, 1, 99),
    "settle": (2, 0, bytes(32), []),
    "skip": (2,),
    "unpause": (),
    "void_rest": (2,),
    "wind_down": (),
    "claimable_of": (0,),
    "lane_words": (0, 1),
    "out_words": (0, 1),
    "queue": (1, 0, 1),
    "record_of": (1, 0),
    "round_state": (1,),
    "stake_of": (0,),
    "state": (),
    "target": (),
    "totals": (),
}
CONSTANTS = {"BURN_VAULT", "ORACLE", "REGISTRY", "RELAY", "TOKEN", "clocks"}
"""Views of what never changes: they need no lock."""


@pytest.fixture
def hostile(make_system: Callable[..., System]) -> System:
    """A system on the hostile token; model 0 has staked 5 NMR, 5 % of which were burned, and can
    claim 2 NMR."""
    token = compiled("tests/contracts/hostile/HostileToken.vy").deploy(10**9 * WEI)
    system = make_system(token=token)
    system.new_staker(models=1, tokens=1000 * NMR)
    system.deposit(0, 7 * NMR)
    system.request_release(0, 2 * NMR)
    system.announce(1)
    system.play(1, BURNS)
    return system


def enter(system: System, entry: str) -> None:
    """Makes the pool call its token."""
    owner = system.owner(0)
    calls = {
        "act": lambda: system.pool.act(0, 1, WEI, 99, sender=system.relay.address),
        "claim": lambda: system.pool.claim(0),
        "deposit": lambda: system.pool.deposit(0, WEI, 99, sender=owner),
        "exit": lambda: system.pool.exit(0, []),
        "flush_burn": lambda: system.pool.flush_burn(),
        "fund": lambda: system.pool.fund(WEI),
    }
    calls[entry]()


PAYS_IN = ["act", "deposit", "fund"]
PAYS_OUT = ["claim", "exit", "flush_burn"]


def ready(system: System, entry: str) -> System:
    """An exit needs the end of the pool."""
    if entry == "exit":
        system.warp(system.now + system.clocks.wind_down_after)
        system.pool.wind_down()
    return system


@pytest.mark.parametrize("entry", PAYS_IN + PAYS_OUT)
def test_token__calls_back_into_the_pool__is_locked_out(hostile: System, entry: str) -> None:
    """Whatever it calls, views as well: nobody sees the books before the tokens moved."""
    pool = ready(hostile, entry).pool
    for name, arguments in CALLS.items():
        hostile.token.call_back(pool, getattr(pool, name).prepare_calldata(*arguments))
        with boa.env.anchor():
            attempts = hostile.token.attempts()
            enter(hostile, entry)
            assert hostile.token.attempts() > attempts, name
            assert hostile.token.successes() == 0, name
            held = sum(pool.totals())
            assert hostile.token.balanceOf(pool) == held * WEI_PER_UNIT


@pytest.mark.parametrize("percent", [1, 99, 100])
@pytest.mark.parametrize("entry", PAYS_IN)
def test_token__keeps_a_fee__refused(hostile: System, entry: str, percent: int) -> None:
    hostile.token.set_fee(percent)
    before = tuple(hostile.pool.totals())
    with refused("pool: inexact transfer"):
        enter(hostile, entry)
    assert tuple(hostile.pool.totals()) == before


def test_token__stopped__rounds_go_on_and_the_claim_waits(hostile: System) -> None:
    hostile.token.stop(True)
    for entry in (*PAYS_IN, "claim", "flush_burn"):
        with refused("token: stopped"):
            enter(hostile, entry)
    assert hostile.claimable(0) == 2 * NMR
    hostile.announce(2)
    hostile.request_release(0, None)
    hostile.play(2, NOTHING)
    assert (hostile.stake(0), hostile.claimable(0)) == (0, 675 * NMR // 100)
    hostile.token.stop(False)
    assert hostile.pool.claim(0) == 675 * WEI // 100


def test_token__stopped__the_pool_still_ends_and_the_exit_waits(hostile: System) -> None:
    hostile.token.stop(True)
    ready(hostile, "exit")
    with refused("token: stopped"):
        hostile.pool.exit(0, [])
    hostile.token.stop(False)
    assert hostile.pool.exit(0, []) == 675 * WEI // 100


def test_token__answers_false_to_a_claim__nothing_changes(hostile: System) -> None:
    hostile.token.refuse_quietly(True)
    before = (tuple(hostile.pool.totals()), hostile.registry.version_of(0))
    with refused("pool: transfer failed"):
        hostile.pool.claim(0)
    assert (tuple(hostile.pool.totals()), hostile.registry.version_of(0)) == before


@pytest.mark.parametrize("entry", PAYS_IN + PAYS_OUT)
def test_token__answers_false__refused(hostile: System, entry: str) -> None:
    ready(hostile, entry)
    hostile.token.refuse_quietly(True)
    before = tuple(hostile.pool.totals())
    with refused("pool: transfer failed"):
        enter(hostile, entry)
    assert tuple(hostile.pool.totals()) == before


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
    for contract in (system.pool, system.oracle, system.registry, system.relay):
        with pytest.raises(Revert):
            boa.env.raw_call(contract.address, value=1)
        assert boa.env.get_balance(contract.address) == 0


def selectors(contract: Any) -> set[str]:
    return {entry["name"] for entry in contract.abi if entry["type"] == "function"}


def test_pool__all_it_offers__no_call_of_a_role_moves_stake(system: System) -> None:
    """The whole surface: the only roles are the oracle's, which can add and pause, and the
    relay's, which can make requests and nothing else."""
    assert selectors(system.pool) == set(CALLS) | CONSTANTS
