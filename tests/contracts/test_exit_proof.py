"""The proof verifier takes what Polygon's tools build, and nothing that FxPortal's refuses."""

from collections.abc import Callable
from typing import Any

import boa
import pytest
import rlp
from child_chain import FIELDS, MESSAGE_SENT, Log, Payload, Receipt, encoded
from eth_abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils import keccak
from exit_world import (
    MAX_DATA,
    MAX_PAYLOAD,
    OTHER,
    SENDER,
    World,
    header,
    message,
    new_world,
    small_world,
)
from hypothesis import assume, given
from hypothesis import strategies as st

from oracle.bridge.exits import exit_id


@pytest.fixture(scope="module")
def world() -> World:
    return small_world()


@pytest.fixture(scope="module")
def honest(world: World) -> dict[bytes, Payload]:
    """Every proof that can be made in the world, by its bytes."""
    proofs = [
        world.chain.payload(block, index, log_index)
        for block in world.chain.blocks
        for index in range(len(block.receipts))
        for log_index in range(3)
    ]
    return {encoded(payload): payload for payload in proofs}


# --- what is honest ---


@pytest.mark.slow
def test_verify__every_log_of_a_chain__is_proven_under_its_own_id(
    world: World, honest: dict[bytes, Payload]
) -> None:
    ids = set()
    for raw, payload in honest.items():
        exit = world.proven(raw)
        number, index = payload["number"], index_of(payload)
        assert exit.id == exit_id(number, index, payload["log_index"])
        log = world.chain.blocks[number].receipts[index].logs[payload["log_index"]]
        assert (exit.emitter, exit.topic0, exit.data) == (log.address, log.topics[0], log.data)
        ids.add(exit.id)
    assert len(ids) == len(honest)


def index_of(payload: Payload) -> int:
    return int(rlp.decode(payload["key"][1:], rlp.sedes.big_endian_int))


def test_verify__messages__fxportal_takes_the_same(
    world: World, honest: dict[bytes, Payload]
) -> None:
    some = [raw for raw, payload in honest.items() if payload["log_index"]][::9]
    assert len(some) > 8
    for raw in some:
        assert world.hold_equal(raw)


@pytest.mark.parametrize("index", [0, 1, 15, 16, 127, 128, 255, 256, 299])
def test_verify__large_block__keys_of_every_length(index: int) -> None:
    world = new_world()
    block = world.chain.add(*[Receipt((message(i),), kind=2) for i in range(300)])
    world.chain.checkpoint()
    payload = world.chain.payload(block, index)
    exit = world.proven(encoded(payload))
    assert exit.id == exit_id(0, index, 0)
    assert world.hold_equal(encoded(payload))


logs = st.builds(
    Log,
    st.sampled_from([SENDER, OTHER]),
    st.lists(st.sampled_from([MESSAGE_SENT, keccak(b"a"), bytes(32)]), min_size=1, max_size=4).map(
        tuple
    ),
    st.one_of(
        st.binary(max_size=600),
        st.binary(max_size=900).map(lambda said: encode(["bytes"], [said])),
    ),
)
receipts = st.builds(
    Receipt, st.lists(logs, max_size=5).map(tuple), st.sampled_from([0, 1, 2, 3, 4, 0x7E, 0x7F])
)
"""0x7f is the type of the transaction that commits state syncs on newer Bor."""


@pytest.mark.slow
@given(
    st.lists(st.lists(receipts, min_size=1, max_size=40), min_size=1, max_size=5),
    st.randoms(use_true_random=False),
)
def test_verify__any_chain__takes_each_log_as_fxportal_does(
    blocks: list[list[Receipt]], random: Any
) -> None:
    with boa.env.anchor():
        world = new_world()
        for block in blocks:
            world.chain.add(*block)
            if random.random() < 0.4:
                world.chain.checkpoint()
        if len(world.chain.blocks) > world.chain.starts[-1]:
            world.chain.checkpoint()
        places = [
            (block, index, place)
            for block in world.chain.blocks
            for index, receipt in enumerate(block.receipts)
            for place in range(len(receipt.logs))
        ]
        for block, index, place in random.sample(places, min(3, len(places))):
            raw = encoded(world.chain.payload(block, index, place))
            exit = world.proven(raw)
            log = block.receipts[index].logs[place]
            if len(log.data) > MAX_DATA or len(raw) > MAX_PAYLOAD:
                assert exit is None
                continue
            assert exit.id == exit_id(block.number, index, place)
            assert (exit.emitter, exit.topic0, exit.data) == (log.address, log.topics[0], log.data)
            theirs = world.theirs(raw, exit.id)
            is_message = log.address == SENDER and log.topics[0] == MESSAGE_SENT
            assert theirs == (abi_bytes(log.data) if is_message else None)


