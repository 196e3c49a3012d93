# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Merkle-Patricia proofs of receipts
@license MIT
@notice Finds what a trie of receipts holds under a key, by the nodes on the way from its root.
@dev No storage. Takes only what such tries consist of: keys of which none begins another, so no
     values in branches, and values of at least 32 bytes, so no nodes inside nodes. Every node of
     a proof is used, and says by its own flags whether it is a leaf.
"""


from . import rlp


# @dev Bytes of the encoding that contains a proof.
_MAX: constant(uint256) = 16_384


# @dev Bytes of a key, and with them nodes on its path: one a nibble, and the leaf.
_MAX_KEY: constant(uint256) = 3
_MAX_NODES: constant(uint256) = 2 * _MAX_KEY + 1


# @dev The encoding of a hash begins with this byte, that of nothing is the other one.
_HASH: constant(uint256) = 160
_NOTHING: constant(uint256) = 128


@internal
@pure
def _value(
    encoding: Bytes[_MAX],
    start: uint256,
    end: uint256,
    root: bytes32,
    key: uint256,
    key_size: uint256,
) -> (uint256, uint256):
    """
    @param encoding Any bytes, of which those from `start` to `end` are the proof's nodes, the root
           first, each as its RLP list.
    @param start Where the nodes begin.
    @param end Where they end.
    @param root The trie's root.
    @param key The key, left-aligned and followed by zeros.
    @param key_size Its size in bytes, 1 to 3.
    @return (uint256, uint256) Where in the encoding the value begins, and its size.
    """
    assert 0 < key_size and key_size <= _MAX_KEY, "trie: bad key"
    nibbles: uint256 = 2 * key_size
    rest: uint256 = key
    expected: bytes32 = root
    at: uint256 = start
    for i: uint256 in range(_MAX_NODES):
        assert at < end, "trie: no leaf"
        node: rlp.Header = rlp._header(extract32(encoding, at, output_type=uint256))
        size: uint256 = node.prefix + node.size
        assert node.is_list and size <= end - at, "trie: not a node"
        assert keccak256(slice(encoding, at, size)) == expected, "trie: other hash"
        item: uint256 = at + node.prefix
        at += size

        word: uint256 = extract32(encoding, item, output_type=uint256)
        first: rlp.Header = rlp._header(word)
        second_at: uint256 = item + first.prefix + first.size
        second: rlp.Header = rlp._header(extract32(encoding, second_at, output_type=uint256))
        if second_at + second.prefix + second.size == at:
            assert not second.is_list, "trie: not a node"
            is_leaf: bool = False
            passed: uint256 = 0
            is_leaf, passed = self._match(word, rest, nibbles)
            rest <<= 4 * passed
            nibbles -= passed
            if is_leaf:
                assert nibbles == 0, "trie: other key"
                assert at == end, "trie: nodes left over"
                return second_at + second.prefix, second.size
            assert passed != 0 and nibbles != 0, "trie: other key"
            assert second.prefix == 1 and second.size == 32, "trie: not a node"
            expected = extract32(encoding, second_at + 1)
        else:
            assert nibbles != 0, "trie: other key"
            child: uint256 = 0
            for nibble: uint256 in range(16):
                if nibble == rest >> 252:
                    child = item
                byte: uint256 = extract32(encoding, item, output_type=uint256) >> 248
                if byte == _HASH:
                    item += 33
                else:
                    assert byte == _NOTHING, "trie: not a node"
                    item += 1
            byte: uint256 = extract32(encoding, item, output_type=uint256) >> 248
            assert byte == _NOTHING and item + 1 == at, "trie: not a node"
            byte = extract32(encoding, child, output_type=uint256) >> 248
            assert byte == _HASH, "trie: no such key"
            expected = extract32(encoding, child + 1)
            rest <<= 4
            nibbles -= 1
    raise "trie: no leaf"


@internal
@pure
def _match(word: uint256, rest: uint256, nibbles: uint256) -> (bool, uint256):
    """
    @param word 32 bytes from where a node's hex-prefix encoded path begins.
    @param rest The rest of the key, left-aligned.
    @param nibbles The rest's nibbles.
    @return (bool, uint256) Whether the node is a leaf, and the nibbles of its path, all of which
            the rest of the key begins with.
    """
    path: uint256 = 0
    size: uint256 = 0
    path, size = rlp._short(word, _MAX_KEY + 1)
    flags: uint256 = path >> 252
    assert size != 0 and flags <= 3, "trie: bad path"
    passed: uint256 = 2 * size - 1
    path <<= 4
    if flags & 1 == 0:
        assert path >> 252 == 0, "trie: bad path"
        passed -= 1
        path <<= 4
    assert passed <= nibbles, "trie: other key"
    unused: uint256 = 256 - 4 * passed
    assert path >> unused == rest >> unused, "trie: other key"
    return flags >= 2, passed
