"""How long NMR takes from chain to chain, by block timestamps; of everybody's transfers.

A deposit is locked (its block on the root chain), synced (the block in which the child chain
minted it), committed (the block of the receiver's next deposit into the pool, which commits it to a
round) and usable (the close block of that round, from which the stake counts). A withdrawal is
burnt (its block on the child chain), checkpointed (when the checkpoint with that block was made)
and exited (the root chain's block that paid it). Each chain's blocks have their own clock.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import rlp
from eth_abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils import keccak
from web3 import Web3

from oracle.bridge.checkpoints import Checkpoint, covering
from oracle.bridge.contracts import child_token, root_token
from oracle.bridge.exits import exit_id
from oracle.bridge.lookback import Lookback, locked_deposits, synced_blocks
from oracle.bridge.record import BridgeRecord
from oracle.chain.reader import PoolReader
from oracle.chain.rpc import readable

_NOBODY = "0x" + "00" * 20
_EXIT = keccak(text="exit(bytes)")[:4]


@dataclass(frozen=True, slots=True)
class DepositTimes:
    """Block timestamps in seconds, None for what has not happened; ``wei`` is the amount. A
    ``failed`` one was refused by the child chain and not replayed yet. ``round``: which it joined.
    """

    sync: int
    account: str
    wei: int
    transaction: str
    locked: int
    synced: int | None = None
    failed: bool = False
    round: int | None = None
    committed: int | None = None
    usable: int | None = None


@dataclass(frozen=True, slots=True)
class WithdrawalTimes:
    """Block timestamps in seconds, None for what has not happened; ``wei`` is the amount."""

    account: str
    wei: int
    transaction: str
    burnt: int
    checkpointed: int | None = None
    exited: int | None = None


@dataclass
class _Clock:
    """Timestamps of one chain's blocks, each asked for once."""

    web3: Web3
    known: dict[int, int] = field(default_factory=dict)

    def at(self, number: int) -> int:
        if number not in self.known:
            self.known[number] = self.web3.eth.get_block(number)["timestamp"]
        return self.known[number]


