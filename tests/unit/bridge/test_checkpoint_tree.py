"""The tree of a checkpoint: roots and branches as Polygon's contracts check them."""

import pytest
from eth_utils import keccak
from hypothesis import given
from hypothesis import strategies as st

from oracle.bridge.checkpoints import Header, Tree

LEAVES = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=70)


def climbed(leaf: bytes, index: int, branch: bytes) -> bytes:
    """The root as Merkle.checkMembership of the portal computes it."""
    height = len(branch) // 32
    assert index < 2**height
    for i in range(height):
        sibling = branch[32 * i : 32 * i + 32]
        leaf = keccak(leaf + sibling if index % 2 == 0 else sibling + leaf)
        index //= 2
    return leaf


@given(LEAVES, st.data())
def test_branch__any_leaf_of_any_tree__leads_to_the_root(
    leaves: list[bytes], data: st.DataObject
) -> None:
    tree = Tree(leaves)
    index = data.draw(st.integers(0, len(leaves) - 1))
    assert climbed(leaves[index], index, tree.branch(index)) == tree.root


@given(LEAVES, st.data())
def test_root__one_leaf_changed__is_another(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    bit = data.draw(st.integers(0, 255))
    number = int.from_bytes(leaves[index], "big") ^ (1 << bit)
    others = [*leaves[:index], number.to_bytes(32, "big"), *leaves[index + 1 :]]
    assert Tree(others).root != Tree(leaves).root


def test_root__one_leaf__is_the_leaf() -> None:
    assert Tree([b"l" * 32]).root == b"l" * 32
    assert Tree([b"l" * 32]).branch(0) == b""


def test_root__three_leaves__are_padded_with_a_word_of_zeros() -> None:
    a, b, c = (bytes([i]) * 32 for i in (1, 2, 3))
    assert Tree([a, b, c]).root == keccak(keccak(a + b) + keccak(c + bytes(32)))


@pytest.mark.parametrize(("leaves", "height"), [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (1025, 11)])
def test_branch__of_a_tree__is_as_long_as_it_is_high(leaves: int, height: int) -> None:
    assert len(Tree([bytes(32)] * leaves).branch(0)) == 32 * height


def test_leaf__of_a_header__hashes_four_words() -> None:
    header = Header(7, 1_700_000_000, b"t" * 32, b"r" * 32)
    words = (7).to_bytes(32, "big") + (1_700_000_000).to_bytes(32, "big")
    assert header.leaf == keccak(words + b"t" * 32 + b"r" * 32)
