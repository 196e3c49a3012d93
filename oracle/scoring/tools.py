"""numerai-tools' helpers over NumPy arrays: floats in, floats out, every model at once.

One convention throughout: **values** are (N,), one model, or (M, N), one model a row, and results
have the shape of the values; **features**, neutralizers, are (N, F), one feature a column, as data
files have them. Names and definitions are those of numerai-tools 0.7.2 (``scoring.py``); its
scores are in `float_scores`, churn and turnover in `churn`.

They are conveniences for research: nothing is paid on them. Ranks are exact and normal quantiles
come from `tables.normal_table` (within 2**-29 of the real number). The rest is ordinary
floating-point arithmetic, whose last bits depend on the machine.

Bad input raises ScoringError, never a NaN: ``shape``, ``dtype``, ``not_finite`` (NaN or infinity
in the input), ``overflow`` (a result that no float holds), ``too_few_rows``, ``too_many_rows``,
``constant_prediction`` (a model that nothing ranks or scales), and what else a function names.
"""

from statistics import NormalDist
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from oracle.scoring.checks import reject
from oracle.scoring.errors import ScoringError
from oracle.scoring.float_arrays import (
    Floats,
    Integers,
    by_model,
    features_of,
    finite,
    float_ranks,
    like,
    matrix_of,
    pearson,
    per_model,
    quantiles,
    refuse_constant,
    standard_deviations,
    top_bottom_rows,
    unit_rows,
    vector_of,
)

SINGULAR: Final = 1e-6
"""Singular values below this share of the largest count as zero in `neutralize`, as there."""

NOTHING_LEFT: Final = 1e-9
"""A model of which neutralising leaves less than this share of its deviation is noise."""


# Ranks and the normal distribution


def tie_kept_rank(values: npt.ArrayLike) -> Floats:
    """(rank - 0.5) / N with ties at their mean rank: in (0, 1), one half for equal values."""
    matrix = matrix_of(values)
    return like((float_ranks(matrix) - 1) / (2 * matrix.shape[1]), values)


def tie_broken_rank(values: npt.ArrayLike) -> Floats:
    """(rank - 0.5) / N, equal values in the order of their rows."""
    matrix = matrix_of(values)
    order = np.argsort(matrix, axis=1, kind="stable")
    ranks = np.empty(matrix.shape)
    np.put_along_axis(ranks, order, np.arange(matrix.shape[1])[None] + 0.5, axis=1)
    return like(ranks / matrix.shape[1], values)


def gaussian(probabilities: npt.ArrayLike) -> Floats:
    """The standard normal quantile of each probability; 0 and 1 give minus and plus infinity.

    Raises ScoringError ``probability_range`` outside [0, 1].
    """
    matrix = matrix_of(probabilities)
    outside = ((matrix < 0) | (matrix > 1)).any(axis=1)
    reject(outside, "probability_range", "probabilities outside [0, 1]")
    unique, inverse = np.unique(matrix, return_inverse=True)
    quantile = NormalDist().inv_cdf
    ends = {0.0: -np.inf, 1.0: np.inf}
    table = np.array([ends[p] if p in ends else quantile(p) for p in unique.tolist()])
    return np.asarray(table[inverse.ravel()].reshape(np.shape(probabilities)))


def tie_kept_rank__gaussianize(values: npt.ArrayLike) -> Floats:
    """Normal quantiles of the tie-kept ranks, from the table of the paid scores."""
    matrix = matrix_of(values)
    return like(quantiles(float_ranks(matrix), 0), values)


def tie_kept_rank__gaussianize__pow_1_5(values: npt.ArrayLike) -> Floats:
    """As `tie_kept_rank__gaussianize`, then sign(z) |z|**1.5."""
    matrix = matrix_of(values)
    return like(quantiles(float_ranks(matrix), 1), values)


# Scaling


def center(values: npt.ArrayLike) -> Floats:
    """Less the mean of each model."""
    return by_model(lambda x: x - x.mean(axis=1, keepdims=True), values)


