"""Every shipped universe: that its dates are right, and that it builds."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from oracle.datasets import market, prices
from oracle.datasets.calendars import new_york_calendar
from oracle.datasets.dataset import DatasetError
from oracle.datasets.files import open_dataset, read_split, read_targets_csv
from oracle.datasets.market import build_market
from oracle.datasets.prices import Market
from oracle.datasets.series import shipped_levels
from oracle.datasets.universes import DEFAULT, UNIVERSES, universe_named


def mean_return(one: Market) -> pd.Series:
    """Mean log return of the day by date."""
    return pd.Series(np.diff(np.log(one.prices), axis=0).mean(axis=1), one.dates[1:])


def index_return() -> pd.Series:
    levels = shipped_levels("sp500-1990")
    levels.index = pd.DatetimeIndex(levels.index)
    return np.log(levels).diff()


def best_lag(series: pd.Series, index: pd.Series) -> int:
    lags = {lag: series.corr(index.shift(lag).reindex(series.index)) for lag in range(-2, 3)}
    return max(lags, key=lags.__getitem__)


# ---------------------------------------------------------------------- dates


@pytest.mark.parametrize(
    ("load", "stocks", "days", "first", "last"),
    [
        (prices.new_york_1962, 36, 5651, "1962-07-03", "1984-12-31"),
        (prices.new_york_1985, 22, 6431, "1985-01-02", "2010-06-30"),
        (prices.large_caps_1990, 20, 8313, "1990-01-02", "2022-12-28"),
        (prices.large_caps_1998, 25, 1276, "1998-01-05", "2003-01-31"),
        (prices.dow_jones, 29, 507, "2001-01-04", "2003-01-14"),
        (prices.countries, 24, 1043, "2006-04-03", "2010-03-31"),
    ],
)
def test_market__shipped_file__as_many_rows_as_trading_days(load, stocks, days, first, last):
    """`Market` refuses any other number of dates than the file has rows."""
    one = load()
    assert one.prices.shape == (days, stocks)
    assert (str(one.dates[0].date()), str(one.dates[-1].date())) == (first, last)
    assert one.dates.is_monotonic_increasing
    assert len(set(one.stocks)) == stocks


@pytest.mark.parametrize("load", [prices.large_caps_1998, prices.dow_jones])
def test_large_caps__index_of_the_day__moves_with_it_in_every_quarter(load):
    returns, index = mean_return(load()), index_return()
    for _, quarter in returns.groupby(returns.index.to_period("Q")):
        assert best_lag(quarter, index) == 0
        assert quarter.corr(index.reindex(quarter.index)) > 0.7


@pytest.mark.parametrize(
    ("load", "twins"),
    [
        (prices.large_caps_1998, {"A": "GE", "B": "MSFT", "C": "WMT", "N": "KO", "Y": "LLY"}),
        (prices.dow_jones, {"B": "GE", "D": "MSFT", "J": "HD", "X": "WMT", "[": "MRK"}),
        (prices.new_york_1985, {"D": "KO", "I": "GE", "N": "JNJ", "R": "MRK"}),
    ],
)
def test_undated__stocks_that_are_also_dated__move_together(load, twins):
    one, dated = load(), prices.large_caps_1990()
    undated = pd.DataFrame(np.log(one.prices), one.dates, one.stocks).diff().loc["1990-01-03":]
    named = pd.DataFrame(np.log(dated.prices), dated.dates, dated.stocks).diff()
    for column, ticker in twins.items():
        stock = undated[f"{one.name}-{column}"]
        for year, part in stock.groupby(stock.index.year):
            assert part.corr(named[ticker].reindex(part.index)) > 0.9, (column, ticker, year)


def test_new_york_1985__days_known_for_themselves__are_where_they_belong():
    one = prices.new_york_1985()
    returns = mean_return(one)["1985":"1989"]
    assert str(returns.idxmin().date()) == "1987-10-19"
    assert returns.min() < -0.2
    assert str(returns["1989"].idxmin().date()) == "1989-10-13"
    # A hurricane closed the exchange; the file has the day all the same, without a change.
    changes = np.diff(np.log(one.prices), axis=0)[one.dates[1:] == "1985-09-27"]
    assert (changes == 0).mean() > 0.8
    still = (np.diff(np.log(one.prices), axis=0) == 0).mean(axis=1)
    assert (still > 0.8).sum() == 1


def test_new_york_1962__days_known_for_themselves__are_where_they_belong():
    returns = mean_return(prices.new_york_1962())
    largest = [str(day.date()) for day in returns.nlargest(3).index]
    assert largest == ["1970-05-27", "1978-11-01", "1982-08-17"]
    assert str(returns["1963"].idxmin().date()) == "1963-11-22"
    assert str(returns["1963"].idxmax().date()) == "1963-11-26"
    assert str(returns["1971"].idxmax().date()) == "1971-08-16"


def test_new_york_1962__market_by_month__moves_with_it_unless_shifted_by_a_day():
    """French's monthly market return, in every period of three years."""
    frame = pd.read_csv(prices.shipped_file(prices.ARCH, "data/frenchdata/frenchdata.csv.gz"))
    months = pd.PeriodIndex(frame["Date"].astype(str), freq="M")
    known = pd.Series(np.log1p((frame["Mkt-RF"] + frame["RF"]).to_numpy() / 100), months)
    daily = mean_return(prices.new_york_1962())
    for first in range(1963, 1984, 3):
        found = {}
        for lag in (-2, -1, 0, 1, 2):
            shifted = daily.shift(lag)
            monthly = shifted.groupby(shifted.index.to_period("M")).sum()
            part = monthly[(monthly.index.year >= first) & (monthly.index.year < first + 3)]
            found[lag] = part.corr(known.reindex(part.index))
        assert max(found, key=found.__getitem__) == 0, (first, found)
        assert found[0] > 0.9


