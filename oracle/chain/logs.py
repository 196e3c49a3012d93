"""Where a reader takes contract events from: the chain, in pages, or an index of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol, TypeVar

from eth_utils import to_checksum_address
from hexbytes import HexBytes
from web3 import Web3
from web3.datastructures import AttributeDict
from web3.exceptions import Web3RPCError
from web3.types import EventData

from oracle.chain.rpc import readable
from oracle.errors import UnreachableError
from oracle.store.event_index import EventStore, StoredLog

_PAGE_BLOCKS = 10_000
_NO_END = 2**63 - 1
_T = TypeVar("_T")


class LogSource(Protocol):
    """Contract events, in the order in which they happened."""

    @property
    def until(self) -> int:
        """The last block whose events this source knows; -1 for none."""

    def logs(
        self, event: Any, filters: Mapping[str, Any], first: int, last: int
    ) -> list[EventData]:
        """Events of one kind (``contract.events.Name``) with these arguments in a span of blocks.

        ``first`` 0 stands for the block in which the contracts were deployed.
        """


class RpcLogs:
    """Asks the chain, in pages of blocks: halved where endpoints refuse them or do not answer in
    time, and longer again with every page that is answered."""

    def __init__(
        self, web3: Web3, url: str, contracts: Sequence[str], page: int = _PAGE_BLOCKS
    ) -> None:
        """``contracts`` are all whose events are ever asked for."""
        self._web3, self._url, self._contracts = web3, url, contracts
        self._page = self._longest = page

    @property
    def until(self) -> int:
        return _NO_END

    @cached_property
    def first_block(self) -> int:
        """The first block in which one of the contracts has code."""
        with readable(self._url):
            found = self._web3.eth.block_number
            for contract in self._contracts:
                if found and self._has_code(contract, found - 1):
                    found = self._deployed(contract, found - 1)
        return found

    def _deployed(self, contract: str, latest: int) -> int:
        low, high = 0, latest
        while low < high:
            middle = (low + high) // 2
            if self._has_code(contract, middle):
                high = middle
            else:
                low = middle + 1
        return low

    def _has_code(self, contract: str, number: int) -> bool:
        try:
            return bool(self._web3.eth.get_code(to_checksum_address(contract), number))
        except Web3RPCError:
            return True  # state so old is not kept there; too early a start misses nothing

    def logs(
        self, event: Any, filters: Mapping[str, Any], first: int, last: int
    ) -> list[EventData]:
        def read(start: int, end: int) -> list[EventData]:
            return list(
                event().get_logs(argument_filters=dict(filters), from_block=start, to_block=end)
            )

        return [log for _, page in self.pages(read, first, last) for log in page]

    def raw(self, start: int, end: int) -> list[Any]:
        """All contracts' logs in a span of blocks, undecoded; for ``pages``."""
        return list(
            self._web3.eth.get_logs(
                {
                    "address": [to_checksum_address(contract) for contract in self._contracts],
                    "fromBlock": start,
                    "toBlock": end,
                }
            )
        )

    def pages(
        self, read: Callable[[int, int], list[_T]], first: int, last: int
    ) -> Iterator[tuple[int, list[_T]]]:
        """What ``read`` finds page by page, each with the page's last block."""
        start, silent = first or self.first_block, False
        while start <= last:
            end = min(last, start + self._page - 1)
            with readable(self._url):
                try:
                    found = read(start, end)
                except (Web3RPCError, UnreachableError) as error:
                    self._page = max(1, (end - start + 1) // 2)
                    # A long page may be what takes too long; more than once, it is something else.
                    if start == end or (silent and isinstance(error, UnreachableError)):
                        raise
                    silent = isinstance(error, UnreachableError)
                    continue
            yield end, found
            start, silent = end + 1, False
            self._page = min(self._longest, self._page + self._page // 4 + 1)


class IndexedLogs:
    """Reads the index in the database; knows what ``ChainIndex`` has put there."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    @property
    def until(self) -> int:
        head = self._store.head()
        return -1 if head is None else head.number

    def logs(
        self, event: Any, filters: Mapping[str, Any], first: int, last: int
    ) -> list[EventData]:
        instance = event()
        topic = bytes(HexBytes(instance.topic))
        rows = self._store.logs(instance.address, topic, first, last, filters.get("round"))
        decoded = (instance.process_log(as_receipt(row)) for row in rows)
        wanted = filters.items()
        return [log for log in decoded if all(log["args"][name] == v for name, v in wanted)]


class TailedLogs:
    """An index, and the chain itself for the blocks after it."""

    def __init__(self, index: LogSource, chain: RpcLogs) -> None:
        self._index, self._chain = index, chain

    @property
    def until(self) -> int:
        return _NO_END

    def logs(
        self, event: Any, filters: Mapping[str, Any], first: int, last: int
    ) -> list[EventData]:
        until = self._index.until
        found = self._index.logs(event, filters, first, min(last, until)) if first <= until else []
        if last > until:
            found = [*found, *self._chain.logs(event, filters, max(first, until + 1), last)]
        return found


def as_receipt(log: StoredLog) -> Any:
    """As web3 hands a log to its decoder."""
    return AttributeDict(
        {
            "address": to_checksum_address(log.address),
            "topics": [HexBytes(topic) for topic in log.topics],
            "data": HexBytes(log.data),
            "blockNumber": log.block_number,
            "blockHash": HexBytes(log.block_hash),
            "transactionHash": HexBytes(log.transaction_hash),
            "transactionIndex": log.transaction_index,
            "logIndex": log.log_index,
        }
    )