def variance_normalize(values: npt.ArrayLike) -> Floats:
    """Divided by each model's standard deviation (ddof 0)."""
    refuse_constant(matrix_of(values))
    return by_model(lambda x: x / standard_deviations(x), values)


def standardize(values: npt.ArrayLike) -> Floats:
    """Mean 0 and standard deviation 1 (ddof 0)."""
    refuse_constant(matrix_of(values))
    return by_model(lambda x: unit_rows(x) * np.sqrt(x.shape[1]), values)


def min_max_normalize(values: npt.ArrayLike) -> Floats:
    """Scaled to [0, 1], from each model's least to its greatest value."""
    refuse_constant(matrix_of(values))
    return by_model(
        lambda x: (x - x.min(axis=1, keepdims=True)) / np.ptp(x, axis=1, keepdims=True), values
    )


def weight_normalize(values: npt.ArrayLike) -> Floats:
    """Divided by the sum of absolute values; ``no_weight`` where all are 0."""
    reject((matrix_of(values) == 0).all(axis=1), "no_weight", "all weights are 0")

    def scaled(x: Floats) -> Floats:
        x = x / np.abs(x).max(axis=1, keepdims=True)
        return np.asarray(x / np.abs(x).sum(axis=1, keepdims=True))

    return by_model(scaled, values)


def power(values: npt.ArrayLike, p: float) -> Floats:
    """sign(x) |x|**p for a finite p > 0, else ``exponent``."""
    if not (np.isfinite(p) and p > 0):
        raise ScoringError("exponent", f"the exponent must be finite and above 0, got {p}")
    return by_model(lambda x: np.sign(x) * np.abs(x) ** p, values)


def sharpe_ratio(values: npt.ArrayLike) -> Floats:
    """Mean over standard deviation (ddof 0) of each row, (M,) or a scalar array."""
    matrix = matrix_of(values)
    refuse_constant(matrix)
    with np.errstate(all="ignore"):
        return per_model(matrix.mean(axis=1) / standard_deviations(matrix)[:, 0], values)


# Linear algebra


def orthogonalize(values: npt.ArrayLike, reference: npt.ArrayLike) -> Floats:
    """Each model less its projection on ``reference`` (N,); ``zero_reference`` where that is 0."""
    matrix = matrix_of(values)
    u = vector_of(reference, matrix.shape[1], "reference")
    largest = np.abs(u).max()
    if largest == 0:
        raise ScoringError("zero_reference", "the reference is 0 in every row")
    u = u / largest  # so that u . u neither overflows nor vanishes
    return by_model(lambda x: x - np.outer(x @ u / (u @ u), u), values)


def neutralize(values: npt.ArrayLike, features: npt.ArrayLike, proportion: float = 1.0) -> Floats:
    """Each model less ``proportion`` of its least-squares fit to the features and a constant.

    By singular value decomposition: duplicate, constant or more features than rows are fine, and
    singular values below 1e-6 of the largest (of the raw matrix with its column of ones) are cut.
    ``proportion`` must be finite (``proportion``). Raises ``no_convergence`` if the decomposition
    fails.
    """
    matrix = matrix_of(values)
    columns = features_of(features, matrix.shape[1])
    refuse_constant(matrix)
    if not np.isfinite(proportion):
        raise ScoringError("proportion", f"the proportion must be finite, got {proportion}")
    design = np.hstack((columns, np.ones((matrix.shape[1], 1))))
    try:
        fit = np.linalg.lstsq(design, matrix.T, rcond=SINGULAR)[0]
    except np.linalg.LinAlgError as error:
        raise ScoringError("no_convergence", f"cannot fit the features: {error}") from None
    return by_model(lambda x: x - proportion * (design @ fit).T, values)


def tie_kept_rank__gaussianize__neutralize(
    values: npt.ArrayLike, features: npt.ArrayLike
) -> Floats:
    """The three in this order. Raises ``neutralized_away`` for models that the features explain
    wholly: only rounding noise, less than 1e-9 of the deviation, would be left of them."""
    z = tie_kept_rank__gaussianize(values)
    neutral = neutralize(z, features)
    before, after = (np.atleast_2d(array).std(axis=1) for array in (z, neutral))
    reject(after < NOTHING_LEFT * before, "neutralized_away", "the features explain all of it")
    return neutral