def test_new_york_calendar__a_week_of_1968__closed_on_wednesday_but_in_a_week_with_a_holiday():
    days = [str(day.date())[5:] for day in new_york_calendar("1968-06-24", "1968-07-12")]
    assert days == [
        *("06-24", "06-25", "06-27", "06-28", "07-01", "07-02", "07-03"),
        *("07-08", "07-09", "07-11", "07-12"),
    ]


def test_countries__united_states__still_exactly_when_new_york_is_closed():
    one, index = prices.countries(), index_return()
    returns = pd.DataFrame(np.log(one.prices), one.dates, one.stocks).diff().iloc[1:]
    states = returns["msci-2006-A"]
    for _, year in states.groupby(states.index.year):
        open_days = year[year.index.isin(index.index)]
        assert open_days.corr(index.reindex(open_days.index)) > 0.99
    closed = ~states.index.isin(index.index)
    assert closed.sum() > 30
    assert (states[closed] == 0).all()


def test_dow_jones__left_out__the_one_stock_with_a_spin_off():
    raw = prices._undated("djia.csv")
    one = prices.dow_jones()
    gains = np.log(raw[prices.DOW_JONES_SPIN_OFF]).diff()
    assert gains.min() < -0.9
    assert str(one.dates[int(gains.idxmin())].date()) == "2002-11-19"
    assert np.abs(np.diff(np.log(one.prices), axis=0)).max() < 0.4


@pytest.mark.parametrize("name", [name for name in UNIVERSES if name != DEFAULT])
def test_universe__its_stocks__no_two_are_one(name):
    for one in UNIVERSES[name].load():
        correlations = np.corrcoef(np.diff(np.log(one.prices), axis=0).T)
        np.fill_diagonal(correlations, 0)
        assert correlations.max() < 0.96, name


# ---------------------------------------------------------------------- building


def test_summaries__all__default_first_and_each_playable():
    found = market.summaries()
    assert [one.name for one in found] == list(UNIVERSES)
    assert found[0].name == DEFAULT
    assert found[0].live_eras == len(market.live_eras())
    assert min(one.live_eras for one in found) >= 20


@pytest.mark.slow
@pytest.mark.parametrize("name", ["djia-2001", "msci-2006", "sp500-1998"])
def test_build_market__small_universe__opens_and_resolves(name: str, tmp_path: Path) -> None:
    dataset = build_market(tmp_path / "data", tmp_path / "secret", universe=name, seed=3)
    assert open_dataset(dataset.root) == dataset
    assert dataset.name == f"market-{name}"
    assert name in dataset.description
    ids, targets = read_targets_csv(tmp_path / "secret" / "live_targets.csv")
    assert ids == dataset.live_ids
    assert len(ids) == sum(len(one.stocks) for one in UNIVERSES[name].load())
    assert len(set(targets.tolist())) == 5
    assert len(dataset.eras["train"]) >= 15
    train = read_split(dataset.root, "train", ["target"])
    assert train["target"].notna().all()


@pytest.mark.slow
def test_build_market__oldest_universe__thousand_weeks(tmp_path: Path) -> None:
    eras = market.live_eras("nyse-1962")
    assert len(eras) > 1_000
    dataset = build_market(
        tmp_path / "data", tmp_path / "secret", universe="nyse-1962", live_era=0, seed=3
    )
    assert dataset.eras["live"] == (eras[0],)
    assert len(dataset.live_ids) == 36


@pytest.mark.slow
def test_build_market__two_universes_with_one_stock__ids_differ(tmp_path: Path) -> None:
    ids = [
        set(build_market(tmp_path / n, tmp_path / f"{n} s", universe=n, live_era=0).live_ids)
        for n in ("sp500-1998", "djia-2001")
    ]
    assert not ids[0] & ids[1]


def test_universe_named__unknown__error_lists_the_names(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no universe moon") as caught:
        build_market(tmp_path / "data", tmp_path / "secret", universe="moon")
    assert all(name in caught.value.fix for name in UNIVERSES)
    assert list(tmp_path.iterdir()) == []
    assert universe_named(DEFAULT) is UNIVERSES[DEFAULT]
