"""What calls cost on a chain with Prague's prices, held below the figures of docs/contracts.md.

Titanoboa runs all calls of a test as if in one transaction. Here each call is one of its own:
state is committed and access lists are cleared around it, and the intrinsic cost of a transaction,
the refund and the floor price of calldata (EIP-2028, 2200, 2929, 3529, 7623) are added. The sums
equal the gas that a local anvil charges.
"""

import random
from collections.abc import Iterator
from typing import Any

import boa
import pytest
from assay_system import ALL_WEI, NEVER, System, Timing, deploy

from oracle.settlement.batches import END, Batch, chain, cut
from oracle.settlement.units import LANES_PER_WORD, UNITS_PER_NMR, WEI_PER_UNIT
from oracle.settlement.words import Lane, ScoreLane, encode_lane, join_word, score_words

pytestmark = pytest.mark.ignore_isolation

NMR = UNITS_PER_NMR

# Upper bounds of gas; a change that costs more has to be argued for here and in docs/contracts.md.
LIMITS = {
    "settle, per model, 1,000 models": 1_825,
    "settle, per model, 10,000 models": 1_750,
    "settle, per model, 1,000 models that take profit": 3_060,
    "settle, a zero word": 320,
    "deposit, first of its round": 105_700,
    "deposit, first of its model": 88_600,
    "deposit, again": 66_300,
    "request_release and claim": 125_500,
    "drain, per record": 9_950,
    "announce": 118_500,
    "commit, 3 of 4": 102_500,
    "commit, 4 of 7": 110_000,
}


