"""The relayer: in order, once, only what is final, and whatever it is killed at."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from two_chains import NMR, TwoChains, await_true, two_chains

from oracle.bridge.checkpoints import Tree, headers, newest
from oracle.bridge.syncs import last_synced, sync_count
from oracle.chain.keys import dev_account
from oracle.devnet import relayer as relaying
from oracle.devnet.bridge_settings import BridgeSettings
from oracle.devnet.relayer import Relayer
from oracle.errors import Exit, RefusedError, UnreachableError

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.xdist_group("bridge")]

STAKER = 10


@pytest.fixture(scope="module")
def both() -> Iterator[TwoChains]:
    with two_chains() as chains:
        chains.give(STAKER, 10_000 * NMR)
        yield chains


@pytest.fixture
def chains(both: TwoChains) -> Iterator[TwoChains]:
    with both.undone():
        yield both


def minted(chains: TwoChains) -> int:
    """NMR of the staker on the child chain, in wei."""
    return chains.child_token.functions.balanceOf(dev_account(STAKER).address).call()


def with_settings(chains: TwoChains, **settings: object) -> Relayer:
    declared = BridgeSettings.model_validate(settings)
    return Relayer(chains.root_web3, chains.child_web3, chains.record, declared)


# ---------------------------------------------------------------------- finality and reorgs


def test_sync__message_not_final__waits(chains: TwoChains) -> None:
    chains.deposit(STAKER, NMR)
    assert chains.relayer.sync() == []
    chains.root.mine(3)
    assert [each.ok for each in chains.relayer.sync()] == [True]
    assert chains.relayer.sync() == []
    assert minted(chains) == NMR


def test_sync__root_reorganised_before_finality__mints_nothing_that_is_gone(
    chains: TwoChains,
) -> None:
    chains.deposit(STAKER, NMR)
    before = sync_count(chains.root_web3, chains.record)
    assert chains.relayer.sync() == []
    chains.root.ask("anvil_reorg", 2, [])
    assert sync_count(chains.root_web3, chains.record) == before - 1
    chains.deposit(STAKER, 3)
    [synced] = chains.settle_syncs()
    assert (synced.id, minted(chains)) == (before, 3)


def test_checkpoint__block_not_final__is_not_in_it(chains: TwoChains) -> None:
    chains.checkpoint()
    chains.child.mine(1)
    made = chains.relayer.checkpoint()
    final = int(chains.child.block("finalized")["number"], 16)
    assert final < chains.child.head
    assert made is None or made.end == final


def test_checkpoint__child_reorganised_before_it__has_the_new_blocks(chains: TwoChains) -> None:
    chains.deposit(STAKER, NMR)
    chains.settle_syncs()
    chains.withdraw(STAKER, 1)
    gone = chains.child.block(chains.child.head)["hash"]
    assert chains.relayer.checkpoint() is not None
    chains.child.ask("anvil_reorg", 1, [])
    burnt = chains.withdraw(STAKER, 2)
    assert chains.child.block(burnt["blockNumber"])["hash"] != gone
    chains.checkpoint()
    payload = chains.exit_of(burnt).payload
    chains.done(chains.root_web3, chains.manager.functions.exit(payload), STAKER)


# ---------------------------------------------------------------------- order


def test_sync__id_missing_on_the_root_chain__nothing_behind_it_passes(
    chains: TwoChains, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The endpoint does not show one message, though the contract has counted it."""
    for wei in (1, 2, 4):
        chains.deposit(STAKER, wei)
    chains.root.mine(3)
    lost = last_synced(chains.child_web3, chains.record) + 2
    genuine = relaying.state_sync
    with monkeypatch.context() as patch:
        patch.setattr(
            relaying,
            "state_sync",
            lambda root, record, id, until: (
                None if id == lost else genuine(root, record, id, until)
            ),
        )
        with pytest.raises(UnreachableError, match=f"state sync {lost} of {lost + 1} is missing"):
            chains.relayer.sync()
        assert last_synced(chains.child_web3, chains.record) < lost
    assert [each.id for each in chains.relayer.sync()][-1] == lost + 1
    assert minted(chains) == 7


