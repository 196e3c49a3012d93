"""Transfers between two real chains: the whole way, to whom, and what is refused at the start."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from bridge_bench import Bench, arrive, benched, locks
from two_chains import NMR, TwoChains, two_chains
from web3 import Web3

from oracle.bridge.client import Bridge, Progress
from oracle.bridge.steps import STORED
from oracle.bridge.transfers import STAGES, Kind, Stage
from oracle.chain.drafts import FundsError
from oracle.chain.keys import dev_account
from oracle.errors import InputError, RefusedError, UnreachableError

pytestmark = pytest.mark.chain


@pytest.fixture(scope="module")
def chains() -> Iterator[TwoChains]:
    with two_chains() as started:
        yield started


@pytest.fixture
def bench(chains: TwoChains, tmp_path: Path) -> Iterator[Bench]:
    with benched(chains, tmp_path) as made:
        yield made


# ---------------------------------------------------------------------- the whole way


def test_deposit__all_well__every_stage_and_its_block_time(bench: Bench) -> None:
    bridge = bench.bridge()
    transfer = bridge.deposit(5 * NMR)
    assert transfer.stage is Stage.LOCKED
    assert (bench.on_root(), bench.on_child(), locks(bench)) == (95, 0, 5)
    assert bridge.advance(transfer.id).stage is Stage.LOCKED
    [synced] = bench.chains.settle_syncs()
    transfer = bridge.advance(transfer.id)
    assert (transfer.stage, transfer.sync) == (Stage.SYNCED, synced.id)
    minted = bench.chains.child_web3.eth.get_block(synced.block)["timestamp"]
    assert transfer.times[Stage.SYNCED] == minted
    bench.chains.child.mine(3)
    transfer = bridge.advance(transfer.id)
    assert list(transfer.times) == [Stage.LOCKED, Stage.SYNCED, Stage.USABLE]
    assert transfer.settled
    assert (bench.on_root(), bench.on_child()) == (95, 5)
    assert bridge.status(transfer.id) == transfer


def test_withdraw__all_well__every_stage_and_its_block_time(bench: Bench) -> None:
    bench.bring_in(20 * NMR)
    bridge = bench.bridge()
    transfer = bridge.withdraw(8 * NMR)
    assert transfer.stage is Stage.BURNT
    assert bench.on_child() == 12
    assert bridge.advance(transfer.id).stage is Stage.BURNT
    made = bench.chains.checkpoint()
    assert made is not None
    assert bridge.status(transfer.id).stage is Stage.CHECKPOINTED
    assert bench.on_root() == 80, "looking pays nothing"
    transfer = bridge.advance(transfer.id)
    assert transfer.stage is Stage.EXITED
    assert transfer.times[Stage.CHECKPOINTED] == made.created_at
    assert bench.on_root() == 88
    assert not transfer.settled
    bench.chains.root.mine(3)
    assert bridge.advance(transfer.id).settled


def test_withdraw__portal_of_the_npm_package__sent_as_type_0(bench: Bench) -> None:
    bench.bring_in(5 * NMR)
    transfer = bench.bridge().withdraw(NMR)
    sent = bench.chains.child_web3.eth.get_transaction(transfer.steps["burn"][0].hash)  # type: ignore[arg-type]
    assert sent["type"] == 0


def test_withdraw__portal_without_stand_in__sent_as_type_2(bench: Bench) -> None:
    bench.bring_in(5 * NMR)
    record = bench.chains.record.model_copy(update={"stand_ins": {}})
    transfer = bench.bridge(record=record).withdraw(NMR)
    sent = bench.chains.child_web3.eth.get_transaction(transfer.steps["burn"][0].hash)  # type: ignore[arg-type]
    assert sent["type"] == 2


def test_deposit__to_somebody_else__they_have_it(bench: Bench) -> None:
    other = dev_account(20).address
    transfer = bench.bridge().deposit(5 * NMR, other.lower())
    arrive(bench)
    assert bench.bridge().advance(transfer.id).is_over
    assert (bench.on_child(), bench.on_child(other)) == (0, 5)


def test_deposit__twice_the_same__two_transfers(bench: Bench) -> None:
    bridge = bench.bridge()
    first, second = bridge.deposit(5 * NMR), bridge.deposit(5 * NMR)
    arrive(bench)
    assert all(bridge.advance(one.id).is_over for one in (first, second))
    assert (bench.on_root(), bench.on_child()) == (90, 10)


def test_wait__relayer_at_work__told_of_each_stage(bench: Bench) -> None:
    bridge, heard = bench.bridge(), list[Progress]()
    transfer = bridge.deposit(5 * NMR)

    def hear(progress: Progress) -> None:
        heard.append(progress)
        arrive(bench)

    done = bridge.wait(transfer.id, progress=hear, longest_pause=0.1)
    assert done.is_over
    stages = [progress.transfer.stage for progress in heard]
    assert list(dict.fromkeys(stages)) == [Stage.LOCKED, Stage.USABLE]
    assert heard[0].estimate is not None
    assert heard[0].estimate.of == 0, "nobody has bridged before, and nothing is made up"


def test_wait__until_a_stage__no_further(bench: Bench) -> None:
    bench.bring_in(5 * NMR)
    bridge = bench.bridge()
    transfer = bridge.withdraw(NMR)
    assert bridge.wait(transfer.id, Stage.BURNT).stage is Stage.BURNT


def test_estimate__earlier_transfers__by_their_waits(bench: Bench) -> None:
    bench.bring_in(5 * NMR)
    bench.chains.checkpoint()
    bridge = bench.bridge()
    deposit, burnt = bridge.deposit(NMR), bridge.withdraw(NMR)
    by_sync, by_checkpoint = bridge.estimate(deposit), bridge.estimate(burnt)
    assert by_sync is not None
    assert by_sync.of == 1
    assert by_checkpoint is not None
    assert by_checkpoint.of == 3


# ---------------------------------------------------------------------- who gets it


def test_deposit__contracts_of_bridge_and_tournament__refused_unless_forced(bench: Bench) -> None:
    pool = Web3.to_checksum_address("0x" + "ee" * 20)
    bridge = bench.bridge(guarded={pool: "the tournament's StakePool"})
    for at, name in ((pool, "StakePool"), (bench.chains.record.child.token, "the child token")):
        with pytest.raises(RefusedError, match=name) as caught:
            bridge.deposit(NMR, at)
        assert "assay stake deposit" in caught.value.fix
    assert bridge.files.all() == []
    assert bridge.deposit(NMR, pool, force=True).stage is Stage.LOCKED
    arrive(bench)
    assert bench.on_child(pool) == 1


def test_deposit__to_a_wallet_of_the_root_chain_only__warned_unless_forced(bench: Bench) -> None:
    wallet = Web3.to_checksum_address("0x" + "dd" * 20)
    bench.chains.root.ask("anvil_setCode", wallet, "0x6001")
    with pytest.raises(RefusedError, match="has no code on the child chain") as caught:
        bench.bridge().deposit(NMR, wallet)
    assert "--force" in caught.value.fix
    assert bench.bridge().deposit(NMR, wallet, force=True).stage is Stage.LOCKED


def test_withdraw__account_delegates_to_code__no_warning(bench: Bench) -> None:
    """EIP-7702: a key holds it, on both chains."""
    bench.bring_in(5 * NMR)
    bench.chains.root.ask("anvil_setCode", bench.address, "0xef0100" + "22" * 20)
    assert bench.bridge().withdraw(NMR).stage is Stage.BURNT


# ---------------------------------------------------------------------- input


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize(
    ("wei", "error", "why"),
    [
        (0, InputError, "above zero"),
        (-1, InputError, "above zero"),
        (100 * NMR + 1, RefusedError, "holds"),
    ],
    ids=["zero", "negative", "more-than-held"],
)
def test_start__wrong_amount__refused_and_nothing_kept(
    bench: Bench, kind: Kind, wei: int, error: type[Exception], why: str
) -> None:
    bridge = bench.bridge()
    start = bridge.deposit if kind is Kind.DEPOSIT else bridge.withdraw
    with pytest.raises(error, match=why):
        start(wei)
    assert bridge.files.all() == []


def test_start__no_money_for_gas__refused_and_nothing_kept(bench: Bench) -> None:
    bench.chains.root.ask("anvil_setBalance", bench.address, "0x0")
    with pytest.raises(FundsError, match="holds 0 of the chain's coin"):
        bench.bridge().deposit(5 * NMR)
    assert bench.bridge().files.all() == []


def test_advance__others_transfer__only_its_account_may_before_the_money_moves(
    bench: Bench,
) -> None:
    bench.bring_in(20 * NMR)
    bench.killed(STORED, 1, "withdraw", str(8 * NMR))
    [transfer] = bench.bridge().files.all()
    assert bench.bridge(account=20).advance(transfer.id).stage is Stage.BURNT, "sent as signed"
    bench.chains.checkpoint()
    assert bench.bridge(account=20).advance(transfer.id).stage is Stage.EXITED
    assert bench.on_root() == 88


def test_open__without_a_key__looks_and_sends_nothing(bench: Bench) -> None:
    transfer = bench.bridge().deposit(5 * NMR)
    urls = bench.chains.root.url, bench.chains.child.url
    looking = Bridge.open(bench.chains.record, *urls, home=bench.home)
    assert looking.status(transfer.id).stage is Stage.LOCKED
    for act in (
        lambda: looking.deposit(NMR),
        lambda: looking.withdraw(NMR),
        lambda: looking.advance(transfer.id),
        lambda: looking.exit("0x" + "11" * 32),
    ):
        with pytest.raises(InputError):
            act()


def test_open__chains_swapped__refused(bench: Bench) -> None:
    with pytest.raises(UnreachableError, match="chain"):
        Bridge.open(
            bench.chains.record, bench.chains.child.url, bench.chains.root.url, home=bench.home
        )


def test_stages__every_kind__end_where_the_money_is() -> None:
    assert {STAGES[kind][-1] for kind in Kind} == {Stage.USABLE, Stage.EXITED}
