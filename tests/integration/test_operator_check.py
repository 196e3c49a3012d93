"""``assay operator check``, ``cost`` and ``join-check`` on a real chain and a real operator."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import s3_server
from anvil import Chain, anvil
from faulty_rpc import FaultyRpc
from in_process_tournament import deploy
from local_machine import free_base_port
from short_times import short_topology

from oracle.chain.keys import dev_account
from oracle.chain.pool import PoolWriter
from oracle.chain.reader import PoolReader
from oracle.chain.sender import Sender
from oracle.chain.signing import LocalSigner
from oracle.devnet.launch import operator_command
from oracle.devnet.operator_home import Pace, write_home
from oracle.devnet.profile import Clocks, Timing
from oracle.devnet.topology import ANNOUNCER, Topology
from oracle.operator.checks import exit_code, findings
from oracle.operator.config import load_config
from oracle.operator.state import back_up, rebuild, restore_backup
from oracle.settlement.units import MILLIONTH
from oracle.store.database import Database
from oracle.store.journal import Journal

pytestmark = [pytest.mark.chain, pytest.mark.slow]

TIMING = Timing(
    notice=60,
    gap=30,
    max_ahead=5_000,
    max_horizon=1_000,
    grace=3_000,
    window=30,
    challenge=50,
)
CLOCKS = Clocks(
    skip_after=20_000,
    settle_time=3_000,
    head_time=500,
    rest_delay=100,
    wind_down_after=100_000,
    pause=600,
    pause_cooldown=2_000,
)
NOBODY = "http://127.0.0.1:1"


@dataclass
class World:
    """A chain that mines by itself, a tournament with one announced round, a second chain."""

    chain: Chain
    other: Chain
    topology: Topology
    pool: str
    folder: Path

    def home(self, name: str, **changes: Any) -> Path:
        """The first operator's configuration, with other URLs or lines put before its tables."""
        home = self.folder / name
        urls = changes.pop("urls", [self.chain.url, f"{self.chain.url}/?second"])
        data = self.folder / "provider"
        data.mkdir(exist_ok=True)
        operator = self.topology.operators[changes.pop("operator", 0)]
        path = write_home(home, self.topology, operator, self.pool, data, Pace(), urls=urls)
        text = path.read_text()
        for old, new in changes.pop("replace", {}).items():
            assert old in text
            text = text.replace(old, new)
        path.write_text(text + changes.pop("more", ""))
        assert not changes
        return path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("check")
    options = ("--block-time", "1", "--mixed-mining", "--slots-in-an-epoch", "1")
    topology = short_topology(TIMING, CLOCKS, base_port=free_base_port())
    with anvil(topology.chain.chain_id, *options) as chain, anvil(31_337, *options) as other:
        pool = deploy(chain.web3, topology, folder).pool
        reader = PoolReader.open(chain.url, pool)
        announcer = PoolWriter(
            reader, Sender(chain.web3, chain.url, LocalSigner(dev_account(ANNOUNCER)))
        )
        now = reader.newest().timestamp
        announcer.announce(1, now + 5, now + 70, 100, MILLIONTH, bytes(32))
        yield World(chain, other, topology, pool, folder)