def transaction(contract: Any, call: str, *arguments: Any, sender: str | None = None) -> int:
    """Gas of a call as a transaction of its own."""
    state = boa.env.evm.vm.state
    function = getattr(contract, call)
    data = function.prepare_calldata(*arguments)
    state.lock_changes()
    function(*arguments, **({} if sender is None else {"sender": sender}))
    state.lock_changes()
    computation = contract._computation
    tokens = sum(4 if byte else 1 for byte in data)
    used = 21_000 + 4 * tokens + computation.get_gas_used()
    used -= min(computation.get_gas_refund(), used // 5)
    return max(used, 21_000 + 10 * tokens)


@pytest.fixture
def fresh() -> Iterator[System]:
    """A system in an environment of its own, which commits state for good."""
    with boa.swap_env(boa.Env()):
        system = deploy(n=7, threshold=4, timing=Timing(grace=10**7))
        system.fund(10**6 * NMR)
        yield system


def seed_stakes(system: System, models: int, *, take_profit: bool = False) -> None:
    """Puts 10 NMR of stake on each of ``models`` models, straight into storage."""
    layout = system.pool.compiler_data.storage_layout["storage_layout"]
    first, holdings = layout["lanes"]["_lanes"]["slot"], layout["books"]["_holdings"]["slot"]
    out = layout["lanes"]["_out_lanes"]["slot"]
    address = system.pool.address
    word = join_word([encode_lane(Lane(10 * NMR, take_profit))] * LANES_PER_WORD)
    for index in range(models // LANES_PER_WORD):
        boa.env.set_storage(address, first + index, word)
        if take_profit:
            boa.env.set_storage(address, out + index, join_word([1] * LANES_PER_WORD))
    packed = boa.env.get_storage(address, holdings)
    boa.env.set_storage(address, holdings, packed + 10 * NMR * models)


def full_round(models: int) -> list[Batch]:
    """Batches in which every model has three scores that are not zero, and a level."""
    draw = random.Random(1)
    scores = {
        m: ScoreLane(
            tuple(draw.choice((-1, 1)) * draw.randint(1, 80_000) for _ in range(3)),
            draw.randint(0, 15),
        )
        for m in range(models)
    }
    return cut(score_words(scores, models // LANES_PER_WORD))


def settled(system: System, batches: list[Batch], words: int) -> int:
    """Gas of settling round 1, its implicit begin included."""
    system.announce(1)
    system.warp(system.due(1))
    system.commit(1, batches, 0, words)
    system.warp(system.now + system.timing.window)
    links = [*chain(batches), END]
    return sum(
        transaction(system.pool, "settle", 1, batch.start, following, list(batch.words))
        for batch, following in zip(batches, links[1:], strict=True)
    )


def hold(name: str, gas: float) -> None:
    print(f"{name}: {gas:,.0f} gas")
    assert gas <= LIMITS[name], name


@pytest.mark.parametrize("models", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_gas__settle_full_words(fresh: System, models: int) -> None:
    seed_stakes(fresh, models)
    gas = settled(fresh, full_round(models), models // LANES_PER_WORD)
    assert fresh.pool.state().head == 2
    assert fresh.pool.totals().burn_owed > 0
    hold(f"settle, per model, {models:,} models", gas / models)


def test_gas__settle_take_profit(fresh: System) -> None:
    seed_stakes(fresh, 1_000, take_profit=True)
    gas = settled(fresh, full_round(1_000), 250)
    assert fresh.pool.totals().out > 0
    hold("settle, per model, 1,000 models that take profit", gas / 1_000)


def test_gas__settle_zero_words(fresh: System) -> None:
    one = settled(fresh, [Batch(0, (1,))], 1)
    with boa.swap_env(boa.Env()):
        many = settled(deploy(n=7, threshold=4), [Batch(0, (1, *[0] * 1_000))], 1_001)
    hold("settle, a zero word", (many - one) / 1_000)


def test_gas__deposits(fresh: System) -> None:
    owner = fresh.new_staker(models=3)
    fresh.announce(1)
    wei = 10 * NMR * WEI_PER_UNIT
    arguments = (wei, NEVER)
    fresh.token.transfer(fresh.pool, 1)
    first = transaction(fresh.pool, "deposit", 0, *arguments, sender=owner)
    hold("deposit, first of its round", first)
    second = transaction(fresh.pool, "deposit", 1, *arguments, sender=owner)
    hold("deposit, first of its model", second)
    hold("deposit, again", transaction(fresh.pool, "deposit", 0, *arguments, sender=owner))


def test_gas__release_and_claim(fresh: System) -> None:
    owner = fresh.new_staker(models=2)
    fresh.deposit(0, 10 * NMR)
    fresh.announce(1)
    fresh.play(1, [Batch(0, ())])
    fresh.announce(2)
    fresh.deposit(1, 10 * NMR)
    release = transaction(fresh.pool, "request_release", 0, ALL_WEI, NEVER, sender=owner)
    fresh.play(2, [Batch(0, ())])
    claim = transaction(fresh.pool, "claim", 0)
    print(f"request_release {release:,}, claim {claim:,}")
    hold("request_release and claim", release + claim)


def test_gas__drain(fresh: System) -> None:
    fresh.new_staker(models=100)
    fresh.announce(1)
    for model in range(100):
        fresh.deposit(model, 10 * NMR)
    fresh.warp(fresh.due(1))
    hold("drain, per record", transaction(fresh.pool, "drain", 1, 100) / 100)


@pytest.mark.parametrize(("n", "threshold"), [(4, 3), (7, 4)])
def test_gas__announce_and_commit(n: int, threshold: int) -> None:
    with boa.swap_env(boa.Env()):
        system = deploy(n=n, threshold=threshold)
        system.announce(1)
        opens, closes = system.now, system.now + 1_000
        spec, series = b"\x06" * 32, b"\x07" * 32
        announced = (2, opens, closes, 300, 950_000, series, spec)
        gas = transaction(system.oracle, "announce", *announced, sender=system.announcer)
        hold("announce", gas)
        system.warp(system.due(1))
        commit = system.commit_struct(1, b"\x04" * 32, at_risk=10**15, words=2_500)
        signatures = system.sign(commit, system.signers[:threshold])
        gas = transaction(
            system.oracle,
            "commit",
            1,
            commit.close_block_hash,
            commit.chain_head,
            commit.at_risk,
            commit.words,
            commit.manifest,
            commit.meta_root,
            signatures,
        )
        hold(f"commit, {threshold} of {n}", gas)
