"""Receipts in their trie: every type, Bor's receipts of state syncs, proofs."""

from collections.abc import Sequence
from typing import Any

import pytest
import rlp
from eth_utils import keccak
from hexbytes import HexBytes
from trie import HexaryTrie
from trie.constants import BLANK_NODE_HASH

from oracle.bridge.exits import burn_logs, exit_id, message_logs
from oracle.bridge.receipts import encode_receipt, proof, receipt_trie, state_sync_hash
from oracle.errors import DifferenceError

TOKEN = "0x" + "70" * 20
TRANSFER = keccak(text="Transfer(address,address,uint256)")
MESSAGE_SENT = keccak(text="MessageSent(bytes)")
NUMBER, HASH = 12_345, b"\xab" * 32


def log(topics: Sequence[bytes], address: str = TOKEN, data: bytes = b"d" * 32) -> dict[str, Any]:
    return {"address": address, "topics": [HexBytes(t) for t in topics], "data": HexBytes(data)}


def receipt(index: int, kind: int = 0, logs: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    return {
        "type": kind,
        "status": 1,
        "cumulativeGasUsed": 21_000 * (index + 1),
        "logsBloom": HexBytes(bytes(256)),
        "logs": list(logs) or [log([TRANSFER])],
        "transactionHash": HexBytes(keccak(b"tx%d" % index)),
        "transactionIndex": index,
    }


def block(receipts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A block whose header has the root of these receipts, by a trie that is made here."""
    trie = HexaryTrie({})
    for place, each in enumerate(receipts):
        trie[rlp.encode(place)] = encode_receipt(each)
    return {"number": NUMBER, "hash": HexBytes(HASH), "receiptsRoot": HexBytes(trie.root_hash)}


def test_encode_receipt__legacy__is_plain_rlp() -> None:
    fields = rlp.decode(encode_receipt(receipt(0)))
    assert fields[:3] == [b"\x01", (21_000).to_bytes(2, "big"), bytes(256)]
    assert fields[3] == [[bytes.fromhex(TOKEN[2:]), [TRANSFER], b"d" * 32]]


@pytest.mark.parametrize("kind", [1, 2, 3, 0x7F], ids=str)
def test_encode_receipt__typed__begins_with_its_type(kind: int) -> None:
    encoded = encode_receipt(receipt(0, kind))
    assert encoded == bytes([kind]) + encode_receipt(receipt(0))


def test_encode_receipt__type_and_bytes_as_text__are_read_too() -> None:
    as_text = receipt(0) | {"type": "0x2", "logsBloom": "0x" + "00" * 256}
    as_text["logs"] = [
        {"address": TOKEN, "topics": ["0x" + TRANSFER.hex()], "data": "0x" + "64" * 32}
    ]
    assert encode_receipt(as_text) == encode_receipt(receipt(0, 2))


def test_encode_receipt__before_byzantium__has_the_state_root() -> None:
    old = {k: v for k, v in receipt(0).items() if k not in ("status", "type")}
    assert rlp.decode(encode_receipt(old | {"root": HexBytes(b"s" * 32)}))[0] == b"s" * 32


@pytest.mark.parametrize("count", [1, 2, 16, 17, 127, 128, 129, 300], ids=str)
def test_proof__any_receipt_of_a_block__leads_from_the_root_to_it(count: int) -> None:
    receipts = [receipt(i, kind=i % 3) for i in range(count)]
    trie = receipt_trie(receipts, block(receipts))  # type: ignore[arg-type]
    for index in {0, 1, count // 2, count - 1} & set(range(count)):
        nodes = rlp.decode(proof(trie, index))
        found = HexaryTrie.get_from_proof(trie.root_hash, rlp.encode(index), nodes)
        assert found == encode_receipt(receipts[index])


def test_receipt_trie__no_receipts__has_the_empty_root() -> None:
    assert receipt_trie([], block([])).root_hash == BLANK_NODE_HASH  # type: ignore[arg-type]


def state_sync_receipt(index: int, kind: int = 0) -> dict[str, Any]:
    return receipt(index, kind) | {"transactionHash": HexBytes(state_sync_hash(NUMBER, HASH))}


def test_receipt_trie__older_bor_answers_with_a_state_sync__leaves_it_out() -> None:
    genuine = [receipt(i, kind=2) for i in range(5)]
    answered = [*genuine, state_sync_receipt(5)]
    trie = receipt_trie(answered, block(genuine))  # type: ignore[arg-type]
    assert trie.root_hash == block(genuine)["receiptsRoot"]


@pytest.mark.parametrize("counted", [True, False], ids=["in-the-root", "not-in-the-root"])
def test_receipt_trie__newer_bor_has_a_state_sync_of_a_type__is_as_the_root_says(
    counted: bool,
) -> None:
    genuine = [receipt(i) for i in range(3)]
    answered = [*genuine, receipt(3, kind=0x7F)]
    chosen = answered if counted else genuine
    trie = receipt_trie(answered, block(chosen))  # type: ignore[arg-type]
    assert trie.root_hash == block(chosen)["receiptsRoot"]


def test_receipt_trie__receipt_withheld__is_noticed() -> None:
    receipts = [receipt(i) for i in range(4)]
    with pytest.raises(DifferenceError, match="receipts of block 12345"):
        receipt_trie(receipts[:-1], block(receipts))  # type: ignore[arg-type]


def test_state_sync_hash__of_a_block__is_bors_key() -> None:
    key = b"matic-bor-receipt-" + bytes.fromhex("0000000000003039") + HASH
    assert state_sync_hash(NUMBER, HASH) == keccak(key)


# ---------------------------------------------------------------------- what a receipt holds


def word(address: str) -> bytes:
    return bytes(12) + bytes.fromhex(address[2:])


def test_burn_logs__among_others__are_those_of_the_token_to_nobody() -> None:
    holder, nobody = word("0x" + "11" * 20), bytes(32)
    logs = [
        log([TRANSFER, nobody, holder]),
        log([TRANSFER, holder, nobody]),
        log([TRANSFER, holder, nobody], address="0x" + "71" * 20),
        log([MESSAGE_SENT, holder, nobody]),
        log([TRANSFER, holder]),
        log([]),
        log([TRANSFER, holder, nobody]),
    ]
    assert burn_logs(receipt(0, logs=logs), TOKEN) == [1, 6]  # type: ignore[arg-type]


def test_message_logs__among_others__are_those_of_the_sender() -> None:
    logs = [log([]), log([MESSAGE_SENT]), log([MESSAGE_SENT], address="0x" + "71" * 20)]
    assert message_logs(receipt(0, logs=logs), TOKEN) == [1]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("index", "nibbles"),
    [(0, b"\x08\x00"), (1, b"\x00\x01"), (127, b"\x07\x0f"), (128, b"\x08\x01\x08\x00")],
    ids=lambda value: value.hex() if isinstance(value, bytes) else str(value),
)
def test_exit_id__of_a_place__hashes_the_nibbles_of_its_path(index: int, nibbles: bytes) -> None:
    words = (9).to_bytes(32, "big"), (2).to_bytes(32, "big")
    assert exit_id(9, index, 2) == keccak(words[0] + nibbles + words[1])
