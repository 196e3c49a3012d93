"""Reading what must be conserved off both chains, as of a block of each.

All of it follows from events and views of the contracts themselves. Logs are read once: another
reading goes on behind the last one, unless that block is gone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from eth_abi import decode
from eth_utils import keccak, to_checksum_address
from web3 import Web3
from web3.types import BlockIdentifier, EventData

from oracle.bridge.checkpoints import newest
from oracle.bridge.conservation import (
    Burn,
    ChildFacts,
    Deposit,
    Facts,
    Flow,
    PoolFacts,
    RootFacts,
)
from oracle.bridge.contracts import (
    child_token,
    contract,
    erc20_predicate,
    root_chain_manager,
    root_token,
    state_receiver,
    state_sender,
)
from oracle.bridge.exits import exit_id
from oracle.bridge.record import BridgeRecord
from oracle.bridge.syncs import last_synced, sync_count
from oracle.chain.abi import abi
from oracle.chain.logs import LogSource, RpcLogs
from oracle.chain.reader import PoolReader
from oracle.chain.rpc import readable
from oracle.errors import InputError, UnreachableError

NOBODY = "0x" + "00" * 20
_DEPOSIT = keccak(text="DEPOSIT")
_UNIT = 10**9
"""Wei in a unit of the pool."""
_TRIES = 20


def together(
    root: Web3, child: Web3, record: BridgeRecord, which: BlockIdentifier = "latest"
) -> tuple[int, int]:
    """The numbers of a root and a child block that are ``which`` and of one moment: the root chain
    has sent what the child chain has taken, the child chain has what the root chain may have paid.
    """
    above = root.eth.get_block(which)["number"]
    below = child.eth.get_block(which)["number"]
    for _ in range(_TRIES):
        if last_synced(child, record, below) > sync_count(root, record, above):
            above = root.eth.get_block(which)["number"]
            continue
        checkpoint = newest(root, record)
        if checkpoint is None or checkpoint.end <= below:
            return above, below
        below = child.eth.get_block(which)["number"]
    raise UnreachableError(
        "the two endpoints are never at the same moment", "see whether one of them stands still"
    )


def read_facts(
    root: Web3,
    child: Web3,
    record: BridgeRecord,
    root_block: int,
    child_block: int,
    reader: PoolReader | None = None,
) -> Facts:
    """Facts as of two blocks that are ``together``; of a tournament only with its ``reader``."""
    return Books(root, child, record, reader=reader).facts(root_block, child_block)


class Books:
    """Reads facts again and again. ``urls`` are named in errors, by their hosts."""

    def __init__(
        self,
        root: Web3,
        child: Web3,
        record: BridgeRecord,
        *,
        urls: tuple[str, str] = ("the root chain", "the child chain"),
        reader: PoolReader | None = None,
    ) -> None:
        self.record, self.reader = record, reader
        self.vault = _vault(record, reader)
        above, below = max(record.root.start_block, 1), max(record.child.start_block, 1)
        self._root = _Side(root, urls[0], RpcLogs(root, urls[0], []), above)
        self._child = _Side(child, urls[1], RpcLogs(child, urls[1], []), below)
        self._pool = None if reader is None else _Side(child, urls[1], reader.logs, 0)
        self._sender = state_sender(root, record)
        self._receiver = state_receiver(child, record)
        self._predicate = erc20_predicate(root, record)
        self._root_token, self._child_token = root_token(root, record), child_token(child, record)
        self._manager = root_chain_manager(root, record)
        self._places: dict[bytes, int] = {}
        self._exited: set[bytes] = set()
        self._open: set[bytes] = set()
        self._taken: set[int] = set()
        self._of_root: RootFacts | None = None
        self._of_child: tuple[ChildFacts, PoolFacts] | None = None

    def facts(self, root_block: int, child_block: int) -> Facts:
        """As of these blocks, which are ``together``. A chain that stands at the block of the last
        facts is not asked again for what is its own."""
        if self._turn_root(root_block) or self._of_root is None:
            self._of_root = self._root_facts()
        if self._turn_child(child_block) or self._of_child is None:
            self._of_child = self._child_facts(), self._pool_facts()
        child, pool = self._of_child
        return Facts(
            vault="" if self.vault == NOBODY else self.vault,
            root=self._of_root,
            child=child,
            pool=pool,
            deposits=tuple(self._deposits()),
            burns=tuple(self._burns()),
        )

    def _turn_root(self, number: int) -> bool:
        """Whether the chain is at another block than before."""
        turn = self._root.turn_to(number)
        if turn is not Turn.NONE:
            self._open.clear()
        if turn is Turn.BACK:
            self._exited.clear()
        return turn is not Turn.NONE

    def _turn_child(self, number: int) -> bool:
        turn = self._child.turn_to(number)
        if turn is Turn.BACK:
            self._places.clear()
            self._taken.clear()
        if self._pool is not None:
            self._pool.turn_to(number)
        return turn is not Turn.NONE

    # ------------------------------------------------------------------ the root chain

    def _root_facts(self) -> RootFacts:
        side, token = self._root, self._root_token
        start = self.record.root.start_block
        locks = self._predicate.events.LockedERC20
        return RootFacts(
            block=side.block,
            supply=side.ask(token.functions.totalSupply()),
            before=side.before(token, token.functions.totalSupply(), start),
            created=side.moved(token, {"from": NOBODY}),
            to_nobody=side.moved(token, {"to": NOBODY}),
            nobody=side.ask(token.functions.balanceOf(NOBODY))
            - side.before(token, token.functions.balanceOf(NOBODY), start),
            locked=side.total(locks, {"rootToken": token.address}, "amount"),
            swept=self._swept(side),
            predicate=side.flow(token, self.record.root.erc20_predicate),
            vault=self._vault_flow(side, token),
        )

    def _deposits(self) -> list[Deposit]:
        filters = {"contractAddress": self.record.child.child_chain_manager}
        found = []
        last = self._child.ask(self._receiver.functions.lastStateId())
        for log in self._root.logs(self._sender.events.StateSynced, filters):
            wei = _deposited(bytes(log["args"]["data"]), self.record.root.token)
            if wei is not None:
                id = log["args"]["id"]
                found.append(Deposit(id, wei, id <= last and self._is_taken(id)))
        return found

    def _is_taken(self, sync: int) -> bool:
        if sync not in self._taken:
            if self._child.ask(self._receiver.functions.failedStateSyncs(sync)):
                return False
            self._taken.add(sync)
        return True

    # ------------------------------------------------------------------ the child chain

    def _child_facts(self) -> ChildFacts:
        side, token = self._child, self._child_token
        of = None if self.reader is None else self.reader.addresses
        return ChildFacts(
            block=side.block,
            supply=side.ask(token.functions.totalSupply()),
            minted=side.moved(token, {"from": NOBODY}),
            swept=self._swept(side),
            vault=self._vault_flow(side, token),
            from_pool=side.moved(token, {"from": of.pool, "to": self.vault}) if of else 0,
            from_oracle=side.moved(token, {"from": of.oracle, "to": self.vault}) if of else 0,
        )

    def _burns(self) -> list[Burn]:
        found = []
        for log in self._child.logs(self._child_token.events.Transfer, {"to": NOBODY}):
            place = log["logIndex"] - self._first_log(log)
            id = exit_id(log["blockNumber"], log["transactionIndex"], place)
            args = log["args"]
            owner = str(to_checksum_address(args["from"]))
            found.append(Burn(id, owner, args["value"], self._is_exited(id)))
        return found

    def _first_log(self, log: EventData) -> int:
        """Index in its block of the first log of the same transaction."""
        digest = bytes(log["transactionHash"])
        if digest not in self._places:
            with readable(self._child.url):
                receipt = self._child.web3.eth.get_transaction_receipt(digest)  # type: ignore[arg-type]
            self._places[digest] = receipt["logs"][0]["logIndex"]
        return self._places[digest]

    def _is_exited(self, id: bytes) -> bool:
        if id not in self._exited | self._open:
            is_exited = self._root.ask(self._manager.functions.processedExits(id))
            (self._exited if is_exited else self._open).add(id)
        return id in self._exited

    # ------------------------------------------------------------------ vault and pool

    def _vault_flow(self, side: "_Side", token: Any) -> Flow:
        return Flow() if self.vault == NOBODY else side.flow(token, self.vault)

    def _swept(self, side: "_Side") -> int:
        """By the vault itself; nothing where it is not deployed."""
        if self.vault == NOBODY or not side.has_code(self.vault):
            return 0
        vault = contract(side.web3, self.vault, abi("BurnVault"))
        return int(side.ask(vault.functions.swept()))

    def _pool_facts(self) -> PoolFacts:
        reader, side = self.reader, self._pool
        if reader is None or side is None:
            return PoolFacts()
        events, oracle = reader.pool.events, reader.oracle
        bonds = {"receiver": self.vault}
        registered = side.logs(reader.registry.events.Registered, {})
        return PoolFacts(
            burnt=side.total(events.BatchSettled, {}, "burns") * _UNIT,
            owed=reader.totals(side.block)["burn_owed"] * _UNIT,
            flushed=side.total(events.BurnFlushed, {}, "amount") * _UNIT,
            fees=reader.fee * len(registered),
            bonds=side.total(oracle.events.BondSettled, bonds, "amount") * _UNIT,
        )


@dataclass(slots=True)
class _Kept:
    """Logs of one kind, up to block ``until``."""

    until: int
    logs: list[EventData]


class Turn(Enum):
    """From one block of a chain to another: to the same, to a later one of the same chain, or to
    an earlier one or another chain's, for which all is to be read again."""

    NONE = "none"
    ON = "on"
    BACK = "back"


