"""What the server tells browsers of chains and bridge, and its proofs of withdrawals: the root
chain's own contract takes them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from bridge_rounds import bridge_in, bridged_rounds
from postgres import free_port
from server_http import answering
from two_chains import NMR, TwoChains
from vaulted_chains import vaulted_chains

from oracle.errors import InputError
from oracle.gateway.config import ServerConfig
from oracle.gateway.run import Server

pytestmark = [pytest.mark.slow, pytest.mark.chain, pytest.mark.xdist_group("server_bridge")]
STAKER = 10


@dataclass
class Served:
    chains: TwoChains
    url: str
    pool: str

    def ask(self, path: str) -> httpx2.Response:
        return httpx2.get(f"{self.url}/v1/tournaments/8{path}", timeout=60)

    def exits(self, transaction: str) -> httpx2.Response:
        return self.ask(f"/bridge/exits/{transaction}")

    def burnt(self, wei: int) -> str:
        return "0x" + bytes(self.chains.withdraw(STAKER, wei)["transactionHash"]).hex()


def config(chains: TwoChains, pool: str, home: Path, port: int, **root: Any) -> ServerConfig:
    record = home / "bridge.json"
    chains.record.save(record)
    named = {
        "record": str(record),
        "chain": {"urls": [chains.root.url]},
        "public_rpc": ["https://root.example/rpc"],
        **root,
    }
    tournament = {
        "number": 8,
        "chain_id": 137,
        "pool": pool,
        "chain": {"urls": [chains.child.url]},
        "public_rpc": ["https://child.example/rpc"],
        "data": "data",
        **({"root": named} if root.get("record") != "" else {}),
    }
    fields = {"name": "s", "port": port, "url": f"http://127.0.0.1:{port}"}
    return ServerConfig.model_validate({**fields, "tournaments": [tournament]}).under(home)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("served")
    with vaulted_chains() as chains:
        bridge_in(chains, STAKER, 50 * NMR)
        pool = bridged_rounds(chains, home).reader.addresses.pool
        chains.child.mine(3)
        made = config(chains, pool, home, free_port())
        with answering(Server(made), made.port):
            yield Served(chains, made.url, pool)


def test_networks__with_a_bridge__contracts_and_public_endpoints_alone(served: Served) -> None:
    found = served.ask("/networks").json()
    record = served.chains.record
    assert found["child"] == {
        "chain_id": 137,
        "rpc": ["https://child.example/rpc"],
        "pool": served.pool,
        "token": record.child.token,
    }
    assert found["bridge"]["root"]["rpc"] == ["https://root.example/rpc"]
    assert found["bridge"]["root"]["root_chain_manager"] == record.root.root_chain_manager
    assert found["bridge"]["legacy_only"] is True
    text = served.ask("/networks").text
    assert served.chains.root.url not in text
    assert served.chains.child.url not in text


def test_exits__of_a_withdrawal__refused_then_proven_then_paid(served: Served) -> None:
    chains, burnt = served.chains, served.burnt(2 * NMR)
    early = served.exits(burnt)
    assert early.status_code == 409
    assert "checkpoint" in early.json()["error"]["message"]
    chains.checkpoint()
    [found] = served.exits(burnt).json()
    assert found["wei"] == str(2 * NMR)
    assert served.exits(burnt).json() == [found]
    payload = bytes.fromhex(found["payload"][2:])
    chains.done(chains.root_web3, chains.manager.functions.exit(payload), STAKER + 1)
    [paid] = served.exits(burnt).json()
    assert paid == {**found, "payload": None}


@pytest.mark.parametrize(
    ("transaction", "status"),
    [("0x" + "ab" * 32, 422), ("0x12", 422), ("deposit", 422)],
    ids=["unknown", "no-hash", "no-burn"],
)
def test_exits__of_what_burned_nothing__refused(
    served: Served, transaction: str, status: int
) -> None:
    if transaction == "deposit":
        chains = served.chains
        call = chains.child_token.functions.transfer(served.pool, 1)
        transaction = (
            "0x" + bytes(chains.done(chains.child_web3, call, STAKER)["transactionHash"]).hex()
        )
    answer = served.exits(transaction)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"code", "message", "fix"}


def test_exits__root_chain_silent__said_as_such(served: Served) -> None:
    burnt = served.burnt(NMR)
    served.chains.checkpoint()
    with served.chains.root.silent():
        answer = served.exits(burnt)
    assert answer.status_code == 503
    assert served.exits(burnt).status_code == 200


def test_networks__without_a_root_chain__no_bridge(served: Served, tmp_path: Path) -> None:
    made = config(served.chains, served.pool, tmp_path, free_port(), record="")
    with answering(Server(made), made.port):
        url = f"{made.url}/v1/tournaments/8"
        assert httpx2.get(f"{url}/networks").json()["bridge"] is None
        assert httpx2.get(f"{url}/bridge/exits/0x{'ab' * 32}").status_code == 422


def test_start__record_of_another_bridge__refused(served: Served, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    record = served.chains.record.model_dump(by_alias=True)
    record["child"]["token"] = served.chains.record.root.token
    type(served.chains.record).model_validate(record).save(other)
    made = config(served.chains, served.pool, tmp_path, free_port(), record=str(other))
    with pytest.raises(InputError, match="not the bridge of this tournament"):
        Server(made)
