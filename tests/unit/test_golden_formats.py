"""The golden bytes of every format, recomputed from docs/formats.md with nothing of the package.

Values come from ``tests/golden/formats.py``; the encodings here are written out by hand.
"""

import hashlib
import json
import re
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

import coincurve
import pytest
from Crypto.Hash import keccak
from golden import formats

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "formats.md").read_text()
GOLDEN: dict[str, Any] = json.loads(formats.PATH.read_text())
STRUCTS = [
    ("commit", formats.COMMIT, formats.ORACLE),
    ("submission", formats.SUBMISSION, formats.POOL),
    ("receipt", formats.RECEIPT, formats.POOL),
    ("submission_key", formats.SUBMISSION_KEY, formats.POOL),
]


def _keccak(raw: bytes) -> bytes:
    return keccak.new(digest_bits=256, data=raw).digest()


def _hex(raw: bytes) -> str:
    return "0x" + raw.hex()


def _slot(value: int | str | bytes) -> bytes:
    """A static ABI value: 32 bytes."""
    if isinstance(value, str):
        value = int(value, 16)  # an address
    return value.to_bytes(32, "big") if isinstance(value, int) else value.rjust(32, b"\0")


def _slots(*values: int | str | bytes) -> bytes:
    return b"".join(map(_slot, values))


def test_golden_file__and_the_encoders__agree() -> None:
    assert formats.examples() == GOLDEN


def test_lane_word__by_hand() -> None:
    bits = sum(
        (lane.stake + (2**63 if lane.take_profit else 0)) * 2 ** (64 * place)
        for place, lane in enumerate(formats.LANES)
    )
    assert GOLDEN["lane_word"] == f"0x{bits:064x}"


def test_queue_record__by_hand() -> None:
    record = formats.RECORD
    assert record.next_model is not None
    bits = record.deposit + record.release * 2**56 + record.mode * 2**112
    bits += (record.next_model + 1) * 2**114
    assert GOLDEN["queue_record"] == f"0x{bits:064x}"