class _Side:
    """One chain as of a block. ``start``: the first block with logs that count; 0: whichever the
    source knows."""

    def __init__(self, web3: Web3, url: str, source: LogSource, start: int) -> None:
        self.web3, self.url, self._source, self._start = web3, url, source, start
        self.block, self._hash = -1, b""
        self._kept: dict[Any, _Kept] = {}
        self._before: dict[Any, int] = {}
        self._silent: bool | None = None

    def turn_to(self, number: int) -> Turn:
        before, digest = self.block, self._hash
        with readable(self.url):
            gone = number < before or (before >= 0 and self._hash_of(before) != digest)
            self.block, self._hash = number, self._hash_of(number)
        if not gone and number == before:
            return Turn.NONE
        self._silent = None
        if not gone:
            return Turn.ON
        self._kept.clear()
        self._before.clear()
        return Turn.BACK

    def _hash_of(self, number: int) -> bytes:
        return bytes(self.web3.eth.get_block(number)["hash"])

    def ask(self, call: Any) -> Any:
        with readable(self.url):
            return call.call(block_identifier=self.block)

    def before(self, token: Any, call: Any, start: int) -> int:
        """A number of the token's before block ``start``; 0 before it existed."""
        if start == 0:
            return 0
        key = (call.fn_name, call.args)
        if key not in self._before:
            with readable(self.url):
                there = self.web3.eth.get_code(token.address, start - 1)
                self._before[key] = int(call.call(block_identifier=start - 1)) if there else 0
        return self._before[key]

    def has_code(self, address: str) -> bool:
        with readable(self.url):
            return bool(self.web3.eth.get_code(to_checksum_address(address), self.block))

    def logs(self, event: Any, filters: Mapping[str, Any]) -> list[EventData]:
        """All up to the block."""
        key = (event().address, event().event_name, tuple(sorted(filters.items())))
        kept = self._kept.setdefault(key, _Kept(self._start - 1, []))
        if kept.until < self.block:
            if kept.until + 1 < self.block or not self._is_silent():
                more = self._source.logs(event, filters, kept.until + 1, self.block)
                kept.logs.extend(more)
            kept.until = self.block
        return kept.logs

    def _is_silent(self) -> bool:
        """Whether the block has no logs at all: one question in the place of one for each kind."""
        if self._silent is None:
            with readable(self.url):
                span = {"fromBlock": self.block, "toBlock": self.block}
                self._silent = not self.web3.eth.get_logs(span)  # type: ignore[arg-type]
        return self._silent

    def total(self, event: Any, filters: Mapping[str, Any], name: str) -> int:
        return sum(log["args"][name] for log in self.logs(event, filters))

    def moved(self, token: Any, filters: Mapping[str, Any]) -> int:
        return self.total(token.events.Transfer, filters, "value")

    def flow(self, token: Any, account: str) -> Flow:
        return Flow(
            balance=self.ask(token.functions.balanceOf(account)),
            into=self.moved(token, {"to": account}),
            out=self.moved(token, {"from": account}),
        )


def _vault(record: BridgeRecord, reader: PoolReader | None) -> str:
    """The vault of the bridge and of the tournament, which must be one; nobody's if none has it."""
    of_pool = None if reader is None else reader.addresses.burn_vault
    if record.burn_vault and of_pool and record.burn_vault != of_pool:
        raise InputError(
            f"the pool burns into {of_pool}, not into {record.burn_vault}",
            "name the record of the bridge that this tournament uses",
        )
    return record.burn_vault or of_pool or NOBODY


def _deposited(data: bytes, token: str) -> int | None:
    """How much of the token a message to the child chain's manager mints; None for another one."""
    kind, rest = decode(["bytes32", "bytes"], data)
    if kind != _DEPOSIT:
        return None
    _, root, amount = decode(["address", "address", "bytes"], rest)
    if to_checksum_address(root) != token:
        return None
    return int(decode(["uint256"], amount)[0])
