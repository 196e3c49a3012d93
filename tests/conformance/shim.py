"""The project's functions under the signatures of numerai_tools.scoring and .signals (0.7.2).

Only for conformance runs: pandas in, pandas out, models as columns, index aligned as there. Every
number comes from oracle.scoring; an error of the engine is raised as an AssertionError too, which
is what numerai-tools raises.
"""

import functools
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from oracle.scoring import churn as churns
from oracle.scoring import float_scores, tools
from oracle.scoring.errors import ScoringError

Frame = pd.DataFrame | pd.Series


class Refused(ScoringError, AssertionError):
    """A ScoringError that is also what numerai-tools raises."""


def refusing(function: Callable) -> Callable:
    """``function`` whose ScoringErrors are `Refused`."""

    @functools.wraps(function)
    def called(*args: Any, **options: Any) -> Any:
        try:
            return function(*args, **options)
        except ScoringError as error:
            raise Refused(error.code, error.message, error.models) from None

    return called


def values_of(frame: Frame) -> np.ndarray:
    """One model a row, or (N,) of a series."""
    return np.ascontiguousarray(frame.to_numpy(dtype=float).T)


def like(values: np.ndarray, frame: Frame) -> Frame:
    if isinstance(frame, pd.Series):
        return pd.Series(values, index=frame.index, name=frame.name)
    return pd.DataFrame(values.T, index=frame.index, columns=frame.columns)


def mapped(helper: Callable) -> Callable:
    return refusing(lambda frame: like(helper(values_of(frame)), frame))


def scores(found: np.ndarray, predictions: pd.DataFrame) -> pd.Series:
    return pd.Series(found, index=predictions.columns)


tie_kept_rank = mapped(tools.tie_kept_rank)
tie_broken_rank = mapped(tools.tie_broken_rank)
gaussian = mapped(tools.gaussian)
center = mapped(tools.center)
standardize = mapped(tools.standardize)
variance_normalize = mapped(tools.variance_normalize)
min_max_normalize = mapped(tools.min_max_normalize)
weight_normalize = mapped(tools.weight_normalize)
tie_kept_rank__gaussianize__pow_1_5 = mapped(tools.tie_kept_rank__gaussianize__pow_1_5)


@refusing
def power(df: pd.DataFrame, p: float) -> pd.DataFrame:
    return like(tools.power(values_of(df), p), df)


@refusing
def sharpe_ratio(s: pd.Series) -> float:
    return tools.sharpe_ratio(values_of(s)).item()


# Indices


@refusing
def filter_sort_index(s1: Frame, s2: Frame, max_filtered_ratio: float = 0.2) -> tuple:
    return tuple(filter_sort_index_many([s1, s2], max_filtered_ratio))


@refusing
def filter_sort_index_many(inputs: list, max_filtered_ratio: float = 0.2) -> list:
    complete = [frame.dropna() for frame in inputs]
    common = complete[0].index.to_numpy()
    for frame in complete[1:]:
        rows, _ = churns.common_rows(common, frame.index.to_numpy(), 1.0)
        common = common[rows]
    for frame in inputs:
        churns.common_rows(frame.index.to_numpy(), common, max_filtered_ratio)
    return [frame.loc[np.sort(common)] for frame in inputs]


@refusing
def filter_sort_top_bottom(s: pd.Series, top_bottom: int) -> tuple[pd.Series, pd.Series]:
    rows = tools.top_bottom_rows(values_of(s)[None], top_bottom)[0]
    bottom, top = rows[:top_bottom], rows[top_bottom:]
    return s.iloc[top].sort_index(), s.iloc[bottom].sort_index()


@refusing
def filter_sort_top_bottom_concat(s: pd.Series, top_bottom: int) -> pd.Series:
    return pd.concat(filter_sort_top_bottom(s, top_bottom)).sort_index()


# Linear algebra and correlations


@refusing
def orthogonalize(v: np.ndarray, u: np.ndarray) -> np.ndarray:
    left = tools.orthogonalize(np.atleast_2d(v.T), np.ravel(u))
    return left.T if v.ndim == 2 else left[0][:, None]


@refusing
def stake_weight(predictions: pd.DataFrame, stakes: pd.Series) -> pd.Series:
    kept = predictions[stakes.index]
    return pd.Series(tools.stake_weight(values_of(kept), values_of(stakes)), kept.index)


@refusing
def neutralize(
    df: pd.DataFrame, neutralizers: pd.DataFrame, proportion: float = 1.0
) -> pd.DataFrame:
    return like(tools.neutralize(values_of(df), values_of(neutralizers).T, proportion), df)


@refusing
def one_hot_encode(df: pd.DataFrame, columns: list[str], dtype: type = np.float64) -> pd.DataFrame:
    for column in columns:
        found, names = tools.one_hot_encode(df[column])
        labels = [f"{column}_{name}" for name in names]
        df = df.join(pd.DataFrame(found.astype(dtype), df.index, labels)).drop(columns=column)
    return df


