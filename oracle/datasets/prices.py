"""Daily closing prices that installed packages ship, on real dates.

The packages are installed for their files only, without what they depend on, and never imported.
The universal-portfolios files have no dates, so their calendars are stated here and checked: the
Toronto file has exactly as many rows as the exchange had trading days from 1994 to 1998, and five
stocks of the New York file move with the dated skfolio prices day by day.
"""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from oracle.datasets.dataset import DatasetError
from oracle.errors import EnvironmentLacksError

UNIVERSAL = ("universal-portfolios", "universal")
SKFOLIO = ("skfolio", "skfolio")

TORONTO_SPAN = ("1994-01-04", "1998-12-31")
_NEW_YORK_FILE_END = "2010-06-30"
# Columns of nyse_n.csv that are also in skfolio's file: KO, GE, JNJ, MRK, PG.
NEW_YORK_TWINS = {"D": "KO", "I": "GE", "N": "JNJ", "R": "MRK", "U": "PG"}


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


def toronto_calendar() -> pd.DatetimeIndex:
    """Trading days of the Toronto Stock Exchange over `TORONTO_SPAN`."""
    from pandas.tseries.holiday import (
        MO,
        AbstractHolidayCalendar,
        GoodFriday,
        Holiday,
        next_monday,
        next_monday_or_tuesday,
    )
    from pandas.tseries.offsets import DateOffset

    def monday(name: str, month: int, day: int, which: int) -> Holiday:
        return Holiday(name, month=month, day=day, offset=DateOffset(weekday=MO(which)))

    class TorontoHolidays(AbstractHolidayCalendar):
        rules = (
            Holiday("New Year", month=1, day=1, observance=next_monday),
            GoodFriday,
            monday("Victoria Day", 5, 24, -1),
            Holiday("Canada Day", month=7, day=1, observance=next_monday),
            monday("Civic Holiday", 8, 1, 1),
            monday("Labour Day", 9, 1, 1),
            monday("Thanksgiving", 10, 1, 2),
            Holiday("Christmas", month=12, day=25, observance=next_monday),
            Holiday("Boxing Day", month=12, day=26, observance=next_monday_or_tuesday),
        )

    first, last = TORONTO_SPAN
    return pd.bdate_range(first, last).difference(TorontoHolidays().holidays(first, last))


def toronto() -> Market:
    """88 stocks of the Toronto Stock Exchange, 1994 to 1998."""
    prices = _read(shipped_file(UNIVERSAL, "data/tse.csv")).to_numpy(np.float64)
    stocks = tuple(f"toronto-{column:02d}" for column in range(prices.shape[1]))
    return Market("toronto", toronto_calendar(), stocks, prices)


def new_york() -> Market:
    """38 stocks of the New York exchanges, 1990 to mid-2010, each once.

    20 are skfolio's, with dates; 18 are the New York file's, whose rows end on a known day.
    """
    dated = _read(
        shipped_file(SKFOLIO, "datasets/data/sp500_dataset.csv.gz"), index_col=0, parse_dates=True
    ).loc[:_NEW_YORK_FILE_END]
    undated = _read(shipped_file(UNIVERSAL, "data/nyse_n.csv"))
    undated = undated.iloc[-len(dated) :].drop(columns=list(NEW_YORK_TWINS))
    stocks = (*dated.columns, *(f"new-york-{column}" for column in undated.columns))
    prices = np.hstack([dated.to_numpy(np.float64), undated.to_numpy(np.float64)])
    return Market("new-york", pd.DatetimeIndex(dated.index), stocks, prices)
