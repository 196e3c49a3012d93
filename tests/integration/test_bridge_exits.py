"""Exits, failed state syncs and their replay, and NMR stopped: by whomever, once each."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bridge_bench import Bench, arrive, benched, role, stopped
from two_chains import NMR, TwoChains, two_chains

from oracle.bridge.client import Bridge
from oracle.bridge.transfers import Stage
from oracle.chain.keys import dev_account
from oracle.errors import InputError, RefusedError

pytestmark = pytest.mark.chain


@pytest.fixture(scope="module")
def chains() -> Iterator[TwoChains]:
    with two_chains() as started:
        yield started


@pytest.fixture
def bench(chains: TwoChains, tmp_path: Path) -> Iterator[Bench]:
    with benched(chains, tmp_path) as made:
        yield made


# ---------------------------------------------------------------------- failed state syncs


def test_advance__sync_failed__replayed_once_the_cause_is_gone(bench: Bench) -> None:
    transfer = bench.bridge().deposit(5 * NMR)
    role(bench, "revokeRole")
    arrive(bench)
    assert bench.bridge().status(transfer.id).stage is Stage.FAILED
    with pytest.raises(RefusedError, match=r"refuses state sync .* again") as caught:
        bench.bridge().advance(transfer.id)
    assert "nothing is lost" in caught.value.fix
    role(bench, "grantRole")
    assert bench.bridge().advance(transfer.id).stage is Stage.SYNCED
    bench.chains.child.mine(3)
    assert bench.bridge().advance(transfer.id).is_over
    assert bench.on_child() == 5


def test_replay__of_a_stranger__taken_once(bench: Bench) -> None:
    transfer = bench.bridge().deposit(5 * NMR)
    role(bench, "revokeRole")
    [synced] = bench.chains.settle_syncs()
    role(bench, "grantRole")
    stranger = bench.bridge(account=20)
    stranger.replay(synced.id)
    assert bench.on_child() == 5
    with pytest.raises(RefusedError, match="did not fail, or was replayed already"):
        stranger.replay(synced.id)
    bench.chains.child.mine(3)
    assert bench.bridge().advance(transfer.id).is_over
    assert bench.on_child() == 5


def test_replay__not_there_yet__refused(bench: Bench) -> None:
    transfer = bench.bridge().deposit(5 * NMR)
    assert transfer.sync is not None
    with pytest.raises(RefusedError, match="has not come to the child chain yet"):
        bench.bridge().replay(transfer.sync)
    with pytest.raises(RefusedError, match="did not fail"):
        bench.bridge().replay(1)


# ---------------------------------------------------------------------- exits


def burnt(bench: Bench) -> tuple[str, Bridge]:
    """A withdrawal's transaction, not checkpointed, and the bridge of a stranger."""
    bench.bring_in(20 * NMR)
    transfer = bench.bridge().withdraw(8 * NMR)
    return transfer.sent("burn")[0].hash, bench.bridge(account=20)


def test_exit__before_the_checkpoint__refused(bench: Bench) -> None:
    transaction, stranger = burnt(bench)
    with pytest.raises(RefusedError, match="in no checkpoint yet"):
        stranger.exit(transaction)


def test_exit__by_a_stranger__pays_who_burned_and_only_once(bench: Bench) -> None:
    transaction, stranger = burnt(bench)
    bench.chains.checkpoint()
    [receipt] = stranger.exit(transaction)
    assert receipt["status"] == 1
    assert bench.on_root() == 88
    with pytest.raises(RefusedError, match="was paid out already"):
        stranger.exit(transaction)
    [transfer] = bench.bridge().files.all()
    assert bench.bridge().advance(transfer.id).stage is Stage.EXITED
    assert bench.on_root() == 88


def test_advance__stranger_exits_at_the_same_moment__over_all_the_same(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    transaction, _ = burnt(bench)
    bench.chains.checkpoint()
    bridge = bench.bridge()
    make = type(bridge.withdrawals)._exit

    def slow(self: Any, *arguments: Any) -> Any:
        monkeypatch.setattr(type(bridge.withdrawals), "_exit", make)
        call = make(self, *arguments)
        bench.home = bench.home / "elsewhere"  # the stranger's machine
        bench.bridge(account=20).exit(transaction)
        return call

    [transfer] = bridge.files.all()
    monkeypatch.setattr(type(bridge.withdrawals), "_exit", slow)
    assert bridge.advance(transfer.id).stage is not Stage.BURNT
    assert bridge.advance(transfer.id).stage is Stage.EXITED
    assert bench.on_root() == 88


@pytest.mark.parametrize(
    ("text", "error", "why"),
    [
        ("", InputError, "is no transaction's hash"),
        ("0x12", InputError, "is no transaction's hash"),
        ("11" * 32, InputError, "is no transaction's hash"),
        ("0x" + "zz" * 32, InputError, "is no transaction's hash"),
        ("0x" + "11" * 32, InputError, "has no transaction"),
    ],
    ids=["empty", "short", "no-prefix", "no-hex", "unknown"],
)
def test_exit__no_such_transaction__refused(
    bench: Bench, text: str, error: type[Exception], why: str
) -> None:
    with pytest.raises(error, match=why):
        bench.bridge().exit(text)


def test_exit__transaction_without_a_burn__refused(bench: Bench) -> None:
    bench.bring_in(5 * NMR)
    call = bench.chains.child_token.functions.transfer(dev_account(20).address, NMR)
    receipt = bench.chains.done(bench.chains.child_web3, call, bench.account)
    with pytest.raises(RefusedError, match="burned no NMR"):
        bench.bridge().exit("0x" + bytes(receipt["transactionHash"]).hex())


# ---------------------------------------------------------------------- NMR stopped


def test_deposit__nmr_stopped__refused_and_nothing_kept(bench: Bench) -> None:
    stopped(bench)
    with pytest.raises(RefusedError, match="NMR is stopped on the root chain"):
        bench.bridge().deposit(5 * NMR)
    assert bench.bridge().files.all() == []
    stopped(bench, "release")
    assert bench.bridge().deposit(5 * NMR).stage is Stage.LOCKED


def test_advance__nmr_stopped_during_the_exit__waits_and_is_paid_later(bench: Bench) -> None:
    burnt(bench)
    [transfer] = bench.bridge().files.all()
    bench.chains.checkpoint()
    stopped(bench)
    with pytest.raises(RefusedError, match="NMR is stopped"):
        bench.bridge().advance(transfer.id)
    assert bench.bridge().status(transfer.id).stage is Stage.CHECKPOINTED
    stopped(bench, "release")
    assert bench.bridge().advance(transfer.id).stage is Stage.EXITED
