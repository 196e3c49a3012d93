"""A local anvil that repeats one transaction of the in-process EVM, and its trace re-priced.

Only what the transaction needs is carried over: the code of the contracts it runs and the slots it
touches, with their values from before it.
"""

import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import boa
from metering import Slot, Transaction
from web3 import HTTPProvider, Web3

from oracle.chain.rpc import connect
from oracle.devnet.launch import anvil_path
from oracle.errors import UnreachableError

PORTS = range(28_100, 28_200)
START_SECONDS = 20
ANSWER_SECONDS = 180
GAS_LIMIT = 30_000_000
PLENTY = 10**24

# What a step costs under PIP-88 where Prague's trace shows another price, and what comes back for
# a slot that becomes zero: the proposal's own numbers, not the meter's.
REPRICED = {
    ("SLOAD", 2_100): 5_460,
    ("SSTORE", 2_200): 3_040,
    ("SSTORE", 2_900): 2_060,
    ("SSTORE", 22_100): 22_940,
}
REFUND, REFUND_REPRICED = 4_800, 3_960


@dataclass(frozen=True, slots=True)
class Charge:
    """Gas of one transaction: as the chain charged it, and as Polygon would."""

    prague: int
    pip88: int


@contextmanager
def anvil() -> Iterator[Web3]:
    """A chain with this EVM's chain id, whose time starts at 0 and stands where it is put."""
    chain_id = boa.env.evm.patch.chain_id
    for port in PORTS:
        command = [str(anvil_path()), "--port", str(port), "--chain-id", str(chain_id)]
        command += ["--hardfork", "prague", "--timestamp", "1", "--steps-tracing", "--silent"]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            chain = _answering(f"http://127.0.0.1:{port}", chain_id, process)
            if chain is not None:
                yield chain
                return
        finally:
            process.terminate()
            process.wait()
    raise RuntimeError("no free port for a chain")


def repeat(chain: Web3, ran: Transaction, access_list: Iterable[Slot] = ()) -> Charge:
    """What ``chain`` charges for the transaction; undone again, so that time can stand still."""
    before = _ask(chain, "evm_snapshot")
    for account in {ran.to, *ran.called}:
        _ask(chain, "anvil_setCode", _hex(account), _hex(boa.env.evm.vm.state.get_code(account)))
    for (account, slot), touch in ran.touches.items():
        _ask(chain, "anvil_setStorageAt", _hex(account), hex(slot), f"0x{touch.before:064x}")
    sender = _hex(ran.sender)
    _ask(chain, "anvil_setBalance", sender, hex(PLENTY))
    _ask(chain, "anvil_impersonateAccount", sender)
    _ask(chain, "evm_setNextBlockTimestamp", boa.env.timestamp)
    by_account: dict[bytes, list[str]] = {}
    for account, slot in access_list:
        by_account.setdefault(account, []).append(f"0x{slot:064x}")
    listed = [{"address": _hex(a), "storageKeys": keys} for a, keys in by_account.items()]
    call = {"from": sender, "to": _hex(ran.to), "data": _hex(ran.data), "gas": hex(GAS_LIMIT)}
    if listed:
        call |= {"accessList": listed}
    transaction = _ask(chain, "eth_sendTransaction", call)
    receipt = chain.eth.wait_for_transaction_receipt(transaction)
    assert receipt["status"] == 1, "the chain reverted it"
    options = {"disableStack": True, "disableMemory": True, "disableStorage": True}
    trace = _ask(chain, "debug_traceTransaction", transaction, options)
    _ask(chain, "evm_revert", before)
    gas = receipt["gasUsed"]
    return Charge(gas, gas + _dearer(trace["structLogs"]))


def _dearer(steps: list[dict[str, Any]]) -> int:
    """How much more the steps of a trace cost under PIP-88, refunds for cleared slots included."""
    more = 0
    for step, following in pairwise(steps):
        cost, refund = step["gasCost"], following["refund"] - step["refund"]
        more += REPRICED.get((step["op"], cost), cost) - cost
        if step["op"] == "SSTORE" and refund == REFUND:
            more += REFUND - REFUND_REPRICED
    return more


def _answering(url: str, chain_id: int, process: subprocess.Popen[bytes]) -> Web3 | None:
    """The chain once it answers, or None where the process ended: another one has the port."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None:
        try:
            connect(url, chain_id)
            # A trace of every step takes its time on a busy machine.
            return Web3(HTTPProvider(url, {"timeout": ANSWER_SECONDS}))
        except UnreachableError:
            assert time.monotonic() < deadline, "the chain does not answer"
            time.sleep(0.05)
    return None


def _ask(chain: Web3, method: str, *arguments: Any) -> Any:
    answer = chain.provider.make_request(method, list(arguments))
    assert "error" not in answer, answer
    return answer["result"]


def _hex(data: bytes) -> str:
    return f"0x{data.hex()}"
