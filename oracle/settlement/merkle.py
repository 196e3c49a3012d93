"""Merkle tree of the meta model (docs/formats.md, section 8)."""

from collections.abc import Iterable, Sequence

from eth_abi import encode
from eth_utils import keccak

EMPTY_ROOT = bytes(32)


def leaf(round_number: int, row_id: str, value: int) -> bytes:
    """Leaf of one row; ``value`` at 10^-9. Hashed twice, so that no inner node is a leaf."""
    content = encode(["uint256", "bytes32", "uint256"], [round_number, keccak(text=row_id), value])
    return keccak(keccak(content))


def _pair(first: bytes, second: bytes) -> bytes:
    return keccak(first + second if first < second else second + first)


def tree(leaves: Iterable[bytes]) -> list[bytes]:
    """All 2n - 1 nodes, root first; empty for no leaves."""
    ordered = sorted(leaves)
    if not ordered:
        return []
    nodes = [b""] * (len(ordered) - 1) + ordered[::-1]
    for index in range(len(ordered) - 2, -1, -1):
        nodes[index] = _pair(nodes[2 * index + 1], nodes[2 * index + 2])
    return nodes


def root(leaves: Iterable[bytes]) -> bytes:
    nodes = tree(leaves)
    return nodes[0] if nodes else EMPTY_ROOT


def proof(nodes: Sequence[bytes], member: bytes) -> list[bytes]:
    """Sibling path of ``member`` from its leaf to the root of ``tree`` output ``nodes``."""
    try:
        index = nodes.index(member, len(nodes) // 2)
    except ValueError:
        raise ValueError("the leaf is not in this tree") from None
    path = []
    while index:
        path.append(nodes[index + 1 if index & 1 else index - 1])
        index = (index - 1) // 2
    return path


def verify(root_hash: bytes, member: bytes, path: Iterable[bytes]) -> bool:
    node = member
    for sibling in path:
        node = _pair(node, sibling)
    return node == root_hash
