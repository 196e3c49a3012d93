"""Exit payloads that are aliased, malformed or forged: each kind, why it is refused, and whether
FxPortal's verifier takes it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boa
import pytest
import rlp
from assay_system import refused
from child_chain import FIELDS, Block, Log, Payload, Receipt, encoded
from eth_abi import encode
from eth_utils import keccak
from exit_world import (
    MAX_DATA,
    MAX_PAYLOAD,
    OTHER,
    SENDER,
    World,
    header,
    held_refused,
    message,
    new_world,
    small_world,
)

from oracle.bridge.checkpoints import Header
from oracle.bridge.exits import exit_id


@pytest.fixture(scope="module")
def world() -> World:
    return small_world()


# --- an honest payload with one thing changed ---


def numbers(payload: Payload, name: str, raw: bytes) -> bytes:
    """The payload with a field's own encoding given."""
    parts = [raw if field == name else rlp.encode(payload[field]) for field in FIELDS]
    return header(0xC0, b"".join(parts), 0)


def with_field(name: str, change: Callable[[Any], Any]) -> Callable[[Payload], bytes]:
    return lambda payload: encoded({**payload, name: change(payload[name])})


def mask(first: int) -> Callable[[Payload], bytes]:
    return with_field("key", lambda key: bytes([first]) + key[1:])


def relisted(change: Callable[[list[Any]], list[Any]]) -> Callable[[Payload], bytes]:
    return with_field("nodes", lambda nodes: rlp.encode(change(rlp.decode(nodes))))


