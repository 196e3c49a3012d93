"""Canonical text of a Signals round's universe and targets (docs/formats.md, section 9).

The universe says what each row is called in every id column that a submission may have; the targets
carry the sample weights and neutralizers that Alpha and MPC take, so that nothing of them is known
before the targets are, and whoever vouches for the one vouches for all. One content has one text,
as in `oracle.tournaments.universe`.
"""

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from oracle.scoring.limits import SCALE, TARGET_LIMIT
from oracle.scoring.neutral_weights import MAX_NEUTRALIZERS, WEIGHT_LIMIT
from oracle.scoring.signal_round import SignalTarget
from oracle.tournaments.decimals import SCALE_DIGITS
from oracle.tournaments.errors import quoted
from oracle.tournaments.rules import MEBIBYTE
from oracle.tournaments.universe import Universe, UniverseError, joined, lines_of

ID_COLUMN: Final = "numerai_ticker"
"""What names a row, in every file of the round."""

COLUMNS: Final = (ID_COLUMN, "composite_figi", "bloomberg_ticker", "ticker", "sedol")
UNIVERSE_HEADER: Final = ",".join(COLUMNS)

MAX_TARGETS_BYTES: Final = 8 * MEBIBYTE

_GIVEN: Final = ("id", "target", "weight")
_WORD = r"[!#-&(-+\--~]+"  # printable ASCII without space, comma and quotes
_NAME = re.compile(rf"(?=.{{1,64}}\Z){_WORD}(?: {_WORD})*")
_DECIMAL = re.compile(r"(-?)(0|[1-9][0-9]{0,6})(?:\.([0-9]{0,8}[1-9]))?")


# ---------------------------------------------------------------------- universe


def signal_universe_bytes(rows: Sequence[Sequence[str]]) -> bytes:
    """Canonical universe of ``rows``, each with its name in all `COLUMNS`, empty where it has none.

    Raises ``UniverseError``.
    """
    _checked(rows, "row", first=1)
    return joined([UNIVERSE_HEADER, *(",".join(row) for row in rows)])


def parse_signal_universe(raw: bytes) -> Universe:
    """Raises ``UniverseError`` naming the line."""
    rows = [line.split(",") for line in lines_of(raw, UNIVERSE_HEADER)]
    return _checked(rows, "line", first=2)


def _checked(rows: Sequence[Sequence[str]], what: str, first: int) -> Universe:
    if not rows:
        raise UniverseError("there are no ids")
    seen: dict[str, dict[str, int]] = {column: {} for column in COLUMNS}
    for number, row in enumerate(rows, first):
        where = f"{what} {number}"
        if len(row) != len(COLUMNS):
            raise UniverseError(f"{where}: {len(row)} names, expected {UNIVERSE_HEADER}")
        for column, name in zip(COLUMNS, row, strict=True):
            if not name and column != ID_COLUMN:
                continue
            if _NAME.fullmatch(name) is None:
                rule = "1 to 64 printable ASCII characters without comma, quotes or outer spaces"
                raise UniverseError(f"{where}: {column} {quoted(name)} is not an id: {rule}")
            if name in seen[column]:
                earlier = f"{what} {seen[column][name]}"
                raise UniverseError(f"{where}: {column} {quoted(name)} is already {earlier}")
            seen[column][name] = number
    by_column = dict(zip(COLUMNS, map(tuple, zip(*rows, strict=True)), strict=True))
    return Universe(by_column.pop(ID_COLUMN), by_column)


# ---------------------------------------------------------------------- targets


def signal_targets_bytes(ids: Sequence[str], given: SignalTarget) -> bytes:
    """Canonical targets file, its rows aligned with ``ids``. Raises ``UniverseError``."""
    count = given.neutralizers.shape[1]
    columns = np.column_stack([given.target, given.sample_weights, given.neutralizers])
    if columns.shape[0] != len(ids) or not np.issubdtype(columns.dtype, np.integer):
        got = f"{columns.dtype} of shape {columns.shape}"
        raise UniverseError(f"targets must be integers at 10^-9 for {len(ids)} ids, got {got}")
    rows = (
        ",".join([name, *map(_text, values)])
        for name, values in zip(ids, columns.tolist(), strict=True)
    )
    raw = joined([",".join(_header(count)), *rows])
    parse_signal_targets(raw, ids)  # the bounds are the same both ways
    return raw


def parse_signal_targets(raw: bytes, universe: Sequence[str]) -> SignalTarget:
    """Targets, sample weights and neutralizers at 10^-9, in universe order.

    The file holds exactly the universe's ids, in its order. Raises ``UniverseError`` naming the
    line.
    """
    if len(raw) > MAX_TARGETS_BYTES:
        raise UniverseError(
            f"the targets are {len(raw)} bytes, at most {MAX_TARGETS_BYTES} are read; "
            "neutralizers of fewer places take less"
        )
    count = raw[: raw.find(b"\n") + 1].count(b",") + 1 - len(_GIVEN)
    if count > MAX_NEUTRALIZERS:
        raise UniverseError(f"line 1: {count} neutralizers, at most {MAX_NEUTRALIZERS} are read")
    header = _header(max(0, count))
    lines = lines_of(raw, ",".join(header))
    if len(lines) != len(universe):
        raise UniverseError(f"{len(lines)} targets for a universe of {len(universe)} ids")
    values = np.empty((len(lines), len(header) - 1), np.int64)
    for index, (line, name) in enumerate(zip(lines, universe, strict=True)):
        found, *texts = line.split(",")
        where = f"line {index + 2}"
        if found != name or len(texts) != values.shape[1]:
            what = f"{values.shape[1]} values of {name}"
            raise UniverseError(f"{where}: expected {what}, found {quoted(line)}")
        values[index] = _integers(texts, header[1:], where)
    _check_bounds(values, header[1:])
    return SignalTarget(values[:, 0], values[:, 1], values[:, 2:])


def _header(neutralizers: int) -> list[str]:
    return [*_GIVEN, *(f"n{number}" for number in range(1, neutralizers + 1))]


def _text(value: int) -> str:
    """Canonical decimal text of an integer at 10^-9."""
    whole, rest = divmod(abs(value), SCALE)
    fraction = f".{rest:0{SCALE_DIGITS}d}".rstrip("0") if rest else ""
    return f"{'-' if value < 0 else ''}{whole}{fraction}"


def _integers(texts: Sequence[str], columns: Sequence[str], where: str) -> list[int]:
    found = []
    for text, column in zip(texts, columns, strict=True):
        match = _DECIMAL.fullmatch(text)
        if match is None or text == "-0":
            reason = "is not a canonical decimal of at most 9 places"
            raise UniverseError(f"{where}: {column} {quoted(text)} {reason}")
        sign, whole, fraction = match.groups("")
        value = int(whole + fraction.ljust(SCALE_DIGITS, "0"))
        found.append(-value if sign else value)
    return found


def _check_bounds(values: NDArray[np.int64], columns: Sequence[str]) -> None:
    low = np.full(len(columns), -WEIGHT_LIMIT)
    high = np.full(len(columns), WEIGHT_LIMIT)
    low[0], high[0], low[1] = -TARGET_LIMIT, TARGET_LIMIT, 0
    outside = (values < low) | (values > high)
    if outside.any():
        row, place = (int(one) for one in np.argwhere(outside)[0])
        span = f"[{_text(int(low[place]))}, {_text(int(high[place]))}]"
        text = _text(int(values[row, place]))
        raise UniverseError(f"line {row + 2}: {columns[place]} {text} is outside {span}")
