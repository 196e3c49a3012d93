"""Logs of the index, decoded."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from web3.contract import Contract

from oracle.chain.logs import as_receipt
from oracle.chain.reader import PoolReader
from oracle.chain.rpc import readable
from oracle.store.event_index import StoredLog

_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a tournament's contracts. ``contract``: pool, oracle, registry or relay;
    ``timestamp`` its block's."""

    contract: str
    name: str
    arguments: Mapping[str, Any]
    log: StoredLog
    timestamp: int


class Decoder:
    """Knows the events of one tournament's contracts; others it leaves out."""

    def __init__(self, reader: PoolReader) -> None:
        self._reader = reader
        self._events: dict[tuple[str, bytes], tuple[str, Any]] = {}
        for role in ("pool", "oracle", "registry", "relay"):
            contract: Contract = getattr(reader, role)
            for entry in contract.events._events:
                event = contract.events[entry["name"]]()
                key = (contract.address.lower(), bytes.fromhex(event.topic.removeprefix("0x")))
                self._events[key] = (role, event)

    def events(self, logs: Sequence[StoredLog]) -> list[Event]:
        """The events of ``logs``, in their order. Asks for the time of each block, once."""
        known = [log for log in logs if (log.address, log.topics[0]) in self._events]
        times = self._times({log.block_number for log in known})
        found = []
        for log in known:
            role, event = self._events[log.address, log.topics[0]]
            decoded = event.process_log(as_receipt(log))
            found.append(
                Event(role, decoded["event"], decoded["args"], log, times[log.block_number])
            )
        return found

    def _times(self, numbers: set[int]) -> dict[int, int]:
        ordered = sorted(numbers)
        with readable(self._reader.url), ThreadPoolExecutor(_AT_ONCE) as pool:
            blocks = list(pool.map(self._reader.web3.eth.get_block, ordered))
        return {number: block["timestamp"] for number, block in zip(ordered, blocks, strict=True)}
