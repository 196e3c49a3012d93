"""Price factors of one market at one day, from nothing but the days up to it.

Each function takes a `Window`, which ends on the day the factor is for, and a horizon in trading
days, and gives one number a stock. What lies after that day is never passed in, so it cannot be
looked at. A number that is not defined (history too short, no variance) is NaN.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
MAX_HORIZON = 250


@dataclass(frozen=True)
class Window:
    """The last days of a market: log prices (days, stocks), daily log returns (days - 1, stocks).

    `market` (days - 1) is the equal-weighted mean return.
    """

    log_prices: Array
    returns: Array
    market: Array

    @classmethod
    def ending(cls, prices: Array, day: int) -> "Window":
        """The window of `prices` (days, stocks) whose last day is row `day`."""
        past = np.log(np.ascontiguousarray(prices[max(0, day - MAX_HORIZON) : day + 1]))
        returns = np.diff(past, axis=0)
        return cls(past, returns, returns.mean(axis=1))

    @property
    def days(self) -> int:
        """Number of daily returns."""
        return len(self.returns)


def momentum(w: Window, h: int) -> Array:
    """Log return over the horizon."""
    return w.log_prices[-1] - w.log_prices[-1 - h]


def momentum_skip_20(w: Window, h: int) -> Array:
    """Log return over the horizon but its last 20 days."""
    return w.log_prices[-21] - w.log_prices[-1 - h]


def reversal(w: Window, h: int) -> Array:
    """What the stock has lost against its market over a short horizon."""
    return w.market[-h:].sum() - w.returns[-h:].sum(axis=0)


def volatility(w: Window, h: int) -> Array:
    """Standard deviation of daily returns."""
    return w.returns[-h:].std(axis=0)


def volatility_change(w: Window, h: int) -> Array:
    """Volatility of the last fifth of the horizon over that of the whole."""
    return volatility(w, h // 5) / volatility(w, h)


def downside_volatility(w: Window, h: int) -> Array:
    """Root mean square of the negative daily returns."""
    return np.sqrt((np.minimum(w.returns[-h:], 0.0) ** 2).mean(axis=0))


def _regress(returns: Array, market: Array) -> tuple[Array, Array]:
    """Slope on the market and residuals (mean kept) of each stock."""
    centred = market - market.mean()
    beta = centred @ returns / (centred @ centred)
    return beta, returns - np.outer(market, beta)


def beta(w: Window, h: int) -> Array:
    """Slope of the stock's return on the market's."""
    return _regress(w.returns[-h:], w.market[-h:])[0]


def lagged_beta(w: Window, h: int) -> Array:
    """Slope of the stock's return on the market's of the day before."""
    return _regress(w.returns[1 - h :], w.market[-h:-1])[0]


def correlation(w: Window, h: int) -> Array:
    """Correlation with the market."""
    return beta(w, h) * w.market[-h:].std() / volatility(w, h)


def residual_momentum(w: Window, h: int) -> Array:
    """Return over the horizon less beta times the market's."""
    return _regress(w.returns[-h:], w.market[-h:])[1].sum(axis=0)


def residual_volatility(w: Window, h: int) -> Array:
    """Standard deviation of what beta does not explain."""
    return _regress(w.returns[-h:], w.market[-h:])[1].std(axis=0)


def risk_adjusted_momentum(w: Window, h: int) -> Array:
    """Mean daily return over its standard deviation."""
    return w.returns[-h:].mean(axis=0) / volatility(w, h)


def drawdown(w: Window, h: int) -> Array:
    """Deepest fall from an earlier high within the horizon."""
    prices = w.log_prices[-1 - h :]
    return (np.maximum.accumulate(prices, axis=0) - prices).max(axis=0)


def distance_high(w: Window, h: int) -> Array:
    """How far below the horizon's high."""
    return w.log_prices[-1 - h :].max(axis=0) - w.log_prices[-1]


