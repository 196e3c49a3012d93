"""A copy of a chain on this machine, to try things that nobody else will see."""

import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from web3 import Web3
from web3.contract.contract import ContractFunction
from web3.types import TxReceipt

from oracle.chain.rpc import connect, host, readable
from oracle.devnet.launch import anvil_path
from oracle.devnet.processes import die_with_parent, free_port
from oracle.errors import AssayError, EnvironmentLacksError, RefusedError, UnreachableError

_START_SECONDS = 60
_STOP_SECONDS = 8
_GAS = 30_000_000
_BALANCE = 10**24


@dataclass(frozen=True, slots=True)
class Fork:
    """A running copy. Anyone's account can send there, and the clock can be set."""

    web3: Web3
    url: str

    def send(self, sender: str, call: ContractFunction) -> TxReceipt:
        """``call`` as a transaction of ``sender``, whoever has its key."""
        self.ask("anvil_impersonateAccount", sender)
        self.ask("anvil_setBalance", sender, hex(_BALANCE))
        with readable(self.url):
            # Asked first: a refusal then has its reason.
            call.call({"from": sender})
            digest = call.transact({"from": sender, "gas": _GAS})
            receipt = self.web3.eth.wait_for_transaction_receipt(digest, poll_latency=0.02)
        if receipt["status"] != 1:
            raise RefusedError(f"{call.fn_name} reverted on the fork")
        return receipt

    def await_time(self, timestamp: int) -> None:
        """Mines a block of that time, unless it has passed."""
        if self.now() < timestamp:
            self.ask("evm_setNextBlockTimestamp", timestamp)
            self.ask("evm_mine")

    def now(self) -> int:
        """Time of the newest block."""
        with readable(self.url):
            return self.web3.eth.get_block("latest")["timestamp"]

    def deal(self, token: str, account: str, wei: int) -> None:
        """Gives ``account`` tokens out of nowhere."""
        self.ask("anvil_dealERC20", account, token, hex(wei))

    def ask(self, method: str, *parameters: Any) -> Any:
        """A method of the node that web3 does not know."""
        with readable(self.url):
            answer = self.web3.provider.make_request(method, list(parameters))  # type: ignore[arg-type]
        if "error" in answer:
            raise UnreachableError(f"the fork refuses {method}: {answer['error']}")
        return answer.get("result")


@contextmanager
def forked(rpc: str) -> Iterator[Fork]:
    """A fork of the chain at ``rpc``, as of now; nothing is kept on disk, and it ends with this
    process at the latest."""
    connect(rpc)  # a clear error if it does not answer
    port = _free_port()
    command = [str(anvil_path()), "--port", str(port), "--fork-url", rpc, "--no-storage-caching"]
    command += ["--hardfork", "prague", "--order", "fifo", "--slots-in-an-epoch", "1", "--silent"]
    command += ["--accounts", "1", "--mnemonic-random", "12"]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=die_with_parent(os.getpid()),
        )
    except OSError as error:
        raise EnvironmentLacksError(f"cannot start the fork: {error.strerror}") from None
    try:
        url = f"http://127.0.0.1:{port}"
        yield Fork(_started(process, url, host(rpc)), url)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _started(process: "subprocess.Popen[bytes]", url: str, of: str) -> Web3:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        if process.poll() is not None:
            raise EnvironmentLacksError(
                f"the fork of {of} ended at once", "the endpoint must serve state of its head"
            )
        try:
            return connect(url)
        except AssayError:
            if time.monotonic() > deadline:
                raise UnreachableError(
                    f"the fork of {of} does not answer after {_START_SECONDS} s",
                    "try another endpoint",
                ) from None
            time.sleep(0.1)


def _free_port() -> int:
    """One that nothing listens on now, of the range that no system hands out by itself."""
    for _ in range(50):
        port = 20_000 + secrets.randbelow(8_000)
        try:
            return free_port(port, "fork", "try again")
        except EnvironmentLacksError:
            continue
    raise EnvironmentLacksError("no free port for the fork")