ALIASES = {
    **{
        f"key_begins_with_{first:02x}": (mask(first), "exit: bad key", True)
        for first in (0x01, 0x0F, 0x20, 0x2F, 0x40, 0xFF)
    },
    "key_of_odd_length": (mask(0x10), "exit: bad key", False),
    "key_empty": (with_field("key", lambda _: b""), "exit: bad key", False),
    "key_without_path": (with_field("key", lambda _: b"\0"), "trie: bad key", False),
    "key_too_long": (with_field("key", lambda key: key + b"\0\0\0"), "rlp: too long", False),
    "key_goes_on": (with_field("key", lambda key: key + b"\0"), "trie: other key", False),
    "number_with_a_zero_before": (
        lambda p: numbers(p, "number", header(0x80, b"\0" + bytes([p["number"]]), 0)),
        "rlp: leading zero",
        True,
    ),
    "log_index_with_a_zero_before": (
        lambda p: numbers(p, "log_index", b"\x82\0\x01"),
        "rlp: leading zero",
        True,
    ),
    "log_index_with_a_header_too_many": (
        lambda p: numbers(p, "log_index", b"\x81\x01"),
        "rlp: not canonical",
        True,
    ),
    "log_index_in_a_list": (
        lambda p: numbers(p, "log_index", b"\xc1\x01"),
        "exit: bad payload",
        True,
    ),
    "key_in_a_longer_header": (
        lambda p: numbers(p, "key", header(0x80, p["key"], 1)),
        "rlp: not canonical",
        True,
    ),
    "block_proof_in_a_longer_header": (
        lambda p: numbers(p, "block_proof", header(0x80, p["block_proof"], 2)),
        "rlp: not canonical",
        True,
    ),
    "receipt_in_a_header_of_three": (
        lambda p: numbers(p, "receipt", header(0x80, p["receipt"], 3)),
        "rlp: too long",
        True,
    ),
    "all_in_a_header_of_three": (
        lambda p: header(0xC0, b"".join(rlp.encode(p[name]) for name in FIELDS), 3),
        "rlp: too long",
        True,
    ),
    "eleven_fields": (
        lambda p: rlp.encode([*(p[name] for name in FIELDS), b""]),
        "exit: bad payload",
        True,
    ),
    "all_in_a_string": (
        lambda p: header(0x80, b"".join(rlp.encode(p[name]) for name in FIELDS), 0),
        "exit: bad payload",
        False,
    ),
    "one_byte_less_announced": (
        lambda p: encoded(p)[:2] + bytes([encoded(p)[2] - 1]) + encoded(p)[3:],
        "exit: bad payload",
        True,
    ),
    "31_bytes": (lambda p: encoded(p)[:31], "exit: bad payload", False),
    "nothing": (lambda _: b"", "exit: bad payload", False),
    "bytes_behind": (lambda p: encoded(p) + b"\0", "exit: bad payload", True),
    "nine_fields": (
        lambda p: rlp.encode([p[name] for name in FIELDS[:-1]]),
        "exit: bad payload",
        False,
    ),
    "nodes_left_over": (
        relisted(lambda nodes: [*nodes, nodes[-1]]),
        "trie: nodes left over",
        True,
    ),
    "no_nodes": (relisted(lambda _: []), "", False),
    "no_leaf": (relisted(lambda nodes: nodes[:-1]), "", False),
    "no_root": (relisted(lambda nodes: nodes[1:]), "trie: other hash", False),
    "root_twice": (relisted(lambda nodes: [nodes[0], *nodes]), "trie: other hash", False),
    "nodes_with_bytes_behind": (
        with_field("nodes", lambda nodes: nodes + b"\0"),
        "exit: bad proof",
        True,
    ),
    "node_is_no_list": (
        relisted(lambda nodes: [rlp.encode(nodes[0]), *nodes[1:]]),
        "trie: not a node",
        False,
    ),
    "other_receipt": (
        with_field("receipt", lambda receipt: receipt[:-1] + b"\xff"),
        "exit: other receipt",
        False,
    ),
    "other_time": (with_field("time", lambda time: time + 1), "exit: not in checkpoint", False),
    "other_transactions": (
        with_field("transactions_root", keccak),
        "exit: not in checkpoint",
        False,
    ),
    "other_receipts": (with_field("receipts_root", keccak), "trie: other hash", False),
    "short_root": (
        with_field("transactions_root", lambda root: root[1:]),
        "exit: bad root",
        False,
    ),
    "short_receipts_root": (
        with_field("receipts_root", lambda root: root[1:]),
        "exit: bad root",
        False,
    ),
    "block_before_the_checkpoint": (
        with_field("number", lambda _: 4),
        "exit: other checkpoint",
        False,
    ),
    "block_behind_the_checkpoint": (
        with_field("number", lambda _: 13),
        "exit: other checkpoint",
        False,
    ),
    "block_beside": (with_field("number", lambda n: n + 1), "exit: not in checkpoint", False),
    "checkpoint_unknown": (
        with_field("checkpoint", lambda _: 30_000),
        "exit: no checkpoint",
        False,
    ),
    "checkpoint_before": (
        with_field("checkpoint", lambda _: 10_000),
        "exit: other checkpoint",
        False,
    ),
    "number_of_nine_bytes": (with_field("number", lambda n: n + 2**64), "rlp: too long", False),
    "block_proof_shorter": (
        with_field("block_proof", lambda proof: proof[:-32]),
        "exit: bad block proof",
        False,
    ),
    "block_proof_longer": (
        with_field("block_proof", lambda proof: proof + bytes(32)),
        "exit: not in checkpoint",
        False,
    ),
    "block_proof_of_33_levels": (
        with_field("block_proof", lambda _: bytes(33 * 32)),
        "exit: bad block proof",
        False,
    ),
    "block_proof_cut": (
        with_field("block_proof", lambda proof: proof[:-1]),
        "exit: bad block proof",
        False,
    ),
    "log_beyond": (with_field("log_index", lambda _: 3), "exit: not there", False),
}
"""By what is changed in an honest payload: how, why it is refused, whether FxPortal takes it. What
is cut short may be refused without a reason, for reading beyond the payload's end."""


@pytest.mark.parametrize("change", ALIASES)
def test_verify__one_thing_changed__refused_with_its_reason(world: World, change: str) -> None:
    """Of block 11, the one before the last of its checkpoint, so that a log beside it exists."""
    alter, reason, taken = ALIASES[change]
    payload = world.chain.payload(world.chain.blocks[11], 7, 1)
    assert world.hold_equal(encoded(payload))
    raw = alter(payload)
    assert raw != encoded(payload)
    held_refused(world, raw, reason)
    theirs = world.theirs(raw, exit_id(11, 7, 1))
    assert (theirs is not None) == taken