class Latency:
    """Reads transfers from both chains; with ``pool``, what became of deposits in rounds, too."""

    def __init__(
        self,
        record: BridgeRecord,
        root: tuple[Web3, str],
        child: tuple[Web3, str],
        pool: PoolReader | None = None,
    ) -> None:
        """``root`` and ``child``: a client and the address to name in errors."""
        self.record, self.pool = record, pool
        (self._root, self._root_url), (self._child, self._child_url) = root, child
        self._above, self._below = _Clock(self._root), _Clock(self._child)
        self._roots = Lookback(*root, record.root.start_block)
        self._children = Lookback(*child, record.child.start_block)

    # ------------------------------------------------------------------ deposits

    def deposits(self, last: int) -> list[DepositTimes]:
        """The last so many deposits of the record's token, the oldest first."""
        found = locked_deposits(self._root, self._roots, self.record, last)
        if not found:
            return []
        with readable(self._root_url):
            locked = {one.sync: self._above.at(one.block) for one in found}
        with readable(self._child_url):
            synced, failed = synced_blocks(
                self._child, self._children, self.record, list(locked), min(locked.values())
            )
        times = [
            DepositTimes(
                sync=one.sync,
                account=one.account,
                wei=one.wei,
                transaction=one.transaction,
                locked=locked[one.sync],
                synced=self._below.at(synced[one.sync]) if one.sync in synced else None,
                failed=one.sync in failed,
            )
            for one in found
        ]
        return times if self.pool is None else self._in_rounds(times, synced, self.pool)

    def _in_rounds(
        self, times: Sequence[DepositTimes], synced: Mapping[int, int], pool: PoolReader
    ) -> list[DepositTimes]:
        """The same with the receivers' next deposits into the pool, and their rounds' closes."""
        if not synced:
            return list(times)
        newest, closes = pool.newest(), dict[int, int | None]()
        owners = sorted({one.account for one in times})
        event = pool.pool.events.Deposited
        logs = pool.logs.logs(event, {"owner": owners}, min(synced.values()), newest.number)
        found = []
        for one in times:
            mine = (
                log
                for log in logs
                if one.sync in synced
                and log["args"]["owner"] == one.account
                and log["blockNumber"] >= synced[one.sync]
            )
            joined = next(mine, None)
            if joined is None:
                found.append(one)
                continue
            number = int(joined["args"]["round"])
            if number not in closes:
                closes[number] = self._closed(pool, number)
            with readable(self._child_url):
                committed = self._below.at(joined["blockNumber"])
            found.append(replace(one, round=number, committed=committed, usable=closes[number]))
        return found

    def _closed(self, pool: PoolReader, number: int) -> int | None:
        """Time of the round's close block; None before it is final, or if nobody announced it."""
        block = pool.finalized()
        closes = pool.facts(number, block, number).closes
        if not closes or closes > block.timestamp:
            return None
        return pool.close_block(closes, block).timestamp

    # ------------------------------------------------------------------ withdrawals

    def withdrawals(self, last: int) -> list[WithdrawalTimes]:
        """The last so many withdrawals of the record's token, the oldest first."""
        token = child_token(self._child, self.record)
        burns = self._children.last(token.events.Transfer, {"to": _NOBODY}, last)
        if not burns:
            return []
        with readable(self._child_url):
            burnt = {log["blockNumber"]: self._below.at(log["blockNumber"]) for log in burns}
            ids = [self._exit_id(log) for log in burns]
        with readable(self._root_url):
            checkpoints = self._checkpoints(sorted(burnt))
            paid = self._paid(min(burnt.values()))
        return [
            WithdrawalTimes(
                account=log["args"]["from"],
                wei=log["args"]["value"],
                transaction="0x" + bytes(log["transactionHash"]).hex(),
                burnt=burnt[log["blockNumber"]],
                checkpointed=checkpoints.get(log["blockNumber"]),
                exited=paid.get(id),
            )
            for log, id in zip(burns, ids, strict=True)
        ]

    def _exit_id(self, log: Any) -> bytes:
        """The id under which the root chain will mark the exit of the burn in ``log``."""
        receipt = self._child.eth.get_transaction_receipt(log["transactionHash"])
        first = receipt["logs"][0]["logIndex"]
        place = log["logIndex"] - first
        return exit_id(log["blockNumber"], receipt["transactionIndex"], place)

    def _checkpoints(self, blocks: Iterable[int]) -> dict[int, int]:
        """By child block: when its checkpoint was made."""
        found, current = dict[int, int](), None
        for number in blocks:
            current = self._covering(number, current)
            if current is None:
                break
            found[number] = current.created_at
        return found

    def _covering(self, number: int, known: Checkpoint | None) -> Checkpoint | None:
        if known is not None and known.start <= number <= known.end:
            return known
        return covering(self._root, self.record, number)

    def _paid(self, since: int) -> dict[bytes, int]:
        """By exit id: when the root chain paid it. An exit that another contract called for is not
        in its transaction's own data, and missing here."""
        token = root_token(self._root, self.record)
        predicate = self.record.root.erc20_predicate
        found = dict[bytes, int]()
        for log in self._roots.since(token.events.Transfer, {"from": predicate}, since):
            made = self._root.eth.get_transaction(log["transactionHash"])
            if made.get("to") == self.record.root.root_chain_manager:
                id = paid_exit(bytes(made["input"]))
                if id is not None:
                    found[id] = self._above.at(log["blockNumber"])
        return found


# ---------------------------------------------------------------------- parts


def recent_syncs(root: Web3, child: Web3, record: BridgeRecord, last: int) -> list[int]:
    """Seconds from lock to mint of the last so many deposits that arrived."""
    above = Lookback(root, "the root chain", record.root.start_block)
    below = Lookback(child, "the child chain", record.child.start_block)
    found = locked_deposits(root, above, record, last)
    if not found:
        return []
    locked = {one.sync: root.eth.get_block(one.block)["timestamp"] for one in found}
    taken, _ = synced_blocks(child, below, record, list(locked), min(locked.values()))
    return [
        max(0, child.eth.get_block(number)["timestamp"] - locked[sync])
        for sync, number in taken.items()
    ]


def paid_exit(data: bytes) -> bytes | None:
    """The exit's id in the data of a call of ``RootChainManager.exit``; None for other calls."""
    if data[:4] != _EXIT:
        return None
    try:
        [payload] = decode(["bytes"], data[4:])
        fields = rlp.decode(payload)
        number, place = (int.from_bytes(fields[k], "big") for k in (2, 9))
        index = rlp.decode(bytes(fields[8])[1:])
    except (DecodingError, rlp.DecodingError, IndexError, TypeError):
        return None
    return exit_id(number, int.from_bytes(index, "big"), place)
