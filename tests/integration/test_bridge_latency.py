"""What becomes of bridged NMR in rounds, by block times; and a bridge that is late."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from bridge_bench import Bench
from bridge_rounds import BridgedRounds, bridge_in, bridged_rounds
from two_chains import NMR, TwoChains, two_chains

from oracle.bridge.latency import DepositTimes, Latency
from oracle.bridge.transfers import Stage
from oracle.settlement.units import MILLIONTH

pytestmark = pytest.mark.chain

STAKER = 10


@pytest.fixture(scope="module")
def chains() -> Iterator[TwoChains]:
    with two_chains(731370, 731371) as started:
        yield started


@pytest.fixture(scope="module")
def deployed(chains: TwoChains, tmp_path_factory: pytest.TempPathFactory) -> BridgedRounds:
    rounds = bridged_rounds(chains, tmp_path_factory.mktemp("pool"))
    bridge_in(chains, STAKER, NMR)
    rounds.register(STAKER)
    return rounds


@pytest.fixture
def rounds(chains: TwoChains, deployed: BridgedRounds) -> Iterator[BridgedRounds]:
    with chains.undone():
        yield deployed


@pytest.fixture
def bench(rounds: BridgedRounds, tmp_path: Path) -> Bench:
    return Bench(rounds.chains, tmp_path, STAKER)


def now(chains: TwoChains) -> int:
    return chains.child_web3.eth.get_block("latest")["timestamp"]


def pass_time(chains: TwoChains, until: int) -> None:
    """Both chains come to ``until``, and that is final."""
    for chain in (chains.root, chains.child):
        chain.ask("evm_setNextBlockTimestamp", until)
        chain.mine(1)
        chain.mine(3)


def measured(rounds: BridgedRounds) -> DepositTimes:
    """The newest deposit."""
    chains, reader = rounds.chains, rounds.reader
    latency = Latency(
        chains.record,
        (chains.root_web3, chains.root.url),
        (chains.child_web3, chains.child.url),
        reader,
    )
    return latency.deposits(10)[-1]


def announced(rounds: BridgedRounds, *phis: int) -> list[int]:
    """One round after the other with these phis; the times at which they close."""
    start, closes = now(rounds.chains) + 60, list[int]()
    for number, phi in enumerate(phis, start=1):
        closes.append(start + 100 * number)
        rounds.announce(number, start + 100 * number - 50, closes[-1], phi)
    return closes


def test_deposits__staked_and_closed__all_four_times(rounds: BridgedRounds, bench: Bench) -> None:
    [closes] = announced(rounds, MILLIONTH)
    transfer = bench.bridge().deposit(5 * NMR)
    one = measured(rounds)
    assert one.locked == transfer.times[Stage.LOCKED]
    assert (one.sync, one.wei, one.account) == (transfer.sync, 5 * NMR, bench.address)
    assert (one.synced, one.round, one.committed, one.usable) == (None, None, None, None)
    [synced] = rounds.chains.settle_syncs()
    assert measured(rounds).committed is None
    rounds.chains.child.mine(1, 7)
    rounds.stake(STAKER, 5 * NMR)
    staked_at = now(rounds.chains)
    one = measured(rounds)
    block = rounds.chains.child_web3.eth.get_block(synced.block)
    assert one.synced == block["timestamp"]
    assert (one.round, one.committed, one.usable) == (1, staked_at, None)
    rounds.chains.child.ask("evm_setNextBlockTimestamp", closes - 3)
    rounds.chains.child.mine(1)
    pass_time(rounds.chains, closes + 1)
    assert measured(rounds).usable == closes - 3, "the last block before the close"


def test_deposits__bridge_late__join_the_round_in_which_they_arrive(
    rounds: BridgedRounds, bench: Bench
) -> None:
    first, second = announced(rounds, MILLIONTH, 950_000)
    bench.bridge().deposit(5 * NMR)
    pass_time(rounds.chains, first + 1)  # the relayer stands still meanwhile
    rounds.chains.settle_syncs()
    rounds.stake(STAKER, 5 * NMR)
    pass_time(rounds.chains, second + 1)
    one = measured(rounds)
    assert one.round == 2
    assert one.synced is not None
    assert one.synced > first
    assert one.usable is not None
    assert first < one.usable < second
    facts = rounds.reader.facts(1, rounds.reader.newest(), 1)
    assert facts.closes == first, "nothing else waited"


def test_deposits__staked_before_it_arrived__not_taken_for_it(
    rounds: BridgedRounds, bench: Bench
) -> None:
    """NMR that was there already is staked while the deposit is under way."""
    announced(rounds, MILLIONTH)
    bench.bridge().deposit(5 * NMR)
    rounds.stake(STAKER, NMR // 2)
    rounds.chains.settle_syncs()
    one = measured(rounds)
    assert one.synced is not None
    assert one.committed is None
