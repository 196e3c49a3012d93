"""Real prices in Numerai's Classic format, without look-ahead.

An era is a week and its day is the market's last trading day in it. Features use prices up to
that day; targets are returns that start two trading days later and span 20 or 60 more. Training
stops where targets would reach past the live era's day.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from oracle.datasets import factors, prices
from oracle.datasets.binning import era_label, quintiles, row_ids, target_bins
from oracle.datasets.dataset import HORIZONS, LAG_DAYS, Dataset, DatasetError, Progress
from oracle.datasets.prices import Market
from oracle.datasets.universes import DEFAULT, UNIVERSES, Universe, universe_named
from oracle.datasets.writer import EraBlock, Layout, write_dataset

NAME = "market"
MIN_HISTORY = 64  # Trading days before a stock enters; longer factors stay missing until known.
VALIDATION_SHARE = 0.2
_PLACES = 12  # Equal numbers stay equal, whatever the order of summation made of their last bits.
REACH = LAG_DAYS + max(HORIZONS)


@dataclass(frozen=True)
class _Week:
    """An era: its label and, for each market that takes part, the row of its day."""

    era: str
    rows: dict[str, int]


def _weeks(markets: Sequence[Market]) -> list[_Week]:
    first = min(market.dates[MIN_HISTORY] for market in markets)
    last = max(market.dates[-1] for market in markets)
    weeks: list[_Week] = []
    for friday in pd.date_range(first, last, freq="W-FRI"):
        rows = {m.name: int(m.dates.searchsorted(friday, side="right")) - 1 for m in markets}
        rows = {name: row for name, row in rows.items() if row >= MIN_HISTORY}
        weeks.append(_Week(era_label(len(weeks) + 1), rows))
    return weeks


def _resolved(week: _Week, known: dict[str, int]) -> bool:
    """Whether every target of the week ends on a day up to row `known` of its market."""
    return all(row + REACH <= known[name] for name, row in week.rows.items())


def _playable(markets: Sequence[Market], weeks: Sequence[_Week], min_past: int) -> list[int]:
    """Positions of the weeks that can be live: all markets trade, resolve, and have a past."""
    ends = {market.name: len(market.dates) - 1 for market in markets}
    return [
        position
        for position, week in enumerate(weeks)
        if len(week.rows) == len(markets)
        and _resolved(week, ends)
        and sum(_resolved(past, week.rows) for past in weeks[:position]) >= min_past
    ]


def live_eras(universe: str = DEFAULT) -> tuple[str, ...]:
    """The eras that `build_market` can make live, oldest first. Raises `DatasetError`."""
    chosen = universe_named(universe)
    markets = chosen.load()
    weeks = _weeks(markets)
    return tuple(weeks[position].era for position in _playable(markets, weeks, chosen.min_past))


@dataclass(frozen=True)
class UniverseSummary:
    """What a universe holds: stocks, first and last day, and how many eras can be live."""

    name: str
    stocks: int
    first_day: str
    last_day: str
    live_eras: int


def summaries() -> tuple[UniverseSummary, ...]:
    """All universes, the default first. Raises `DatasetError`."""
    found = []
    for universe in UNIVERSES.values():
        markets = universe.load()
        weeks = _weeks(markets)
        found.append(
            UniverseSummary(
                universe.name,
                sum(len(market.stocks) for market in markets),
                str(min(market.dates[0] for market in markets).date()),
                str(max(market.dates[-1] for market in markets).date()),
                len(_playable(markets, weeks, universe.min_past)),
            )
        )
    return tuple(found)


def _split(weeks: Sequence[_Week], live: int) -> list[tuple[str, _Week]]:
    """Train, validation and live weeks; weeks whose targets reach into the next part are left out.

    A week is known to train on only if its 60-day targets end by the first validation week's day,
    and to validate on only if they end by the live week's.
    """
    past = [week for week in weeks[:live] if _resolved(week, weeks[live].rows)]
    first = len(past) - round(len(past) * VALIDATION_SHARE)
    train = [week for week in past[:first] if _resolved(week, past[first].rows)]
    return [
        *(("train", week) for week in train),
        *(("validation", week) for week in past[first:]),
        ("live", weeks[live]),
    ]


def _forward_returns(market: Market, row: int, window: factors.Window) -> NDArray[np.float64]:
    """Returns behind the targets, (stocks, targets): residual, raw and scaled, 20 then 60 days.

    Beta and volatility are those of the past `window`, known at `row`.
    """
    beta = np.nan_to_num(factors.beta(window, window.days), nan=1.0)
    deviation = np.maximum(factors.residual_volatility(window, window.days), 1e-6)
    columns = []
    for horizon in HORIZONS:
        start = row + LAG_DAYS
        raw = np.log(market.prices[start + horizon] / market.prices[start])
        residual = raw - beta * raw.mean()
        columns += [residual, raw, residual / deviation]
    return np.column_stack(columns)


def _block(
    universe: Universe, markets: Sequence[Market], split: str, week: _Week, seed: int
) -> EraBlock:
    """One era: the stocks of all markets that take part, ranked together."""
    names: list[str] = []
    values, returns = [], []
    for market in markets:
        if market.name in week.rows:
            row = week.rows[market.name]
            window = factors.Window.ending(market.prices, row)
            names += market.stocks
            values.append(factors.factor_values(window))
            returns.append(_forward_returns(market, row, window))
    return EraBlock(
        split=split,
        era=week.era,
        ids=row_ids(seed, _name(universe), week.era, names),
        features=quintiles(np.vstack(values).round(_PLACES)),
        targets=target_bins(np.vstack(returns).round(_PLACES)),
    )


def _name(universe: Universe) -> str:
    """Name of the data set, and what sets its ids apart from other universes'."""
    return NAME if universe.name == DEFAULT else f"{NAME}-{universe.name}"


