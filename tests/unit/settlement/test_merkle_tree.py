"""The meta model's Merkle tree, against a second implementation written from the specification."""

import pytest
from Crypto.Hash import keccak
from hypothesis import assume, given
from hypothesis import strategies as st

from oracle.settlement.merkle import EMPTY_ROOT, leaf, proof, root, tree, verify

hashes = st.binary(min_size=32, max_size=32)
leaf_sets = st.lists(hashes, min_size=1, max_size=40, unique=True)


def _keccak(raw: bytes) -> bytes:
    return keccak.new(digest_bits=256, data=raw).digest()


def _root(leaves: list[bytes]) -> bytes:
    """docs/formats.md, section 8, by recursion from node 0."""
    last_first = sorted(leaves, reverse=True)
    inner = len(leaves) - 1

    def node(index: int) -> bytes:
        if index >= inner:
            return last_first[index - inner]
        children = sorted([node(2 * index + 1), node(2 * index + 2)])
        return _keccak(children[0] + children[1])

    return node(0)


@given(leaf_sets)
def test_root__any_leaves__equals_the_recursive_definition(leaves: list[bytes]) -> None:
    assert root(leaves) == _root(leaves) == tree(leaves)[0]
    assert len(tree(leaves)) == 2 * len(leaves) - 1


@given(leaf_sets, st.randoms(use_true_random=False))
def test_root__any_order__is_the_same(leaves: list[bytes], random: object) -> None:
    shuffled = leaves.copy()
    random.shuffle(shuffled)
    assert root(shuffled) == root(leaves)


@given(leaf_sets)
def test_verify__every_leaf_with_its_proof__holds(leaves: list[bytes]) -> None:
    nodes = tree(leaves)
    for member in leaves:
        path = proof(nodes, member)
        assert verify(nodes[0], member, path)
        assert len(path) <= len(leaves).bit_length()


@given(leaf_sets, hashes, st.data())
def test_verify__anything_altered__fails(
    leaves: list[bytes], other: bytes, data: st.DataObject
) -> None:
    nodes = tree(leaves)
    member = data.draw(st.sampled_from(leaves))
    path = proof(nodes, member)
    assume(other not in nodes)
    assert not verify(nodes[0], other, path)
    assert not verify(other, member, path)
    assert not verify(nodes[0], member, [*path, other])
    if path:
        place = data.draw(st.integers(0, len(path) - 1))
        assert not verify(nodes[0], member, [*path[:place], other, *path[place + 1 :]])
        assert not verify(nodes[0], member, path[:-1])


def test_root__single_leaf__is_the_leaf() -> None:
    assert root([b"\x01" * 32]) == b"\x01" * 32
    assert proof(tree([b"\x01" * 32]), b"\x01" * 32) == []


def test_root__no_leaf__is_zero() -> None:
    assert root([]) == EMPTY_ROOT == bytes(32)
    assert tree([]) == []


@given(leaf_sets, hashes)
def test_proof__leaf_not_in_the_tree__refused(leaves: list[bytes], other: bytes) -> None:
    assume(other not in leaves)
    for nodes in (tree(leaves), []):
        with pytest.raises(ValueError, match="not in this tree"):
            proof(nodes, other)


def test_proof__inner_node__refused() -> None:
    nodes = tree([bytes([i]) * 32 for i in range(5)])
    with pytest.raises(ValueError, match="not in this tree"):
        proof(nodes, nodes[1])


@given(st.integers(0, 2**256 - 1), st.text(max_size=20), st.integers(0, 10**9))
def test_leaf__any_row__is_hashed_twice(number: int, row_id: str, value: int) -> None:
    encoded = number.to_bytes(32, "big") + _keccak(row_id.encode()) + value.to_bytes(32, "big")
    assert leaf(number, row_id, value) == _keccak(_keccak(encoded))


def test_leaf__any_field_changed__is_another() -> None:
    leaves = {leaf(1, "a", 2), leaf(2, "a", 2), leaf(1, "b", 2), leaf(1, "a", 3)}
    assert len(leaves) == 4
