"""Carrying a planned deployment out, so that it can be killed at any point and go on.

The record on disk is ahead of the chains: it is written before the first transaction, and before
each transaction with its hash. What a run finds in it is either true or still to be found out.
"""

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

from eth_utils import keccak
from web3 import Web3
from web3.exceptions import TimeExhausted, TransactionNotFound
from web3.types import TxReceipt

from oracle.bridge.record import BridgeRecord
from oracle.chain.record import DeployedContract
from oracle.errors import EnvironmentLacksError, InputError, RefusedError, UnreachableError
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


class Caller(Signer, Protocol):
    """One that also calls contracts."""

    def sign_call(self, nonce: int, to: str, data: bytes) -> bytes:
        """A raw signed transaction that calls ``to`` with ``data``."""
        ...


class Progress(Protocol):
    """A record of contracts that says of each one whether it is there."""

    @property
    def contracts(self) -> Mapping[str, DeployedContract]: ...

    def put(self, name: str, **changes: Any) -> Self:
        """The same with some fields of contract ``name`` changed."""
        ...

    def save(self, path: Path) -> None: ...


_Record = TypeVar("_Record", bound=Progress)
_Place = TypeVar("_Place")


@dataclass(frozen=True, slots=True)
class Site:
    """A chain, and the deployer's account on it."""

    web3: Web3
    signer: Caller


@contextmanager
def only_one(*paths: Path) -> Iterator[None]:
    """Lets one run at a time deploy into the folders of ``paths``."""
    with ExitStack() as held:
        for folder in sorted({path.resolve().parent for path in paths}):
            held.enter_context(_alone(folder))
        yield


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
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


def check_progress(web3: Web3, record: Progress, root: Web3 | None = None) -> None:
    """Refuses a record that a chain contradicts: a contract that is gone, a nonce used up.

    ``root`` is the chain of contracts that are not on the record's own.
    """
    for name, contract in record.contracts.items():
        made_by, chain = contract.transaction, place(contract, web3, root)
        if made_by and not (known(chain, made_by) and chain.eth.get_code(contract.address)):  # type: ignore[arg-type]
            raise RefusedError(
                f"the record says that {made_by} made {name} at {contract.address}; "
                "this chain knows nothing of it",
                "it is another chain of the same id, or one that went back: name another record",
            )
    seen = set()
    for name, contract in _waiting(record):
        chain = place(contract, web3, root)
        if contract.chain_id not in seen and not any(known(chain, sent) for sent in contract.sent):
            _check_nonce(chain, record, name, contract)
        seen.add(contract.chain_id)


def carry_out(
    web3: Web3,
    record: _Record,
    path: Path,
    artifacts: Mapping[str, Artifact],
    signer: Signer,
    say: Callable[[str], None],
    root: Site | None = None,
) -> _Record:
    """Deploys what is missing and returns the finished record; writes each step to ``path``."""
    root_web3, root_signer = (root.web3, root.signer) if root else (None, None)
    check_progress(web3, record, root_web3)
    if not path.exists():
        record.save(path)
    for name, contract in _waiting(record):
        chain = place(contract, web3, root_web3)
        by = place(contract, signer, root_signer)
        receipt = sent_before(chain, contract.sent)
        if receipt is None:
            _check_nonce(chain, record, name, contract)
            data = artifacts[name].creation(contract.arguments)
            raw = by.sign_creation(contract.nonce, data)
            sent = hex32(keccak(raw))
            record = record.put(name, sent=(*contract.sent, sent))
            record.save(path)
            chain.eth.send_raw_transaction(raw)
            receipt = awaited(chain, sent)
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


def place(contract: DeployedContract, home: _Place, root: _Place | None) -> _Place:
    """Of the record's chain and the root chain the one that the contract is on."""
    if contract.chain_id is None:
        return home
    if root is None:
        raise InputError(
            f"{contract.address} is on chain {contract.chain_id}, and no endpoint of it is given",
            "pass --bridge and --root-rpc",
        )
    return root


def _waiting(record: Progress) -> list[tuple[str, DeployedContract]]:
    """Contracts that are not there yet: the record's chain first, in the order of their nonces."""
    missing = [(name, c) for name, c in record.contracts.items() if not c.is_there]
    return sorted(missing, key=lambda item: (item[1].chain_id is not None, item[1].nonce))


def known(web3: Web3, transaction: str) -> bool:
    """Whether the chain has it, mined or waiting."""
    try:
        web3.eth.get_transaction(transaction)  # type: ignore[arg-type]
    except TransactionNotFound:
        return False
    return True


def sent_before(web3: Web3, transactions: Sequence[str]) -> TxReceipt | None:
    """Receipt of what an earlier run sent, waited for if need be; None if it is lost."""
    for sent in transactions:
        if known(web3, sent):
            return awaited(web3, sent)
    return None


def awaited(web3: Web3, transaction: str) -> TxReceipt:
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


def _check_nonce(web3: Web3, record: Progress, name: str, contract: DeployedContract) -> None:
    """Refuses to send with another nonce than the one that the contract's address was made of."""
    deployer = contract.deployer
    for block in ("latest", "pending"):
        nonce = web3.eth.get_transaction_count(deployer, block)  # type: ignore[arg-type]
        if nonce != contract.nonce:
            raise RefusedError(
                f"the next nonce of {deployer} is {nonce}, but {name} needs {contract.nonce}: "
                "the account was used for something else meanwhile",
                "the contracts have each other's addresses, which cannot come true any more; "
                f"{_anew(record)}, with an account that nothing else uses",
            )


def _anew(record: Progress) -> str:
    """What to do where a deployment cannot go on."""
    if isinstance(record, BridgeRecord):
        return "empty `contracts` of the bridge's `deployment` and deploy the tunnel anew"
    begun = any(c.is_there or c.sent for c in record.contracts.values())
    return ("move the record away" if begun else "delete the record") + " and deploy anew"


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