def distance_low(w: Window, h: int) -> Array:
    """How far above the horizon's low."""
    return w.log_prices[-1] - w.log_prices[-1 - h :].min(axis=0)


def distance_mean(w: Window, h: int) -> Array:
    """How far above the horizon's mean log price."""
    return w.log_prices[-1] - w.log_prices[-1 - h :].mean(axis=0)


def _standardised_moment(w: Window, h: int, order: int) -> Array:
    returns = w.returns[-h:]
    scores = (returns - returns.mean(axis=0)) / returns.std(axis=0)
    return np.prod([scores] * order, axis=0).mean(axis=0)


def skew(w: Window, h: int) -> Array:
    """Third standardised moment of daily returns."""
    return _standardised_moment(w, h, 3)


def kurtosis(w: Window, h: int) -> Array:
    """Fourth standardised moment of daily returns."""
    return _standardised_moment(w, h, 4)


def best_day(w: Window, h: int) -> Array:
    """Largest daily return."""
    return w.returns[-h:].max(axis=0)


def worst_day(w: Window, h: int) -> Array:
    """Smallest daily return."""
    return w.returns[-h:].min(axis=0)


def up_days(w: Window, h: int) -> Array:
    """Share of days with a gain."""
    return (w.returns[-h:] > 0).mean(axis=0)


def still_days(w: Window, h: int) -> Array:
    """Share of days without a change: how thinly the stock trades."""
    return (w.returns[-h:] == 0).mean(axis=0)


def acceleration(w: Window, h: int) -> Array:
    """Return of the horizon's second half less that of its first."""
    half = h // 2
    return w.returns[-half:].sum(axis=0) - w.returns[-h:-half].sum(axis=0)


def autocorrelation(w: Window, h: int) -> Array:
    """Correlation of a day's return with the day before."""
    centred = w.returns[-h:] - w.returns[-h:].mean(axis=0)
    return (centred[1:] * centred[:-1]).sum(axis=0) / (centred**2).sum(axis=0)


Factor = Callable[[Window, int], Array]

# Horizons from the most to the least telling: the first of each factor make the small feature
# set, the first two the medium one.
FACTORS: dict[Factor, tuple[int, ...]] = {
    momentum: (120, 20, 250, 60, 40),
    momentum_skip_20: (250, 120),
    reversal: (5, 1, 2, 10),
    volatility: (60, 250, 20, 10, 120),
    volatility_change: (120, 250),
    downside_volatility: (120, 60),
    beta: (250, 60, 120),
    lagged_beta: (120,),
    correlation: (250, 60),
    residual_momentum: (120, 20, 250, 60),
    residual_volatility: (120, 60),
    risk_adjusted_momentum: (120, 250, 60),
    drawdown: (250, 60),
    distance_high: (250, 60, 20, 120),
    distance_low: (250, 60),
    distance_mean: (60, 250, 20, 120),
    skew: (250, 60),
    kurtosis: (250,),
    best_day: (20,),
    worst_day: (20,),
    up_days: (60, 20, 120),
    still_days: (120,),
    acceleration: (120, 60),
    autocorrelation: (250, 60),
}


def feature_names(per_factor: int | None = None) -> tuple[str, ...]:
    """Feature columns, at most `per_factor` horizons of each factor."""
    return tuple(
        f"feature_{factor.__name__}_{horizon}"
        for factor, horizons in FACTORS.items()
        for horizon in horizons[:per_factor]
    )


def factor_values(window: Window) -> Array:
    """All factors at the window's last day, (stocks, features), in the order of the names."""
    missing = np.full(window.returns.shape[1], np.nan)
    columns = []
    with np.errstate(divide="ignore", invalid="ignore"):
        for factor, horizons in FACTORS.items():
            for horizon in horizons:
                columns.append(factor(window, horizon) if horizon <= window.days else missing)
    values = np.column_stack(columns)
    return np.where(np.isfinite(values), values, np.nan)
