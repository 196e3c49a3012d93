"""Checkpoints: Merkle roots of the child chain's blocks, kept on the root chain.

A leaf is keccak(number | time | transactions root | receipts root) of a block, each as 32 bytes.
Leaves are padded with zero words to a power of two; pairs are hashed in their order.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

from eth_utils import keccak
from web3 import Web3

from oracle.bridge.contracts import checkpoint_manager
from oracle.bridge.record import BridgeRecord
from oracle.errors import UnreachableError

STEP = 10_000
"""Distance of two checkpoints' ids, and the first id."""
_ZERO = bytes(32)
_AT_ONCE = 8
"""Requests under way: a checkpoint may have a thousand blocks, each a journey to the node."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a checkpoint says of a block, and how blocks hang together; ``timestamp`` in seconds."""

    number: int
    timestamp: int
    transactions_root: bytes
    receipts_root: bytes
    hash: bytes = b""
    parent: bytes = b""

    @property
    def leaf(self) -> bytes:
        """32 bytes."""
        numbers = self.number.to_bytes(32, "big") + self.timestamp.to_bytes(32, "big")
        return keccak(numbers + self.transactions_root + self.receipts_root)


class Tree:
    """The Merkle tree of a checkpoint."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        """``leaves``: one or more, 32 bytes each, in the order of their blocks."""
        size = 1 << (len(leaves) - 1).bit_length()
        self._layers = [[*leaves, *[_ZERO] * (size - len(leaves))]]
        while len(self._layers[-1]) > 1:
            below = self._layers[-1]
            self._layers.append([keccak(below[i] + below[i + 1]) for i in range(0, len(below), 2)])

    @property
    def root(self) -> bytes:
        return self._layers[-1][0]

    def branch(self, index: int) -> bytes:
        """The siblings on the way from leaf ``index`` to the root, one after the other."""
        found = b""
        for layer in self._layers[:-1]:
            found += layer[index ^ 1]
            index //= 2
        return found


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Blocks ``start`` to ``end``, both included; ``created_at`` in seconds of the root chain."""

    id: int
    start: int
    end: int
    root: bytes
    created_at: int


# ---------------------------------------------------------------------- reading


def headers(child: Web3, start: int, end: int) -> list[Header]:
    """Headers of the child chain's blocks ``start`` to ``end``, which must hang together.

    Raises UnreachableError if they do not: the chain was reorganised meanwhile.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = list(pool.map(lambda number: _header(child, number), range(start, end + 1)))
    for before, after in pairwise(found):
        if after.parent != before.hash:
            raise UnreachableError(
                f"child block {after.number} does not follow the one before it",
                "the chain was reorganised while it was read: try again",
            )
    return found


def _header(child: Web3, number: int) -> Header:
    block = child.eth.get_block(number)
    return Header(
        number=block["number"],
        timestamp=block["timestamp"],
        transactions_root=bytes(block["transactionsRoot"]),
        receipts_root=bytes(block["receiptsRoot"]),
        hash=bytes(block["hash"]),
        parent=bytes(block["parentHash"]),
    )


def checkpoint(root: Web3, record: BridgeRecord, id: int) -> Checkpoint | None:
    """The checkpoint ``id``, or None if there is none."""
    manager = checkpoint_manager(root, record)
    tree, start, end, created_at, _ = manager.functions.headerBlocks(id).call()
    return Checkpoint(id, start, end, bytes(tree), created_at) if created_at else None


def newest(root: Web3, record: BridgeRecord) -> Checkpoint | None:
    """The newest checkpoint, or None before the first."""
    manager = checkpoint_manager(root, record)
    id = manager.functions.currentHeaderBlock().call()
    return checkpoint(root, record, id) if id else None


def covering(root: Web3, record: BridgeRecord, block: int) -> Checkpoint | None:
    """The checkpoint that has child block ``block``, or None while there is none."""
    last = newest(root, record)
    if last is None or last.end < block:
        return None
    low, high = 1, last.id // STEP
    while low < high:
        middle = (low + high) // 2
        found = checkpoint(root, record, middle * STEP)
        if found is not None and block <= found.end:
            high = middle
        else:
            low = middle + 1
    return checkpoint(root, record, low * STEP)
