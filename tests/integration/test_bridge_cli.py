"""``assay bridge`` on two real chains: what people and machines are told, and what is refused."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bridge_bench import Bench
from bridge_command import BridgeCommand, error, named, result
from eth_account import Account
from prometheus_client.parser import text_string_to_metric_families
from two_chains import NMR, TwoChains, await_true, two_chains

from oracle.bridge.steps import STORED
from oracle.chain.keys import dev_account, write_keystore
from oracle.cli import main
from oracle.errors import Exit

pytestmark = pytest.mark.chain

ROOT_ID, CHILD_ID = 731370, 731371


@pytest.fixture(scope="module")
def chains() -> Iterator[TwoChains]:
    with two_chains(ROOT_ID, CHILD_ID) as started:
        yield started


@pytest.fixture
def bench(chains: TwoChains, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    chains.record.save(tmp_path / "bridge.json")
    with chains.undone():
        yield Bench(chains, tmp_path / "home")


@pytest.fixture
def run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> BridgeCommand:
    return BridgeCommand(bench.chains, monkeypatch, capfd)


BY = ("--dev-account", "10")


@pytest.fixture
def relayed(bench: Bench) -> Iterator[None]:
    """Validators at work: messages and checkpoints cross while a command waits."""
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            bench.chains.settle_syncs()
            bench.chains.checkpoint()
            time.sleep(0.2)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield
    finally:
        ended.set()
        worker.join()


# ---------------------------------------------------------------------- transfers


@pytest.mark.usefixtures("relayed")
def test_deposit_and_withdraw__waited_for__told_to_the_end(
    bench: Bench, run: BridgeCommand
) -> None:
    code, out, err = run("deposit", "5.5", *BY)
    assert (code, err) == (0, "")
    said = " ".join(out.split())
    assert "5.5 NMR locked: locked on the root chain" in said
    assert "assay bridge resume d-" in said
    assert "5.5 NMR usable: there, on the child chain" in said
    assert bench.on_child() == 5
    back = result(run("withdraw", "1.000000000000000001", *BY, "--json"))
    assert (back["stage"], back["amount"]) == ("exited", "1.000000000000000001")
    assert list(back["times"]) == ["burnt", "checkpointed", "exited"]
    assert set(back["transactions"]) == {"burn", "exit"}


def test_deposit__no_wait__status_and_resume_go_on(bench: Bench, run: BridgeCommand) -> None:
    started = result(run("deposit", "5", *BY, "--no-wait", "--json"))
    assert started["stage"] == "locked"
    shown = result(run("status", started["id"], "--json"))
    assert shown["left"] == {"likely": None, "longest": None}
    assert {**shown, "left": None} == {**started, "left": None}
    code, out, _ = run("status", started["id"])
    assert code == 0
    assert "no earlier one to go by" in " ".join(out.split())
    bench.chains.settle_syncs()
    bench.chains.child.mine(3)
    done = result(run("resume", started["id"], *BY, "--json"))
    assert (done["stage"], done["settled"]) == ("usable", True)
    listed = result(run("status", "--json"))["transfers"]
    assert [one["id"] for one in listed] == [started["id"]]


def test_deposit__killed_while_it_waits__resumed(bench: Bench) -> None:
    command = [sys.executable, "-m", "oracle", "bridge", "deposit", "5", *BY, *named(bench.chains)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    await_true(lambda: bench.on_root() == 95)
    await_true(lambda: list((bench.home / "bridge").rglob("*.json")))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    bench.chains.settle_syncs()
    bench.chains.child.mine(3)
    [transfer] = bench.bridge().files.all()
    command[4:6] = ["resume", transfer.id]
    done = subprocess.run([*command, "--json"], capture_output=True, timeout=60)
    assert json.loads(done.stdout)["result"]["stage"] == "usable"
    assert (bench.on_root(), bench.on_child()) == (95, 5)


def test_resume__kept_and_never_sent__sent(bench: Bench, run: BridgeCommand) -> None:
    bench.killed(STORED, 1, "deposit", str(5 * NMR))
    [transfer] = bench.bridge().files.all()
    assert "approving" in run("status")[1]
    first = result(run("resume", transfer.id, *BY, "--no-wait", "--json"))
    assert first["stage"] == "locked"
    assert bench.on_root() == 95


@pytest.mark.usefixtures("relayed")
def test_exit__by_id_and_by_transaction__paid_once(bench: Bench, run: BridgeCommand) -> None:
    result(run("deposit", "20", *BY, "--json"))
    first = result(run("withdraw", "3", *BY, "--no-wait", "--json"))
    second = result(run("withdraw", "4", *BY, "--no-wait", "--json"))
    made = [one["transactions"]["burn"][-1] for one in (first, second)]
    block = bench.chains.child_web3.eth.get_transaction_receipt(made[1])["blockNumber"]
    await_true(lambda: last_checkpointed(bench) >= block)
    assert result(run("exit", first["id"], *BY, "--json"))["stage"] == "exited"
    paid = result(run("exit", made[1], "--dev-account", "20", "--json"))
    assert len(paid["exits"]) == 1
    assert bench.on_root() == 87
    again = error(run("exit", made[0], "--dev-account", "20", "--json"))
    assert "was paid out already" in again["message"]


def last_checkpointed(bench: Bench) -> int:
    from oracle.bridge.checkpoints import newest

    made = newest(bench.chains.root_web3, bench.chains.record)
    return made.end if made else -1


def test_exit__before_its_checkpoint__code_7(bench: Bench, run: BridgeCommand) -> None:
    bench.bring_in(20 * NMR)
    made = result(run("withdraw", "3", *BY, "--no-wait", "--json"))
    by_id = error(run("exit", made["id"], *BY, "--json"))
    by_hash = error(run("exit", made["transactions"]["burn"][0], *BY, "--json"))
    assert by_id["exit"] == by_hash["exit"] == Exit.REFUSED
    assert "waits for a checkpoint" in by_id["message"]
    assert "in no checkpoint yet" in by_hash["message"]


def test_exit__of_a_deposit__code_3(bench: Bench, run: BridgeCommand) -> None:
    made = result(run("deposit", "3", *BY, "--no-wait", "--json"))
    assert error(run("exit", made["id"], *BY, "--json"))["exit"] == Exit.INPUT


def test_replay__nothing_failed__code_7(bench: Bench, run: BridgeCommand) -> None:
    found = error(run("replay", "1", *BY, "--json"))
    assert found["exit"] == Exit.REFUSED
    assert "did not fail" in found["message"]


# ---------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("deposit", "101", *BY), Exit.REFUSED, "holds 100 NMR on the root chain"),
        (("withdraw", "1", *BY), Exit.REFUSED, "holds 0 NMR on the child chain"),
        (("deposit", "1"), Exit.INPUT, "no key to sign with"),
        (("withdraw", "1"), Exit.INPUT, "no key to sign with"),
        (("deposit", "1", "--to", "0x12", *BY), Exit.INPUT, "40 hex digits"),
        (("deposit", "1", "--to", "0x" + "0" * 40, *BY), Exit.INPUT, "zero address"),
        (("deposit", "1", "--key", "none.json"), Exit.INPUT, "no key to sign with"),
        (
            ("deposit", "1", "--key", "none.json", "--password-file", "none"),
            Exit.INPUT,
            "cannot read none",
        ),
        (("resume", "w-123", *BY), Exit.INPUT, "not the id of a transfer"),
        (("resume", "d-000000000000", *BY), Exit.INPUT, "there is no transfer"),
        (("status", "../../etc/passwd"), Exit.INPUT, "not the id of a transfer"),
        (("exit", "0x12", *BY), Exit.INPUT, "no transaction's hash"),
        (("exit", "0x" + "12" * 32, *BY), Exit.INPUT, "has no transaction"),
        (("exit", "d-000000000000", *BY), Exit.INPUT, "there is no transfer"),
        (("replay", "99", *BY), Exit.REFUSED, "has not come to the child chain"),
    ],
    ids=lambda value: "-".join(map(str, value))[:40] if isinstance(value, tuple) else "",
)
def test_bridge__refused__code_and_reason_and_nothing_kept(
    bench: Bench, run: BridgeCommand, arguments: tuple[str, ...], code: int, said: str
) -> None:
    found = error(run(*arguments, "--json"))
    assert found["exit"] == code
    assert said in found["message"]
    assert list(bench.home.rglob("*.json")) == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("deposit", "1", *BY, "--pool", "0x12"), Exit.INPUT, "'0x12' is not an address"),
        (("latency", "--pool", "0x12"), Exit.INPUT, "'0x12' is not an address"),
        (("latency", "--pool", "0x" + "11" * 20), Exit.INPUT, "0x1111"),
        (("latency", "--metrics", "bridge.json/x"), Exit.ENVIRONMENT, "bridge.json"),
        (("latency", "--plot", "bridge.json/x.png"), Exit.ENVIRONMENT, "bridge.json"),
    ],
    ids=["deposit-pool", "pool", "no-pool-there", "metrics", "plot"],
)
def test_bridge__wrong_option__named(
    bench: Bench, run: BridgeCommand, arguments: tuple[str, ...], code: int, said: str
) -> None:
    before = (bench.home.parent / "bridge.json").read_bytes()
    found = error(run(*arguments, "--json"))
    assert found["exit"] == code
    assert said in found["message"]
    assert (bench.home.parent / "bridge.json").read_bytes() == before


@pytest.mark.parametrize("command", [("status",), ("latency",), ("deposit", "1", *BY)])
def test_bridge__endpoints_swapped__code_4(
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    command: tuple[str, ...],
) -> None:
    urls = ["--root-rpc", bench.chains.child.url, "--child-rpc", bench.chains.root.url]
    words = ["assay", "bridge", *command, "--bridge", "bridge.json", *urls, "--json"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == Exit.UNREACHABLE
    assert str(ROOT_ID) in json.loads(capfd.readouterr().out)["error"]["message"]


def test_deposit__to_a_contract_of_the_bridge__refused(bench: Bench, run: BridgeCommand) -> None:
    to = bench.chains.record.child.child_chain_manager
    found = error(run("deposit", "1", "--to", to, *BY, "--json"))
    assert "the child chain's bridge" in found["message"]


def test_deposit__own_key_on_a_devnet__refused(
    bench: Bench, run: BridgeCommand, tmp_path: Path
) -> None:
    write_keystore(tmp_path / "key.json", Account.from_key(b"\x07" * 32), "right horse")
    (tmp_path / "password").write_text("right horse\n")
    own = ("--key", "key.json", "--password-file", "password")
    found = error(run("deposit", "1", *own, "--json"))
    assert "not a development account" in found["message"]
    assert "horse" not in json.dumps(found)


def test_deposit__development_account_where_chains_have_real_ids__refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with two_chains() as chains:
        chains.record.save(tmp_path / "bridge.json")
        words = ["assay", "bridge", "deposit", "1", *BY, "--json"]
        words += ["--bridge", str(tmp_path / "bridge.json")]
        words += ["--root-rpc", chains.root.url, "--child-rpc", chains.child.url]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit):
            main()
    found = json.loads(capfd.readouterr().out)["error"]
    assert found["exit"] == Exit.REFUSED
    assert "chain 1 is no devnet" in found["message"]


def test_status__damaged_file__code_3_and_left(bench: Bench, run: BridgeCommand) -> None:
    made = result(run("deposit", "3", *BY, "--no-wait", "--json"))
    [path] = (bench.home / "bridge").rglob("*.json")
    path.write_text(path.read_text()[:-20])
    for arguments in (("status",), ("status", made["id"]), ("resume", made["id"], *BY)):
        assert error(run(*arguments, "--json"))["exit"] == Exit.INPUT
    assert path.exists()


# ---------------------------------------------------------------------- latency


def test_latency__transfers_at_every_stage__table_json_metrics_and_drawing(
    bench: Bench, run: BridgeCommand, tmp_path: Path
) -> None:
    bench.bring_in(20 * NMR)
    bench.chains.withdraw(bench.account, 3 * NMR)
    burnt = bench.chains.withdraw(bench.account, 4 * NMR)
    bench.chains.checkpoint()
    exit_call = bench.chains.manager.functions.exit(bench.chains.exit_of(burnt).payload)
    bench.chains.done(bench.chains.root_web3, exit_call, 20)
    bench.chains.deposit(bench.account, 6 * NMR)
    options = ("--metrics", tmp_path / "bridge.prom", "--plot", tmp_path / "bridge.svg")
    found = result(run("latency", *options, "--json"))
    steps = {one["step"]: (one["done"], one["waiting"]) for one in found["steps"]}
    assert steps["locked-synced"] == (1, 1)
    assert steps["burnt-checkpointed"] == (2, 0)
    assert steps["burnt-exited"] == (1, 1)
    assert [one["amount"] for one in found["deposits"]] == ["20", "6"]
    first, second = found["withdrawals"]
    assert (first["amount"], first["exited"]) == ("3", None)
    paid = bench.chains.root_web3.eth.get_block("latest")["number"]
    assert second["exited"] is not None
    assert second["exited"] <= bench.chains.root_web3.eth.get_block(paid)["timestamp"]
    text = (tmp_path / "bridge.prom").read_text()
    assert {f.name for f in text_string_to_metric_families(text)} == {
        "assay_bridge_step_seconds",
        "assay_bridge_step_transfers",
    }
    assert "<svg" in (tmp_path / "bridge.svg").read_text()
    code, out, _ = run("latency", "--last", "1")
    assert code == 0
    assert "burnt to checkpointed" in out


def test_latency__nobody_bridged__empty(bench: Bench, run: BridgeCommand) -> None:
    found = result(run("latency", "--json"))
    assert (found["deposits"], found["withdrawals"]) == ([], [])
    assert all(one["done"] == one["waiting"] == 0 for one in found["steps"])


def test_latency__failed_and_replayed_sync__counted_when_it_arrived(
    bench: Bench, run: BridgeCommand
) -> None:
    token = bench.chains.record.child.token
    code = bench.chains.child.ask("eth_getCode", token, "latest")
    bench.chains.deposit(bench.account, 6 * NMR)
    bench.chains.child.ask("anvil_setCode", token, "0xfe")
    [synced] = bench.chains.settle_syncs()
    [one] = result(run("latency", "--json"))["deposits"]
    assert (one["failed"], one["synced"]) == (True, None)
    bench.chains.child.ask("anvil_setCode", token, code)
    bench.chains.child.mine(1, 500)
    result(run("replay", synced.id, "--dev-account", "20", "--json"))
    [one] = result(run("latency", "--json"))["deposits"]
    assert one["failed"] is False
    taken = bench.chains.child_web3.eth.get_block("latest")["timestamp"]
    assert one["synced"] == taken
    assert dev_account(10).address == one["account"]
