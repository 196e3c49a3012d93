"""Transfers that a crash or a chain interrupts: each step is mined once, and the money arrives."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bridge_bench import Bench, arrive, benched, locks, stop, stopped
from two_chains import NMR, TwoChains, two_chains

from oracle.bridge.steps import BROADCAST, SIGNED, STORED, SURE_BLOCKS
from oracle.bridge.transfers import Stage
from oracle.chain.keys import dev_account
from oracle.chain.upkeep import STUCK_BLOCKS
from oracle.errors import RefusedError, UnreachableError

pytestmark = pytest.mark.chain


@pytest.fixture(scope="module")
def chains() -> Iterator[TwoChains]:
    with two_chains() as started:
        yield started


@pytest.fixture
def bench(chains: TwoChains, tmp_path: Path) -> Iterator[Bench]:
    with benched(chains, tmp_path) as made:
        yield made


# ---------------------------------------------------------------------- crashes


PLACES = (SIGNED, STORED, BROADCAST)


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("count", [1, 2], ids=["approve", "lock"])
def test_deposit__killed_anywhere__locked_exactly_once(
    bench: Bench, place: str, count: int
) -> None:
    bench.killed(place, count, "deposit", str(5 * NMR))
    left = bench.bridge().files.all()
    if (place, count) == (SIGNED, 1):
        assert left == [], "nothing was kept, so nothing was sent"
        assert bench.chains.root_web3.eth.get_transaction_count(bench.address) == 0
        return
    [transfer] = left
    for _ in range(3):
        transfer = bench.bridge().advance(transfer.id)
        arrive(bench)
    assert bench.bridge().advance(transfer.id).is_over
    assert (bench.on_root(), bench.on_child(), locks(bench)) == (95, 5, 5)
    assert bench.chains.root_web3.eth.get_transaction_count(bench.address) == 2


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_withdraw__killed_anywhere__burnt_and_paid_exactly_once(bench: Bench, place: str) -> None:
    bench.bring_in(20 * NMR)
    bench.killed(place, 1, "withdraw", str(8 * NMR))
    left = bench.bridge().files.all()
    if place == SIGNED:
        assert left == []
        assert bench.on_child() == 20
        return
    [transfer] = left
    assert bench.bridge().advance(transfer.id).stage is Stage.BURNT
    bench.chains.checkpoint()
    bench.killed(place, 1, "advance", transfer.id)
    assert bench.bridge().advance(transfer.id).stage is Stage.EXITED
    assert (bench.on_child(), bench.on_root()) == (12, 88)


def test_advance__kept_transaction_can_never_be_mined__signed_anew_once_that_is_final(
    bench: Bench,
) -> None:
    bench.bring_in(20 * NMR)
    bench.killed(STORED, 1, "withdraw", str(8 * NMR))
    [transfer] = bench.bridge().files.all()
    bench.chains.withdraw(bench.account, NMR)  # takes the nonce
    assert bench.bridge().advance(transfer.id).stage is Stage.BURNING
    assert bench.on_child() == 19
    bench.chains.child.mine(3)
    assert bench.bridge().advance(transfer.id).stage is Stage.BURNING, "a node may lie behind"
    bench.chains.child.mine(SURE_BLOCKS)
    after = bench.bridge().advance(transfer.id)
    assert after.stage is Stage.BURNT
    assert after.sent("burn")[0].hash != transfer.sent("burn")[0].hash
    assert bench.on_child() == 11


@pytest.mark.slow
def test_advance__node_forgot_old_transactions__burns_nothing_again(tmp_path: Path) -> None:
    """Most nodes keep no more than the last weeks': that they show no trace says nothing then."""
    with two_chains(1, 137, "--transaction-block-keeper", "200") as chains:
        bench = Bench(chains, tmp_path)
        bench.bring_in(20 * NMR)
        transfer = bench.bridge().withdraw(8 * NMR)
        chains.child.mine(210)
        for _ in range(2):
            with pytest.raises(UnreachableError, match="keeps no transactions as old"):
                bench.bridge().advance(transfer.id)
        assert bench.on_child() == 12
        assert bench.bridge().files.load(transfer.id) == transfer


def test_status__killed_before_it_was_sent__sends_nothing(bench: Bench) -> None:
    bench.bring_in(20 * NMR)
    bench.killed(STORED, 1, "withdraw", str(8 * NMR))
    [transfer] = bench.bridge().files.all()
    assert bench.bridge().status(transfer.id).stage is Stage.BURNING
    assert bench.on_child() == 20


# ---------------------------------------------------------------------- the chains' moods


def test_deposit__root_block_reorganised_away__sent_again_as_it_was(bench: Bench) -> None:
    root = bench.chains.root
    before = root.ask("evm_snapshot")
    transfer = bench.bridge().deposit(5 * NMR)
    assert root.ask("evm_revert", before)
    assert bench.on_root() == 100
    assert bench.bridge().status(transfer.id).stage is Stage.APPROVING
    again = bench.bridge().advance(transfer.id)
    assert again.stage is Stage.LOCKED
    assert again.steps == transfer.steps
    assert (bench.on_root(), locks(bench)) == (95, 5)


