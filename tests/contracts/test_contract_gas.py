"""What calls cost, held below the figures of docs/contracts.md at Prague's and Polygon's prices.

The actions are played by gas_actions.py and counted by metering.py, which is held here against a
real chain.
"""

from collections.abc import Iterator
from typing import Any

import boa
import pytest
from assay_system import NEVER, System
from gas_actions import FULL, GROUPS, STAKE, STAKE_WEI, in_use, seed_stakes
from metering import PIP88, PRAGUE, Touch, measure, rehearse, storage_prices, transaction
from oracle_steps import RESULT, Steps
from real_chain import anvil, repeat
from web3 import Web3

from oracle.settlement.batches import Batch, followers

pytestmark = pytest.mark.ignore_isolation

# Upper bounds of gas, at Prague's prices and at PIP-88's. A change that costs more has to be
# argued for here and in docs/contracts.md.
LIMITS = {
    "settle a model, full words, 100 models": (2_740, 3_570),
    "settle a model, full words, 1,000 models": (1_825, 2_475),
    "settle a model, full words, 10,000 models": (1_750, 2_380),
    "settle a model, hardening and phi, 100 models": (2_750, 3_580),
    "settle a model, hardening and phi, 1,000 models": (1_830, 2_480),
    "settle a model, hardening and phi, 10,000 models": (1_755, 2_385),
    "settle a model, take profit, 100 models": (3_950, 5_440),
    "settle a model, take profit, 1,000 models": (3_020, 4_330),
    "settle a model, take profit, 10,000 models": (2_980, 4_280),
    "settle a model, two scores, 10,000 models": (1_720, 2_350),
    "settle a word of zeros": (320, 320),
    "settle 1,024 words, hardening and phi": (7_170_000, 9_780_000),
    "settle 350 words, take profit": (9_860_000, 11_970_000),
    "deposit, first of its model": (87_200, 110_800),
    "deposit, again": (66_500, 90_000),
    "request_release": (65_400, 77_200),
    "claim": (54_100, 67_600),
    "request_release and claim": (119_500, 144_800),
    "relay a deposit, first of its model": (104_200, 127_000),
    "relay a release": (79_000, 90_800),
    "deposit by mandate, its first use": (131_700, 157_900),
    "deposit by mandate, again": (93_900, 119_200),
    "drain a record": (9_920, 12_690),
    "announce": (122_200, 145_900),
    "commit, 3 of 4": (87_300, 103_300),
    "commit, 4 of 7": (95_200, 114_600),
    "challenge": (103_200, 122_600),
    "confirm, 5 of 7": (97_200, 125_000),
    "settle_bond": (45_200, 52_800),
    "reserve": (45_700, 49_100),
    "register": (116_300, 135_800),
    "flush_burn": (44_200, 51_800),
    "exit, one deposit not drained": (67_400, 90_100),
    "bridge: deposit": (96_100, 140_000),
    "bridge: withdraw": (39_800, 48_200),
    "bridge: exit": (239_000, 292_000),
    "bridge: sweep of the child chain": (50_000, 62_600),
    "bridge: sweep of the root chain": (46_100, 58_700),
    "governance: send a command": (66_100, 84_600),
    "governance: execute a command": (76_100, 98_800),
    "roots: send": (49_300, 69_500),
    "roots: receive": (263_000, 292_000),
}

SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in GROUPS if "10000" in name]


@pytest.mark.parametrize("group", [*(name for name in GROUPS if "10000" not in name), *SLOW])
def test_gas__each_action_of_a_group__within_its_limits(group: str) -> None:
    for name, gas in GROUPS[group]().items():
        print(f"{name}: {gas.prague:,.0f} gas, PIP-88 {gas.pip88:,.0f}")
        limit_prague, limit_pip88 = LIMITS[name]
        assert gas.prague <= limit_prague, name
        assert gas.pip88 <= limit_pip88, name


# ---------------------------------------------------------------------- the meter


