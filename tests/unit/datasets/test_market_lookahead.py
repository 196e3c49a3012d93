"""Nothing after the live day reaches the train, validation or live files."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from invented_markets import build, live_days, perturbed_after, two_markets, universe

from oracle.datasets import market, prices
from oracle.datasets.dataset import TARGETS, DatasetError
from oracle.datasets.files import content_digest, read_split, read_targets_csv
from oracle.datasets.market import REACH
from oracle.datasets.universes import DEFAULT, UNIVERSES

MARKETS = two_markets()


def _secret(folder: Path) -> bytes:
    return (folder / "secret" / "live_targets.csv").read_bytes()


@pytest.mark.parametrize("live_era", [-1, 0])
def test_build__other_future_prices__only_live_targets_change(
    tmp_path: Path, live_era: int
) -> None:
    first = build(MARKETS, tmp_path / "a", live_era)
    days = live_days(MARKETS, first.eras["live"][0])
    second = build(tuple(perturbed_after(MARKETS, days)), tmp_path / "b", live_era)
    assert content_digest(first.root) == content_digest(second.root)
    assert _secret(tmp_path / "a") != _secret(tmp_path / "b")


def test_build__other_price_on_the_live_day__files_change(tmp_path: Path) -> None:
    first = build(MARKETS, tmp_path / "a")
    days = live_days(MARKETS, first.eras["live"][0])
    before = {name: row - 1 for name, row in days.items()}
    second = build(tuple(perturbed_after(MARKETS, before)), tmp_path / "b")
    assert content_digest(first.root) != content_digest(second.root)


@pytest.mark.slow
def test_build__real_prices_with_another_future__only_live_targets_change(tmp_path: Path) -> None:
    markets = UNIVERSES[DEFAULT].load()
    era = market.live_eras()[0]
    days = live_days(markets, era)
    first = build(markets, tmp_path / "a", live_era=0)
    second = build(tuple(perturbed_after(markets, days)), tmp_path / "b", live_era=0)
    assert first.eras["live"] == (era,)
    assert content_digest(first.root) == content_digest(second.root)
    assert _secret(tmp_path / "a") != _secret(tmp_path / "b")


def test_split__any_live_era__targets_end_before_the_next_part() -> None:
    weeks = market._weeks(MARKETS)
    for live in market._playable(MARKETS, weeks, universe(MARKETS).min_past)[::10]:
        parts = market._split(weeks, live)
        by_split = {
            split: [week for part, week in parts if part == split]
            for split in ("train", "validation", "live")
        }
        assert [part for part, _ in parts] == sorted(
            (part for part, _ in parts), key=("train", "validation", "live").index
        )
        for earlier, later in pairwise(("train", "validation", "live")):
            last, first = by_split[earlier][-1], by_split[later][0]
            assert all(row + REACH <= first.rows[name] for name, row in last.rows.items())
            # And no week is given away: the next one would reach too far.
            after = weeks[weeks.index(last) + 1]
            assert any(row + REACH > first.rows[name] for name, row in after.rows.items())


def test_weeks__two_calendars__last_trading_day_up_to_friday() -> None:
    weeks = market._weeks(MARKETS)
    for week in weeks:
        for one in MARKETS:
            if one.name in week.rows:
                day = one.dates[week.rows[one.name]]
                following = one.dates[week.rows[one.name] + 1 :][:1]
                assert all(day.to_period("W-FRI") < later.to_period("W-FRI") for later in following)
    entered = [name for week in weeks for name in week.rows]
    assert {"old", "young"} == set(entered)
    assert entered.count("young") < entered.count("old")


def test_live_targets__known_prices__bins_of_the_documented_return(tmp_path: Path) -> None:
    """The raw 20-day target: log return from day t + 2 to t + 22, ranked over both markets."""
    dataset = build(MARKETS, tmp_path)
    days = live_days(MARKETS, dataset.eras["live"][0])
    block = market._block(
        universe(MARKETS),
        MARKETS,
        "live",
        next(w for w in market._weeks(MARKETS) if w.era == dataset.eras["live"][0]),
        5,
    )
    forward = np.concatenate(
        [np.log(m.prices[days[m.name] + 22] / m.prices[days[m.name] + 2]) for m in MARKETS]
    )
    raw = block.targets[:, TARGETS.index("target_raw_20")]
    ranks = pd.Series(forward).rank(pct=False).to_numpy() - 0.5
    expected = np.searchsorted([0.05, 0.25, 0.75, 0.95], ranks / len(ranks)) / 4
    assert (np.abs(raw - expected) <= 0.25).all()
    assert (raw == expected).mean() > 0.95  # A rank on a boundary may fall either way here.
    paid = block.targets[:, TARGETS.index("target_residual_20")]
    ids, targets = read_targets_csv(tmp_path / "secret" / "live_targets.csv")
    secret = dict(zip(ids, targets / 1e9, strict=True))
    assert [secret[i] for i in block.ids] == paid.tolist()
    assert read_split(dataset.root, "live")["target"].isna().all()


def test_build__live_era_out_of_range__error_names_the_choices(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="live era 9999 does not exist") as caught:
        build(MARKETS, tmp_path, live_era=9999)
    assert "to -1" in caught.value.fix
    assert list(tmp_path.iterdir()) == []


def test_live_eras__real_prices__successive_weeks_that_resolve() -> None:
    eras = [int(era) for era in market.live_eras()]
    assert eras == list(range(eras[0], eras[0] + len(eras)))
    assert len(eras) > 100
    toronto = prices.toronto()
    days = live_days(UNIVERSES[DEFAULT].load(), market.live_eras()[-1])
    assert days["toronto"] + REACH <= len(toronto.dates) - 1