def _score_words() -> list[int]:
    words = [0, 0]
    for model, lane in formats.SCORES.items():
        first, second, third = (score % 2**20 for score in lane.scores)
        bits = first + second * 2**20 + third * 2**40 + lane.level * 2**60
        words[model // 4] += bits * 2 ** (64 * (model % 4))
    return words


def test_score_words__by_hand() -> None:
    assert GOLDEN["score_words"] == [f"0x{word:064x}" for word in _score_words()]


def _link(following: bytes, start: int, words: list[int]) -> bytes:
    return _keccak(following + _slot(start) + _keccak(_slots(32, len(words), *words)))


def test_batch_chain__by_hand() -> None:
    first, second = _score_words()
    last = _link(bytes(32), 1, [second])
    assert GOLDEN["batch_chain"] == [_hex(_link(last, 0, [first])), _hex(last)]
    assert GOLDEN["empty_batch_chain"] == [_hex(_link(bytes(32), 0, []))]


def test_announcement_hashes__by_hand() -> None:
    spec = _keccak(b"assay/scoring/1")
    assert GOLDEN["spec_hash"] == _hex(spec)
    names = re.findall(r"^\| `(assay/scoring/[^`]*)` \|", DOCUMENT, re.MULTILINE)
    assert GOLDEN["spec_hashes"] == {name: _hex(_keccak(name.encode())) for name in names}
    assert len(names) == 6
    template = formats.TEMPLATE
    template_hash = _keccak(
        _slots(
            *template.kinds,
            *template.multipliers,
            template.clip_up,
            template.clip_down,
            template.threshold,
            template.kappa,
        )
    )
    assert GOLDEN["template_hash"] == _hex(template_hash)
    made = formats.ANNOUNCEMENT
    announced = _slots(
        made.pool,
        made.tournament,
        made.round,
        made.opens,
        made.closes,
        made.horizon,
        made.phi,
        made.series_hash,
        spec,
        made.epoch,
        template_hash,
    )
    assert GOLDEN["announce_hash"] == _hex(_keccak(announced))


def _type_string(name: str) -> str:
    """The struct's type as docs/formats.md prints it."""
    [found] = set(re.findall(rf"`({name}\([^`]*\))`", DOCUMENT))
    return found


def _digest(name: str, struct: Any, contract: str) -> bytes:
    """EIP-712, section "Definition of encodeData", on the documented type strings."""
    domain_type = re.search(r"`(EIP712Domain\([^`]*\))`", DOCUMENT)
    assert domain_type
    domain = _slots(
        _keccak(domain_type[1].encode()), _keccak(b"Assay"), _keccak(b"1"), 731371, contract
    )
    content = _slots(_keccak(_type_string(name).encode()), *astuple(struct))
    return _keccak(b"\x19\x01" + _keccak(domain) + _keccak(content))


@pytest.mark.parametrize(("key", "struct", "contract"), STRUCTS)
def test_signed_struct__digest_by_hand(key: str, struct: Any, contract: str) -> None:
    assert GOLDEN[key]["digest"] == _hex(_digest(type(struct).__name__, struct, contract))


@pytest.mark.parametrize(("key", "struct", "contract"), STRUCTS)
def test_signed_struct__documented_fields__are_the_dataclass_in_order(
    key: str, struct: Any, contract: str
) -> None:
    listed = re.findall(r"(\w+) (\w+)[,)]", _type_string(type(struct).__name__))
    assert [name for _, name in listed] == [field.name for field in fields(struct)]
    assert {name: kind for kind, name in listed} == type(struct).fields


def test_submission_by_key__by_hand() -> None:
    halves = [GOLDEN[name]["signature"][2:] for name in ("submission", "submission_key")]
    assert GOLDEN["submission_by_key"] == f"0x{halves[0]}{halves[1]}{5:08x}{400:08x}"


@pytest.mark.parametrize(("key", "struct", "contract"), STRUCTS)
def test_signature__recovered_by_another_library__is_the_signer(
    key: str, struct: Any, contract: str
) -> None:
    signature = bytes.fromhex(GOLDEN[key]["signature"][2:])
    digest = bytes.fromhex(GOLDEN[key]["digest"][2:])
    assert len(signature) == 65
    assert signature[64] in (27, 28)
    compact = signature[:64] + bytes([signature[64] - 27])
    point = coincurve.PublicKey.from_signature_and_message(compact, digest, hasher=None)
    address = _keccak(point.format(compressed=False)[1:])[-20:]
    assert GOLDEN["signer"].lower() == _hex(address)


def test_merkle__by_hand() -> None:
    leaves = [
        _keccak(_keccak(_slots(7, _keccak(row_id.encode()), value)))
        for row_id, value in formats.META_ROWS
    ]
    assert GOLDEN["merkle_leaves"] == [_hex(leaf) for leaf in leaves]
    lowest, middle, highest = sorted(leaves)  # nodes 4, 3, 2 of 5; node 1 is over 3 and 4
    inner = _keccak(lowest + middle)
    assert GOLDEN["merkle_root"] == _hex(_keccak(min(inner, highest) + max(inner, highest)))


def test_manifest__canonical_form_and_digest_by_hand() -> None:
    text = GOLDEN["manifest"]
    value = json.loads(text)
    assert json.dumps(value, sort_keys=True, separators=(",", ":")) == text
    assert GOLDEN["manifest_digest"] == _hex(hashlib.sha256(text.encode()).digest())
    for file, raw in zip(value["files"], (b"id\n", b"model\n"), strict=True):
        assert (file["sha256"], file["size"]) == (_hex(hashlib.sha256(raw).digest()), len(raw))


def test_manifest__fields__are_those_documented() -> None:
    documented = _fields(DOCUMENT.split("## 10. Manifest")[1].split("\n## ")[0])
    value = json.loads(GOLDEN["manifest"])
    found = set(value)
    for part in ("close_block", "batch_chain", "totals"):
        found |= set(value[part])
    found |= set(value["files"][0]) | set(value["saturated"][0])
    assert found == documented


def _fields(text: str) -> set[str]:
    return set(re.findall(r'"(\w+)":', text))


def _section(title: str) -> str:
    return re.split(r"\n##+ ", DOCUMENT.split(f"### {title}\n")[1])[0]


def test_round_receipts__canonical_form_and_fields_by_hand() -> None:
    text = GOLDEN["round_receipts"]
    value = json.loads(text)
    assert json.dumps(value, sort_keys=True, separators=(",", ":")) == text
    [submission] = value["submissions"]
    [receipt] = submission["receipts"]
    assert receipt["operator"] == GOLDEN["signer"]
    assert receipt["signature"] == GOLDEN["receipt"]["signature"]
    said = formats.RECEIPT
    assert (submission["model"], submission["sequence"]) == (said.model, said.sequence)
    assert (submission["sha256"], receipt["received"]) == (_hex(said.sha256), said.received)
    documented = _fields(_section("Receipts"))
    assert set(value) | set(submission) | set(receipt) == documented


def test_sealed_index__canonical_form_and_fields_by_hand() -> None:
    text = GOLDEN["sealed_index"]
    value = json.loads(text)
    assert json.dumps(value, sort_keys=True, separators=(",", ":")) == text
    documented = _fields(_section("Sealed files"))
    assert set(value) | set(value["files"][0]) == documented
