"""The sets of stocks that a data set of real prices can be made of."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from oracle.datasets import prices
from oracle.datasets.dataset import DatasetError
from oracle.datasets.prices import SKFOLIO, UNIVERSAL, Market

DEFAULT = "toronto-new-york"
MIN_PAST_ERAS = 104


@dataclass(frozen=True)
class Universe:
    """Markets whose stocks are ranked together, in weeks that all of them trade.

    `load` reads them, `packages` ship them. An era can be live once `min_past` eras before it have
    resolved.
    """

    name: str
    load: Callable[[], tuple[Market, ...]]
    packages: tuple[tuple[str, str], ...]
    min_past: int = MIN_PAST_ERAS


def _toronto_new_york() -> tuple[Market, ...]:
    last = pd.Timestamp(prices.TORONTO_SPAN[1])
    return prices.toronto(), prices.new_york().until(last)


def _alone(load: Callable[[], Market]) -> Callable[[], tuple[Market, ...]]:
    return lambda: (load(),)


UNIVERSES = {
    universe.name: universe
    for universe in (
        Universe(DEFAULT, _toronto_new_york, (UNIVERSAL, SKFOLIO)),
        Universe("toronto", _alone(prices.toronto), (UNIVERSAL,)),
        Universe("new-york", _alone(prices.new_york), (UNIVERSAL, SKFOLIO)),
        Universe("nyse-1962", _alone(prices.new_york_1962), (UNIVERSAL,)),
        Universe("nyse-1985", _alone(prices.new_york_1985), (UNIVERSAL, SKFOLIO)),
        Universe("sp500-1990", _alone(prices.large_caps_1990), (SKFOLIO,)),
        Universe("sp500-1998", _alone(prices.large_caps_1998), (UNIVERSAL, SKFOLIO)),
        # Two years of prices leave about a year of eras once histories and targets are taken off.
        Universe("djia-2001", _alone(prices.dow_jones), (UNIVERSAL, SKFOLIO), min_past=40),
        Universe("msci-2006", _alone(prices.countries), (UNIVERSAL,)),
    )
}


def universe_named(name: str) -> Universe:
    """The universe of that name. Raises `DatasetError` listing the names there are."""
    if name not in UNIVERSES:
        raise DatasetError(f"there is no universe {name}", f"choose from {', '.join(UNIVERSES)}")
    return UNIVERSES[name]