@pytest.fixture(scope="module")
def chain() -> Iterator[Web3]:
    with anvil() as chain:
        yield chain


@pytest.fixture
def system() -> Iterator[System]:
    with in_use() as system:
        yield system


def held_equal(
    chain: Web3, contract: Any, call: str, *arguments: Any, sender: str | None = None
) -> None:
    """The call's gas at both prices, with and without an access list, is a real chain's."""
    whole = (contract, call, *arguments)
    polygon = rehearse(*whole, sender=sender, prices=PIP88)
    listed = rehearse(*whole, sender=sender, access_list=polygon.touches)
    listed_polygon = rehearse(*whole, sender=sender, prices=PIP88, access_list=polygon.touches)
    ran = transaction(*whole, sender=sender)
    real = repeat(chain, ran)
    assert (ran.gas, polygon.gas) == (real.prague, real.pip88)
    real = repeat(chain, ran, polygon.touches)
    assert (listed.gas, listed_polygon.gas) == (real.prague, real.pip88)


def test_metering__deposits__charged_as_by_a_real_chain(chain: Web3, system: System) -> None:
    owner = system.new_staker()
    system.announce(1)
    for _ in ("first", "again"):
        held_equal(chain, system.pool, "deposit", 0, STAKE_WEI, NEVER, sender=owner)


def test_metering__settles__charged_as_by_a_real_chain(chain: Web3, system: System) -> None:
    """Two batches: the first begins the round, the last gives a slot back."""
    seed_stakes(system, 400, take_profit=False)
    words = tuple(FULL.words(400))
    batches = [Batch(0, words[:50]), Batch(50, words[50:])]
    system.announce(1)
    system.warp(system.due(1))
    system.commit(1, batches, STAKE, 100)
    system.warp(system.now + system.timing.window)
    for batch, following in zip(batches, followers(batches), strict=True):
        held_equal(chain, system.pool, "settle", 1, batch.start, following, list(batch.words))


def test_metering__signatures__charged_as_by_a_real_chain(chain: Web3, system: System) -> None:
    """A commit: four recoveries, and calldata that is not small."""
    steps = Steps(system)
    steps.announce(1)
    system.warp(system.due(1))
    signatures = steps.sign(steps.commit_of(1), system.signers[:4])
    held_equal(chain, system.oracle, "commit", 1, RESULT.argument(), signatures)


@pytest.mark.parametrize(
    ("touch", "prague", "pip88"),
    [
        (Touch(read=True, before=1, after=1), 2_100, 5_460),
        (Touch(read=False, before=1, after=1), 0, 0),
        (Touch(read=True, before=1, after=2), 2_100 + 2_900, 5_460 + 2_060),
        (Touch(read=False, before=1, after=2), 5_000, 5_000),
        (Touch(read=True, before=0, after=2), 2_100 + 20_000, 5_460 + 20_000),
        (Touch(read=False, before=0, after=2), 2_100 + 20_000, 2_940 + 20_000),
        (Touch(read=False, before=1, after=0), 5_000 - 4_800, 5_000 - 3_960),
    ],
)
def test_floor__slot_touched_once__costs_what_the_proposals_say(
    touch: Touch, prague: int, pip88: int
) -> None:
    assert (touch.floor(PRAGUE), touch.floor(PIP88)) == (prague, pip88)


def test_measure__a_call__happens_once_and_costs_at_least_its_floor(system: System) -> None:
    owner = system.new_staker()
    system.announce(1)
    gas = measure(system.pool, "deposit", 0, STAKE_WEI, NEVER, sender=owner)
    assert system.pool.totals().queued == STAKE
    assert gas.prague_floor < gas.prague < gas.pip88
    assert gas.pip88_floor < gas.pip88
    assert gas.largest == gas.pip88


def test_storage_prices__block_left__prague_again(system: System) -> None:
    opcodes = boa.env.evm.vm.state.computation_class.opcodes
    before = dict(opcodes)
    with storage_prices(PIP88):
        assert opcodes != before
    assert opcodes == before