# --- tries and receipts that no chain makes ---


@dataclass(frozen=True)
class Forged(Block):
    """A block whose validators signed any receipts root."""

    root: bytes = b""

    @property
    def header(self) -> Header:
        return Header(self.number, 1, bytes(32), self.root)


def forged(nodes: list[Any], receipt: bytes, key: bytes, log_index: int = 0) -> tuple[World, bytes]:
    """A payload whose proof is ``nodes``, all signed for."""
    world = new_world()
    world.chain.blocks.append(Forged(0, (), keccak(rlp.encode(nodes[0])) if nodes else bytes(32)))
    world.chain.checkpoint()
    payload = {
        "checkpoint": 10_000,
        "block_proof": b"",
        "number": 0,
        "time": 1,
        "transactions_root": bytes(32),
        "receipts_root": world.chain.blocks[0].header.receipts_root,
        "receipt": receipt,
        "nodes": rlp.encode(nodes),
        "key": b"\0" + key,
        "log_index": log_index,
    }
    return world, encoded(payload)


RECEIPT = Receipt((message(1),), kind=0).encoded(0)
KEY = b"\x80"
LEAF = [b"\x20\x80", RECEIPT]
HALF = [b"\x30", RECEIPT]
"""The leaf of a key whose first nibble a branch has led past."""


def branch(**children: bytes) -> list[bytes]:
    """Children by nibble, as ``n8=...``; ``value`` is the last item."""
    items = [children.get(f"n{nibble:x}", b"") for nibble in range(16)]
    return [*items, children.get("value", b"")]


def hashed(node: list[Any]) -> bytes:
    return keccak(rlp.encode(node))


TRIES = {
    "leaf_alone": ([LEAF], None, True),
    "branch_and_leaf": ([branch(n8=hashed(HALF)), HALF], None, True),
    "extension_branch_and_leaf": (
        [
            [b"\x18", hashed(branch(n0=hashed([b"\x20", RECEIPT])))],
            branch(n0=hashed([b"\x20", RECEIPT])),
            [b"\x20", RECEIPT],
        ],
        None,
        True,
    ),
    "leaf_that_says_extension": ([[b"\x00\x80", RECEIPT]], "trie: other key", True),
    "leaf_with_other_flags": ([[b"\x40\x80", RECEIPT]], "trie: bad path", True),
    "leaf_with_bits_beside_its_flags": ([[b"\x21\x80", RECEIPT]], "trie: bad path", True),
    "leaf_without_flags": ([[b"", RECEIPT]], "trie: bad path", False),
    "leaf_of_another_key": ([[b"\x20\x81", RECEIPT]], "trie: other key", False),
    "leaf_of_a_longer_key": ([[b"\x20\x80\x80", RECEIPT]], "trie: other key", False),
    "leaf_of_a_shorter_key": ([[b"\x38", RECEIPT]], "trie: other key", False),
    "leaf_of_a_path_too_long": ([[b"\x20" + KEY * 4, RECEIPT]], "rlp: too long", False),
    "extension_of_nothing": ([[b"\x00", hashed(LEAF)], LEAF], "trie: other key", False),
    "extension_to_the_end": ([[b"\x00\x80", hashed(LEAF)], LEAF], "trie: other key", False),
    "extension_elsewhere": ([[b"\x17", hashed(HALF)], HALF], "trie: other key", False),
    "extension_and_no_leaf": ([[b"\x18", hashed(HALF)]], "trie: no leaf", False),
    "extension_to_no_hash": ([[b"\x18", b"\x01" * 31], HALF], "trie: not a node", False),
    "branch_without_the_child": ([branch(n7=hashed(HALF)), HALF], "trie: no such key", False),
    "branch_at_the_end": (
        [
            branch(n8=hashed(branch(n0=hashed(branch(value=RECEIPT))))),
            branch(n0=hashed(branch(value=RECEIPT))),
            branch(value=RECEIPT),
        ],
        "trie: other key",
        True,
    ),
    "branch_with_a_value": (
        [branch(n8=hashed(HALF), value=b"\x01"), HALF],
        "trie: not a node",
        True,
    ),
    "branch_with_a_child_of_a_byte": (
        [branch(n8=hashed(HALF), n1=b"\x01"), HALF],
        "trie: not a node",
        True,
    ),
    "branch_with_an_odd_child": (
        [branch(n8=hashed(HALF), n1=b"\x01" * 31), HALF],
        "trie: not a node",
        True,
    ),
    "branch_of_16": ([branch(n8=hashed(HALF))[:16], HALF], "trie: not a node", False),
    "branch_of_18": ([[*branch(n8=hashed(HALF)), b""], HALF], "trie: not a node", False),
    "node_of_one": ([[RECEIPT]], "", False),
    "path_in_a_list": ([[[b"\x20\x80"], RECEIPT]], "rlp: a list", False),
    "value_in_a_list": ([[b"\x20\x80", rlp.decode(RECEIPT)]], "trie: not a node", False),
}
"""By its name: the nodes of a proof of ``RECEIPT`` under ``KEY``, why they are refused (None if
not), and whether FxPortal takes them."""


