"""The index of a tournament's events, kept up with the finalized chain.

Everything in it comes from the chain: emptied, it is built again.
"""

import logging
from collections.abc import Mapping
from typing import Any

from eth_utils import event_abi_to_log_topic
from web3.exceptions import BlockNotFound

from oracle.chain.abi import abi
from oracle.chain.reader import PoolReader
from oracle.chain.rpc import Block, readable
from oracle.store.event_index import EventStore, IndexedBlock, StoredLog

_CONTRACTS = ("StakePool", "RoundOracle", "ModelRegistry", "StakeRelay")
_log = logging.getLogger("assay.chain")


class ChainIndex:
    """Fills ``store`` with the logs of the reader's contracts."""

    def __init__(self, reader: PoolReader, store: EventStore) -> None:
        self._reader, self._store = reader, store
        self._rounds = _round_topics()

    def update(self, to: Block) -> int:
        """Indexes up to ``to``, a finalized block; returns how many blocks had to be taken back.

        Where the chain changes meanwhile nothing wrong is kept, and the next call goes on.
        """
        head = self._store.head()
        if head is not None and _is_same(head, to):
            return 0
        depth = 0
        # The next block shows by its parent that the head still stands; others have to be asked.
        if head is not None and to.number != head.number + 1:
            depth, head = self._rewound(head)
        if not self._extend(head, to) and depth == 0 and head is not None:
            depth, head = self._rewound(head)
            if depth:
                self._extend(head, to)
        return depth

    def _extend(self, head: IndexedBlock | None, to: Block) -> bool:
        """Whether everything up to ``to`` could be added after ``head``."""
        logs = self._reader.rpc_logs
        start = logs.first_block if head is None else head.number + 1

        def read(first: int, last: int) -> list[Any]:
            before = None if last == to.number else self._block(last)
            found = logs.raw(first, last)
            return [(before, found)]

        for last, [(before, found)] in logs.pages(read, start, to.number):
            # Fetched after the logs: if it is the block from before, they are of its chain.
            block = self._block(last)
            expected = bytes.fromhex(to.hash[2:]) if before is None else before.hash
            stands = block is not None and block.hash == expected
            if stands and head is not None and block.number == head.number + 1:
                stands = block.parent == head.hash
            if not stands or any(
                log["blockNumber"] == last and bytes(log["blockHash"]) != expected for log in found
            ):
                return False
            if not self._store.append([self._stored(log) for log in found], block, head):
                return False
            head = block
        return True

    # ------------------------------------------------------------------ reorganisations

    def _rewound(self, head: IndexedBlock) -> tuple[int, IndexedBlock | None]:
        """Takes back what left the chain; how many blocks that were, and the new head."""
        if self._stands(head):
            return 0, head
        stops = self._store.stops()
        low, high = 0, len(stops) - 1  # stops before ``low`` stand, those from ``high`` on do not
        while low < high:
            middle = (low + high) // 2
            if self._stands(stops[middle]):
                low = middle + 1
            else:
                high = middle
        common = stops[low - 1] if low else None
        if common is None:
            self._store.clear()
            depth = head.number + 1 - self._reader.rpc_logs.first_block
        else:
            self._store.rewind(common.number)
            depth = head.number - common.number
        _log.warning("the chain was reorganised: %d blocks indexed anew", depth)
        return depth, common

    def _stands(self, block: IndexedBlock) -> bool:
        now = self._block(block.number)
        return now is not None and now.hash == block.hash

    def _block(self, number: int) -> IndexedBlock | None:
        with readable(self._reader.url):
            try:
                found = self._reader.web3.eth.get_block(number)
            except BlockNotFound:
                return None
        return IndexedBlock(
            found["number"], bytes(found["hash"]), bytes(found["parentHash"]), found["timestamp"]
        )

    # ------------------------------------------------------------------ rows

    def _stored(self, log: Mapping[str, Any]) -> StoredLog:
        topics = tuple(bytes(topic) for topic in log["topics"])
        place = self._rounds.get(topics[0])
        return StoredLog(
            block_number=log["blockNumber"],
            log_index=log["logIndex"],
            block_hash=bytes(log["blockHash"]),
            transaction_hash=bytes(log["transactionHash"]),
            transaction_index=log["transactionIndex"],
            address=log["address"].lower(),
            topics=topics,
            data=bytes(log["data"]),
            round=None if place is None else int.from_bytes(topics[place], "big"),
        )


def _is_same(indexed: IndexedBlock, block: Block) -> bool:
    return indexed.number == block.number and "0x" + indexed.hash.hex() == block.hash


def _round_topics() -> dict[bytes, int]:
    """Which topic of an event is its round, by the event's own topic."""
    places: dict[bytes, int] = {}
    for contract in _CONTRACTS:
        for entry in abi(contract):
            if entry["type"] == "event":
                names = [item["name"] for item in entry["inputs"] if item["indexed"]]
                if "round" in names:
                    places[bytes(event_abi_to_log_topic(entry))] = 1 + names.index("round")
    return places
