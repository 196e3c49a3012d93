"""``assay devnet`` and the commands people use on it, as a person would run them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from anvil import run_ape
from local_machine import free_base_port, processes_naming

from oracle.bridge.contracts import child_token, root_token
from oracle.bridge.record import load_bridge
from oracle.chain.keys import dev_account
from oracle.chain.rpc import connect
from oracle.chain.sender import Sender
from oracle.chain.signing import LocalSigner
from oracle.datasets.synthetic import build_synthetic
from oracle.devnet.topology import load
from oracle.store.artefacts import write_file
from oracle.tournaments.universe import universe_bytes

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.xdist_group("devnet")]

DAY = 86_400
NMR = 10**18


class Assay:
    """Runs ``assay`` with its state under one folder."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def run(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Exit code and the JSON envelope."""
        done = subprocess.run(
            [sys.executable, "-m", "oracle", *arguments, "--json"],
            env={**os.environ, "ASSAY_HOME": str(self.home)},
            capture_output=True,
            timeout=180,
        )
        assert b"Traceback" not in done.stderr
        return done.returncode, json.loads(done.stdout)

    def ok(self, *arguments: str) -> dict[str, Any]:
        code, envelope = self.run(*arguments)
        assert code == 0, envelope
        return envelope["result"]

    def refused(self, *arguments: str) -> tuple[int, str]:
        code, envelope = self.run(*arguments)
        assert envelope["ok"] is False
        assert envelope["error"]["exit"] == code
        return code, envelope["error"]["message"]


@pytest.fixture(scope="module")
def assay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assay]:
    home = tmp_path_factory.mktemp("home")
    assay = Assay(home)
    assay.ok("devnet", "up", "--base-port", str(free_base_port()))
    try:
        yield assay
    finally:
        assay.ok("devnet", "down")
        assert not processes_naming(str(home))


@pytest.fixture(scope="module")
def model(assay: Assay) -> int:
    """A registered model with 25.5 NMR queued for round 1."""
    registered = assay.ok("models", "register", "first", "--dev-account", "10")["model"]
    announced = assay.ok("round", "announce", "--dev-account", "1")
    assert announced["round"] == 1
    deposited = assay.ok("stake", "deposit", str(registered), "25.5", "--dev-account", "10")
    assert deposited == {"model": registered, "amount": "25.5", "round": 1}
    return registered


def test_up__while_one_is_running__is_refused(assay):
    code, message = assay.refused("devnet", "up")
    assert code == 7
    assert "a devnet is running here" in message


def test_status__all_processes_run(assay):
    shown = assay.ok("devnet", "status")
    assert shown["stopped"] == []
    operators = {f"operator-{number}" for number in range(1, 5)}
    assert set(shown["running"]) == {"chain", "root-chain", "relayer", "server"} | operators


def test_server__started_with_the_devnet__follows_its_chain(assay):
    url = load(assay.home / "devnet" / "topology.json").required_server().url
    deadline = time.monotonic() + 60
    while httpx.get(f"{url}/readyz").status_code != 200:
        assert time.monotonic() < deadline, assay.ok("devnet", "logs", "server")
        time.sleep(0.2)
    shown = httpx.get(f"{url}/v1/tournaments/8/chain").json()
    assert (shown["chain_id"], shown["relayer"]) == (731371, dev_account(61).address)
    assert shown["followed"] is not None


def test_logs__process_by_its_name__the_end_of_its_log(assay):
    shown = assay.ok("devnet", "logs", "server", "--lines", "1")
    assert len(shown["lines"]) == 1
    assert Path(shown["log"]).read_text().splitlines()[-1] == shown["lines"][0]
    code, message = assay.refused("devnet", "logs", "nobody")
    assert (code, message) == (3, "there is no process 'nobody' in this devnet")


# ---------------------------------------------------------------------- two chains


class Chains:
    """The devnet's two chains and its bridge, seen from outside."""

    def __init__(self, assay: Assay) -> None:
        topology = load(assay.home / "devnet" / "topology.json")
        self.record = load_bridge(assay.home / "devnet" / "bridge.json")
        self.child_url = topology.rpc
        self.root, self.child = connect(topology.root_rpc), connect(topology.rpc)

    def held(self, account: str) -> tuple[int, int]:
        """On the root chain and on the child chain, in wei."""
        above, below = root_token(self.root, self.record), child_token(self.child, self.record)
        return (
            above.functions.balanceOf(account).call(),
            below.functions.balanceOf(account).call(),
        )

    def supply(self) -> int:
        return int(root_token(self.root, self.record).functions.totalSupply().call())


