"""Events of a chain, from the newest backwards or since a time; of deposits on both chains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_utils import to_checksum_address
from web3 import Web3
from web3.types import EventData

from oracle.bridge.contracts import erc20_predicate, state_receiver
from oracle.bridge.record import BridgeRecord
from oracle.bridge.syncs import syncs_of
from oracle.chain.endpoint import host
from oracle.chain.logs import RpcLogs
from oracle.chain.rpc import block, last_block_before, readable
from oracle.errors import UnreachableError

_APART = 900
"""Seconds by which the clocks of two chains may differ."""
_FIRST_SPAN, _LONGEST_SPAN = 2_000, 10_000


class Lookback:
    """``start``: the first block that can have such events."""

    def __init__(self, web3: Web3, url: str, start: int) -> None:
        self.web3, self.url, self._start = web3, url, max(start, 1)
        self._logs = RpcLogs(web3, url, [])

    @property
    def name(self) -> str:
        """The endpoint as errors name it."""
        return host(self.url) if "://" in self.url else self.url

    def last(self, event: Any, filters: Mapping[str, Any], count: int) -> list[EventData]:
        """The last ``count`` events of a kind, the oldest first; fewer if there are no more."""
        found: list[EventData] = []
        with readable(self.url):
            end = block(self.web3, "latest").number
        span = _FIRST_SPAN
        while end >= self._start and len(found) < count:
            first = max(self._start, end - span + 1)
            found = [*self._logs.logs(event, filters, first, end), *found]
            end, span = first - 1, min(2 * span, _LONGEST_SPAN)
        return found[-count:]

    def since(self, event: Any, filters: Mapping[str, Any], when: int) -> list[EventData]:
        """Events of a kind since ``when``, a time in seconds by another chain's clock."""
        with readable(self.url):
            newest, first = block(self.web3, "latest"), self._start
            if newest.number - first > _LONGEST_SPAN:
                first = max(first, last_block_before(self.web3, when - _APART, newest).number)
        return self._logs.logs(event, filters, first, newest.number)


@dataclass(frozen=True, slots=True)
class Locked:
    """A deposit as the root chain's logs have it."""

    sync: int
    account: str
    wei: int
    transaction: str
    block: int


def locked_deposits(root: Web3, logs: Lookback, record: BridgeRecord, last: int) -> list[Locked]:
    """The last so many deposits of the record's token, the oldest first."""
    predicate = erc20_predicate(root, record)
    locks = logs.last(predicate.events.LockedERC20, {"rootToken": record.root.token}, last)
    found, by_transaction = [], dict[bytes, list[Any]]()
    for log in locks:
        by_transaction.setdefault(bytes(log["transactionHash"]), []).append(log)
    for digest, mine in by_transaction.items():
        with readable(logs.url):
            receipt = root.eth.get_transaction_receipt(digest)  # type: ignore[arg-type]
            syncs = syncs_of(root, record, receipt)
        for log in mine:
            # The message that a lock sends is the next one in the transaction.
            sync = next((one for one in syncs if one.log_index > log["logIndex"]), None)
            if sync is None:
                raise UnreachableError(
                    f"{logs.name} shows a deposit without its state sync", "ask another endpoint"
                )
            args = log["args"]
            found.append(
                Locked(
                    sync=sync.id,
                    account=to_checksum_address(args["depositReceiver"]),
                    wei=args["amount"],
                    transaction="0x" + digest.hex(),
                    block=log["blockNumber"],
                )
            )
    return found


def synced_blocks(
    child: Web3, logs: Lookback, record: BridgeRecord, syncs: Sequence[int], since: int
) -> tuple[dict[int, int], set[int]]:
    """By state-sync id: the child block in which its receiver took it; and those that failed and
    were not replayed. ``since``: the root chain's time at which the first was sent."""
    receiver = state_receiver(child, record)
    filters = {"stateId": list(syncs)}
    taken, failed = dict[int, int](), set[int]()
    for log in logs.since(receiver.events.StateCommitted, filters, since):
        if log["args"]["success"]:
            taken[log["args"]["stateId"]] = log["blockNumber"]
        else:
            failed.add(log["args"]["stateId"])
    if failed:
        for log in logs.since(receiver.events.StateSyncReplay, {"stateId": sorted(failed)}, since):
            taken[log["args"]["stateId"]] = log["blockNumber"]
    return taken, failed - set(taken)
