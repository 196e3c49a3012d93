"""A child chain made up by a test: blocks of receipts, in real tries and checkpoints with real
signatures, and the exit payloads that prove their logs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import boa
import rlp
from assay_system import compiled
from eth_abi import encode
from eth_utils import keccak
from trie import HexaryTrie

from oracle.bridge.checkpoints import STEP, Header, Tree
from oracle.bridge.receipts import encode_receipt, proof
from oracle.devnet.validators import Validators, checkpoint_data

CHILD_CHAIN = 137
MESSAGE_SENT = keccak(text="MessageSent(bytes)")
FIELDS = (
    "checkpoint",
    "block_proof",
    "number",
    "time",
    "transactions_root",
    "receipts_root",
    "receipt",
    "nodes",
    "key",
    "log_index",
)
"""Of an exit payload, in their order."""


@dataclass(frozen=True, slots=True)
class Log:
    """What a contract logged."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes

    @classmethod
    def message(cls, sender: str, message: bytes) -> "Log":
        """As FxPortal's tunnels log a message."""
        return cls(sender, (MESSAGE_SENT,), encode(["bytes"], [message]))


def logged(contract: Any) -> tuple[Log, ...]:
    """What a contract's last call logged, as its receipt has it."""
    return tuple(
        Log("0x" + address.hex(), tuple(topic.to_bytes(32, "big") for topic in topics), data)
        for _, address, topics, data in contract._computation.get_raw_log_entries()
    )


@dataclass(frozen=True, slots=True)
class Receipt:
    """A transaction's receipt; ``kind`` 0 is a legacy one."""

    logs: tuple[Log, ...]
    kind: int = 2

    def encoded(self, index: int) -> bytes:
        logs = [
            {"address": log.address, "topics": log.topics, "data": log.data} for log in self.logs
        ]
        return encode_receipt(
            {
                "type": self.kind,
                "status": 1,
                "cumulativeGasUsed": 50_000 * (index + 1),
                "logsBloom": keccak(index.to_bytes(2, "big")) * 8,
                "logs": logs,
            }
        )


@dataclass(frozen=True)
class Block:
    """A block; its transactions are of no interest."""

    number: int
    receipts: Sequence[Receipt]

    @cached_property
    def encoded(self) -> list[bytes]:
        return [receipt.encoded(i) for i, receipt in enumerate(self.receipts)]

    @cached_property
    def trie(self) -> HexaryTrie:
        trie = HexaryTrie({})
        for index, receipt in enumerate(self.encoded):
            trie[rlp.encode(index)] = receipt
        return trie

    @cached_property
    def header(self) -> Header:
        transactions = keccak(b"transactions %d" % self.number)
        time = 1_700_000_000 + 2 * self.number
        return Header(self.number, time, transactions, self.trie.root_hash)


Payload = dict[str, Any]
"""An exit payload's fields by name, as ``rlp`` takes them."""


def encoded(payload: Payload) -> bytes:
    return rlp.encode([payload[name] for name in FIELDS])


@dataclass
class ChildChain:
    """Blocks in checkpoints that ``manager`` knows."""

    validators: Validators = field(default_factory=lambda: Validators.of(range(40, 44)))
    blocks: list[Block] = field(default_factory=list)
    starts: list[int] = field(default_factory=lambda: [0])
    manager: Any = None

    def __post_init__(self) -> None:
        stand_in = compiled("contracts/devnet/CheckpointManager.vy")
        addresses = self.validators.addresses
        self.manager = stand_in.deploy(CHILD_CHAIN, addresses, [1] * len(addresses))

    def add(self, *receipts: Receipt) -> Block:
        self.blocks.append(Block(len(self.blocks), receipts))
        return self.blocks[-1]

    def checkpoint(self) -> None:
        """Puts all blocks since the last one into a checkpoint."""
        start, end = self.starts[-1], len(self.blocks) - 1
        proposer = str(boa.env.eoa)
        data = checkpoint_data(proposer, start, end, self._tree(start, end), CHILD_CHAIN)
        self.manager.submitCheckpoint(data, self.validators.sign(data))
        self.starts.append(end + 1)

    def _tree(self, start: int, end: int) -> Tree:
        return Tree([block.header.leaf for block in self.blocks[start : end + 1]])

    def payload(self, block: Block, index: int, log_index: int = 0) -> Payload:
        """The proof of a log of the receipt at ``index`` in a block of a checkpoint."""
        place = next(i for i, start in enumerate(self.starts) if block.number < start)
        start, end = self.starts[place - 1], self.starts[place] - 1
        header = block.header
        return {
            "checkpoint": place * STEP,
            "block_proof": self._tree(start, end).branch(block.number - start),
            "number": header.number,
            "time": header.timestamp,
            "transactions_root": header.transactions_root,
            "receipts_root": header.receipts_root,
            "receipt": block.encoded[index],
            "nodes": proof(block.trie, index),
            "key": b"\0" + rlp.encode(index),
            "log_index": log_index,
        }
