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

    transaction: bytes
    place: int
    id: bytes
    wei: int


class VaultBurns:
    """Blocks in a checkpoint stay, so that each is read once.

    New ones first, then older ones a few spans at a time, until all that the vault ever swept is
    found: its events carry the total.
    """

    def __init__(self, record: BridgeRecord, child: Web3, url: str) -> None:
        assert record.burn_vault is not None, "a record with a vault"
        self._record, self._web3, self._url = record, child, url
        self._vault: Any = contract(child, record.burn_vault, abi("BurnVault"))
        self._logs = RpcLogs(child, url, [])
        self._first = max(record.child.start_block, 1)
        self._read: tuple[int, int] | None = None
        self._seen: dict[bytes, int] = {}
        self._waiting: dict[bytes, VaultBurn] = {}
        self.checkpointed = 0

    def waiting(self) -> list[VaultBurn]:
        """Those not ``done``, the oldest first."""
        return list(self._waiting.values())

    def done(self, burn: VaultBurn) -> None:
        """It is paid for good."""
        self._waiting.pop(burn.id, None)

    def update(self, until: int) -> None:
        """Reads on up to block ``until``, the last one in a checkpoint."""
        with readable(self._url):
            # A node that lies behind answers for blocks it does not have as if they were empty.
            until = min(until, self._web3.eth.block_number)
        if self._read is None:
            self._read = until + 1, until
        oldest, newest = self._read
        if newest < until:
            self._take(newest + 1, until)
            self._read = oldest, until
        for _ in range(_SPANS_AT_ONCE):
            oldest = self._read[0]
            if oldest <= self._first or self._is_complete():
                return
            first = max(self._first, oldest - _SPAN)
            self._take(first, oldest - 1)
            self._read = first, self._read[1]

    def _is_complete(self) -> bool:
        if self.checkpointed:
            return sum(self._seen.values()) == self.checkpointed
        with readable(self._url):
            return not self._vault.functions.swept().call()

    def _take(self, first: int, last: int) -> None:
        for log in self._logs.logs(self._vault.events.Swept, {}, first, last):
            self.checkpointed = max(self.checkpointed, log["args"]["total"])
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
            self._waiting[id] = VaultBurn(digest, place, id, wei)
