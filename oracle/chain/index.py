"""The index of a tournament's events, kept up with the finalized chain.

Everything in it comes from the chain: emptied, it is built again.
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from eth_utils import event_abi_to_log_topic
from web3.exceptions import BlockNotFound

from oracle.chain.abi import abi
from oracle.chain.consistency import missing
from oracle.chain.reader import PoolReader
from oracle.chain.rpc import Block, readable
from oracle.store.event_index import EventStore, IndexedBlock, StoredLog

_CONTRACTS = ("StakePool", "RoundOracle", "ModelRegistry", "StakeRelay")
_COMPARE_SECONDS = 300
"""Of the chain's time: so long a log without which nobody would look may go unnoticed."""
_FIRST_PAUSE, _LONGEST_PAUSE = 60.0, 3600.0
_log = logging.getLogger("assay.chain")


class ChainIndex:
    """Fills ``store`` with the logs of the reader's contracts."""

    def __init__(
        self,
        reader: PoolReader,
        store: EventStore,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader, self._store, self._clock = reader, store, clock
        self._rounds = _round_topics()
        self._compared: Block | None = None
        self._whole_until = -1
        self._failures, self._retry_at = 0, -float("inf")
        self.gaps = 0
        """How often logs were found to be missing."""

    def update(self, to: Block) -> int:
        """Indexes up to ``to``, a finalized block; returns how many blocks had to be taken back.

        Where the chain changes meanwhile nothing wrong is kept, and the next call goes on.
        """
        head = self._store.head()
        if head is not None and _is_same(head, to):
            return 0
        before = self._store.count()
        depth = self._follow(head, to)
        self._compare(to, grown=self._store.count() != before)
        return depth

    def _follow(self, head: IndexedBlock | None, to: Block) -> int:
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

    # ------------------------------------------------------------------ logs that were left out

    def _compare(self, to: Block, *, grown: bool) -> None:
        """Holds the index against the contracts' state at ``to``, after new events and now and
        then; where logs are missing, those since it was last whole are taken anew."""
        last, head = self._compared, self._store.head()
        if head is None or not _is_same(head, to):
            return
        is_due = last is None or to.timestamp >= last.timestamp + _COMPARE_SECONDS
        if not (grown or is_due or self._failures):
            return
        lacks = missing(self._reader, self._store, to)
        if lacks and self._clock() >= self._retry_at:
            self.gaps += 1
            _log.warning("the index of events lacks what the chain has: %s", "; ".join(lacks))
            self._take_anew(to)
            lacks = missing(self._reader, self._store, to)
            self._wait(len(lacks))
        if not lacks:
            self._compared, self._whole_until, self._failures = to, to.number, 0

    def _take_anew(self, to: Block) -> None:
        """From where it was last seen to be whole; from the start, if that did not help before."""
        whole = [stop for stop in self._store.stops() if stop.number <= self._whole_until]
        if whole and not self._failures:
            self._store.rewind(whole[-1].number)
        else:
            self._store.clear()
        self._follow(self._store.head(), to)

    def _wait(self, lacks: int) -> None:
        if not lacks:
            _log.info("the index of events has what the chain has again")
            return
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(self._failures, 10))
        self._failures += 1
        self._retry_at = self._clock() + pause
        _log.error("the endpoints still leave out logs; asked again in %.0f s", pause)

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
