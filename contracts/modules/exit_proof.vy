# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Proofs that a child chain logged an event
@license MIT
@notice Reads the exit payload of Polygon's bridges: rlp([header number, block proof, block number,
        block time, transactions root, receipts root, receipt, rlp(proof nodes), 0x00 | rlp(index),
        log index]), checks it against a checkpoint on the root chain, and gives the event.
@dev No storage: that an event counts once is the caller's. What this takes FxPortal's tunnels take
     too, as the same message under the same id; what else they would take, it refuses: any other
     encoding of the same payload, more than 16 KiB, a log's data above 1 KiB.
"""


from . import rlp
from . import trie_proof


# Polygon's RootChain, which holds the checkpoints.
interface ICheckpoints:
    def headerBlocks(number: uint256) -> Checkpoint: view


struct Checkpoint:
    root: bytes32
    start: uint256
    end: uint256
    created_at: uint256
    proposer: address


# @dev An event of the child chain. `id` tells events apart: keccak256(block number | nibbles of
# the receipt's key, a byte each | place in the receipt), numbers in 32 bytes.
struct Exit:
    id: bytes32
    emitter: address
    topic0: bytes32
    data: Bytes[_MAX_DATA]


# @dev A string or list inside the payload: where its content begins and ends.
struct Part:
    start: uint256
    end: uint256


_MAX: constant(uint256) = 16_384
_MAX_DATA: constant(uint256) = 1024


# @dev Bytes of a receipt's key, the RLP of its index: Polygon's bridges take no longer ones.
_MAX_KEY: constant(uint256) = 3


# @dev Levels of a checkpoint's tree.
_MAX_LEVELS: constant(uint256) = 32


@internal
@view
def _verify(payload: Bytes[_MAX], manager: address) -> Exit:
    """
    @param payload The exit payload.
    @param manager The contract that holds the checkpoints.
    @return Exit The event; reverts if it is not proven.
    """
    words: uint256[10] = empty(uint256[10])
    parts: Part[10] = empty(Part[10])
    words, parts = self._fields(payload)
    number: uint256 = rlp._number(words[2])
    log_index: uint256 = rlp._number(words[9])
    assert self._size(parts[4]) == 32 and self._size(parts[5]) == 32, "exit: bad root"
    receipts_root: bytes32 = extract32(payload, parts[5].start)

    key: uint256 = 0
    key_size: uint256 = 0
    key, key_size = rlp._short(words[8], 1 + _MAX_KEY)
    # The first byte could be others that lead to the same key; Polygon's tools write this one.
    assert key_size != 0 and key >> 248 == 0, "exit: bad key"
    key <<= 8
    key_size -= 1
    first: uint256 = extract32(payload, parts[7].start, output_type=uint256)
    nodes: Part = self._part(first, parts[7].start, parts[7].end, True)
    assert nodes.end == parts[7].end, "exit: bad proof"
    value: Part = empty(Part)
    value.start, value.end = trie_proof._value(
        payload, nodes.start, nodes.end, receipts_root, key, key_size
    )
    value.end += value.start
    receipt: Part = parts[6]
    assert self._hash(payload, receipt) == self._hash(payload, value), "exit: other receipt"

    leaf: bytes32 = keccak256(
        concat(
            convert(number, bytes32),
            convert(rlp._number(words[3]), bytes32),
            extract32(payload, parts[4].start),
            receipts_root,
        )
    )
    checkpoint: Checkpoint = staticcall ICheckpoints(manager).headerBlocks(rlp._number(words[0]))
    assert checkpoint.root != empty(bytes32), "exit: no checkpoint"
    assert checkpoint.start <= number and number <= checkpoint.end, "exit: other checkpoint"
    place: uint256 = number - checkpoint.start
    assert self._root(payload, parts[1], leaf, place) == checkpoint.root, "exit: not in checkpoint"

    found: Exit = self._event(payload, receipt, log_index)
    found.id = self._id(number, key, key_size, log_index)
    return found


@internal
@pure
def _fields(payload: Bytes[_MAX]) -> (uint256[10], Part[10]):
    """
    @param payload The exit payload.
    @return (uint256[10], Part[10]) The first 32 bytes of each field, header included, and where its
            content is.
    """
    size: uint256 = len(payload)
    assert size >= 32, "exit: bad payload"
    outer: rlp.Header = rlp._header(extract32(payload, 0, output_type=uint256))
    assert outer.is_list and outer.prefix + outer.size == size, "exit: bad payload"
    words: uint256[10] = empty(uint256[10])
    parts: Part[10] = empty(Part[10])
    at: uint256 = outer.prefix
    for i: uint256 in range(10):
        # The last fields are short: part of what is read lies beyond the end, and counts as zero.
        missing: uint256 = max(at + 32, size) - size
        words[i] = extract32(payload, at - missing, output_type=uint256) << (8 * missing)
        header: rlp.Header = rlp._header(words[i])
        start: uint256 = at + header.prefix
        at = start + header.size
        assert not header.is_list and at <= size, "exit: bad payload"
        parts[i] = Part(start=start, end=at)
    assert at == size, "exit: bad payload"
    return words, parts


@internal
@pure
def _root(payload: Bytes[_MAX], proof: Part, leaf: bytes32, place: uint256) -> bytes32:
    """
    @param payload The exit payload.
    @param proof Where the hashes beside the way from the leaf to the root are, the leaf's first.
    @param leaf The leaf.
    @param place Its place among the leaves.
    @return bytes32 The root of the tree.
    """
    levels: uint256 = self._size(proof) // 32
    assert self._size(proof) % 32 == 0 and levels <= _MAX_LEVELS, "exit: bad block proof"
    assert place >> levels == 0, "exit: bad block proof"
    node: bytes32 = leaf
    for level: uint256 in range(levels, bound=_MAX_LEVELS):
        beside: bytes32 = extract32(payload, proof.start + 32 * level)
        if (place >> level) & 1 == 0:
            node = keccak256(concat(node, beside))
        else:
            node = keccak256(concat(beside, node))
    return node


@internal
@pure
def _event(payload: Bytes[_MAX], receipt: Part, log_index: uint256) -> Exit:
    """
    @param payload The exit payload.
    @param receipt Where the receipt is: a list of four, after its type if it has one.
    @param log_index The event's place among the receipt's logs.
    @return Exit The event, without its id.
    """
    content: Part = receipt
    word: uint256 = extract32(payload, content.start, output_type=uint256)
    if word >> 248 < rlp._STRING:
        content.start += 1
        word <<= 8
    fields: Part = self._part(word, content.start, content.end, True)
    assert fields.end == content.end, "exit: bad receipt"
    at: uint256 = fields.start
    for _: uint256 in range(3):
        word = extract32(payload, at, output_type=uint256)
        at = self._part(word, at, fields.end, False).end
    word = extract32(payload, at, output_type=uint256)
    logs: Part = self._part(word, at, fields.end, True)
    at = logs.start
    for _: uint256 in range(log_index, bound=_MAX):
        word = extract32(payload, at, output_type=uint256)
        at = self._part(word, at, logs.end, True).end
    word = extract32(payload, at, output_type=uint256)
    log_: Part = self._part(word, at, logs.end, True)

    word = extract32(payload, log_.start, output_type=uint256)
    emitter: Part = self._part(word, log_.start, log_.end, False)
    assert self._size(emitter) == 20, "exit: bad log"
    sender: uint256 = extract32(payload, emitter.start, output_type=uint256) >> 96
    word = extract32(payload, emitter.end, output_type=uint256)
    topics: Part = self._part(word, emitter.end, log_.end, True)
    word = extract32(payload, topics.start, output_type=uint256)
    assert self._size(self._part(word, topics.start, topics.end, False)) == 32, "exit: bad log"
    word = extract32(payload, topics.end, output_type=uint256)
    data: Part = self._part(word, topics.end, log_.end, False)
    assert data.end == log_.end, "exit: bad log"
    assert self._size(data) <= _MAX_DATA, "exit: too much data"
    return Exit(
        id=empty(bytes32),
        emitter=convert(convert(sender, uint160), address),
        topic0=extract32(payload, topics.start + 1),
        data=convert(slice(payload, data.start, self._size(data)), Bytes[_MAX_DATA]),
    )


@internal
@pure
def _part(word: uint256, at: uint256, end: uint256, is_list: bool) -> Part:
    """
    @param word 32 bytes from where an item begins.
    @param at Where that is.
    @param end Where it must have ended.
    @param is_list Whether it must be a list; else it must be a string.
    @return Part Where its content is.
    """
    assert at < end, "exit: not there"
    header: rlp.Header = rlp._header(word)
    start: uint256 = at + header.prefix
    assert header.is_list == is_list, "exit: other kind"
    assert start + header.size <= end, "exit: beyond its end"
    return Part(start=start, end=start + header.size)


@internal
@pure
def _size(part: Part) -> uint256:
    """
    @param part Any part.
    @return uint256 Its bytes.
    """
    return part.end - part.start


@internal
@pure
def _hash(payload: Bytes[_MAX], part: Part) -> bytes32:
    """
    @param payload The exit payload.
    @param part A part of it.
    @return bytes32 Its hash.
    """
    return keccak256(slice(payload, part.start, self._size(part)))


@internal
@pure
def _id(number: uint256, key: uint256, key_size: uint256, log_index: uint256) -> bytes32:
    """
    @param number The block's number.
    @param key The receipt's key, left-aligned.
    @param key_size Its size in bytes.
    @param log_index The event's place in the receipt.
    @return bytes32 The event's id.
    """
    nibbles: uint256 = 0
    for i: uint256 in range(2 * key_size, bound=2 * _MAX_KEY):
        nibbles = (nibbles << 8) | ((key >> (252 - 4 * i)) & 15)
    spread: Bytes[32] = slice(convert(nibbles, bytes32), 32 - 2 * key_size, 2 * key_size)
    return keccak256(concat(convert(number, bytes32), spread, convert(log_index, bytes32)))
