"""Carrying a planned deployment out, so that it can be killed at any point and go on.

The record on disk is ahead of the chain: it is written before the first transaction, and before
each transaction with its hash. What a run finds in it is either true or still to be found out.
"""

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from eth_utils import keccak
from web3 import Web3
from web3.exceptions import TimeExhausted, TransactionNotFound
from web3.types import TxReceipt

from oracle.chain.record import DeployedContract, DeploymentRecord
from oracle.errors import EnvironmentLacksError, RefusedError, UnreachableError
from oracle.settlement.manifest import hex32
from scripts._plan import Artifact

_RECEIPT_SECONDS = 600
"""How long to wait for one transaction; Polygon's blocks come every two seconds."""


class Signer(Protocol):
    """The deployer's account."""

    @property
    def address(self) -> str: ...

    def sign_creation(self, nonce: int, data: bytes) -> bytes:
        """A raw signed transaction that creates a contract from ``data``."""
        ...


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Lets one run at a time deploy into the folder of ``path``."""
    folder = path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise EnvironmentLacksError(
            f"cannot use {folder}: {error.strerror}", "name a folder you may write to"
        ) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise EnvironmentLacksError(
            f"another deployment is under way in {folder}", "wait until it has ended"
        ) from None
    finally:
        os.close(handle)


def check_progress(web3: Web3, record: DeploymentRecord) -> None:
    """Refuses a record that the chain contradicts: a contract that is gone, a nonce used up."""
    for name, contract in record.contracts.items():
        made_by = contract.transaction
        if made_by and not (_known(web3, made_by) and web3.eth.get_code(contract.address)):
            raise RefusedError(
                f"the record says that {made_by} made {name} at {contract.address}; "
                "this chain knows nothing of it",
                "it is another chain of the same id, or one that went back: name another record",
            )
    waiting = _waiting(record)
    if waiting and not any(_known(web3, sent) for sent in waiting[0][1].sent):
        _check_nonce(web3, record, *waiting[0])


def carry_out(
    web3: Web3,
    record: DeploymentRecord,
    path: Path,
    artifacts: Mapping[str, Artifact],
    signer: Signer,
    say: Callable[[str], None],
) -> DeploymentRecord:
    """Deploys what is missing and returns the finished record; writes each step to ``path``."""
    check_progress(web3, record)
    if not path.exists():
        record.save(path)
    for name, contract in _waiting(record):
        receipt = _receipt(web3, contract)
        if receipt is None:
            _check_nonce(web3, record, name, contract)
            data = artifacts[name].creation(contract.arguments)
            raw = signer.sign_creation(contract.nonce, data)
            sent = hex32(keccak(raw))
            record = record.put(name, sent=(*contract.sent, sent))
            record.save(path)
            web3.eth.send_raw_transaction(raw)
            receipt = _awaited(web3, sent)
        _check_receipt(name, contract, receipt)
        record = record.put(
            name,
            transaction=hex32(receipt["transactionHash"]),
            block=receipt["blockNumber"],
            sent=(),
        )
        record.save(path)
        say(f"{name} {contract.address} in block {receipt['blockNumber']}")
    return record


def _waiting(record: DeploymentRecord) -> list[tuple[str, DeployedContract]]:
    """Contracts that are not there yet, in the order of their nonces."""
    missing = [(name, c) for name, c in record.contracts.items() if not c.is_there]
    return sorted(missing, key=lambda item: item[1].nonce)


def _known(web3: Web3, transaction: str) -> bool:
    """Whether the chain has it, mined or waiting."""
    try:
        web3.eth.get_transaction(transaction)  # type: ignore[arg-type]
    except TransactionNotFound:
        return False
    return True


def _receipt(web3: Web3, contract: DeployedContract) -> TxReceipt | None:
    """Receipt of what an earlier run sent, waited for if need be; None if it is lost."""
    for sent in contract.sent:
        if _known(web3, sent):
            return _awaited(web3, sent)
    return None


def _awaited(web3: Web3, transaction: str) -> TxReceipt:
    try:
        return web3.eth.wait_for_transaction_receipt(
            transaction,  # type: ignore[arg-type]
            timeout=_RECEIPT_SECONDS,
        )
    except TimeExhausted:
        raise UnreachableError(
            f"transaction {transaction} is in no block after {_RECEIPT_SECONDS} s",
            "run the deployment again later: it goes on where it stopped",
        ) from None


def _check_nonce(
    web3: Web3, record: DeploymentRecord, name: str, contract: DeployedContract
) -> None:
    """Refuses to send with another nonce than the one that the contract's address was made of."""
    deployer = contract.deployer
    for block in ("latest", "pending"):
        nonce = web3.eth.get_transaction_count(deployer, block)  # type: ignore[arg-type]
        if nonce != contract.nonce:
            begun = any(c.is_there or c.sent for c in record.contracts.values())
            raise RefusedError(
                f"the next nonce of {deployer} is {nonce}, but {name} needs {contract.nonce}: "
                "the account was used for something else meanwhile",
                "the contracts have each other's addresses, which cannot come true any more; "
                + ("move the record away" if begun else "delete the record")
                + " and deploy anew, with an account that nothing else uses",
            )


def _check_receipt(name: str, contract: DeployedContract, receipt: TxReceipt) -> None:
    if receipt["status"] != 1:
        raise RefusedError(
            f"the constructor of {name} failed in transaction {hex32(receipt['transactionHash'])}",
            "its address is used up: move the record away and deploy anew",
        )
    if receipt["contractAddress"] != contract.address:
        raise RefusedError(
            f"{name} was made at {receipt['contractAddress']}, not at {contract.address}"
        )