@refusing
def tie_kept_rank__gaussianize__neutralize__variance_normalize(
    df: pd.DataFrame, neutralizers: pd.DataFrame
) -> pd.DataFrame:
    pipeline = tools.tie_kept_rank__gaussianize__neutralize__variance_normalize
    return like(pipeline(values_of(df), values_of(neutralizers).T), df)


def end_rows(top_bottom: int | None) -> int | None:
    return top_bottom if top_bottom else None  # 0 means all rows there


@refusing
def pearson_correlation(
    target: pd.Series, predictions: pd.Series, top_bottom: int | None = None
) -> float:
    ends = end_rows(top_bottom)
    return tools.pearson_correlation(values_of(target), values_of(predictions), ends).item()


correlation = pearson_correlation


@refusing
def spearman_correlation(target: pd.Series, predictions: pd.Series) -> float:
    return tools.spearman_correlation(values_of(target), values_of(predictions)).item()


@refusing
def tie_broken_rank_correlation(target: pd.Series, predictions: pd.Series) -> float:
    return tools.tie_broken_rank_correlation(values_of(target), values_of(predictions)).item()


@refusing
def max_feature_correlation(
    s: pd.Series, features: pd.DataFrame, top_bottom: int | None = None
) -> tuple[str, float]:
    if top_bottom:
        rows = tools.top_bottom_rows(values_of(s)[None], top_bottom)[0]
        s, features = s.iloc[rows], features.iloc[rows]
    which, size = tools.max_feature_correlation(values_of(s), values_of(features).T)
    return str(features.columns[which[0]]), size[0]


# Scores


@refusing
def numerai_corr(
    predictions: pd.DataFrame,
    targets: pd.Series,
    max_filtered_index_ratio: float = 0.2,
    top_bottom: int | None = None,
    target_pow15: bool = True,
) -> pd.Series:
    targets = targets - targets.mean()  # before the filter, as there
    targets, predictions = filter_sort_index(targets, predictions, max_filtered_index_ratio)
    found = float_scores.numerai_corr(
        values_of(predictions), values_of(targets), end_rows(top_bottom), target_pow15
    )
    return scores(found, predictions)


@refusing
def correlation_contribution(
    predictions: pd.DataFrame,
    meta_model: pd.Series,
    live_targets: pd.Series,
    top_bottom: int | None = None,
) -> pd.Series:
    predictions, meta, targets = filter_sort_index_many([predictions, meta_model, live_targets])
    found = float_scores.correlation_contribution(
        values_of(predictions), values_of(meta), values_of(targets), end_rows(top_bottom)
    )
    return scores(found, predictions)


@refusing
def feature_neutral_corr(
    predictions: pd.DataFrame,
    features: pd.DataFrame,
    targets: pd.Series,
    top_bottom: int | None = None,
) -> pd.Series:
    found = float_scores.feature_neutral_corr(
        values_of(predictions),
        values_of(features).T,
        values_of(targets),
        end_rows(top_bottom),
    )
    return scores(found, predictions)


@refusing
def neutral_correlation(
    predictions: pd.DataFrame,
    neutralizers: pd.DataFrame,
    targets: pd.Series,
    max_filtered_index_ratio: float = 0.2,
    top_bottom: int | None = None,
) -> pd.Series:
    targets, predictions, neutralizers = filter_sort_index_many(
        [targets, predictions, neutralizers], max_filtered_index_ratio
    )
    found = float_scores.neutral_correlation(
        values_of(predictions),
        values_of(neutralizers).T,
        values_of(targets),
        end_rows(top_bottom),
    )
    return scores(found, predictions)


@refusing
def neutral_contribution(
    predictions: pd.DataFrame,
    meta_model: pd.Series,
    neutralizers: pd.DataFrame,
    live_targets: pd.Series,
    top_bottom: int | None = None,
) -> pd.Series:
    targets, predictions, meta, neutralizers = filter_sort_index_many(
        [live_targets, predictions, meta_model, neutralizers]
    )
    found = float_scores.neutral_contribution(
        values_of(predictions),
        values_of(meta),
        values_of(neutralizers).T,
        values_of(targets),
        end_rows(top_bottom),
    )
    return scores(found, predictions)


@refusing
def generate_neutralized_weights(
    predictions: pd.DataFrame,
    neutralizers: pd.DataFrame,
    sample_weights: pd.Series,
    center_and_normalize: bool = False,
) -> pd.DataFrame:
    predictions, neutralizers, weights = filter_sort_index_many(
        [predictions, neutralizers, sample_weights]
    )
    found = float_scores.generate_neutralized_weights(
        values_of(predictions), values_of(neutralizers).T, values_of(weights), center_and_normalize
    )
    return like(found, predictions)