def test_sync__one_receiver_reverts__those_behind_it_pass(chains: TwoChains) -> None:
    token = chains.record.child.token
    code = chains.child.ask("eth_getCode", token, "latest")
    chains.deposit(STAKER, 1)
    chains.child.ask("anvil_setCode", token, "0x60006000fd")
    [failed] = chains.settle_syncs()
    chains.child.ask("anvil_setCode", token, code)
    chains.deposit(STAKER, 2)
    [passed] = chains.settle_syncs()
    assert (failed.ok, passed.ok, passed.id) == (False, True, failed.id + 1)
    assert minted(chains) == 2


def test_sync__delay_not_over__waits_for_the_root_chains_clock(chains: TwoChains) -> None:
    slow = with_settings(chains, sync_delay=100)
    chains.deposit(STAKER, NMR)
    chains.root.mine(3, seconds=10)
    assert slow.sync() == []
    chains.root.mine(1, seconds=90)
    assert [each.ok for each in slow.sync()] == [True]


def test_sync__another_relayer_was_quicker__leaves_it_out(
    chains: TwoChains, monkeypatch: pytest.MonkeyPatch
) -> None:
    chains.deposit(STAKER, NMR)
    chains.root.mine(3)
    other = with_settings(chains)
    due = other.due()
    assert [each.ok for each in chains.relayer.sync()] == [True]
    monkeypatch.setattr(other, "due", lambda: due)
    assert other.sync() == []
    assert minted(chains) == NMR


# ---------------------------------------------------------------------- checkpoints


def test_checkpoint__more_blocks_than_fit__takes_several(chains: TwoChains) -> None:
    small = with_settings(chains, checkpoint_blocks=5)
    chains.child.mine(17)
    final = int(chains.child.block("finalized")["number"], 16)
    ends = []
    while made := small.checkpoint():
        assert made.end - made.start < 5
        ends.append(made.end)
    assert ends[-1] == final
    assert ends == sorted(set(ends))


def test_checkpoint__root__is_that_of_the_childs_blocks(chains: TwoChains) -> None:
    chains.child.mine(6)
    made = chains.relayer.checkpoint()
    assert made is not None
    leaves = [header.leaf for header in headers(chains.child_web3, made.start, made.end)]
    assert made.root == Tree(leaves).root
    assert made == newest(chains.root_web3, chains.record)


def test_checkpoint__signed_by_other_validators__is_refused(chains: TwoChains) -> None:
    before = newest(chains.root_web3, chains.record)
    chains.child.mine(3)
    strangers = with_settings(chains, validators=[50, 51, 52, 53])
    with pytest.raises(RefusedError, match="non-majority"):
        strangers.checkpoint()
    assert newest(chains.root_web3, chains.record) == before


def test_checkpoint__one_validator_silent__still_has_enough(chains: TwoChains) -> None:
    chains.child.mine(3)
    three = chains.settings.validators[:3]
    assert with_settings(chains, validators=three).checkpoint() is not None


def test_checkpoint__two_validators_silent__is_refused(chains: TwoChains) -> None:
    chains.child.mine(3)
    two = chains.settings.validators[:2]
    with pytest.raises(RefusedError, match="non-majority"):
        with_settings(chains, validators=two).checkpoint()


