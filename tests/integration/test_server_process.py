"""The tournament server as a process of its own, on a real chain with committed rounds."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from committed_rounds import Rounds, committed_rounds
from eth_account.messages import encode_defunct
from postgres import free_port
from wallets import message

from oracle.chain.keys import dev_account
from oracle.records import open_records
from oracle.records.results import Results
from oracle.records.rounds import Rounds as RoundTable
from oracle.records.stakes import Stakes

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.xdist_group("server-process")]
_SECONDS = 120


@pytest.fixture(scope="module")
def rounds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rounds]:
    with committed_rounds(tmp_path_factory.mktemp("rounds")) as made:
        yield made


@dataclass
class ServerProcess:
    """One server's folder, and the process while there is one."""

    home: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.home / "log").read_text()

    def command(self) -> list[str]:
        return [
            *(sys.executable, "-W", "ignore", "-m", "oracle"),
            *("server", "run", "--config", str(self.home / "server.toml")),
        ]

    def start(self) -> None:
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdout=log, stderr=log, start_new_session=True
            )
        self.await_ready()

    def await_ready(self) -> None:
        deadline = time.monotonic() + _SECONDS
        while not self.is_ready():
            assert self.process is not None
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.2)

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def end(self, number: int) -> int:
        """Exit code after a signal."""
        assert self.process is not None
        os.kill(self.process.pid, number)
        return self.process.wait(_SECONDS)


@contextmanager
def server_of(rounds: Rounds, home: Path) -> Iterator[ServerProcess]:
    home.mkdir(parents=True)
    server = ServerProcess(home, free_port())
    sources = [str(rounds.root / "disclosed" / str(n)) for n in (1, 2, 3)]
    (home / "server.toml").write_text(
        f"""name = "server"
port = {server.port}
url = "{server.url}"
[[tournaments]]
number = 8
chain_id = {rounds.reader.addresses.chain_id}
pool = "{rounds.reader.addresses.pool}"
chain = {{urls = ["{rounds.url}"]}}
data = "provider"
sources = {sources}
"""
    )
    try:
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.end(signal.SIGKILL)


def signed_in(server: ServerProcess) -> dict[str, str]:
    """Headers of a new session."""
    terms, account = httpx.get(f"{server.url}/v1/sign-in").json(), dev_account(10)
    shown = {"domain": terms["domain"], "uri": terms["uri"], "chain_id": terms["chain_ids"][0]}
    text = message(terms["nonce"], time.time(), account, **shown)
    signature = account.sign_message(encode_defunct(text=text)).signature.to_0x_hex()
    answer = httpx.post(f"{server.url}/v1/sign-in", json={"message": text, "signature": signature})
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['session']}"}


def test_server__killed_and_started_again__knows_all_and_goes_on(
    rounds: Rounds, tmp_path: Path
) -> None:
    with server_of(rounds, tmp_path / "server") as server:
        server.start()
        session = signed_in(server)
        server.end(signal.SIGKILL)
        server.start()
        account = httpx.get(f"{server.url}/v1/account", headers=session).json()
        assert account["address"] == dev_account(10).address
        assert server.end(signal.SIGTERM) == 0, server.log
        database = open_records(server.home / "server.sqlite")
        assert [row.ended for row in RoundTable(database).list(8)] == [None, "settled", "settled"]
        assert {row.round for row in Results(database).scores(8)} >= {1, 2}
        head = rounds.reader.finalized().number
        lanes = rounds.reader.pool_at(head).lanes
        positions = Stakes(database).positions(8)
        assert {m: p.stake for m, p in positions.items()} == {m: x.stake for m, x in lanes.items()}
        database.close()


def test_server__second_one_on_its_folder__refused_with_what_to_do(
    rounds: Rounds, tmp_path: Path
) -> None:
    with server_of(rounds, tmp_path / "server") as server:
        server.start()
        second = subprocess.run(server.command(), capture_output=True, text=True, timeout=_SECONDS)
        assert second.returncode == 7
        assert "a server runs on" in second.stderr
        assert server.is_ready()


def test_server__number_of_another_tournament__refused_before_it_serves(
    rounds: Rounds, tmp_path: Path
) -> None:
    with server_of(rounds, tmp_path / "server") as server:
        config = server.home / "server.toml"
        config.write_text(config.read_text().replace("number = 8", "number = 12"))
        done = subprocess.run(server.command(), capture_output=True, text=True, timeout=_SECONDS)
        assert done.returncode == 3
        assert "is tournament 8's, not 12's" in done.stderr