def assay(*arguments: object) -> tuple[int, Any]:
    """Exit code and the JSON envelope of a command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "oracle", "operator", *map(str, arguments), "--json"],
        capture_output=True,
        timeout=120,
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done.returncode, json.loads(done.stdout)


def check(config: Path) -> tuple[int, dict[str, list[Any]]]:
    """Exit code, and what is said by each check; in this process, as starting one takes longer."""
    said: dict[str, list[Any]] = {}
    found = list(findings(load_config(config)))
    for finding in found:
        one = finding.said
        row = {"level": one.level, "text": one.text, "fix": one.fix}
        said.setdefault(finding.check, []).append(row)
    return int(exit_code(found)), said


def levels(rows: list[Any]) -> list[str]:
    return [row["level"] for row in rows]


# ---------------------------------------------------------------------- check


@pytest.fixture(scope="module")
def fresh(world: World) -> tuple[int, dict[str, list[Any]], Path]:
    config = world.home("fresh")
    before = {path: path.read_bytes() for path in config.parent.iterdir()}
    code, said = check(config)
    assert {path: path.read_bytes() for path in config.parent.iterdir()} == before
    return code, said, config


def test_check__new_operator__passes_and_changes_nothing(
    fresh: tuple[int, dict[str, list[Any]], Path],
) -> None:
    code, said, _ = fresh
    assert code == 0, said
    for name in ("config", "key", "identity", "database", "folders", "clock", "role", "balance"):
        assert levels(said[name]) == ["ok"] * len(said[name]), said[name]
    assert levels(said["endpoints"]) == ["ok", "ok", "ok"]
    assert "operator 1 of 4, 3 must sign" in said["role"][0]["text"]
    assert "is made at the first start" in said["database"][0]["text"]


def test_check__by_the_command__one_object_and_the_code(
    fresh: tuple[int, dict[str, list[Any]], Path], world: World
) -> None:
    """Peers that do not answer are logged; that must not get between the result's lines."""
    _, said, config = fresh
    code, envelope = assay("check", "--config", config)
    assert code == 0
    assert envelope["result"]["healthy"] is True
    assert [row["check"] for row in envelope["result"]["checks"]] == [
        name for name, rows in said.items() for _ in rows
    ]
    code, envelope = assay("check", "--config", world.home("taken-too", urls=[NOBODY]))
    assert code == 6
    assert envelope["result"]["healthy"] is False


def test_check__others_not_running__warns_with_the_fix(
    fresh: tuple[int, dict[str, list[Any]], Path],
) -> None:
    _, said, _ = fresh
    assert levels(said["peers"]) == ["warn"] * 4
    assert "3 of 4 operators" in said["peers"][-1]["text"]
    assert all(row["fix"] for rows in said.values() for row in rows if row["level"] != "ok")