def test_checkpoint__another_relayer_was_quicker__is_none(
    chains: TwoChains, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = newest(chains.root_web3, chains.record)
    chains.child.mine(3)
    answers = iter([before])
    genuine = relaying.newest
    assert with_settings(chains).checkpoint() is not None
    monkeypatch.setattr(
        relaying, "newest", lambda root, record: next(answers, None) or genuine(root, record)
    )
    final = int(chains.child.block("finalized")["number"], 16)
    assert chains.relayer.checkpoint(upto=final) is None


# ---------------------------------------------------------------------- the process


@pytest.fixture
def running() -> Iterator[TwoChains]:
    """Chains of its own, with a block a second besides one for every transaction."""
    with two_chains(731370, 731371, "--block-time", "1", "--mixed-mining") as chains:
        chains.give(STAKER, 10_000 * NMR)
        yield chains


@contextmanager
def process(chains: TwoChains, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    chains.record.save(folder / "bridge.json")
    settings = BridgeSettings(checkpoint_every=0.2, poll=0.05)
    config = {
        "root": chains.root.url,
        "child": chains.child.url,
        "record": str(folder / "bridge.json"),
        "settings": settings.model_dump(),
    }
    (folder / "relayer.json").write_text(json.dumps(config))
    command = [sys.executable, "-m", "oracle.devnet.relayer_process", str(folder / "relayer.json")]
    with (folder / "relayer.log").open("ab") as log:
        started = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield started
    finally:
        if started.poll() is None:
            started.kill()
        started.wait()


def said(folder: Path) -> list[dict[str, object]]:
    lines = (folder / "relayer.log").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_relayer_process__killed_again_and_again__mints_and_checkpoints_each_once(
    running: TwoChains, tmp_path: Path
) -> None:
    """Killed 12 times, at moments that drift through what it does, while deposits go on."""
    deposited = 0
    for run in range(12):
        with process(running, tmp_path) as relayer:
            for wei in (1_000 + run, 2_000 + run):
                running.deposit(STAKER, wei)
                deposited += wei
            await_true(lambda run=run: sum("root" in line for line in said(tmp_path)) == run + 1)
            time.sleep(0.05 * run)
            relayer.send_signal(signal.SIGKILL)
            relayer.wait()
    with process(running, tmp_path):
        await_true(lambda: minted(running) == deposited)
        burnt = running.withdraw(STAKER, deposited)
        await_true(lambda: _covers(running, burnt["blockNumber"]))
    payload = running.exit_of(burnt).payload
    running.done(running.root_web3, running.manager.functions.exit(payload), STAKER)
    assert running.child_token.functions.totalSupply().call() == 0
    last = newest(running.root_web3, running.record)
    assert last is not None
    assert _without_gap(running, last.id)
    assert last_synced(running.child_web3, running.record) == 25


def _covers(chains: TwoChains, block: int) -> bool:
    last = newest(chains.root_web3, chains.record)
    return last is not None and last.end >= block


def _without_gap(chains: TwoChains, last: int) -> bool:
    manager = chains.checkpoints.functions
    found = [manager.headerBlocks(id).call() for id in range(10_000, last + 1, 10_000)]
    return found[0][1] == 0 and all(after[1] == before[2] + 1 for before, after in pairwise(found))


def test_relayer_process__two_at_once__do_each_thing_once(
    running: TwoChains, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with process(running, tmp_path), process(running, other):
        for wei in range(1, 21):
            running.deposit(STAKER, wei)
        await_true(lambda: minted(running) == sum(range(1, 21)))
        burnt = running.withdraw(STAKER, 1)
        await_true(lambda: _covers(running, burnt["blockNumber"]))
    assert last_synced(running.child_web3, running.record) == 21
    last = newest(running.root_web3, running.record)
    assert last is not None
    assert _without_gap(running, last.id)
    ids = [line["sync"] for line in (*said(tmp_path), *said(other)) if "sync" in line]
    assert sorted(ids) == list(range(2, 22))


def test_relayer_process__chain_away_for_a_while__says_so_once_and_goes_on(
    running: TwoChains, tmp_path: Path
) -> None:
    with process(running, tmp_path) as relayer:
        running.deposit(STAKER, 5)
        await_true(lambda: minted(running) == 5)
        with running.child.silent():
            running.deposit(STAKER, 6)
            await_true(lambda: any("trouble" in line for line in said(tmp_path)), seconds=120)
        await_true(lambda: minted(running) == 11)
        assert len([line for line in said(tmp_path) if "trouble" in line]) < 5
        assert relayer.poll() is None


def test_relayer_process__record_of_another_chain__ends_with_the_reason(
    running: TwoChains, tmp_path: Path
) -> None:
    child = running.record.child.model_copy(update={"chain_id": 5})
    running.record = running.record.model_copy(update={"child": child})
    with process(running, tmp_path) as relayer:
        assert relayer.wait(timeout=60) == Exit.UNREACHABLE
    log = (tmp_path / "relayer.log").read_text()
    assert "serves chain 731371, expected chain 5" in log
    assert "Traceback" not in log
