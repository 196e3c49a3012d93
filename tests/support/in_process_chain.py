"""A blockchain in this process: real blocks, history and reorganisations, no node, no waiting.

The EVM is py-evm with Prague's rules, which the contracts are compiled for. Its database is a file,
so that the memory of a test over thousands of blocks is the memory of what is tested. Time stands
still between blocks: whoever mines says what time it is.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from eth.chains.base import MiningChain
from eth.consensus import ConsensusApplier, NoProofConsensus
from eth.constants import POST_MERGE_DIFFICULTY, POST_MERGE_MIX_HASH, POST_MERGE_NONCE, ZERO_ADDRESS
from eth.db.atomic import AtomicDB
from eth.db.backends.base import BaseDB
from eth.vm.forks import PragueVM
from eth.vm.spoof import SpoofTransaction
from eth_utils import ValidationError, keccak

GAS_LIMIT = 36_000_000
WEALTH = 10**24
_CACHED = 20_000


class FileDB(BaseDB):
    """Keys and values in a SQLite file: fast, and of no use after the process."""

    def __init__(self, path: Path) -> None:
        self._file = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-32000"):
            self._file.execute(f"PRAGMA {pragma}")
        self._file.execute("CREATE TABLE pairs (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")
        self._file.execute("BEGIN")
        self._recent: dict[bytes, bytes] = {}

    def __getitem__(self, key: bytes) -> bytes:
        if key in self._recent:
            return self._recent[key]
        row = self._file.execute("SELECT value FROM pairs WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        self._remember(key, row[0])
        return row[0]

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._file.execute("INSERT OR REPLACE INTO pairs VALUES (?, ?)", (key, value))
        self._remember(key, value)

    def __delitem__(self, key: bytes) -> None:
        self[key]
        self._recent.pop(key)
        self._file.execute("DELETE FROM pairs WHERE key = ?", (key,))

    def _exists(self, key: bytes) -> bool:
        try:
            self[key]
        except KeyError:
            return False
        return True

    def _remember(self, key: bytes, value: bytes) -> None:
        if len(self._recent) >= _CACHED:
            self._recent.clear()
        self._recent[key] = value

    def close(self) -> None:
        self._file.close()


@dataclass(frozen=True, slots=True)
class Mined:
    """A transaction in a block; ``gas`` is what it used alone."""

    transaction: Any
    receipt: Any
    gas: int
    created: bytes | None

    @property
    def succeeded(self) -> bool:
        return bool(self.receipt.state_root == b"\x01")


@dataclass(frozen=True, slots=True)
class ChainBlock:
    """A block with what ran in it."""

    header: Any
    mined: Sequence[Mined]


class Refused(Exception):
    """The node does not take a transaction; the text is what nodes say."""


class Reverted(Exception):
    """A call came to no good; ``output`` is what the contract said."""

    def __init__(self, output: bytes) -> None:
        super().__init__("execution reverted")
        self.output = output


@dataclass
class InProcessChain:
    """The canonical chain, its pool of transactions, and the pens to change both.

    ``automine`` puts each transaction into a block of its own, a second after the last one;
    ``lag`` is how many blocks behind the head finality stands. A transaction that ``loses`` says
    yes to is accepted and forgotten, as by a node that crashes.
    """

    folder: Path
    chain_id: int
    rich: Iterable[str]
    time: int
    automine: bool = True
    lag: int = 2
    loses: Callable[[Any], bool] = lambda _: False
    blocks: list[ChainBlock] = field(default_factory=list)
    waiting: dict[tuple[bytes, int], Any] = field(default_factory=dict)
    lock: Any = field(default_factory=threading.RLock)
    _answers: dict[Any, bytes | Reverted] = field(default_factory=dict)
    _numbers: dict[bytes, int] = field(default_factory=dict)
    _places: dict[bytes, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._db = FileDB(self.folder / "chain.sqlite")
        rules = ConsensusApplier(NoProofConsensus).amend_vm_configuration(((0, PragueVM),))
        kind = type("Local", (MiningChain,), {"chain_id": self.chain_id, "vm_configuration": rules})
        genesis = {
            "coinbase": ZERO_ADDRESS,
            "difficulty": POST_MERGE_DIFFICULTY,
            "mix_hash": POST_MERGE_MIX_HASH,
            "nonce": POST_MERGE_NONCE,
            "extra_data": b"",
            "gas_limit": GAS_LIMIT,
            "timestamp": self.time,
        }
        account = {"balance": WEALTH, "nonce": 0, "code": b"", "storage": {}}
        state = {bytes.fromhex(address[2:]): account for address in self.rich}
        self._chain = kind.from_genesis(AtomicDB(self._db), genesis, state)
        self._append(ChainBlock(self._chain.get_canonical_head(), ()))

    def close(self) -> None:
        self._db.close()

    # ------------------------------------------------------------------ looking

    @property
    def head(self) -> Any:
        """Header of the newest block."""
        return self.blocks[-1].header

    @property
    def finalized(self) -> int:
        """Number of the newest final block."""
        return max(0, len(self.blocks) - 1 - self.lag)

    def number_of(self, block_hash: bytes) -> int | None:
        """Number of a canonical block."""
        return self._numbers.get(block_hash)

    def find(self, transaction_hash: bytes) -> tuple[int, int] | None:
        """Block number and index of a mined transaction."""
        return self._places.get(transaction_hash)

    def vm(self, header: Any) -> Any:
        """The EVM as of a block: its state after the block, its time and number."""
        return self._chain.get_vm(header)

    def call(self, header: Any, sender: bytes, to: bytes, data: bytes, value: int = 0) -> Any:
        """Computation of a call that changes nothing; raises Reverted."""
        vm = self.vm(header)
        unsigned = vm.get_transaction_builder().new_unsigned_dynamic_fee_transaction(
            chain_id=self.chain_id,
            nonce=vm.state.get_nonce(sender),
            max_priority_fee_per_gas=0,
            max_fee_per_gas=0,
            gas=GAS_LIMIT,
            to=to,
            value=value,
            data=data,
            access_list=(),
        )
        with _at_rest(vm) as state:
            computation = state.apply_transaction(SpoofTransaction(unsigned, from_=sender))
        if computation.is_error:
            raise Reverted(bytes(computation.output))
        return computation

    def answer(self, header: Any, *call: Any) -> bytes:
        """Output of a call, which at one block is always the same; raises Reverted."""
        key = (header.hash, *call)
        if key not in self._answers:
            if len(self._answers) >= _CACHED:
                self._answers.clear()
            try:
                self._answers[key] = bytes(self.call(header, *call).output)
            except Reverted as reverted:
                self._answers[key] = reverted
        found = self._answers[key]
        if isinstance(found, Reverted):
            raise Reverted(found.output)
        return found

    def next_header(self, timestamp: int | None = None) -> Any:
        """An empty block on top of the head."""
        made = self._chain.create_header_from_parent(self.head)
        least = self.head.timestamp + 1
        time = least if timestamp is None else max(timestamp, least)
        return made.copy(timestamp=time, gas_limit=GAS_LIMIT)

    # ------------------------------------------------------------------ transactions

    def send(self, raw: bytes) -> bytes:
        """Takes a signed transaction; returns its hash."""
        transaction = PragueVM.get_transaction_builder().decode(raw)
        key = (transaction.sender, transaction.nonce)
        state = self.vm(self.head).state
        before = self.waiting.get(key)
        if transaction.hash in self._places or (before and before.hash == transaction.hash):
            raise Refused("already known")
        if transaction.nonce < state.get_nonce(transaction.sender):
            raise Refused("nonce too low")
        cost = transaction.value + transaction.gas * transaction.max_fee_per_gas
        if state.get_balance(transaction.sender) < cost:
            raise Refused("insufficient funds for gas * price + value")
        if before and 10 * transaction.max_fee_per_gas < 11 * before.max_fee_per_gas:
            raise Refused("replacement transaction underpriced")
        if not self.loses(transaction):
            self.waiting[key] = transaction
            if self.automine:
                self.mine()
        return transaction.hash

    def nonce(self, account: bytes, *, pending: bool = False) -> int:
        number = self.vm(self.head).state.get_nonce(account)
        while pending and (account, number) in self.waiting:
            number += 1
        return number

    # ------------------------------------------------------------------ blocks

    def mine(self, count: int = 1, timestamp: int | None = None) -> None:
        """Mines ``count`` blocks, the first of them with ``timestamp`` if it is later than the
        head's, each next one a second later. Transactions whose turn it is are taken in."""
        for _ in range(count):
            self._append(self._build(self.next_header(timestamp)))

    def advance_to(self, timestamp: int) -> None:
        """A block of that time, and as many more as it takes for it to be final."""
        if self.head.timestamp < timestamp:
            self.mine(timestamp=timestamp)
        self.finalize()

    def finalize(self) -> None:
        """Makes the present head final."""
        self.mine(self.lag)

    def reorganise(self, depth: int, keeps: Callable[[Any], bool] = lambda _: True) -> None:
        """Replaces the newest ``depth`` blocks by as many others and one more.

        Their transactions are in the same places again, but for those that ``keeps`` says no to:
        the chain has never heard of these.
        """
        removed = self.blocks[len(self.blocks) - depth :]
        del self.blocks[len(self.blocks) - depth :]
        for block in removed:
            del self._numbers[block.header.hash]
            for mined in block.mined:
                del self._places[mined.transaction.hash]
        salt = bytes(removed[0].header.hash)
        for block in removed:
            for transaction in (mined.transaction for mined in block.mined):
                if keeps(transaction):
                    self.waiting[(transaction.sender, transaction.nonce)] = transaction
            self._append(self._build(self.next_header(block.header.timestamp), salt))
        self._append(self._build(self.next_header(), salt))

    def _build(self, header: Any, salt: bytes = b"") -> ChainBlock:
        mixed = keccak(header.parent_hash + header.timestamp.to_bytes(8, "big") + salt)
        header = header.copy(mix_hash=mixed)
        vm = self.vm(header)
        mined: list[Mined] = []
        filled = header
        for transaction in self._executable(vm):
            before = filled.gas_used
            try:
                receipt, computation = vm.apply_transaction(filled, transaction)
            except ValidationError:
                continue
            filled = vm.increment_blob_gas_used(
                vm.add_receipt_to_header(filled, receipt), transaction
            )
            made = None if transaction.to else computation.msg.storage_address
            mined.append(Mined(transaction, receipt, filled.gas_used - before, made))
        block = vm.set_block_transactions_and_withdrawals(
            vm.get_block(),
            filled,
            [m.transaction for m in mined],
            [m.receipt for m in mined],
        )
        fields = {"timestamp": header.timestamp, "mix_hash": mixed, "coinbase": ZERO_ADDRESS}
        done = vm.mine_block(block, **fields).block
        self._chain.chaindb.persist_header(done.header)
        return ChainBlock(done.header, tuple(mined))

    def _executable(self, vm: Any) -> Iterable[Any]:
        """Waiting transactions in the order they came, each account's by its nonce."""
        progress = True
        while progress:
            progress = False
            for key, transaction in list(self.waiting.items()):
                sender, nonce = key
                due = vm.state.get_nonce(sender)
                if nonce > due:
                    continue
                del self.waiting[key]
                if nonce == due:
                    progress = True
                    yield transaction

    def _append(self, block: ChainBlock) -> None:
        number = block.header.block_number
        self.blocks.append(block)
        self._numbers[block.header.hash] = number
        for index, mined in enumerate(block.mined):
            self._places[mined.transaction.hash] = (number, index)


@contextmanager
def _at_rest(vm: Any) -> Iterator[Any]:
    """``vm.in_costless_state()`` one second after its block. py-evm takes the time from this
    machine's clock once that is past the block's, as it is where tests wait for the machine."""
    header = vm.get_header()
    made = vm.create_header_from_parent(header, coinbase=header.coinbase)
    free = made.copy(base_fee_per_gas=0, timestamp=header.timestamp + 1)
    before = chain((header.hash,), vm.previous_hashes)
    state = vm.build_state(vm.chaindb.db, free, vm.chain_context, before)
    snapshot = state.snapshot()
    yield state
    state.revert(snapshot)
