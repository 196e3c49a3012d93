"""Markets with invented prices: the code under test is the real one, only the prices are made."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from oracle.datasets import market
from oracle.datasets.dataset import Dataset
from oracle.datasets.prices import Market
from oracle.datasets.universes import DEFAULT, Universe


def invented(name: str, stocks: int, first: str, days: int, seed: int) -> Market:
    random = np.random.default_rng(seed)
    returns = random.normal(0, 0.02, (days, stocks)) + random.normal(0, 0.01, (days, 1))
    names = tuple(f"{name}-{i}" for i in range(stocks))
    return Market(name, pd.bdate_range(first, periods=days), names, np.exp(returns.cumsum(0)))


def two_markets() -> tuple[Market, ...]:
    """The second begins later, on another calendar (it lacks every 7th day)."""
    young = invented("young", 14, "2000-08-07", 360, 2)
    kept = np.arange(360) % 7 != 3
    young = replace(young, dates=young.dates[kept], prices=young.prices[kept])
    return invented("old", 25, "2000-01-03", 500, 1), young


def universe(markets: tuple[Market, ...]) -> Universe:
    """A universe of `markets`, two years of which are enough for live eras."""
    return Universe(DEFAULT, lambda: markets, (), min_past=35)


def build(markets: tuple[Market, ...], folder: Path, live_era: int = -1, seed: int = 5) -> Dataset:
    chosen = universe(markets)
    return market._build(chosen, folder / "data", folder / "secret", live_era, seed, None)


def live_days(markets: tuple[Market, ...], era: str) -> Mapping[str, int]:
    """Row of the live day by market."""
    return next(week.rows for week in market._weeks(markets) if week.era == era)


def perturbed_after(markets: tuple[Market, ...], days: Mapping[str, int]) -> Iterator[Market]:
    """Other prices from the day after the live day on."""
    random = np.random.default_rng(9)
    for one in markets:
        prices = one.prices.copy()
        future = prices[days[one.name] + 1 :]
        future *= np.exp(random.normal(0, 0.3, future.shape))
        yield replace(one, prices=prices)