def abi_bytes(data: bytes) -> bytes | None:
    """What Solidity decodes; None if it reverts."""
    try:
        return bytes(decode(["bytes"], data, strict=False)[0])
    except DecodingError:
        return None


# --- what is forged: drawn ---


def any_change(world: World, honest: dict[bytes, Payload], draw: Callable[..., Any]) -> bytes:
    """An honest payload with something of it changed."""
    payloads = list(honest.values())
    payload = dict(draw(st.sampled_from(payloads)))
    how = draw(st.sampled_from(["byte", "field", "number", "nodes", "cut", "loose", "deep"]))
    if how == "field":
        name = draw(st.sampled_from(FIELDS))
        payload[name] = draw(st.sampled_from(payloads))[name]
    elif how == "number":
        name = draw(st.sampled_from(["checkpoint", "number", "time", "log_index"]))
        payload[name] = draw(
            st.one_of(
                st.integers(0, 20),
                st.integers(0, 2**256 - 1),
                st.integers(-10_000, 10_000).map(lambda step: max(0, payload[name] + step)),
            )
        )
    elif how == "nodes":
        nodes = rlp.decode(payload["nodes"])
        others = [n for p in payloads[::17] for n in rlp.decode(p["nodes"])]
        for _ in range(draw(st.integers(1, 2))):
            place = draw(st.integers(0, len(nodes)))
            if draw(st.booleans()) and place < len(nodes):
                del nodes[place]
            else:
                nodes.insert(place, draw(st.sampled_from([*nodes, *others])))
        payload["nodes"] = rlp.encode(nodes)
    elif how == "deep":
        name = draw(st.sampled_from(["block_proof", "receipt", "nodes", "key"]))
        payload[name] = flipped(payload[name], draw)
    raw = encoded(payload)
    if how == "byte":
        return flipped(raw, draw)
    if how == "cut":
        end = draw(st.integers(0, len(raw)))
        return raw[:end] + draw(st.binary(max_size=40))
    if how == "loose":
        return loosened(payload, draw)
    return raw


def flipped(data: bytes, draw: Callable[..., Any]) -> bytes:
    if not data:
        return draw(st.binary(min_size=1, max_size=4))
    place = draw(st.integers(0, len(data) - 1))
    byte = data[place] ^ draw(st.integers(1, 255))
    return data[:place] + bytes([byte]) + data[place + 1 :]


def loosened(payload: Payload, draw: Callable[..., Any]) -> bytes:
    """The same payload in another encoding: longer headers, leading zeros."""
    loose = draw(st.sampled_from(FIELDS))
    zeros = draw(st.integers(0, 3))
    parts = []
    for name in FIELDS:
        value = payload[name]
        if isinstance(value, int):
            value = value.to_bytes((value.bit_length() + 7) // 8, "big")
        if name != loose:
            parts.append(rlp.encode(value))
            continue
        if name in ("receipt", "nodes", "block_proof"):
            zeros = 0
        parts.append(header(0x80, bytes(zeros) + value, draw(st.integers(0, 3))))
    return header(0xC0, b"".join(parts), draw(st.integers(0, 3)))


@given(st.data())
def test_verify__anything_but_an_honest_payload__is_refused(
    world: World, honest: dict[bytes, Payload], data: st.DataObject
) -> None:
    """One event, one payload: neither forgeries nor aliases are taken, so an id proves an event."""
    raw = any_change(world, honest, data.draw)
    assume(raw not in honest)
    assert world.proven(raw) is None


@given(st.binary(max_size=700))
def test_verify__any_bytes__are_refused(world: World, data: bytes) -> None:
    assert world.proven(data) is None
