"""StakePool: what it is deployed with, and what it starts with."""

from collections.abc import Callable
from dataclasses import astuple, replace
from typing import Any

import boa
import pytest
from assay_system import CLOCKS, System, polygon, refused

from oracle.settlement.reference import Clocks

CLOCK_NAMES = list(Clocks.__dataclass_fields__)
LONGEST = 2**30


def deploy_pool(clocks: Clocks = CLOCKS, missing: int | None = None) -> Any:
    """A pool among plain addresses, one of which may be zero."""
    peers = [boa.env.generate_address() for _ in range(5)]
    if missing is not None:
        peers[missing] = "0x" + "00" * 20
    return polygon("StakePool").deploy(*peers, astuple(clocks))


def test_constructor__deployed__starts_at_round_one(system: System) -> None:
    pool = system.pool
    start = pool.state().head_since
    assert 0 < start <= system.now
    assert tuple(pool.state()) == (1, start, 0, 0, False, False, 0, 0)
    assert tuple(pool.totals()) == (0, 0, 0, 0, 0)
    assert pool.target() == 1
    assert (pool.TOKEN(), pool.ORACLE()) == (system.token.address, system.oracle.address)
    assert (pool.REGISTRY(), pool.RELAY()) == (system.registry.address, system.relay.address)
    assert pool.BURN_VAULT() == system.burn_vault
    assert tuple(pool.clocks()) == astuple(CLOCKS)


def test_constructor__round_zero__counts_as_closed_then() -> None:
    pool = deploy_pool()
    shown = pool.round_state(0)
    assert (shown.close, shown.queue_head, shown.skipped, shown.void_at) == (
        boa.env.timestamp,
        0,
        False,
        0,
    )
    assert pool.round_state(1).close == 0


@pytest.mark.parametrize("missing", range(5))
def test_constructor__zero_address__refused(missing: int) -> None:
    with refused("pool: zero address"):
        deploy_pool(missing=missing)


@pytest.mark.parametrize("seconds", [0, LONGEST + 1, 2**256 - 1])
@pytest.mark.parametrize("clock", CLOCK_NAMES)
def test_constructor__clock_at_zero_or_too_long__refused(clock: str, seconds: int) -> None:
    with refused("pool: bad clock"):
        deploy_pool(replace(CLOCKS, **{clock: seconds}))


@pytest.mark.parametrize("clock", CLOCK_NAMES)
def test_constructor__longest_and_shortest_clocks__accepted(clock: str) -> None:
    longest = replace(CLOCKS, wind_down_after=LONGEST)
    at_most = LONGEST - 1 if clock == "skip_after" else LONGEST
    for seconds in (1, at_most):
        clocks = replace(longest, **{clock: seconds})
        if clock == "wind_down_after":
            clocks = replace(clocks, skip_after=1, wind_down_after=max(2, seconds))
        assert tuple(deploy_pool(clocks).clocks()) == astuple(clocks)


@pytest.mark.parametrize("after", [-1, 0])
def test_constructor__wound_down_before_a_round_can_be_skipped__refused(after: int) -> None:
    with refused("pool: wound down before skipped"):
        deploy_pool(replace(CLOCKS, wind_down_after=CLOCKS.skip_after + after))
    deploy_pool(replace(CLOCKS, wind_down_after=CLOCKS.skip_after + 1))


def test_constructor__production_clocks__accepted(make_system: Callable[..., System]) -> None:
    assert tuple(make_system(clocks=Clocks()).pool.clocks()) == astuple(Clocks())
