"""The manifest: one content, one spelling; anything else is refused by name."""

import hashlib
import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.settlement.manifest import (
    BatchChain,
    CloseBlock,
    Manifest,
    ManifestError,
    Saturated,
    Totals,
    canonical,
    hex32,
    list_files,
    parse,
    parse_canonical,
)

HASH = "0x" + "ab" * 32
CONTENTS = {"outputs/scores.csv": b"model\n", "inputs/universe.csv": b"id\n", "inputs/a/b": b""}


def manifest() -> Manifest:
    return Manifest(
        spec="assay/scoring/1/verifiers",
        chain_id=731371,
        pool="0x" + "11" * 20,
        oracle="0x" + "22" * 20,
        tournament=8,
        round=7,
        announce_hash=HASH,
        close_block=CloseBlock(number=9, hash=HASH, timestamp=1_800_000_000),
        files=list_files(CONTENTS),
        batch_chain=BatchChain(head=HASH, words=2, batches=1),
        meta_root=HASH,
        at_risk="123",
        totals=Totals(accepted=1, on_time=1, rejected=0),
        saturated=[Saturated(model=1, score="corr", value=-600_000_000)],
    )


def _value() -> dict[str, Any]:
    return json.loads(manifest().to_bytes())


def test_parse__own_bytes__round_trip() -> None:
    raw = manifest().to_bytes()
    assert parse(raw) == manifest()
    assert parse(raw).to_bytes() == raw
    assert manifest().digest() == hashlib.sha256(raw).digest()


def test_to_bytes__is_compact_sorted_json() -> None:
    value = _value()
    spelled = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert manifest().to_bytes() == spelled.encode()
    assert value["schema"] == "assay/manifest/2"


def test_list_files__any_order__sorted_with_hash_and_size() -> None:
    listed = list_files(CONTENTS)
    assert [f.path for f in listed] == sorted(CONTENTS)
    for file in listed:
        raw = CONTENTS[file.path]
        assert (file.sha256, file.size) == ("0x" + hashlib.sha256(raw).hexdigest(), len(raw))


def test_hex32__bytes__lower_case_with_prefix() -> None:
    assert hex32(b"\xab" * 32) == HASH


@pytest.mark.parametrize(
    "spell",
    [
        lambda raw: raw + b"\n",
        lambda raw: b" " + raw,
        lambda raw: raw.replace(b":", b": ", 1),
        lambda raw: b"\xef\xbb\xbf" + raw,
        lambda raw: json.dumps(json.loads(raw)).encode(),
        lambda raw: raw.replace(b'"round":7', b'"round":7.0'),
        lambda raw: raw.replace(b'"round":7', b'"round":7,"round":7'),
        lambda raw: raw.replace(b'"round":7', b'"round":007'),
        lambda raw: raw.replace(b"verifiers", b"\\u0076erifiers"),
    ],
)
def test_parse__same_content_spelled_otherwise__refused(spell: Any) -> None:
    raw = spell(manifest().to_bytes())
    assert raw != manifest().to_bytes()
    with pytest.raises(ManifestError, match=r"is not (canonical )?JSON"):
        parse(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"NaN",
        b'{"a":Infinity}',
        b"9007199254740992",
        b"1" * 5000,
        b'"\\ud800"',
        b'{"a":1}{"a":1}',
    ],
    ids=lambda raw: repr(raw[:20]),
)
def test_parse_canonical__no_json_of_ours__refused_by_name(raw: bytes) -> None:
    with pytest.raises(ManifestError, match=r"^inputs/x\.json is not"):
        parse_canonical(raw, "inputs/x.json")


