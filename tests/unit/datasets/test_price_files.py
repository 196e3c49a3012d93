"""The shipped price files: where they are, and that the dates given to them are right."""

from dataclasses import replace
from importlib.machinery import ModuleSpec

import numpy as np
import pandas as pd
import pytest

from oracle.datasets import prices
from oracle.datasets.calendars import toronto_calendar
from oracle.datasets.dataset import DatasetError
from oracle.errors import EnvironmentLacksError


def test_toronto__calendar__one_trading_day_for_each_row() -> None:
    market = prices.toronto()
    assert market.prices.shape == (len(toronto_calendar(*prices.TORONTO_SPAN)), 88)
    assert market.dates[0] == pd.Timestamp("1994-01-04")
    assert market.dates[-1] == pd.Timestamp("1998-12-31")


def test_toronto__calendar__moves_with_new_york_on_the_same_day() -> None:
    series = {
        market.name: pd.Series(np.diff(np.log(market.prices), axis=0).mean(1), market.dates[1:])
        for market in (prices.toronto(), prices.new_york())
    }
    both = pd.concat(series, axis=1).dropna()
    for _, year in both.groupby(both.index.year):
        by_lag = {
            lag: year["toronto"].shift(lag).corr(year["new-york"]) for lag in (-2, -1, 0, 1, 2)
        }
        assert max(by_lag, key=by_lag.__getitem__) == 0, by_lag


def _undated_beside_dated() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Daily returns 1990-1998 of the New York file's columns and of skfolio's."""
    dated = pd.read_csv(
        prices.shipped_file(prices.SKFOLIO, "datasets/data/sp500_dataset.csv.gz"),
        index_col=0,
        parse_dates=True,
    ).loc[: prices._NEW_YORK_FILE_END]
    undated = pd.read_csv(prices.shipped_file(prices.UNIVERSAL, "data/nyse_n.csv"))
    undated = undated.iloc[-len(dated) :].set_index(dated.index)
    return (
        np.log(undated).diff().loc["1990-01-03":"1998"],
        np.log(dated).diff().loc["1990-01-03":"1998"],
    )


def test_new_york__twins__move_together_day_by_day_in_every_year() -> None:
    undated, dated = _undated_beside_dated()
    for year in range(1990, 1999):
        for column, ticker in prices.NEW_YORK_TWINS.items():
            one, other = undated.loc[str(year), column], dated.loc[str(year), ticker]
            assert (one - other).abs().median() < 0.002, (column, ticker, year)
            assert one.corr(other) > 0.95, (column, ticker, year)  # A few days are off in one.


def test_new_york__stocks__no_other_pair_is_one_stock_twice() -> None:
    market = prices.new_york()
    assert len(market.stocks) == len(set(market.stocks)) == 38
    days = market.dates.searchsorted(pd.Timestamp("1999-01-01"))
    returns = np.diff(np.log(market.prices[:days]), axis=0)
    correlations = np.corrcoef(returns.T) - np.eye(38)
    assert correlations.max() < 0.8


def test_shipped_file__package_missing__error_names_make_setup() -> None:
    with pytest.raises(EnvironmentLacksError, match="nowhere-prices") as caught:
        prices.shipped_file(("nowhere-prices", "nowhere_prices"), "data.csv")
    assert "make setup" in caught.value.fix


def test_shipped_file__file_missing__error_names_the_file() -> None:
    with pytest.raises(EnvironmentLacksError, match=r"universal-portfolios lacks data/none\.csv"):
        prices.shipped_file(prices.UNIVERSAL, "data/none.csv")


def test_toronto__package_not_found__error_before_anything_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none(_name: str) -> ModuleSpec | None:
        return None

    monkeypatch.setattr(prices, "find_spec", none)
    with pytest.raises(EnvironmentLacksError, match="not installed"):
        prices.toronto()


def test_market__rows_and_dates_differ__error() -> None:
    market = prices.toronto()
    with pytest.raises(DatasetError, match=r"toronto: .*1258 days"):
        replace(market, dates=market.dates[1:])


@pytest.mark.parametrize("price", [0.0, -1.0, float("nan"), float("inf")])
def test_market__price_not_positive__error_names_stock_and_day(price: float) -> None:
    market = prices.toronto()
    broken = market.prices.copy()
    broken[3, 2] = price
    with pytest.raises(DatasetError, match="toronto-02 on 1994-01-07"):
        replace(market, prices=broken)


def test_until__a_day__known_up_to_and_including_it() -> None:
    market = prices.toronto().until(pd.Timestamp("1994-01-09"))
    assert [str(day.date()) for day in market.dates] == [
        "1994-01-04", "1994-01-05", "1994-01-06", "1994-01-07",
    ]  # fmt: skip
    assert market.prices.shape == (4, 88)
