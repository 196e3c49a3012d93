"""A devnet's two chains and the relayer between them, without the tournament."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_machine import free_base_port, processes_naming

from oracle.bridge.contracts import child_token, root_token
from oracle.chain.keys import dev_account
from oracle.devnet.fork import forked
from oracle.devnet.launch import CHAIN, RELAYER, ROOT_CHAIN, Devnet
from oracle.devnet.topology import load
from oracle.errors import EnvironmentLacksError, Exit

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.xdist_group("devnet-chains")]

NMR = 10**18
STAKER = dev_account(10).address


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Devnet]:
    devnet = Devnet.at(tmp_path, load().moved(free_base_port()), tied=True)
    try:
        devnet.start_chains()
        yield devnet
    finally:
        devnet.stop()
        assert not processes_naming(str(tmp_path))


def test_start_bridge__nmr_given_and_brought__is_on_both_chains(net: Devnet) -> None:
    record = net.start_bridge()
    supply = net.supply()
    supply.give({STAKER: 7 * NMR})
    net.bring({STAKER: 5 * NMR})
    net.bring({STAKER: 2 * NMR})  # from an allowance that is used up
    assert root_token(supply.root, record).functions.balanceOf(STAKER).call() == 7 * NMR
    assert child_token(supply.child, record).functions.balanceOf(STAKER).call() == 7 * NMR
    assert [p.name for p in net.processes.running()] == [CHAIN, ROOT_CHAIN, RELAYER]
    assert (record.root.chain_id, record.child.chain_id) == (731370, 731371)


def test_bring__relayer_killed__says_so_and_where_its_log_is(net: Devnet) -> None:
    net.start_bridge()
    [relayer] = [p for p in net.processes.running() if p.name == RELAYER]
    process = relayer.process()
    assert process is not None
    process.send_signal(signal.SIGKILL)
    with pytest.raises(EnvironmentLacksError, match="relayer ended with code -9") as info:
        net.bring({STAKER: NMR})
    assert str(net.processes.log_path(RELAYER)) in info.value.fix
    # Nothing is lost by it: what was sent is there for the next one.
    net.processes.forget(RELAYER, signal.SIGKILL)
    net.start_relayer()
    net.bring({STAKER: NMR})
    balance = child_token(net.supply().child, net.bridge()).functions.balanceOf(STAKER)
    assert balance.call() == 2 * NMR


def test_fork_of_the_chain__deals_out_the_bridges_token(net: Devnet) -> None:
    """Which stands behind a proxy; `assay simulate --fork` rests on it."""
    record = net.start_bridge()
    with forked(net.topology.rpc) as fork:
        fork.deal(record.child.token, STAKER, 3 * NMR)
        assert child_token(fork.web3, record).functions.balanceOf(STAKER).call() == 3 * NMR


def test_clock__moved_forward__both_chains_are_as_far(net: Devnet) -> None:
    clock = net.clock()
    [root] = clock.beside
    before = clock.now(), root.now()
    clock.advance_to(before[0] + 1_000_000)
    assert 1_000_000 <= clock.now() - before[0] < 1_000_060
    assert 1_000_000 <= root.now() - before[1] < 1_000_060


@pytest.mark.parametrize(
    "command", [["devnet", "up"], ["demo", "--folder", "."]], ids=["up", "demo"]
)
def test_up_and_demo__topology_of_one_chain__refused_before_anything_starts(
    tmp_path: Path, command: list[str]
) -> None:
    one = tmp_path / "one.json"
    one.write_text(load().on_one_chain().model_dump_json())
    work = tmp_path / "work"
    work.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "oracle", *command, "--topology", str(one), "--json"],
        cwd=work,
        env={"ASSAY_HOME": str(work), "PATH": ""},
        capture_output=True,
    )
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["exit"]) == (Exit.INPUT, Exit.INPUT)
    assert "this topology has one chain only" in error["message"]
    assert "[root]" in error["fix"]