def tie_kept_rank__gaussianize__neutralize__variance_normalize(
    values: npt.ArrayLike, features: npt.ArrayLike
) -> Floats:
    """The four in this order, with standard deviation 1; errors as without the last."""
    return variance_normalize(tie_kept_rank__gaussianize__neutralize(values, features))


def one_hot_encode(categories: npt.ArrayLike) -> tuple[Floats, npt.NDArray[Any]]:
    """(N, K) of 0 and 1, a column for each different category, and the K categories, sorted."""
    column = np.asarray(categories)
    if column.ndim != 1:
        raise ScoringError("shape", f"categories must have one dimension, got {column.ndim}")
    try:
        names, codes = np.unique(column, return_inverse=True)
    except TypeError as error:
        raise ScoringError("dtype", f"categories of different kinds: {error}") from None
    return np.eye(names.size)[codes.ravel()], names


def stake_weight(values: npt.ArrayLike, stakes: npt.ArrayLike) -> Floats:
    """The mean of the models (M, N), weighted with ``stakes`` (M,): float64 (N,).

    Raises ``negative_stake``, or ``no_stake`` if they sum to 0.
    """
    matrix = matrix_of(values)
    weights = vector_of(stakes, matrix.shape[0], "stakes")
    reject(weights < 0, "negative_stake", "negative stake")
    if not weights.any():
        raise ScoringError("no_stake", "no model has stake: there is no meta model")
    weights = weights / weights.max()
    with np.errstate(all="ignore"):
        return finite(weights @ matrix / weights.sum())


# Correlations


def pearson_correlation(
    target: npt.ArrayLike, values: npt.ArrayLike, top_bottom: int | None = None
) -> Floats:
    """Pearson's correlation of each model with ``target`` (N,): (M,) or a scalar array.

    ``top_bottom`` keeps the rows of each model's lowest and highest so many values.
    """
    matrix = matrix_of(values)
    t = np.broadcast_to(vector_of(target, matrix.shape[1], "target"), matrix.shape)
    if top_bottom is not None:
        rows = top_bottom_rows(matrix, top_bottom)
        matrix, t = (np.take_along_axis(array, rows, axis=1) for array in (matrix, t))
    return per_model(pearson(matrix, t), values)


def spearman_correlation(target: npt.ArrayLike, values: npt.ArrayLike) -> Floats:
    """Pearson's correlation of the tie-kept ranks."""
    return pearson_correlation(tie_kept_rank(target), tie_kept_rank(values))


def tie_broken_rank_correlation(target: npt.ArrayLike, values: npt.ArrayLike) -> Floats:
    """Pearson's correlation of ``target`` with the tie-broken ranks of the models."""
    return pearson_correlation(target, tie_broken_rank(values))


def feature_correlations(values: npt.ArrayLike, features: npt.ArrayLike) -> Floats:
    """Pearson's correlation of each model with each feature: (M, F), 0 for constant features."""
    matrix = matrix_of(values)
    columns = features_of(features, matrix.shape[1])
    refuse_constant(matrix)
    varies = columns.min(axis=0) < columns.max(axis=0)
    correlations = np.zeros((matrix.shape[0], columns.shape[1]))
    correlations[:, varies] = unit_rows(matrix) @ unit_rows(columns.T[varies]).T
    return finite(correlations)


def max_feature_correlation(
    values: npt.ArrayLike, features: npt.ArrayLike
) -> tuple[Integers, Floats]:
    """Column and absolute correlation of the feature that each model is closest to, both (M,).

    The first of equals. ``no_feature`` if there is none.
    """
    sizes = np.abs(feature_correlations(values, features))
    if sizes.shape[1] == 0:
        raise ScoringError("no_feature", "there is no feature to compare with")
    return sizes.argmax(axis=1), sizes.max(axis=1)
