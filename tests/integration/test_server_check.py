"""``assay server check`` on a real chain, real operators' cards and a real server's files."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from anvil import Chain, anvil
from in_process_tournament import deploy
from ingest_world import served
from local_machine import free_base_port
from postgres import free_port
from server_world import CLOCKS, TIMING
from short_times import short_topology

from oracle.chain.keys import dev_account
from oracle.chain.reader import PoolReader
from oracle.chain.signing import LocalSigner
from oracle.gateway.checks import findings
from oracle.gateway.config import load_server_config
from oracle.operator.checks import exit_code
from oracle.operator.intake import open_ingest
from oracle.records import open_records
from oracle.store.database import Database
from oracle.store.sealing import Identity

pytestmark = [pytest.mark.chain, pytest.mark.slow]
NOBODY = "http://127.0.0.1:1"


@dataclass
class World:
    """A chain with a tournament of four operators, of whom three are there."""

    chain: Chain
    pool: str
    root: Path
    operators: list[str] = field(default_factory=list)

    def config(self, name: str, **changes: Any) -> Path:
        """A server's configuration; ``changes`` are of its fields, and ``of`` its tournament's."""
        home = self.root / name
        for folder in ("data", "datasets"):
            (home / folder).mkdir(parents=True)
        for key, account in (("submitter", 8), ("relayer", 7)):
            file = home / f"{key}.env"
            file.touch(0o600)
            file.write_text(f"ASSAY_OPERATOR_KEY=0x{bytes(dev_account(account).key).hex()}\n")
        tournament = {
            "number": 8,
            "chain_id": self.chain.chain_id,
            "pool": self.pool,
            "chain": {"urls": [self.chain.url, f"{self.chain.url}/?second"]},
            "operators": self.operators,
            "data": "data",
            "datasets": "datasets",
            **changes.pop("of", {}),
        }
        fields = {
            "name": "server",
            "port": free_port(),
            "url": "http://127.0.0.1:28640",
            "submitter": {"kind": "envfile", "file": "submitter.env"},
            "relayer": {"kind": "envfile", "file": "relayer.env"},
            **changes,
        }
        path = home / "server.toml"
        lines = [f"{name} = {_toml(value)}" for name, value in fields.items() if value is not None]
        lines += ["[[tournaments]]", *(f"{n} = {_toml(v)}" for n, v in tournament.items())]
        path.write_text("\n".join([*lines, ""]))
        return path


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_toml(one)}" for name, one in value.items()) + "}"
    return json.dumps(value)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("check")
    options = ("--block-time", "1", "--mixed-mining", "--slots-in-an-epoch", "1")
    topology = short_topology(TIMING, CLOCKS, base_port=free_base_port())
    with anvil(topology.chain.chain_id, *options) as chain, ExitStack() as stack:
        pool = deploy(chain.web3, topology, root).pool
        made = World(chain, pool, root)
        for place, operator in enumerate(topology.operators[:3]):
            database = Database.open(root / f"operator-{place}.sqlite")
            stack.callback(database.close)
            reader, signer = PoolReader.open(chain.url, pool), dev_account(operator.account)
            identity = Identity.new()
            ingest = open_ingest(
                reader, database, root, LocalSigner(signer), identity, url="http://127.0.0.1:1"
            )
            made.operators.append(stack.enter_context(served(ingest)))
        yield made


def check(config: Path) -> tuple[int, dict[str, list[tuple[str, str, str]]]]:
    """Exit code, and level, text and fix of each check."""
    found = list(findings(load_server_config(config)))
    said: dict[str, list[tuple[str, str, str]]] = {}
    for one in found:
        said.setdefault(one.check, []).append((one.said.level, one.said.text, one.said.fix))
    return int(exit_code(found)), said


def test_check__new_server__passes_and_changes_nothing(world: World) -> None:
    config = world.config("fresh")
    before = sorted(config.parent.rglob("*"))
    code, said = check(config)
    assert sorted(config.parent.rglob("*")) == before
    assert code == 0, said
    for name in ("config", "keys", "database", "port", "8 pool", "8 data", "8 relayer"):
        assert {level for level, _, _ in said[name]} == {"ok"}, said[name]
    assert [level for level, _, _ in said["8 operators"]] == ["ok", "ok", "ok", "warn"]
    assert "1 of 4 operators" in said["8 operators"][-1][1]
    assert "enough for" in said["8 relayer"][0][1]
    fixes = [fix for rows in said.values() for level, _, fix in rows if level != "ok"]
    assert all(fixes)


def test_check__by_the_command__one_object_and_the_code(world: World) -> None:
    for name, of, expected in (("whole", {}, 0), ("lone", {"chain": {"urls": [NOBODY]}}, 6)):
        config = world.config(name, of=of)
        done = subprocess.run(
            [sys.executable, "-m", "oracle", "server", "check", "--config", config, "--json"],
            capture_output=True,
            timeout=120,
        )
        assert done.returncode == expected, done.stderr
        assert json.loads(done.stdout)["result"]["healthy"] is (expected == 0)


def test_check__chain_away__said_once_and_the_rest_is_not_looked_at(world: World) -> None:
    code, said = check(world.config("away", of={"chain": {"urls": [NOBODY]}}))
    assert code == 6
    assert said["8 endpoints"][0][0] == "fail"
    for name in ("8 pool", "8 clock", "8 operators", "8 relayer"):
        assert said[name][0][:2] == ("warn", "not looked at: the chain cannot be read")


def test_check__another_tournaments_pool__fails(world: World) -> None:
    code, said = check(world.config("eleven", of={"number": 11}))
    assert code == 6
    assert "is tournament 8's" in said["11 pool"][0][1]


def test_check__keys__missing_open_to_others_or_without_coin(world: World) -> None:
    config = world.config("keys", submitter=None)
    (config.parent / "relayer.env").write_text("ASSAY_OPERATOR_KEY=0x" + "5e" * 32 + "\n")
    code, said = check(config)
    assert code == 6
    assert said["keys"][0][:2] == (
        "warn",
        "no submitter: no submission is signed for owners; people use `assay submit`",
    )
    assert said["8 relayer"][0][0] == "fail"
    assert "send it" in said["8 relayer"][0][2]
    assert not any("5e" * 8 in text for rows in said.values() for _, text, _ in rows)
    (config.parent / "relayer.env").chmod(0o644)
    code, said = check(config)
    assert (code, said["keys"][-1][0]) == (7, "fail")


def test_check__database__of_an_operator_fails_and_its_own_is_written_to(world: World) -> None:
    config = world.config("operators")
    Database.open(config.parent / "server.sqlite").close()
    code, said = check(config)
    assert (code, said["database"][0][0]) == (6, "fail")
    assert "is an operator's" in said["database"][0][1]
    own = world.config("own")
    open_records(own.parent / "server.sqlite").close()
    assert "writable" in check(own)[1]["database"][0][1]


def test_check__folders_and_port__named_with_the_fix(world: World) -> None:
    config = world.config("folders", of={"data": "nowhere"})
    code, said = check(config)
    assert code == 6
    assert "there is no data folder" in said["8 data"][0][1]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = check(world.config("port", port=port))
    assert (code, said["port"][0][0]) == (6, "fail")
    assert "something else listens" in said["port"][0][1]


def test_check__operators_addresses__wrong_ones_named(world: World) -> None:
    operators = [world.operators[0], NOBODY]
    code, said = check(world.config("some", of={"operators": operators}))
    assert code == 0
    assert [level for level, _, _ in said["8 operators"]] == ["ok", "warn", "warn"]
    assert "shows no card" in said["8 operators"][1][1]
    assert "operators" in said["8 operators"][2][2]