def test_withdraw__child_block_reorganised_before_the_checkpoint__burnt_again(
    bench: Bench,
) -> None:
    bench.bring_in(20 * NMR)
    child = bench.chains.child
    before = child.ask("evm_snapshot")
    transfer = bench.bridge().withdraw(8 * NMR)
    assert child.ask("evm_revert", before)
    child.mine(2)
    assert bench.bridge().status(transfer.id).stage is Stage.BURNING
    assert bench.bridge().advance(transfer.id).stage is Stage.BURNT
    bench.chains.checkpoint()
    assert bench.bridge().advance(transfer.id).stage is Stage.EXITED
    assert (bench.on_child(), bench.on_root()) == (12, 88)


def test_advance__base_fee_rises__offers_more_with_the_same_nonce(bench: Bench) -> None:
    bench.bring_in(20 * NMR)
    child = bench.chains.child
    child.ask("evm_setAutomine", False)
    transfer = bench.bridge().withdraw(8 * NMR)
    assert transfer.stage is Stage.BURNING
    child.ask("anvil_setNextBlockBaseFeePerGas", hex(5 * transfer.sent("burn")[0].max_fee))
    child.mine()
    assert bench.on_child() == 20
    raised = bench.bridge().advance(transfer.id)
    first, second = raised.sent("burn")
    assert (first.nonce, first.sender) == (second.nonce, second.sender)
    assert second.max_fee > first.max_fee
    child.mine()
    assert bench.bridge().advance(transfer.id).stage is Stage.BURNT
    assert bench.on_child() == 12


def test_advance__root_base_fee_rises_during_the_lock__offers_more_and_locks_once(
    bench: Bench,
) -> None:
    spender = bench.chains.record.root.erc20_predicate
    approve = bench.chains.root_token.functions.approve(spender, 9 * NMR)
    bench.chains.done(bench.chains.root_web3, approve, bench.account)
    root = bench.chains.root
    root.ask("evm_setAutomine", False)
    transfer = bench.bridge().deposit(5 * NMR)
    root.ask("anvil_setNextBlockBaseFeePerGas", hex(5 * transfer.sent("lock")[0].max_fee))
    root.mine()
    assert bench.bridge().advance(transfer.id).stage is Stage.APPROVING
    root.mine()
    transfer = bench.bridge().advance(transfer.id)
    assert (transfer.stage, len(transfer.sent("lock"))) == (Stage.LOCKED, 2)
    assert (bench.on_root(), locks(bench)) == (95, 5)


def test_advance__mined_in_no_block_for_long__offers_more_up_to_a_bound(bench: Bench) -> None:
    """A node that makes blocks and leaves the transaction out cannot drive the fee up for ever."""
    bench.bring_in(20 * NMR)
    child = bench.chains.child
    child.ask("evm_setAutomine", False)
    transfer = bench.bridge().withdraw(8 * NMR)
    [first] = transfer.sent("burn")
    for _ in range(16):
        child.ask("anvil_dropTransaction", transfer.sent("burn")[-1].hash)
        child.mine(STUCK_BLOCKS - 1)
        child.ask("anvil_setNextBlockBaseFeePerGas", hex(first.max_fee // 2))
        child.mine()
        transfer = bench.bridge().advance(transfer.id)
    offers = [one.max_fee for one in transfer.sent("burn")]
    assert offers == sorted(offers)
    assert 2 * first.max_fee < offers[-1] <= 5 * first.max_fee


def test_advance__lock_reverted_on_the_chain__said_and_tried_again_once_final(
    bench: Bench,
) -> None:
    root, spender = bench.chains.root, bench.chains.record.root.erc20_predicate
    approve = bench.chains.root_token.functions.approve(spender, 9 * NMR)
    bench.chains.done(bench.chains.root_web3, approve, bench.account)
    root.ask("evm_setAutomine", False)
    owner = dev_account(bench.chains.settings.token_owner).address
    root.ask(
        "eth_sendTransaction",
        {
            "from": owner,
            "to": bench.chains.record.root.token,
            "data": stop(bench)._encode_transaction_data(),
        },
    )
    transfer = bench.bridge().deposit(5 * NMR)
    root.mine()
    root.ask("evm_setAutomine", True)
    with pytest.raises(RefusedError, match="reverted, and nothing was moved"):
        bench.bridge().advance(transfer.id)
    stopped(bench, "release")
    root.mine(3)
    assert bench.bridge().advance(transfer.id).stage is Stage.LOCKED
    assert (bench.on_root(), locks(bench)) == (95, 5)


def test_wait__endpoint_silent_for_a_moment__asked_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge, silent = bench.bridge(), 2
    transfer = bridge.deposit(5 * NMR)
    arrive(bench)
    look = bridge.deposits.advance
    heard = list[str]()

    def flaky(one: Any) -> Any:
        nonlocal silent
        if silent:
            silent -= 1
            raise UnreachableError("no answer from the node")
        return look(one)

    monkeypatch.setattr(type(bridge.deposits), "advance", lambda _, one: flaky(one))
    done = bridge.wait(transfer.id, progress=lambda p: heard.append(p.trouble), longest_pause=0.1)
    assert done.is_over
    assert heard == ["no answer from the node", "no answer from the node", ""]
