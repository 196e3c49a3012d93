"""Canonical text of a Signals round: names of rows, and targets with what weighs them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.scoring.limits import SCALE
from oracle.scoring.signal_round import SignalTarget
from oracle.tournaments import signals
from oracle.tournaments.round_files import read_targets, read_universe
from oracle.tournaments.signal_files import (
    COLUMNS,
    MAX_TARGETS_BYTES,
    parse_signal_targets,
    parse_signal_universe,
    signal_targets_bytes,
    signal_universe_bytes,
)
from oracle.tournaments.universe import Universe, UniverseError

HEADER = "numerai_ticker,composite_figi,bloomberg_ticker,ticker,sedol\n"
WORDS = st.text(
    [chr(c) for c in range(0x21, 0x7F) if chr(c) not in "\",'"], min_size=1, max_size=20
)
NAMES = st.lists(WORDS, min_size=1, max_size=3).map(" ".join)
MILLION = 10**6 * SCALE


@st.composite
def _rows(draw: st.DrawFn) -> list[tuple[str, ...]]:
    count = draw(st.integers(1, 8))
    columns = [draw(st.lists(NAMES, min_size=count, max_size=count, unique=True)) for _ in COLUMNS]
    for column in columns[1:]:
        for row in draw(st.sets(st.integers(0, count - 1))):
            column[row] = ""
    return list(zip(*columns, strict=True))


@st.composite
def _targets(draw: st.DrawFn) -> SignalTarget:
    rows, count = draw(st.integers(1, 6)), draw(st.integers(0, 4))

    def integers(low: int, high: int, size: int) -> np.ndarray:
        any_size = st.integers(low, high) | st.integers(max(low, -99), min(high, 99))
        return np.array(draw(st.lists(any_size, min_size=size, max_size=size)), np.int64)

    return SignalTarget(
        integers(-4 * SCALE, 4 * SCALE, rows),
        integers(0, MILLION, rows),
        integers(-MILLION, MILLION, rows * count).reshape(rows, count),
    )


# ---------------------------------------------------------------------- universe


@given(_rows())
def test_signal_universe__any_names__round_trip(rows: list[tuple[str, ...]]) -> None:
    found = parse_signal_universe(signal_universe_bytes(rows))
    by_column = dict(zip(COLUMNS, zip(*rows, strict=True), strict=True))
    assert found.ids == by_column["numerai_ticker"]
    assert {c: tuple(n) for c, n in found.names.items()} == {
        c: by_column[c] for c in COLUMNS if c != "numerai_ticker"
    }


@given(_rows(), st.data())
def test_parse_signal_universe__one_byte_changed__refused_or_another_universe(
    rows: list[tuple[str, ...]], data: st.DataObject
) -> None:
    raw = bytearray(signal_universe_bytes(rows))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = parse_signal_universe(bytes(raw))
    except UniverseError:
        return
    columns = [found.ids if c == "numerai_ticker" else found.names[c] for c in COLUMNS]
    assert signal_universe_bytes(list(zip(*columns, strict=True))) == bytes(raw)
    assert list(zip(*columns, strict=True)) != rows


def test_signal_universe__columns__are_those_that_submissions_may_have() -> None:
    assert set(COLUMNS) == set(signals.RULES.id_columns)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("", "there are no ids"),
        ("a,b,c,d\n", "line 2: 4 names"),
        ("a,b,c,d,e,f\n", "line 2: 6 names"),
        (",b,c,d,e\n", "line 2: numerai_ticker '' is not an id"),
        ("a,b,c,d,e\nA,b,C,D,E\n", "line 3: composite_figi 'b' is already line 2"),
        ("a,b,c,d,e\na,,,,\n", "line 3: numerai_ticker 'a' is already line 2"),
        ("a ,b,c,d,e\n", "line 2: numerai_ticker 'a ' is not an id"),
        ("a  b,b,c,d,e\n", "line 2: numerai_ticker 'a  b'"),
        ("a,'b',c,d,e\n", "line 2: composite_figi"),
        ("a,b,c,d," + "e" * 65 + "\n", "line 2: sedol"),
        ("a,b,c,d,e\r\n", "line 2: sedol"),
        ("a,b,c,d,e", "does not end with a line feed"),
        ("é,b,c,d,e\n", "line 2: not ASCII"),
    ],
)
def test_parse_signal_universe__not_canonical__names_the_line(lines: str, reason: str) -> None:
    with pytest.raises(UniverseError, match=reason):
        parse_signal_universe((HEADER + lines).encode())


def test_parse_signal_universe__universe_of_ids_alone__refused() -> None:
    with pytest.raises(UniverseError, match="line 1: expected 'numerai_ticker,"):
        read_universe(b"id\na\n", signals.RULES)


# ---------------------------------------------------------------------- targets


@given(_targets())
def test_signal_targets__any_values__round_trip(given: SignalTarget) -> None:
    ids = [f"T{i} US" for i in range(len(given.target))]
    found = read_targets(signal_targets_bytes(ids, given), Universe(tuple(ids)), signals.RULES)
    assert isinstance(found, SignalTarget)
    for part in ("target", "sample_weights", "neutralizers"):
        assert getattr(found, part).dtype == np.int64
        assert np.array_equal(getattr(found, part), getattr(given, part))


@given(_targets(), st.data())
def test_parse_signal_targets__one_byte_changed__refused_or_other_values(
    given: SignalTarget, data: st.DataObject
) -> None:
    ids = [f"T{i}" for i in range(len(given.target))]
    raw = bytearray(signal_targets_bytes(ids, given))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = parse_signal_targets(bytes(raw), ids)
    except UniverseError:
        return
    assert signal_targets_bytes(ids, found) == bytes(raw)


def test_signal_targets_bytes__known_values__shortest_decimals() -> None:
    given = SignalTarget(
        np.array([SCALE // 4, -4 * SCALE]),
        np.array([0, MILLION]),
        np.array([[1, -SCALE // 8], [-MILLION, 12 * SCALE + 50]]),
    )
    raw = signal_targets_bytes(["a", "b c"], given)
    assert raw == (
        b"id,target,weight,n1,n2\n"
        b"a,0.25,0,0.000000001,-0.125\n"
        b"b c,-4,1000000,-1000000,12.00000005\n"
    )


@pytest.mark.parametrize(
    "text",
    ["", "-0", "-0.0", "0.10", "+1", ".5", "01", "1.", "1e1", "0.0000000001", " 1", "nan", "1_0"],
)
def test_parse_signal_targets__not_canonical_decimal__names_the_place(text: str) -> None:
    raw = f"id,target,weight,n1\na,0,1,0\nb,0,1,{text}\n".encode()
    with pytest.raises(UniverseError, match=r"^line 3: n1 .* canonical decimal"):
        parse_signal_targets(raw, ["a", "b"])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("4.000000001,1,0", r"line 2: target 4.000000001 is outside \[-4, 4\]"),
        ("-5,1,0", "line 2: target -5"),
        ("0,-1,0", r"line 2: weight -1 is outside \[0, 1000000\]"),
        ("0,1000001,0", "line 2: weight 1000001"),
        ("0,1,-1000000.5", "line 2: n1 -1000000.5"),
        ("0,1", "line 2: expected 3 values of a"),
        ("0,1,0,0", "line 2: expected 3 values of a"),
        ("0,1,12345678", "line 2: n1 '12345678' is not"),
    ],
)
def test_parse_signal_targets__outside_its_bounds__names_the_place(row: str, reason: str) -> None:
    with pytest.raises(UniverseError, match=reason):
        parse_signal_targets(f"id,target,weight,n1\na,{row}\n".encode(), ["a"])


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "cut short"),
        (b"id,target\na,0\n", "line 1: expected 'id,target,weight'"),
        (b"id,target,weight,n2\na,0,1,0\n", "line 1: expected"),
        (b"id,target,weight\n", "0 targets for a universe of 1"),
        (b"id,target,weight\nb,0,1\n", "line 2: expected 2 values of a"),
        (b"id,target,weight\na,0,1\nb,0,1\n", "2 targets for a universe of 1"),
        (b"id,target,weight" + b"," * 1001 + b"\n", "1001 neutralizers, at most 1000"),
        (b"," * 5_000_000 + b"\n", "neutralizers, at most 1000"),
        (bytes(MAX_TARGETS_BYTES + 1), f"at most {MAX_TARGETS_BYTES} are read"),
    ],
    ids=range(9),
)
def test_parse_signal_targets__other_shape__refused(raw: bytes, reason: str) -> None:
    with pytest.raises(UniverseError, match=reason):
        parse_signal_targets(raw, ["a"])


def test_signal_targets_bytes__what_parsing_would_refuse__not_written() -> None:
    given = SignalTarget(np.array([0]), np.array([-1]), np.empty((1, 0), np.int64))
    with pytest.raises(UniverseError, match=r"weight -0\.000000001 is outside"):
        signal_targets_bytes(["a"], given)
    with pytest.raises(UniverseError, match="integers at 10\\^-9 for 2 ids"):
        signal_targets_bytes(["a", "b"], given)
