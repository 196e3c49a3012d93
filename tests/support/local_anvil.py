"""An anvil of a test's own on a free port, and time on it made to pass."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests

from oracle.chain.keys import DEV_ACCOUNTS
from oracle.devnet.launch import anvil_path

CHAIN_ID = 731371


class LocalAnvil:
    """Mines a block for every transaction; two blocks behind the head are final."""

    def __init__(self, url: str, pid: int | None = None) -> None:
        self.url, self._pid = url, pid
        self._session = requests.Session()

    def ask(self, method: str, *parameters: Any) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(parameters)}
        answer = self._session.post(self.url, json=body, timeout=30).json()
        assert "error" not in answer, answer
        return answer["result"]

    def mine(self, blocks: int = 1, seconds: int = 1) -> None:
        """Blocks that are ``seconds`` apart."""
        self.ask("anvil_mine", hex(blocks), hex(seconds))

    def block(self, which: str | int) -> dict[str, Any]:
        return self.ask(
            "eth_getBlockByNumber", hex(which) if isinstance(which, int) else which, False
        )

    def send(self, **fields: str) -> dict[str, Any]:
        """The receipt of a transaction from an account that the chain holds the key of."""
        digest = self.ask("eth_sendTransaction", fields)
        deadline = time.monotonic() + 10
        while (receipt := self.ask("eth_getTransactionReceipt", digest)) is None:
            assert time.monotonic() < deadline, "not mined"
            time.sleep(0.002)
        return receipt

    @contextmanager
    def silent(self) -> Iterator[None]:
        """The node is there and answers nothing."""
        assert self._pid, "only for a node that local_anvil started"
        os.kill(self._pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._pid, signal.SIGCONT)

    @property
    def head(self) -> int:
        return int(self.ask("eth_blockNumber"), 16)


@contextmanager
def local_anvil(*options: str, chain_id: int = CHAIN_ID) -> Iterator[LocalAnvil]:
    """Ended afterwards; ``options`` are anvil's own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(anvil_path()), "--chain-id", str(chain_id), "--port", str(port), "--silent"]
    command += ["--hardfork", "prague", "--order", "fifo", "--accounts", str(DEV_ACCOUNTS)]
    command += ["--slots-in-an-epoch", "1", *options]
    process = subprocess.Popen(command, start_new_session=True)
    chain = LocalAnvil(f"http://127.0.0.1:{port}", process.pid)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                chain.ask("eth_chainId")
                break
            except requests.ConnectionError:
                assert process.poll() is None, "the chain ended"
                assert time.monotonic() < deadline, "no chain"
                time.sleep(0.02)
        yield chain
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
