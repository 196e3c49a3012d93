"""A bare local chain, and Ape's scripts run against it as a person runs them."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local_machine import free_base_port
from web3 import Web3

from oracle.chain.keys import DEV_ACCOUNTS
from oracle.devnet.launch import anvil_path, ape_path

ROOT = Path(__file__).resolve().parents[2]


class Chain:
    """An anvil that answers."""

    def __init__(self, url: str, chain_id: int) -> None:
        self.url, self.chain_id = url, chain_id
        self.web3 = Web3(Web3.HTTPProvider(url))

    @property
    def network(self) -> str:
        """What Ape calls it."""
        return f"polygon:{'mainnet' if self.chain_id == 137 else 'devnet'}:{self.url}"

    def call(self, method: str, *parameters: Any) -> Any:
        """A node method that web3 does not know."""
        answer = self.web3.provider.make_request(method, list(parameters))  # type: ignore[arg-type]
        assert "error" not in answer, answer
        return answer["result"]

    def mine(self) -> None:
        self.call("evm_mine")

    def pending(self) -> int:
        """Transactions that wait for a block."""
        return int(self.call("txpool_status")["pending"], 16)

    def nonce(self, address: str) -> int:
        return self.web3.eth.get_transaction_count(address)  # type: ignore[arg-type]

    def advance(self, seconds: int) -> None:
        self.call("evm_increaseTime", seconds)
        self.mine()

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Takes back whatever the block does to the chain."""
        snapshot = self.call("evm_snapshot")
        try:
            yield
        finally:
            assert self.call("evm_revert", snapshot)


@contextmanager
def anvil(chain_id: int = 731371, *options: str) -> Iterator[Chain]:
    """A fresh chain on a free port, ended afterwards."""
    port = free_base_port()
    command = [str(anvil_path()), "--chain-id", str(chain_id), "--port", str(port), "--silent"]
    command += ["--hardfork", "prague", "--order", "fifo", "--accounts", str(DEV_ACCOUNTS)]
    process = subprocess.Popen([*command, *options], start_new_session=True)
    try:
        chain = Chain(f"http://127.0.0.1:{port}", chain_id)
        deadline = time.monotonic() + 30
        while not chain.web3.is_connected():
            assert process.poll() is None, "the chain ended"
            assert time.monotonic() < deadline, "no chain"
            time.sleep(0.05)
        yield chain
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def start_ape(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Starts ``ape run`` in a session of its own."""
    ape = ape_path()
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.Popen(
        [str(ape), "run", *arguments],
        cwd=ROOT,
        env=inherited
        | {
            "PATH": f"{ape.parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONPATH": str(ROOT),
            "APE_DATA_FOLDER": str(ROOT / ".ape"),
        }
        | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run_ape(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Runs ``ape run`` to its end; exit code, standard output, standard error."""
    process = start_ape(*arguments, **environment)
    out, err = process.communicate(timeout=300)
    assert "Traceback" not in err, err
    return process.returncode, out, err
