"""The bridge of each tournament that has one, and proofs of what was burned on its way out.

A proof is checked by the root chain's contract, so whoever makes it is trusted with nothing; this
server makes them because a browser would have to ask for every block of a checkpoint.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import BoundedSemaphore, Lock

from eth_utils import to_checksum_address
from web3 import Web3
from web3.exceptions import TransactionNotFound

from oracle.bridge.exits import burn_logs, exit_id, exit_proof, is_exited
from oracle.bridge.record import BridgeRecord, load_bridge
from oracle.bridge.sweeping import is_legacy_only
from oracle.chain.reader import PoolReader
from oracle.chain.rpc import connect, endpoints_of, readable
from oracle.errors import InputError, RefusedError, UnreachableError
from oracle.gateway.config import RootSettings
from oracle.gateway.services import Services
from oracle.operator.bridging import require_same_tournament

_AT_ONCE = 2
"""Proofs that are made at a time: each asks for up to a thousand blocks."""
_WAIT_SECONDS = 20.0
_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class Exit:
    """A burn, by its place in its receipt; ``wei`` go to ``account``. ``payload`` is what the root
    chain's ``exit`` takes, None once it was paid."""

    id: bytes
    log_index: int
    account: str
    wei: int
    payload: bytes | None


@dataclass
class Exits:
    """Of one bridge. The root chain is opened when it is first asked for."""

    settings: RootSettings
    record: BridgeRecord
    reader: PoolReader
    _root: Web3 | None = None
    _made: OrderedDict[bytes, bytes] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)
    _making: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(_AT_ONCE))

    @property
    def legacy_only(self) -> bool:
        """Whether the root chain reads receipts of type-0 transactions alone: a local stand-in."""
        return is_legacy_only(self.record)

    def of(self, transaction: str) -> list[Exit]:
        """Every burn of NMR in a child chain's transaction, of anyone's.

        Raises ``InputError`` where the chain has no such transaction or it burned nothing,
        ``RefusedError`` while no checkpoint has its block, ``UnreachableError``.
        """
        child, label = self.reader.web3, self.reader.url
        with readable(label):
            try:
                receipt = child.eth.get_transaction_receipt(transaction)  # type: ignore[arg-type]
            except TransactionNotFound:
                raise InputError(
                    "the child chain has no such transaction in a block", "wait, or copy it again"
                ) from None
        places = burn_logs(receipt, self.record.child.token)
        if not places:
            raise InputError("this transaction burned no NMR on the child chain")
        block, index = receipt["blockNumber"], receipt["transactionIndex"]
        found = []
        for place in places:
            id, log = exit_id(block, index, place), receipt["logs"][place]
            with readable(endpoints_of(self.root).label):
                paid = is_exited(self.root, self.record, id)
            account = to_checksum_address(bytes(log["topics"][1])[12:])
            wei = int.from_bytes(bytes(log["data"]), "big")
            payload = None if paid else self._payload(transaction, place, id)
            found.append(Exit(id, place, str(account), wei, payload))
        return found

    @property
    def root(self) -> Web3:
        with self._lock:
            if self._root is None:
                chain = self.settings.chain
                self._root = connect(
                    chain.urls,
                    self.record.root.chain_id,
                    chain.agree,
                    solo=chain.solo,
                    stale_seconds=chain.stale_seconds,
                )
            return self._root

    def _payload(self, transaction: str, place: int, id: bytes) -> bytes:
        with self._lock:
            known = self._made.get(id)
        if known is not None:
            return known
        if not self._making.acquire(timeout=_WAIT_SECONDS):
            raise UnreachableError("too many proofs are being made", "try again in a moment")
        try:
            with readable(self.reader.url):
                made = exit_proof(self.root, self.reader.web3, self.record, transaction, place)
        finally:
            self._making.release()
        if made.id != id:
            raise RefusedError("the chain was reorganised meanwhile", "try again")
        with self._lock:
            self._made[id] = made.payload
            while len(self._made) > _REMEMBERED:
                self._made.popitem(last=False)
        return made.payload


def exits_of(services: Services) -> dict[int, Exits]:
    """By number of the tournament, of those whose configuration names a root chain."""
    found = {}
    for number, one in services.tournaments.items():
        root = one.settings.root
        if root is not None:
            record = load_bridge(root.record)
            require_same_tournament(root.record, record, one.ledger.reader.addresses)
            found[number] = Exits(root, record, one.ledger.reader)
    return found
