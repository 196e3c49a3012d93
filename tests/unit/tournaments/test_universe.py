"""Canonical text of universe and targets: one content, one spelling."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.scoring.limits import SCALE
from oracle.tournaments.universe import (
    UniverseError,
    parse_targets,
    parse_universe,
    targets_bytes,
    universe_bytes,
)

ID_CHARACTERS = [chr(c) for c in range(0x21, 0x7F) if chr(c) not in "\",'"]
names = st.text(ID_CHARACTERS, min_size=1, max_size=64)
id_lists = st.lists(names, min_size=1, max_size=20, unique=True)


@given(id_lists)
def test_universe__any_ids__round_trip(ids: list[str]) -> None:
    raw = universe_bytes(ids)
    assert raw == ("id\n" + "\n".join(ids) + "\n").encode()
    assert parse_universe(raw) == tuple(ids)


@given(id_lists, st.data())
def test_targets__any_values__round_trip(ids: list[str], data: st.DataObject) -> None:
    count = len(ids)
    values = data.draw(st.lists(st.integers(0, SCALE), min_size=count, max_size=count))
    targets = np.array(values, dtype=np.int64)
    again = parse_targets(targets_bytes(ids, targets), ids)
    assert again.dtype == np.int64
    assert again.tolist() == values


def test_targets_bytes__known_values__shortest_decimals() -> None:
    targets = np.array([0, 250_000_000, SCALE, 1, 500_000_000])
    raw = targets_bytes(list("abcde"), targets)
    assert raw == b"id,target\na,0\nb,0.25\nc,1\nd,0.000000001\ne,0.5\n"


@given(id_lists, st.data())
def test_parse_universe__one_byte_changed__refused_or_other_ids(
    ids: list[str], data: st.DataObject
) -> None:
    raw = bytearray(universe_bytes(ids))
    index = data.draw(st.integers(0, len(raw) - 1))
    raw[index] ^= data.draw(st.integers(1, 255))
    try:
        changed = parse_universe(bytes(raw))
    except UniverseError:
        return
    assert changed != tuple(ids)
    assert universe_bytes(changed) == bytes(raw)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("", "1 to 64"),
        ("a" * 65, "1 to 64"),
        ("a b", "1 to 64"),
        ("a,b", "1 to 64"),
        ('a"', "1 to 64"),
        ("é", "1 to 64"),
        ("a\n", "1 to 64"),
        ("x1", "already id 1"),
    ],
)
def test_universe_bytes__bad_id__named(bad: str, reason: str) -> None:
    with pytest.raises(UniverseError, match=f"^id 2: .*{reason}"):
        universe_bytes(["x1", bad])


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "cut short"),
        (b"id\na", "cut short"),
        (b"id\n", "no ids"),
        (b"ids\na\n", "line 1"),
        (b"\xef\xbb\xbfid\na\n", "line 1: not ASCII"),
        (b"id\r\na\r\n", "line 1"),
        (b"id\na\r\n", "line 2"),
        (b"id\na\n\n", "line 3"),
        (b"id\na\n\nb\n", "line 3"),
        (b'id\n"a"\n', "line 2"),
        (b"id\na\nb\na\n", "line 4: 'a' is already line 2"),
        (b"id\na\n\xff\n", "line 3: not ASCII"),
    ],
)
def test_parse_universe__not_canonical__names_the_line(raw: bytes, reason: str) -> None:
    with pytest.raises(UniverseError, match=reason):
        parse_universe(raw)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0.0",
        "1.0",
        "0.250",
        ".25",
        "00.25",
        "1e-1",
        "+0.5",
        "-0",
        "1.5",
        "2",
        "nan",
        "0.0000000001",
        "0.",
        " 0.5",
        "0.5,",
        '"0.5"',
        "٠",
    ],
)
def test_parse_targets__not_canonical_decimal__names_the_line(text: str) -> None:
    raw = f"id,target\na,0.5\nb,{text}\n".encode()
    with pytest.raises(UniverseError, match=r"^line 3: "):
        parse_targets(raw, ["a", "b"])


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"id,target\nb,0\na,1\n", "line 2: expected a target of a"),
        (b"id,target\na,0\n", "1 targets for a universe of 2"),
        (b"id,target\na,0\nb,1\nc,1\n", "3 targets for a universe of 2"),
        (b"id,target\na,0\nb\n", "line 3"),
        (b"id\na,0\nb,1\n", "line 1"),
    ],
)
def test_parse_targets__other_rows__refused(raw: bytes, reason: str) -> None:
    with pytest.raises(UniverseError, match=reason):
        parse_targets(raw, ["a", "b"])


@pytest.mark.parametrize(
    ("targets", "reason"),
    [
        (np.array([0, SCALE + 1]), r"id 2 \(b\)"),
        (np.array([-1, 0]), r"id 1 \(a\)"),
        (np.array([0]), "2 integers"),
        (np.array([0.0, 0.5]), "float64"),
    ],
)
def test_targets_bytes__bad_targets__named(targets: np.ndarray, reason: str) -> None:
    with pytest.raises(UniverseError, match=reason):
        targets_bytes(["a", "b"], targets)