def test_parse_canonical__nested_beyond_reason__refused_not_a_crash() -> None:
    """In a fresh interpreter: test tools raise the recursion limit of this one."""
    script = (
        "from oracle.settlement.manifest import ManifestError, parse_canonical\n"
        "try:\n    parse_canonical(b'[' * 100_000 + b']' * 100_000, 'x')\n"
        "except ManifestError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("x is not JSON")


@pytest.mark.parametrize("raw", [b"[]", b"7", b"null", b'"text"', b"{}"])
def test_parse__no_manifest__refused(raw: bytes) -> None:
    with pytest.raises(ManifestError, match=r"manifest\.json"):
        parse(raw)


REPLACED: list[tuple[str, Any]] = [
    ("schema", "assay/manifest/1"),
    ("schema", "assay/manifest/3"),
    ("spec", "assay/scoring/3"),
    ("spec", "assay/scoring/1/"),
    ("spec", 1),
    ("chain_id", -1),
    ("chain_id", 1.5),
    ("chain_id", "1"),
    ("chain_id", True),
    ("chain_id", None),
    ("round", 1e300),
    ("pool", "0x" + "11" * 19),
    ("pool", "0x" + "AA" * 20),
    ("pool", "0x" + "11" * 20 + "\n"),
    ("oracle", "11" * 20),
    ("announce_hash", HASH + "00"),
    ("announce_hash", HASH.upper()),
    ("close_block", {"number": 1, "hash": HASH}),
    ("close_block", {"number": 1, "hash": HASH, "timestamp": 1, "more": 1}),
    ("files", {}),
    ("files", [{"path": "inputs/a", "sha256": HASH, "size": -1}]),
    ("files", [{"path": "inputs/a", "sha256": HASH}]),
    ("batch_chain", {"head": HASH, "words": 1, "batches": 0}),
    ("at_risk", 123),
    ("at_risk", "0123"),
    ("at_risk", "-1"),
    ("at_risk", ""),
    ("at_risk", "1\n"),
    ("totals", {"accepted": 1.0e300, "on_time": 1, "rejected": 0}),
    ("saturated", None),
    ("saturated", [{"model": -1, "score": "corr", "value": 1}]),
    ("saturated", [{"model": 1, "score": "corr", "value": 0.5}]),
]


@pytest.mark.parametrize(("name", "value"), REPLACED)
def test_parse__wrong_field__named(name: str, value: Any) -> None:
    with pytest.raises(ManifestError, match=rf"^manifest\.json: {name}\b"):
        parse(canonical({**_value(), name: value}))


@pytest.mark.parametrize("name", sorted(_value()))
def test_parse__field_missing__named(name: str) -> None:
    value = _value()
    del value[name]
    with pytest.raises(ManifestError, match=rf"^manifest\.json: {name}: "):
        parse(canonical(value))


def test_parse__extra_field__named() -> None:
    with pytest.raises(ManifestError, match=r"^manifest\.json: host: "):
        parse(canonical({**_value(), "host": "a"}))


@given(st.data())
def test_parse__one_byte_altered__refused_or_another_digest(data: st.DataObject) -> None:
    raw = bytearray(manifest().to_bytes())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    try:
        found = parse(bytes(raw))
    except ManifestError:
        return
    assert found != manifest()
    assert found.to_bytes() == bytes(raw)


def _with_paths(*paths: str) -> bytes:
    files = [{"path": path, "sha256": HASH, "size": 0} for path in paths]
    return canonical({**_value(), "files": files})


def test_parse__files_out_of_order_or_twice__refused() -> None:
    assert parse(_with_paths("inputs/a", "inputs/b"))
    for paths in (("inputs/b", "inputs/a"), ("inputs/a", "inputs/a")):
        with pytest.raises(ManifestError, match="not in order, or one is listed twice"):
            parse(_with_paths(*paths))


@pytest.mark.parametrize(
    "path",
    [
        "",
        "inputs",
        "inputs/",
        "manifest.json",
        "attest/a.json",
        "/etc/passwd",
        "inputs/../../etc/passwd",
        "inputs/..",
        "inputs/./a",
        "inputs//a",
        "inputs/a/",
        "../inputs/a",
        "inputs\\a",
        "inputs/a\n",
        "inputs/a\x00",
        "inputs/A",
        "inputs/.hidden",
        "inputs/a b",
        "inputsx/a",
        "inputs/é",
        "inputs/a.json.gz",
    ],
)
def test_parse__path_of_no_artefact__refused(path: str) -> None:
    with pytest.raises(ManifestError, match="is not a path of an artefact"):
        parse(_with_paths(path))