@pytest.fixture(scope="module")
def chains(assay: Assay) -> Chains:
    return Chains(assay)


def test_bridge__deposit_and_withdraw__nmr_moves_and_the_books_are_in_order(assay, chains):
    staker = dev_account(15).address
    before = chains.held(staker)
    assert before == (10_000 * NMR, 10_000 * NMR)
    deposit = assay.ok("bridge", "deposit", "100.5", "--dev-account", "15")
    assert (deposit["kind"], deposit["stage"]) == ("deposit", "usable")
    assert chains.held(staker) == (before[0] - 1005 * NMR // 10, before[1] + 1005 * NMR // 10)
    withdrawal = assay.ok("bridge", "withdraw", "40", "--dev-account", "15")
    assert withdrawal["stage"] == "exited"
    assert chains.held(staker) == (before[0] - 605 * NMR // 10, before[1] + 605 * NMR // 10)
    books = assay.ok("bridge", "check")
    assert (books["locked_not_minted"], books["burnt_not_exited"]) == ("0", "0")


def test_vault__nmr_that_is_burned__operators_take_it_out_of_the_root_supply(assay, chains):
    """Sent by a staker here, as the pool does after a round."""
    before = chains.supply()
    burned = 25 * NMR
    vault = chains.record.burn_vault
    sender = Sender(chains.child, chains.child_url, LocalSigner(dev_account(14)))
    sender.send(child_token(chains.child, chains.record).functions.transfer(vault, burned))
    deadline = time.monotonic() + 120
    while chains.supply() == before:
        assert time.monotonic() < deadline, assay.ok("bridge", "sweep")
        time.sleep(0.5)
    fees = before - chains.supply() - burned
    assert 0 <= fees < NMR, "registration fees in the vault go with it, and nothing else"
    assert chains.held(vault) == (0, 0)


def test_advance__both_clocks_move(assay, chains):
    before = [web3.eth.get_block("latest")["timestamp"] for web3 in (chains.root, chains.child)]
    assay.ok("devnet", "advance", "3600")
    after = [web3.eth.get_block("latest")["timestamp"] for web3 in (chains.root, chains.child)]
    assert all(late - early >= 3600 for early, late in zip(before, after, strict=True))


def test_stake__deposit__shows_in_the_queue(assay, model):
    shown = assay.ok("stake", "show", str(model))
    assert shown["stake"] == "0"
    assert shown["queued"] == [{"round": 1, "deposit": "25.5", "release": "0"}]


def test_stake__by_a_stranger__is_refused(assay, model):
    code, message = assay.refused("stake", "release", str(model), "--dev-account", "11")
    assert code == 7
    assert "pool: not owner" in message


@pytest.mark.parametrize("amount", ["0", "-1", "nan", "1.0000000001", "much"])
def test_stake__bad_amount__is_a_usage_error(assay, model, amount):
    code, _ = assay.refused("stake", "deposit", str(model), "--dev-account", "10", "--", amount)
    assert code == 2


def test_stake__without_funds__is_refused_and_nothing_is_queued(assay, model):
    code, message = assay.refused("stake", "deposit", str(model), "99999", "--dev-account", "10")
    assert code == 7
    assert "balance" in message
    assert assay.ok("stake", "show", str(model))["queued"][0]["deposit"] == "25.5"


def test_models__name_taken__is_refused(assay, model):
    code, message = assay.refused("models", "register", "first", "--dev-account", "11")
    assert code == 7
    assert "registry: name taken" in message


def test_submit__signed_by_the_owner__every_operator_gives_a_receipt(assay, model, tmp_path):
    dataset = build_synthetic(
        tmp_path / "data", tmp_path / "targets", rows=100, features=10, eras=20, seed=1
    )
    provider = assay.home / "devnet" / "provider" / "1"
    write_file(provider / "universe.csv", universe_bytes(dataset.live_ids))
    example = str(dataset.root / "live_example_preds.csv")
    options = ("--model", str(model), "--round", "1")

    code, message = assay.refused("submit", example, *options, "--dev-account", "10")
    assert code == 7
    assert "opens at" in message

    assay.ok("devnet", "advance", str(DAY + 60))
    sent = assay.ok("submit", example, *options, "--dev-account", "10")
    assert len(sent["receipts"]) == 4
    assert sent["failures"] == {}

    code, message = assay.refused("submit", example, *options, "--dev-account", "11")
    assert code == 7
    assert "not signed by the owner" in message
    broken = tmp_path / "broken.csv"
    broken.write_text("id,prediction\nn1,0.5\n")
    code, message = assay.refused("submit", str(broken), *options, "--dev-account", "10")
    assert code == 3
    assert message.startswith("invalid_submission_ids")


def test_drain__after_the_close__the_operators_do_it_by_themselves(assay, model):
    assay.ok("devnet", "advance", str(2 * DAY))
    for _ in range(60):
        shown = assay.ok("stake", "show", str(model))
        if shown["stake"] == "25.5":
            return
        time.sleep(0.5)
    pytest.fail(f"the deposit was not drained: {shown}")


def test_score__own_predictions_against_targets__are_whole_billionths(assay, tmp_path):
    build_synthetic(tmp_path / "data", tmp_path / "res", rows=100, features=10, eras=20, seed=1)
    example, targets = tmp_path / "data/live_example_preds.csv", tmp_path / "res/live_targets.csv"
    result = assay.ok("score", str(example), "--targets", str(targets))
    assert result["rows"] == 100
    assert len(result["corr"].split(".")[1]) == 9


def test_key__of_ones_own__is_refused_on_a_devnet(assay, model, tmp_path):
    from eth_account import Account

    from oracle.chain.keys import new_password, write_keystore

    password = new_password(tmp_path / "password")
    write_keystore(tmp_path / "key.json", Account.create(), password)
    code, message = assay.refused(
        "stake",
        "release",
        str(model),
        "--key",
        str(tmp_path / "key.json"),
        "--password-file",
        str(tmp_path / "password"),
    )
    assert code == 7
    assert "a devnet takes no key of your own" in message
    assert password not in message


def write_returns(path: Path, last: int) -> None:
    """Seventy daily returns of 0.02 either way, the last on day ``last`` since 1970-01-01: of so
    high a volatility that phi falls by a whole step."""
    epoch = date(1970, 1, 1).toordinal()
    days = (date.fromordinal(epoch + day) for day in range(last - 69, last + 1))
    lines = [f"{day},{'-' * (n % 2)}0.02" for n, day in enumerate(days)]
    path.write_text("\n".join(["day,return", *lines, ""]))


def test_announce__volatility_series__the_round_shows_phi_and_hash(assay, model, tmp_path):
    returns, series = tmp_path / "returns.csv", tmp_path / "series.csv"
    write_returns(returns, assay.ok("round", "list")["now"] // DAY - 1)
    options = ("--target", "0.009", "--gamma", "1", "--publish", str(series))
    computed = assay.ok("data", "phi", str(returns), *options)
    announce = ("round", "announce", "--dev-account", "1", "--opens-in-hours", "48")

    named = ("--phi", "0.899999", "--series-hash", computed["series_hash"])
    code, message = assay.refused(*announce, *named)
    assert code == 7
    assert "phi 0.899999 is more than 0.1 from the last announced one, 1" in message
    assert assay.refused("round", "show", "2") == (3, "round 2 is not announced")

    assert assay.ok(*announce, "--series", str(series))["round"] == 2
    shown = assay.ok("round", "show", "2")
    assert (shown["phi"], shown["series_hash"]) == (900_000, computed["series_hash"])
    assert assay.ok("round", "show", "1")["series_hash"] is None

    # Ape's script has the same options; phi falls by one more step.
    folder = assay.home / "devnet"
    network = f"polygon:devnet:{load(folder / 'topology.json').rpc}"
    script = ("announce", "--network", network, "--record", str(folder / "deployment.json"))
    script = (*script, "--opens-in-hours", "72")
    code, _, said = run_ape(*script, "--series", str(series), "--phi", "0.9")
    assert code == 3
    assert "--phi 0.9 is not 0.8" in said
    code, said, _ = run_ape(*script, "--series", str(series))
    assert code == 0
    assert "phi 0.8" in said
    shown = assay.ok("round", "show", "3")
    assert (shown["phi"], shown["series_hash"]) == (800_000, computed["series_hash"])


def test_relayer__killed__status_says_so(assay):
    """The last test here: there is no way over the bridge afterwards."""
    os.kill(assay.ok("devnet", "status")["running"]["relayer"], signal.SIGKILL)
    for _ in range(50):
        stopped = assay.ok("devnet", "status")["stopped"]
        if stopped:
            break
    assert stopped == ["relayer"]
    started = assay.ok("bridge", "deposit", "1", "--no-wait", "--dev-account", "13")
    assert started["stage"] == "locked"