@pytest.mark.parametrize("trie", TRIES)
def test_verify__any_trie_that_was_signed_for__only_such_as_chains_make(trie: str) -> None:
    nodes, reason, taken = TRIES[trie]
    world, raw = forged(nodes, RECEIPT, KEY)
    theirs = world.theirs(raw, exit_id(0, 0, 0))
    assert (theirs is not None) == taken
    if reason is None:
        assert world.hold_equal(raw)
        return
    held_refused(world, raw, reason)


FIELDS_OF_RECEIPT = rlp.decode(RECEIPT)
THE_LOG = FIELDS_OF_RECEIPT[3][0]


def receipt_of(*logs: Any) -> bytes:
    return rlp.encode([*FIELDS_OF_RECEIPT[:3], list(logs)])


def receipt_with_topics(topics: bytes) -> bytes:
    """The receipt with any bytes where its log's list of topics is."""
    log = rlp.encode(THE_LOG[0]) + topics + rlp.encode(THE_LOG[2])
    fields = b"".join(rlp.encode(field) for field in FIELDS_OF_RECEIPT[:3])
    return header(0xC0, fields + header(0xC0, header(0xC0, log, 0), 0), 0)


SHAPES = {
    "topic_beyond_its_list": (receipt_with_topics(b"\xc1\xa0"), "exit: beyond its end", False),
    "legacy": (RECEIPT, None, True),
    "type_00": (b"\x00" + RECEIPT, None, True),
    "type_01": (b"\x01" + RECEIPT, None, True),
    "type_7f": (b"\x7f" + RECEIPT, None, True),
    "type_80": (b"\x80" + RECEIPT, "exit: other kind", True),
    "type_bf": (b"\xbf" + RECEIPT, "rlp: too long", True),
    "two_types": (b"\x02\x02" + RECEIPT, "exit: other kind", False),
    "more_fields": (rlp.encode([*FIELDS_OF_RECEIPT, b"", b"\x01"]), None, True),
    "bytes_behind": (RECEIPT + b"\x01", "exit: bad receipt", True),
    "three_fields": (rlp.encode(FIELDS_OF_RECEIPT[:3]), "exit: not there", False),
    "logs_are_a_string": (
        rlp.encode([*FIELDS_OF_RECEIPT[:3], rlp.encode([THE_LOG])]),
        "exit: other kind",
        False,
    ),
    "no_logs": (receipt_of(), "exit: not there", False),
    "log_is_a_string": (receipt_of(rlp.encode(THE_LOG)), "exit: other kind", False),
    "log_of_four": (receipt_of([*THE_LOG, b""]), "exit: bad log", True),
    "log_of_two": (receipt_of(THE_LOG[:2]), "exit: not there", False),
    "emitter_of_19": (receipt_of([THE_LOG[0][1:], *THE_LOG[1:]]), "exit: bad log", False),
    "emitter_of_21": (receipt_of([b"\0" + THE_LOG[0], *THE_LOG[1:]]), "exit: bad log", False),
    "emitter_is_a_list": (receipt_of([[THE_LOG[0]], *THE_LOG[1:]]), "exit: other kind", False),
    "no_topic": (receipt_of([THE_LOG[0], [], THE_LOG[2]]), "exit: not there", False),
    "topic_of_31": (
        receipt_of([THE_LOG[0], [THE_LOG[1][0][1:]], THE_LOG[2]]),
        "exit: bad log",
        False,
    ),
    "topic_is_a_list": (
        receipt_of([THE_LOG[0], [[THE_LOG[1][0]]], THE_LOG[2]]),
        "exit: other kind",
        False,
    ),
    "topics_are_a_string": (
        receipt_of([THE_LOG[0], rlp.encode(THE_LOG[1]), THE_LOG[2]]),
        "exit: other kind",
        False,
    ),
    "data_is_a_list": (receipt_of([*THE_LOG[:2], [THE_LOG[2]]]), "exit: other kind", False),
    "data_too_long": (
        receipt_of([*THE_LOG[:2], encode(["bytes"], [bytes(MAX_DATA - 32)])]),
        "exit: too much data",
        True,
    ),
    "data_of_the_most": (
        receipt_of([*THE_LOG[:2], encode(["bytes"], [bytes(MAX_DATA - 64)])]),
        None,
        True,
    ),
}
"""By its name: a receipt that a trie holds, why it is refused (None if not), whether FxPortal
takes it."""


