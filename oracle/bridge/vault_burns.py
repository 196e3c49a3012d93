"""The burn vault's withdrawals on the child chain, as far as checkpoints go."""

from dataclasses import dataclass
from typing import Any

from web3 import Web3

from oracle.bridge.contracts import contract
from oracle.bridge.exits import burn_logs, exit_id
from oracle.bridge.record import BridgeRecord
from oracle.chain.abi import abi
from oracle.chain.logs import RpcLogs
from oracle.chain.rpc import readable

_SPAN = 10_000
_SPANS_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class VaultBurn:
    """The burn at place ``place`` of a child transaction's receipt; ``id`` is its exit's."""

    block: int
    transaction: bytes
    place: int
    id: bytes
    wei: int


class VaultBurns:
    """Blocks in a checkpoint are read once; all again if they went with a reorganisation of both
    chains.

    New ones first, then older ones a few spans at a time, until all that the vault ever swept is
    found: its events carry the total.
    """

    def __init__(self, record: BridgeRecord, child: Web3, url: str) -> None:
        assert record.burn_vault is not None, "a record with a vault"
        self._record, self._web3, self._url = record, child, url
        self._vault: Any = contract(child, record.burn_vault, abi("BurnVault"))
        self._logs = RpcLogs(child, url, [])
        self._first = max(record.child.start_block, 1)
        self._forget()

    def _forget(self) -> None:
        self._read: tuple[int, int] | None = None
        self._until, self._digest = -1, b""
        self._totals: dict[int, int] = {}
        self._seen: dict[bytes, int] = {}
        self._waiting: dict[bytes, VaultBurn] = {}

    @property
    def checkpointed(self) -> int:
        """Wei that the vault had swept by the last block in a checkpoint."""
        return self._total(self._until)

    def waiting(self) -> list[VaultBurn]:
        """Those in a checkpoint that are not ``done``, the oldest first."""
        found = (burn for burn in self._waiting.values() if burn.block <= self._until)
        return sorted(found, key=lambda burn: burn.block)

    def done(self, burn: VaultBurn) -> None:
        """It is paid for good."""
        self._waiting.pop(burn.id, None)

    def update(self, until: int) -> None:
        """Reads on up to block ``until``, the last one in a checkpoint."""
        with readable(self._url):
            # A node that lies behind answers for blocks it does not have as if they were empty.
            head = self._web3.eth.block_number
            until = min(until, head)
            if self._read is not None and head >= self._read[1] and not self._is_same():
                self._forget()
            self._until = until
            if self._read is None:
                self._read = until + 1, until
                self._digest = self._hash_of(until)
        oldest, newest = self._read
        if newest < until:
            with readable(self._url):
                digest = self._hash_of(until)
            self._take(newest + 1, until)
            self._read, self._digest = (oldest, until), digest
        for _ in range(_SPANS_AT_ONCE):
            oldest = self._read[0]
            if oldest <= self._first or self._is_complete():
                return
            first = max(self._first, oldest - _SPAN)
            self._take(first, oldest - 1)
            self._read = first, self._read[1]

    def first_beyond(self) -> int | None:
        """The first block with a sweep in no checkpoint yet; None if there is none."""
        with readable(self._url):
            head = self._web3.eth.block_number
        first = max(self._first, self._until + 1)
        found = self._logs.logs(self._vault.events.Swept, {}, first, head) if first <= head else []
        return found[0]["blockNumber"] if found else None

    def _is_same(self) -> bool:
        """Whether the last block that was read is still one of the chain."""
        assert self._read is not None
        return self._hash_of(self._read[1]) == self._digest

    def _hash_of(self, number: int) -> bytes:
        return bytes(self._web3.eth.get_block(number)["hash"])

    def _total(self, until: int) -> int:
        return max((total for block, total in self._totals.items() if block <= until), default=0)

    def _is_complete(self) -> bool:
        assert self._read is not None
        total = self._total(self._read[1])
        if total:
            return sum(self._seen.values()) == total
        with readable(self._url):
            return not self._vault.functions.swept().call()

    def _take(self, first: int, last: int) -> None:
        for log in self._logs.logs(self._vault.events.Swept, {}, first, last):
            number = log["blockNumber"]
            self._totals[number] = max(self._totals.get(number, 0), log["args"]["total"])
            self._take_transaction(bytes(log["transactionHash"]))

    def _take_transaction(self, digest: bytes) -> None:
        if digest in self._seen:
            return
        with readable(self._url):
            receipt = self._web3.eth.get_transaction_receipt(digest)  # type: ignore[arg-type]
        self._seen[digest] = 0
        mine = bytes(12) + bytes.fromhex(self._vault.address[2:])
        for place in burn_logs(receipt, self._record.child.token):
            log = receipt["logs"][place]
            if bytes(log["topics"][1]) != mine:
                continue
            id = exit_id(receipt["blockNumber"], receipt["transactionIndex"], place)
            wei = int.from_bytes(bytes(log["data"]), "big")
            self._seen[digest] += wei
            self._waiting[id] = VaultBurn(receipt["blockNumber"], digest, place, id, wei)
