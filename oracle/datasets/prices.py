"""Daily closing prices that installed packages ship, on real dates.

The packages are installed for their files only, without what they depend on, and never imported.
The universal-portfolios files have no dates, so their calendars are stated here and checked by the
tests: each file has exactly as many rows as its market had trading days, and moves with dated
prices or with what is known of the time. docs/data.md says how each was established.
"""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from oracle.datasets.calendars import new_york_calendar, toronto_calendar
from oracle.datasets.dataset import DatasetError
from oracle.errors import EnvironmentLacksError

UNIVERSAL = ("universal-portfolios", "universal")
SKFOLIO = ("skfolio", "skfolio")
ARCH = ("arch", "arch")

TORONTO_SPAN = ("1994-01-04", "1998-12-31")
_NEW_YORK_FILE_END = "2010-06-30"
# Columns of nyse_n.csv that are also in skfolio's file: KO, GE, JNJ, MRK, PG.
NEW_YORK_TWINS = {"D": "KO", "I": "GE", "N": "JNJ", "R": "MRK", "U": "PG"}
# AT&T, which lost its cable business to its shareholders on 19 November 2002.
DOW_JONES_SPIN_OFF = "P"
# From 2006 to 2009 the file's PG moves otherwise than the dated one.
_NEW_YORK_ASTRAY = "U"
SP500_STOCKS = "datasets/data/sp500_dataset.csv.gz"


@dataclass(frozen=True)
class Market:
    """Closing prices (days, stocks) of names that trade on one calendar; dates ascend."""

    name: str
    dates: pd.DatetimeIndex
    stocks: tuple[str, ...]
    prices: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.prices.shape != (len(self.dates), len(self.stocks)):
            raise DatasetError(
                f"{self.name}: {self.prices.shape} prices for {len(self.dates)} days and "
                f"{len(self.stocks)} stocks",
                "run `make setup` to install the pinned price files",
            )
        bad = ~np.isfinite(self.prices) | (self.prices <= 0)
        if bad.any():
            day, stock = np.argwhere(bad)[0]
            raise DatasetError(
                f"{self.name}: the price of {self.stocks[stock]} on {self.dates[day].date()} is "
                f"{self.prices[day, stock]}, which is not a positive number",
                "run `make setup` to install the pinned price files",
            )

    def until(self, last: pd.Timestamp) -> "Market":
        """The same market, known up to and including day `last`."""
        days = int(self.dates.searchsorted(last, side="right"))
        return Market(self.name, self.dates[:days], self.stocks, self.prices[:days])


def shipped_file(package: tuple[str, str], relative: str) -> Path:
    """Path of a file inside an installed package (distribution, import name), without importing.

    Raises:
        EnvironmentLacksError: the package or the file is not there.
    """
    distribution, module = package
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise EnvironmentLacksError(
            f"package {distribution}, which ships the prices, is not installed", "run `make setup`"
        )
    path = Path(spec.origin).parent / relative
    if not path.is_file():
        raise EnvironmentLacksError(
            f"package {distribution} lacks {relative}", "run `make setup` to install the pinned one"
        )
    return path


def package_version(package: tuple[str, str]) -> str:
    """Installed version, for the record of where the prices came from."""
    try:
        return version(package[0])
    except PackageNotFoundError:
        return "unknown"


def _read(path: Path, **options: object) -> pd.DataFrame:
    try:
        return pd.read_csv(path, float_precision="round_trip", **options)
    except (OSError, ValueError) as error:
        raise DatasetError(
            f"{path.name}: cannot be read ({error})", "run `make setup` to install it anew"
        ) from error


def _undated(file: str) -> pd.DataFrame:
    return _read(shipped_file(UNIVERSAL, f"data/{file}"))


def _dated(package: tuple[str, str], file: str) -> pd.DataFrame:
    return _read(shipped_file(package, file), index_col=0, parse_dates=True)


def _market(name: str, frame: pd.DataFrame, dates: pd.DatetimeIndex) -> Market:
    """The columns of a file without names, as stocks of the market `name`."""
    stocks = tuple(f"{name}-{column}" for column in frame.columns)
    return Market(name, dates, stocks, frame.to_numpy(np.float64))


def sp500_index_days(first: str, last: str) -> pd.DatetimeIndex:
    """New York's trading days from 1990 on: those of skfolio's S&P 500 index."""
    frame = _dated(SKFOLIO, "datasets/data/sp500_index.csv.gz")
    return pd.DatetimeIndex(frame.loc[first:last].index)


def toronto() -> Market:
    """88 stocks of the Toronto Stock Exchange, 1994 to 1998."""
    prices = _undated("tse.csv").to_numpy(np.float64)
    stocks = tuple(f"toronto-{column:02d}" for column in range(prices.shape[1]))
    return Market("toronto", toronto_calendar(*TORONTO_SPAN), stocks, prices)


def new_york() -> Market:
    """38 stocks of the New York exchanges, 1990 to mid-2010, each once.

    20 are skfolio's, with dates; 18 are the New York file's, whose rows end on a known day.
    """
    dated = _dated(SKFOLIO, SP500_STOCKS).loc[:_NEW_YORK_FILE_END]
    undated = _undated("nyse_n.csv")
    undated = undated.iloc[-len(dated) :].drop(columns=list(NEW_YORK_TWINS))
    stocks = (*dated.columns, *(f"new-york-{column}" for column in undated.columns))
    prices = np.hstack([dated.to_numpy(np.float64), undated.to_numpy(np.float64)])
    return Market("new-york", pd.DatetimeIndex(dated.index), stocks, prices)


def new_york_1962() -> Market:
    """36 stocks of the New York Stock Exchange, 3 July 1962 to 1984."""
    days = new_york_calendar("1962-07-03", "1984-12-31")
    return _market("nyse-1962", _undated("nyse_o.csv"), days)


def new_york_1985() -> Market:
    """22 of the file's 23 stocks of the New York Stock Exchange, 1985 to mid-2010."""
    early = new_york_calendar("1985-01-02", "1989-12-29")
    days = early.append(sp500_index_days("1990-01-01", _NEW_YORK_FILE_END))
    return _market("nyse-1985", _undated("nyse_n.csv").drop(columns=_NEW_YORK_ASTRAY), days)


def large_caps_1998() -> Market:
    """25 large stocks of the S&P 500, 5 January 1998 to January 2003."""
    days = sp500_index_days("1998-01-05", "2003-01-31")
    return _market("sp500-1998", _undated("sp500.csv"), days)


def dow_jones() -> Market:
    """29 of the 30 stocks of the Dow Jones average, 4 January 2001 to 14 January 2003.

    Left out is the one whose price shows a spin-off as a loss of 60 %.
    """
    days = sp500_index_days("2001-01-04", "2003-01-14")
    return _market("djia-2001", _undated("djia.csv").drop(columns=DOW_JONES_SPIN_OFF), days)


def countries() -> Market:
    """24 country indices of MSCI, every weekday from April 2006 to March 2010."""
    return _market("msci-2006", _undated("msci.csv"), pd.bdate_range("2006-04-03", "2010-03-31"))


def large_caps_1990() -> Market:
    """20 large stocks of the S&P 500, 1990 to 2022, named and dated by skfolio."""
    frame = _dated(SKFOLIO, SP500_STOCKS)
    stocks = tuple(frame.columns)
    return Market("sp500-1990", pd.DatetimeIndex(frame.index), stocks, frame.to_numpy(np.float64))
