"""Price factors against plain definitions, and that they see the past only."""

import numpy as np
import pytest

from oracle.datasets import factors
from oracle.datasets.factors import Window

DAY = 320
PRICES = np.exp(np.random.default_rng(4).normal(0, 0.02, (400, 6)).cumsum(axis=0))
LOGS = np.log(PRICES)
RETURNS = np.diff(LOGS, axis=0)[:DAY]  # The last one ends on DAY.
WINDOW = Window.ending(PRICES, DAY)


def test_factor_values__other_future__same_values() -> None:
    other = PRICES.copy()
    other[DAY + 1 :] *= 7.0
    same = factors.factor_values(Window.ending(other, DAY))
    assert np.array_equal(factors.factor_values(WINDOW), same)


def test_factor_values__other_today__other_values() -> None:
    other = PRICES.copy()
    other[DAY] *= np.linspace(0.8, 1.2, 6)
    changed = factors.factor_values(Window.ending(other, DAY)) != factors.factor_values(WINDOW)
    skipping = ["skip" in name for name in factors.feature_names()]
    assert changed.any(axis=0)[~np.array(skipping)].mean() > 0.9
    assert not changed[:, skipping].any()


def test_factor_values__short_history__longer_horizons_missing() -> None:
    values = factors.factor_values(Window.ending(PRICES, 64))
    for name, column in zip(factors.feature_names(), values.T, strict=True):
        long = int(name.rsplit("_", 1)[1]) > 64
        assert np.isnan(column).all() if long else np.isfinite(column).all(), name


def test_factor_values__constant_price__missing_or_finite_never_infinite() -> None:
    flat = PRICES.copy()
    flat[:, 0] = 3.0
    values = factors.factor_values(Window.ending(flat, DAY))
    assert not np.isinf(values).any()
    skew = factors.feature_names().index("feature_skew_60")
    assert np.isnan(values[0, skew])


def test_feature_names__sets__nested_unique_and_within_the_window() -> None:
    small, medium, every = (factors.feature_names(n) for n in (1, 2, None))
    assert set(small) < set(medium) < set(every)
    assert len(set(every)) == len(every) >= 30
    assert max(int(name.rsplit("_", 1)[1]) for name in every) <= factors.MAX_HORIZON


def test_momentum__known_prices__log_return() -> None:
    assert factors.momentum(WINDOW, 60) == pytest.approx(LOGS[DAY] - LOGS[DAY - 60])
    skipped = LOGS[DAY - 20] - LOGS[DAY - 250]
    assert factors.momentum_skip_20(WINDOW, 250) == pytest.approx(skipped)


def test_reversal__known_prices__loss_against_the_market() -> None:
    own = LOGS[DAY] - LOGS[DAY - 5]
    assert factors.reversal(WINDOW, 5) == pytest.approx(own.mean() - own)


def test_beta__known_prices__least_squares_slope() -> None:
    market = RETURNS.mean(axis=1)[-120:]
    slopes = [np.polyfit(market, RETURNS[-120:, stock], 1)[0] for stock in range(6)]
    assert factors.beta(WINDOW, 120) == pytest.approx(np.array(slopes))
    correlations = [np.corrcoef(market, RETURNS[-120:, stock])[0, 1] for stock in range(6)]
    assert factors.correlation(WINDOW, 120) == pytest.approx(np.array(correlations))
    residual = RETURNS[-120:] - np.outer(market, slopes)
    assert factors.residual_momentum(WINDOW, 120) == pytest.approx(residual.sum(axis=0))


def test_lagged_beta__known_prices__slope_on_the_day_before() -> None:
    market = RETURNS.mean(axis=1)
    slopes = [np.polyfit(market[-120:-1], RETURNS[-119:, s], 1)[0] for s in range(6)]
    assert factors.lagged_beta(WINDOW, 120) == pytest.approx(np.array(slopes))


def test_drawdown__known_prices__deepest_fall() -> None:
    path = LOGS[DAY - 60 : DAY + 1]
    falls = [
        max(path[i, s] - path[j, s] for i in range(61) for j in range(i, 61)) for s in range(6)
    ]
    assert factors.drawdown(WINDOW, 60) == pytest.approx(np.array(falls))


def test_distances__known_prices__from_high_low_and_mean() -> None:
    path = LOGS[DAY - 60 : DAY + 1]
    assert factors.distance_high(WINDOW, 60) == pytest.approx(path.max(axis=0) - LOGS[DAY])
    assert factors.distance_low(WINDOW, 60) == pytest.approx(LOGS[DAY] - path.min(axis=0))
    assert factors.distance_mean(WINDOW, 60) == pytest.approx(LOGS[DAY] - path.mean(axis=0))


def test_still_days__repeated_price__share_without_change() -> None:
    still = PRICES.copy()
    still[DAY - 29 : DAY + 1, 2] = still[DAY - 30, 2]
    assert factors.still_days(Window.ending(still, DAY), 120)[2] == pytest.approx(30 / 120)