def _layout(
    universe: Universe, markets: Sequence[Market], weeks: Sequence[_Week], live: int
) -> Layout:
    sources = ", ".join(
        f"{package[0]} {prices.package_version(package)}" for package in universe.packages
    )
    stocks = " and ".join(f"{len(market.stocks)} of {market.name}" for market in markets)
    days = {market.name: market.dates[weeks[live].rows[market.name]] for market in markets}
    return Layout(
        name=_name(universe),
        description=(
            f"Daily closing prices shipped by {sources}: {stocks}. Live era {weeks[live].era} is "
            f"the week that ends on {max(days.values()).date()}."
        ),
        feature_sets={
            "small": factors.feature_names(1),
            "medium": factors.feature_names(2),
            "all": factors.feature_names(),
        },
    )


def _build(
    universe: Universe,
    out: Path,
    resolution: Path,
    live_era: int,
    seed: int,
    progress: Progress | None,
) -> Dataset:
    markets = universe.load()
    weeks = _weeks(markets)
    playable = _playable(markets, weeks, universe.min_past)
    if not -len(playable) <= live_era < len(playable):
        raise DatasetError(
            f"live era {live_era} does not exist",
            f"choose from {-len(playable)} (the oldest) to -1 "
            f"(the newest), or from 0 to {len(playable) - 1}",
        )
    live = playable[live_era]
    parts = _split(weeks, live)

    def blocks() -> Iterator[EraBlock]:
        for split, week in parts:
            yield _block(universe, markets, split, week, seed)

    layout = _layout(universe, markets, weeks, live)
    return write_dataset(out, resolution, layout, blocks(), total=len(parts), progress=progress)


def build_market(
    out: Path,
    resolution: Path,
    *,
    universe: str = DEFAULT,
    live_era: int = -1,
    seed: int = 0,
    progress: Progress | None = None,
) -> Dataset:
    """Build the data set of real prices in `out`, and the live targets in `resolution`.

    `universe` is one of `UNIVERSES`. `live_era` is an index into its `live_eras()`, negative from
    the newest, so that successive rounds take successive indices. `seed` keys the ids, nothing
    else.

    Raises:
        DatasetError: price files missing, no such universe or live era, or a directory is in the
            way.
    """
    chosen = universe_named(universe)
    return _build(chosen, Path(out), Path(resolution), live_era, seed, progress)
