"""Rows of a submission under any of the names that the universe gives them."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from submission_files import csv_file, parquet_file

from oracle.tournaments import signals
from oracle.tournaments.signal_files import (
    COLUMNS,
    parse_signal_universe,
    signal_universe_bytes,
)
from oracle.tournaments.submissions import SubmissionError, parse_submission

ROWS = 150
NAMED = {
    "numerai_ticker": [f"T{i} US" for i in range(ROWS)],
    "composite_figi": [f"BBG{i:09d}" for i in range(ROWS)],
    "bloomberg_ticker": [f"T{(i + 1) % ROWS} US" for i in range(ROWS)],
    "ticker": [f"T{i}" if i % 5 else "" for i in range(ROWS)],
    "sedol": [f"{i:07d}" for i in range(ROWS)],
}
"""Bloomberg's tickers are Numerai's of the next row: the column decides."""

UNIVERSE = parse_signal_universe(
    signal_universe_bytes(list(zip(*(NAMED[c] for c in COLUMNS), strict=True)))
)
VALUES = [f"0.{i:03d}" for i in range(1, ROWS + 1)]


def _csv(column: str, names: list[str]) -> bytes:
    return csv_file(names, VALUES[: len(names)], f"{column},signal")


def _parquet(column: str, names: list[str]) -> bytes:
    values = np.array([float(v) for v in VALUES[: len(names)]])
    return parquet_file(pa.table({column: names, "signal": values}))


def _parsed(raw: bytes) -> Any:
    return parse_submission(raw, UNIVERSE.ids, signals.RULES, UNIVERSE.names)


@pytest.mark.parametrize("write", [_csv, _parquet])
@pytest.mark.parametrize("column", signals.RULES.id_columns)
def test_parse_submission__any_id_column__its_names_are_the_rows(column: str, write: Any) -> None:
    named = [row for row in range(ROWS) if NAMED[column][row]]
    found = _parsed(write(column, [NAMED[column][row] for row in named[::-1]]))
    assert found.positions.tolist() == named
    expected = [10**6 * (place + 1) for place in range(len(named))][::-1]
    assert found.values.tolist() == expected
    assert found.ignored_ids == ()


@pytest.mark.parametrize("column", signals.RULES.id_columns)
def test_parse_submission__unknown_names__dropped_and_reported(column: str) -> None:
    names = [name for name in NAMED[column] if name][:110]
    found = _parsed(_csv(column, [*names, "no such", "nor this"]))
    assert len(found.values) == 110
    assert found.ignored_ids == ("no such", "nor this")


def test_parse_submission__names_of_another_column__are_unknown() -> None:
    with pytest.raises(SubmissionError, match=r"^invalid_submission_ids: 0 ids of the live"):
        _parsed(_csv("ticker", NAMED["sedol"]))


def test_parse_submission__fewer_than_100_rows_known__counted() -> None:
    names = [*NAMED["sedol"][:99], *(f"x{i}" for i in range(50))]
    with pytest.raises(SubmissionError, match="99 ids of the live universe, at least 100"):
        _parsed(_csv("sedol", names))


def test_parse_submission__one_row_twice__names_both_places() -> None:
    names = [*NAMED["ticker"][1:5], "T1"]
    with pytest.raises(SubmissionError, match="line 6: id 'T1' stands here and in line 2"):
        _parsed(_csv("ticker", names))


@pytest.mark.parametrize("names", [("a", "a"), ("a", "", "", "a")])
def test_parse_submission__one_name_of_two_rows__is_the_callers_fault(names: Any) -> None:
    ids = [f"i{n}" for n in range(len(names))]
    with pytest.raises(ValueError, match="each only once"):
        parse_submission(_csv("ticker", ["a"]), ids, signals.RULES, {"ticker": names})