@refusing
def alpha(
    predictions: pd.DataFrame,
    neutralizers: pd.DataFrame,
    sample_weights: pd.Series,
    targets: pd.Series,
) -> pd.Series:
    predictions, targets, neutralizers, weights = filter_sort_index_many(
        [predictions, targets, neutralizers, sample_weights]
    )
    found = float_scores.alpha(
        values_of(predictions), values_of(neutralizers).T, values_of(weights), values_of(targets)
    )
    return scores(found, predictions)


@refusing
def meta_portfolio_contribution(
    predictions: pd.DataFrame,
    stakes: pd.Series,
    neutralizers: pd.DataFrame,
    sample_weights: pd.Series,
    targets: pd.Series,
) -> pd.Series:
    predictions, targets, neutralizers, weights = filter_sort_index_many(
        [predictions, targets, neutralizers, sample_weights]
    )
    found = float_scores.meta_portfolio_contribution(
        values_of(predictions[stakes.index]),
        values_of(stakes.fillna(0)),
        values_of(neutralizers).T,
        values_of(weights),
        values_of(targets),
    )
    return pd.Series(found, index=stakes.index)


# Signals


def signal_of(s: pd.Series) -> churns.Signal:
    s = s.dropna()
    return churns.Signal(s.index.to_numpy(), s.to_numpy(dtype=float))


@refusing
def churn(s1: pd.Series, s2: pd.Series, top_bottom: int | None = None) -> float:
    return churns.churn(signal_of(s1), signal_of(s2), end_rows(top_bottom))


@refusing
def turnover(s1: pd.Series, s2: pd.Series) -> float:
    return churns.turnover(signal_of(s1), signal_of(s2))


def neutral_of(s: pd.Series, neutralizers: pd.DataFrame) -> churns.Signal:
    s, neutralizers = filter_sort_index(s, neutralizers)
    return churns.neutral_signal(s.index.to_numpy(), values_of(s), values_of(neutralizers).T)


@refusing
def neutral_churn(
    s1: pd.Series, s2: pd.Series, neutralizers1: pd.DataFrame, neutralizers2: pd.DataFrame
) -> float:
    return churns.churn(neutral_of(s1, neutralizers1), neutral_of(s2, neutralizers2))


@refusing
def neutral_churn_penalty(
    neutral_churn: float, threshold: float = 0.1, scaling_factor: float = 10.0
) -> float:
    return churns.neutral_churn_penalty(neutral_churn, threshold, scaling_factor)


def portfolio_of(s: churns.Signal, neutralizers: pd.DataFrame, weights: pd.Series) -> churns.Signal:
    found = float_scores.generate_neutralized_weights(
        s.values, values_of(neutralizers.loc[s.ids]).T, values_of(weights.loc[s.ids]), True
    )
    return churns.Signal(s.ids, found)


def live(s: Frame, universe: pd.Series) -> churns.Signal:
    column = s.iloc[:, 0] if isinstance(s, pd.DataFrame) else s
    return signal_of(column).on(universe.index.to_numpy())


@refusing
def calculate_max_churn_and_turnover(
    curr_sub: pd.Series,
    curr_neutralizer: pd.DataFrame,
    curr_sample_weight: pd.Series,
    prev_subs: dict[str, pd.Series],
    prev_neutralizers: dict[str, pd.DataFrame],
    prev_sample_weights: dict[str, pd.Series],
) -> tuple[float, float]:
    current = live(curr_sub, curr_sample_weight)
    earlier = {date: live(prev_subs[date], prev_sample_weights[date]) for date in prev_subs}
    portfolios = [
        portfolio_of(earlier[date], prev_neutralizers[date], prev_sample_weights[date])
        for date in earlier
    ]
    portfolio = portfolio_of(current, curr_neutralizer, curr_sample_weight)
    return (
        churns.max_churn(current, list(earlier.values())),
        churns.max_turnover(portfolio, portfolios),
    )


@refusing
def calculate_mean_neutral_churn(
    curr_sub: pd.Series,
    curr_neutralizer: pd.DataFrame,
    curr_sample_weight: pd.Series,
    prev_subs: dict[str, pd.Series],
    prev_neutralizers: dict[str, pd.DataFrame],
    prev_sample_weights: dict[str, pd.Series],
) -> float:
    def neutral(sub: pd.Series, neutralizers: pd.DataFrame, weights: pd.Series) -> churns.Signal:
        s = live(sub, weights)
        return churns.neutral_signal(s.ids, s.values, values_of(neutralizers.loc[s.ids]).T)

    earlier = [
        neutral(prev_subs[date], prev_neutralizers[date], prev_sample_weights[date])
        for date in prev_subs
    ]
    current = neutral(curr_sub, curr_neutralizer, curr_sample_weight)
    return churns.mean_churn(current, earlier)


def install() -> None:
    """Make ``import numerai_tools.scoring`` and ``.signals`` give this module."""
    package = ModuleType("numerai_tools")
    this = sys.modules[__name__]
    for name in ("scoring", "signals"):
        setattr(package, name, this)
        sys.modules[f"numerai_tools.{name}"] = this
    sys.modules["numerai_tools"] = package