def test_check__operator_running__is_recognised_and_its_peer_too(world: World) -> None:
    config, other = world.home("running"), world.home("other", operator=1)
    port = world.topology.operators[0].port
    log = (world.folder / "running.log").open("wb")
    process = subprocess.Popen(operator_command(config), stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while not _answers(f"http://127.0.0.1:{port}/card"):
            assert process.poll() is None, (world.folder / "running.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        code, said = check(config)
        assert code == 0, said
        assert "it runs on" in said["port"][0]["text"]
        assert "revision" in said["database"][0]["text"]
        _, seen = check(other)
        assert [row["level"] for row in seen["peers"][:1]] == ["ok"]
        assert world.topology.operators[0].account == 2
        assert dev_account(2).address in seen["peers"][0]["text"]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        log.close()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def test_check__dry_run__passes(world: World) -> None:
    config = world.home("dry")
    config.write_text(config.read_text().partition("[signer]")[0])
    code, said = check(config)
    assert code == 0, said
    assert "dry run" in said["key"][0]["text"]
    assert levels(said["role"]) == ["warn"]


def test_check__key_that_is_no_operator__code_7(world: World) -> None:
    config = world.home("stranger")
    key = "0x" + "0" * 60 + "beef"
    (config.parent / "key.env").touch(0o600)
    (config.parent / "key.env").write_text(f"ASSAY_OPERATOR_KEY={key}\n")
    text = config.read_text().partition("[signer]")[0]
    config.write_text(f'{text}[signer]\nkind = "envfile"\nfile = "key.env"\n')
    code, said = check(config)
    assert code == 7
    assert "join-check" in said["role"][0]["fix"]
    assert levels(said["balance"]) == ["fail"]
    assert key[2:] not in json.dumps(said)


@pytest.mark.parametrize(
    ("urls", "code", "expected"),
    [
        (["{chain}", NOBODY], 0, ["ok", "warn", "ok"]),
        (["{chain}"], 0, ["ok", "warn"]),
        ([NOBODY], 6, ["fail", "fail"]),
        (["{chain}", "{other}"], 0, ["ok", "warn", "ok"]),
    ],
)
def test_check__endpoints_of_every_kind__judged_one_by_one(
    world: World, request: Any, urls: list[str], code: int, expected: list[str]
) -> None:
    named = [url.format(chain=world.chain.url, other=world.other.url) for url in urls]
    agree = "[chain]\nagree = 1\n" if len(urls) > 1 else "[chain]\n"
    config = world.home(request.node.name, urls=named, replace={"[chain]\n": agree})
    found, said = check(config)
    assert found == code, said
    if len(urls) > 1:  # agree is 1, which is warned of
        expected = [*expected[:-1], "warn"]
    assert levels(said["endpoints"]) == expected


@pytest.mark.parametrize(
    ("honest", "fault", "expected", "what"),
    [
        (2, {"lie": {"methods": ["eth_getBlockByNumber"]}}, ["fail", "ok", "ok", "ok"], "another"),
        (1, {"lie": {"methods": ["eth_getBlockByNumber"]}}, ["fail", "fail", "fail"], "another"),
        (2, {"stale_head": {}}, ["warn", "ok", "ok", "ok"], "behind the others"),
        (2, {"http_429": {}}, ["warn", "ok", "ok", "ok"], "429"),
        (2, {"wrong_chain": {}}, ["warn", "ok", "ok", "ok"], "serves chain 999"),
        (1, {"not_json": {}}, ["warn", "ok", "warn"], "no JSON"),
    ],
    ids=str,
)
def test_check__faulty_endpoint__found_out(
    world: World, request: Any, honest: int, fault: Any, expected: list[str], what: str
) -> None:
    with FaultyRpc(world.chain.url) as proxy:
        if "stale_head" in fault:
            fault = {"stale_head": {"block": world.chain.web3.eth.block_number}}
        proxy.set(**fault)
        if "stale_head" in fault:
            time.sleep(4.5)
        urls = [proxy.url, *(f"{world.chain.url}/?{n}" for n in range(honest))]
        short = {"[chain]\n": "[chain]\nstale_seconds = 2.0\n"}
        _, said = check(world.home(f"faulty-{time.time_ns()}", urls=urls, replace=short))
    assert levels(said["endpoints"]) == expected, said["endpoints"]
    assert what in said["endpoints"][0]["text"]


def test_check__endpoint_without_history__found_out(world: World) -> None:
    """It has the newest state only, as nodes do that are not archives."""
    reader = PoolReader.open(world.chain.url, world.pool)
    if (left := reader.round_state(1)["close"] - reader.newest().timestamp) > 0:
        world.chain.advance(left)
    for _ in range(12):
        world.chain.mine()
    with forgetful(world.chain.url) as url:
        urls = [url, world.chain.url, f"{world.chain.url}/?2"]
        _, said = check(world.home("forgetful", urls=urls))
    assert levels(said["endpoints"]) == ["warn", "ok", "ok", "ok"], said["endpoints"]
    assert "does not have the state of block" in said["endpoints"][0]["text"]


@contextmanager
def forgetful(upstream: str) -> Iterator[str]:
    """An endpoint that answers calls at the last eight blocks only."""

    class Forgetful(FaultyRpc):
        def answer(self, request: dict[str, Any]) -> dict[str, Any]:
            if request["method"] == "eth_call":
                at = request["params"][1]
                head = int(self.ask("eth_blockNumber")["result"], 16)
                if at.startswith("0x") and int(at, 16) < head - 8:
                    error = {"code": -32000, "message": "missing trie node"}
                    return {"jsonrpc": "2.0", "id": request["id"], "error": error}
            return super().answer(request)

    with Forgetful(upstream) as proxy:
        yield proxy.url


def test_check__endpoint_with_a_secret__shown_nowhere(world: World) -> None:
    config = world.home("secret", urls=[world.chain.url, f"{NOBODY}/v1/topsecret?key=topsecret"])
    done = subprocess.run(
        [sys.executable, "-m", "oracle", "operator", "check", "--config", str(config)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "127.0.0.1:1" in done.stdout
    assert "topsecret" not in done.stdout + done.stderr


def test_check__port_taken_by_something_else__code_6(world: World) -> None:
    config = world.home("taken")
    port = world.topology.operators[0].port
    with socket.create_server(("127.0.0.1", port)):
        code, said = check(config)
    assert code == 6
    assert levels(said["port"]) == ["fail"]
    assert "something else" in said["port"][0]["text"]


@pytest.mark.parametrize(
    ("name", "damage", "check_name"),
    [
        ("no-data", lambda c: _replace(c, 'data = "', 'data = "/nowhere'), "folders"),
        ("no-identity", lambda c: (c.parent / "identity.age").unlink(), "identity"),
        ("no-password", lambda c: (c.parent / "keystore-password").write_text("x"), "key"),
        ("no-sqlite", lambda c: (c.parent / "journal.sqlite").write_text("x" * 5000), "database"),
    ],
)
def test_check__something_missing__named_and_the_rest_still_looked_at(
    world: World, name: str, damage: Any, check_name: str
) -> None:
    config = world.home(name)
    damage(config)
    code, said = check(config)
    assert code == 6, said
    assert "fail" in levels(said[check_name])
    failed = [n for n, rows in said.items() if "fail" in levels(rows)]
    assert failed == [check_name]
    assert {"endpoints", "clock", "commits", "port"} <= said.keys()


def _replace(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize("bucket", ["rounds", "nobodys"])
def test_check__bucket__tried_for_real(
    world: World, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_server.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with s3_server.s3_server() as url:
        if bucket == "rounds":
            s3_server.new_bucket(url, bucket)
        more = f'\n[store.s3]\nbucket = "{bucket}"\nendpoint_url = "{url}"\nregion = "us-east-1"\n'
        code, said = check(world.home(f"bucket-{bucket}", more=more))
    assert levels(said["bucket"]) == (["ok"] if bucket == "rounds" else ["fail"])
    assert code == (0 if bucket == "rounds" else 6)


def test_check__files_that_others_may_read__warned_of(world: World) -> None:
    config = world.home("open")
    for name in ("keystore.json", "identity.age"):
        os.chmod(config.parent / name, 0o644)
    code, said = check(config)
    assert code == 0
    assert levels(said["key"]) == ["ok", "warn"]
    assert said["identity"][1]["fix"].startswith("run: chmod 600")


def test_check__broken_configuration__bad_input(world: World) -> None:
    config = world.home("broken", replace={"port = ": "prot = "})
    code, envelope = assay("check", "--config", config)
    assert code == 3
    assert "port" in envelope["error"]["message"]


# ---------------------------------------------------------------------- the runbook's drill


def test_drill__backup_restored_and_rebuilt_without_a_key__is_a_dry_run_that_checks_well(
    world: World,
) -> None:
    source = load_config(world.home("source"))
    database = Database.open(source.database)
    database.claim(source.chain_id, source.pool)
    Journal(database).reserve_digest(1, "commit", b"\xaa" * 32)
    database.close()
    back_up(source, world.folder / "drill.sqlite")
    path = world.home("drill")
    for secret in ("keystore.json", "keystore-password"):
        (path.parent / secret).unlink()
    path.write_text(path.read_text().partition("[signer]")[0])
    drill = load_config(path)
    restored = restore_backup(drill, world.folder / "drill.sqlite")
    rebuilt = rebuild(drill)
    assert restored.rounds_signed == 1
    assert rebuilt.events > 0
    code, said = check(path)
    assert code == 0, said
    assert "writable" in said["database"][0]["text"]


# ---------------------------------------------------------------------- cost


def test_cost__nothing_sent__expected_from_the_tournament(world: World) -> None:
    code, envelope = assay(
        "cost", "--config", world.home("cost"), "--models", "1000", "--gwei", "30"
    )
    assert code == 0
    result = envelope["result"]
    assert result["spent"] == []
    due = result["expected"]
    assert due["rounds"] == 22, "one round is too few to tell the pace by"
    assert int(due["wei"]) == 22 * 30 * 10**9 * sum(due["gas"].values())


# ---------------------------------------------------------------------- join-check


def test_join_check__new_operator__contract_asked_and_calls_printed(world: World) -> None:
    folder = world.folder / "joiner"
    chain_id = world.topology.chain.chain_id
    code, made = assay(
        "init", folder, "--name", "joiner", "--chain-id", chain_id, "--pool", world.pool,
        "--rpc", world.chain.url, "--url", "https://joiner.example",
    )  # fmt: skip
    assert code == 0
    code, checked = assay(
        "join-check", folder / "join.json", "--rpc", world.chain.url, "--calldata",
        "--retire", dev_account(2).address,
    )  # fmt: skip
    assert code == 0, checked
    rotation = checked["result"]["rotation"]
    assert rotation["epoch"] == 2
    assert made["result"]["operator"] in rotation["members"]
    assert dev_account(2).address not in rotation["members"]
    assert [call["call"] for call in rotation["calls"]] == ["propose", "execute"]
    code, refused = assay("join-check", folder / "join.json", "--rpc", world.other.url)
    assert code == 4
    assert "serves chain" in refused["error"]["message"]