@pytest.mark.parametrize("shape", SHAPES)
def test_verify__any_receipt_that_was_signed_for__only_such_as_chains_make(shape: str) -> None:
    receipt, reason, taken = SHAPES[shape]
    world, raw = forged([[b"\x20\x80", receipt]], receipt, KEY)
    theirs = world.theirs(raw, exit_id(0, 0, 0))
    assert (theirs is not None) == taken
    if reason is None:
        assert world.hold_equal(raw)
        return
    held_refused(world, raw, reason)


def test_verify__payload_of_more_than_16_kib__refused() -> None:
    """Many logs beside the message: send it in a transaction of its own."""
    world = new_world()
    many = (message(1), *[Log(OTHER, (), bytes(1000))] * 8)
    few = (message(1), *[Log(OTHER, (), bytes(1000))] * 6)
    blocks = [world.chain.add(Receipt(logs)) for logs in (many, few)]
    world.chain.checkpoint()
    large, small = (encoded(world.chain.payload(block, 0)) for block in blocks)
    assert len(small) < MAX_PAYLOAD < len(large)
    assert world.hold_equal(small)
    with boa.reverts():
        world.verifier.verify(large, world.chain.manager)


def test_verify__anonymous_log__has_no_topic_and_is_refused() -> None:
    world = new_world()
    block = world.chain.add(Receipt((Log(SENDER, (), b""),)))
    world.chain.checkpoint()
    with refused("exit: not there"):
        world.verifier.verify(encoded(world.chain.payload(block, 0)), world.chain.manager)


def test_checkpoint__too_few_or_duplicate_signatures__no_proof_counts() -> None:
    """Without two thirds of the validators there is no root to prove anything against."""
    world = new_world()
    block = world.chain.add(Receipt((message(1),)))
    validators = world.chain.validators
    for signed in (validators.accounts[:2], (validators.accounts[0],) * 4):
        world.chain.validators = type(validators)(tuple(signed))
        with boa.reverts():
            world.chain.checkpoint()
    world.chain.starts.append(1)
    raw = encoded(world.chain.payload(block, 0))
    with refused("exit: no checkpoint"):
        world.verifier.verify(raw, world.chain.manager)
    world.chain.starts.pop()
    world.chain.validators = validators
    world.chain.checkpoint()
    assert world.hold_equal(raw)
