"""Daily return series, from a file or from a package that ships one: what phi is computed of.

A file is CSV with a header of two columns: `day` (or `date`), ISO dates ascending, and either
`return` (simple returns) or `close` (levels above 0, whose changes are the returns). A day with an
empty cell has no return. Decimals become integers at 10^-9 from their text, half to even.
"""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from oracle.datasets.dataset import DatasetError
from oracle.datasets.prices import ARCH, SKFOLIO, shipped_file
from oracle.scoring.arithmetic import div_half_even
from oracle.scoring.limits import SCALE
from oracle.scoring.volatility import FORMAT, GAMMA_ONE

_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?")
_MAX_TEXT = 400
_EPOCH = date(1970, 1, 1)
_DAY_COLUMNS = ("day", "date")
_FIRST_LINE = re.compile(rf"# {re.escape(FORMAT)} target=(\S+) gamma=(\S+)")
_FACTORS = "datasets/data/factors_dataset.csv.gz"


@dataclass(frozen=True, eq=False)
class Series:
    """`days` since 1970-01-01 and `returns` at 10^-9, int64 (T,).

    `target` (at 10^-9) and `gamma` (in hundredths) are those that a file published for an
    announcement names, else None.
    """

    days: NDArray[np.int64]
    returns: NDArray[np.int64]
    target: int | None = None
    gamma: int | None = None


# Where a shipped series is: package, file, columns of the date and the level, format of the date.
_US_DATES, _ISO_DATES = "%m/%d/%Y", "%Y-%m-%d"
SHIPPED = {
    "sp500": (ARCH, "data/sp500/sp500.csv.gz", "Date", "Close", _US_DATES),
    "nasdaq": (ARCH, "data/nasdaq/nasdaq.csv.gz", "Date", "Close", _US_DATES),
    "wti": (ARCH, "data/wti/wti.csv.gz", "Date", "DCOILWTICO", _US_DATES),
    "vix": (ARCH, "data/vix/vix.csv.gz", "Date", "vix", _US_DATES),
    "sp500-1990": (SKFOLIO, "datasets/data/sp500_index.csv.gz", "Date", "SP500", _ISO_DATES),
    **{
        f"factor-{name}": (SKFOLIO, _FACTORS, "Date", name.upper(), _ISO_DATES)
        for name in ("mtum", "qual", "size", "usmv", "vlue")
    },
}

VOLATILITIES = frozenset({"vix"})
"""Series that are volatilities themselves, to compare with."""


def scaled(text: str, scale: int) -> int:
    """Decimal text times `scale`, rounded half to even. Raises `ValueError` if it is no decimal."""
    if len(text) > _MAX_TEXT or not _DECIMAL.fullmatch(text):
        raise ValueError("is not a decimal number")
    exact = Fraction(text) * scale
    return div_half_even(exact.numerator, exact.denominator)


def day_number(text: str) -> int:
    """Days from 1970-01-01 to an ISO date. Raises `ValueError`."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        raise ValueError("is not a date such as 2026-03-31")
    try:
        return (date.fromisoformat(text) - _EPOCH).days
    except ValueError:
        raise ValueError("is not a day of the calendar") from None


def read_series(path: Path) -> Series:
    """The series in a CSV file. Raises `DatasetError` naming the line."""
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise DatasetError(f"{path}: cannot be read ({why})") from error
    target, gamma, skipped = _parameters(path, lines)
    rows = list(csv.reader(lines[skipped:]))
    if not rows or len(rows[0]) != 2 or rows[0][0].lower() not in _DAY_COLUMNS:
        raise DatasetError(
            f"{path}: the header must be `day,return` or `day,close`", "name the two columns so"
        )
    kind = rows[0][1].lower()
    if kind not in ("return", "close"):
        raise DatasetError(f"{path}: column {rows[0][1]} must be called `return` or `close`")
    entries = []
    for number, row in enumerate(rows[1:], start=skipped + 2):
        try:
            entries.append(_entry(row))
        except ValueError as error:
            raise DatasetError(f"{path}: line {number} {error}") from None
    return _series(str(path), entries, kind == "close", target, gamma)


def shipped_series(name: str) -> Series:
    """A series of `SHIPPED`, by name. Raises `DatasetError`, `EnvironmentLacksError`."""
    if name in VOLATILITIES:
        raise DatasetError(f"{name} is a volatility, not a price: it has no returns")
    levels = shipped_levels(name)
    entries = [(day_number(day), Fraction(repr(float(level)))) for day, level in levels.items()]
    return _series(name, entries, True, None, None)


def shipped_levels(name: str) -> "pd.Series[float]":
    """Levels by ISO date; days without one left out. Raises as `shipped_series` does."""
    if name not in SHIPPED:
        raise DatasetError(f"there is no series {name}", f"choose from {', '.join(SHIPPED)}")
    package, file, day, level, form = SHIPPED[name]
    frame = pd.read_csv(
        shipped_file(package, file), na_values=["."], float_precision="round_trip"
    ).dropna(subset=[level])
    days = [datetime.strptime(text, form).date().isoformat() for text in frame[day]]
    return pd.Series(frame[level].to_numpy(float), days)


def _parameters(path: Path, lines: list[str]) -> tuple[int | None, int | None, int]:
    """Target and gamma of a published file's first line, and how many lines to pass over."""
    if not lines or not lines[0].startswith("#"):
        return None, None, 0
    match = _FIRST_LINE.fullmatch(lines[0])
    if match is None:
        raise DatasetError(f"{path}: line 1 must be the header, or that of {FORMAT}")
    try:
        return scaled(match[1], SCALE), scaled(match[2], GAMMA_ONE), 1
    except ValueError as error:
        raise DatasetError(f"{path}: line 1: target or gamma {error}") from None


def _entry(row: list[str]) -> tuple[int, Fraction | None]:
    if len(row) != 2:
        raise ValueError("must be a day, a comma and a number")
    day = day_number(row[0])
    if row[1] == "":
        return day, None
    if len(row[1]) > _MAX_TEXT or not _DECIMAL.fullmatch(row[1]):
        raise ValueError(f"of {row[0]}: the value is not a decimal number")
    return day, Fraction(row[1])


def _series(
    source: str,
    entries: Iterable[tuple[int, Fraction | None]],
    levels: bool,
    target: int | None,
    gamma: int | None,
) -> Series:
    days, returns = [], []
    last_day: int | None = None
    last_level: Fraction | None = None
    for day, value in entries:
        if last_day is not None and day <= last_day:
            found = (_EPOCH.toordinal() + day, _EPOCH.toordinal() + last_day)
            one, other = (date.fromordinal(number).isoformat() for number in found)
            raise DatasetError(f"{source}: {one} comes after {other}", "sort the days, each once")
        last_day = day
        if value is None:
            continue
        change: Fraction | None = value
        if levels:
            if value <= 0:
                raise DatasetError(
                    f"{source}: a level is not above 0", "give `return`, not `close`"
                )
            change = None if last_level is None else value / last_level - 1
            last_level = value
        if change is not None:
            exact = change * SCALE
            days.append(day)
            returns.append(div_half_even(exact.numerator, exact.denominator))
    bounds = np.iinfo(np.int64)
    if any(not bounds.min <= r <= bounds.max for r in returns):
        raise DatasetError(f"{source}: a return is out of all bounds")
    return Series(np.array(days, np.int64), np.array(returns, np.int64), target=target, gamma=gamma)
