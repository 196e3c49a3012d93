"""numerai-tools' scores over float arrays, for research: see `tools` for the conventions.

`numerai_corr` and `correlation_contribution` are the paid scores, exact, as floats. The others are
ordinary floating-point arithmetic and nothing is paid on them. A score is (M,) for values (M, N)
and a scalar array for values (N,). Errors are those of `tools`, and ``target_range``,
``constant_target``, ``constant_meta_model``, ``top_bottom``.
"""

import numpy as np
import numpy.typing as npt

from oracle.scoring.corr import corr
from oracle.scoring.errors import ScoringError
from oracle.scoring.float_arrays import (
    Floats,
    by_model,
    features_of,
    float_ranks,
    like,
    matrix_of,
    per_model,
    real_target,
    refuse_constant,
    target_units,
    top_bottom_rows,
    vector_of,
)
from oracle.scoring.limits import SCALE
from oracle.scoring.mmc import mmc
from oracle.scoring.tools import (
    center,
    orthogonalize,
    pearson_correlation,
    power,
    stake_weight,
    tie_kept_rank__gaussianize,
    tie_kept_rank__gaussianize__neutralize,
    tie_kept_rank__gaussianize__neutralize__variance_normalize,
    tie_kept_rank__gaussianize__pow_1_5,
    weight_normalize,
)


def numerai_corr(
    values: npt.ArrayLike,
    target: npt.ArrayLike,
    top_bottom: int | None = None,
    target_pow15: bool = True,
) -> Floats:
    """CORR of each model: (M,) or a scalar array, multiples of 1e-9.

    The paid score of the models' exact ranks and of ``target`` (N,) rounded to 1e-9. With
    ``top_bottom``, or without ``target_pow15`` (for returns), which nobody is paid on, in floats.
    """
    matrix = matrix_of(values)
    refuse_constant(matrix)
    if top_bottom is None and target_pow15:
        t = target_units(target, matrix.shape[1])
        return per_model(corr(float_ranks(matrix), t) / SCALE, values)
    real = center(real_target(target, matrix.shape[1]))
    real = power(real, 1.5) if target_pow15 else real
    return pearson_correlation(real, tie_kept_rank__gaussianize__pow_1_5(values), top_bottom)


def correlation_contribution(
    values: npt.ArrayLike,
    meta_model: npt.ArrayLike,
    target: npt.ArrayLike,
    top_bottom: int | None = None,
) -> Floats:
    """MMC of each model, or BMC with a benchmark as ``meta_model`` (N,): multiples of 1e-9.

    The paid score of exact ranks and of ``target`` (N,) rounded to 1e-9; with ``top_bottom`` in
    floats. ``constant_meta_model`` if there is nothing to compare with.
    """
    matrix = matrix_of(values)
    meta = _meta_model(meta_model, matrix.shape[1])
    refuse_constant(matrix)
    if top_bottom is None:
        t = target_units(target, matrix.shape[1])
        meta_ranks = float_ranks(meta[None])[0]
        return per_model(mmc(float_ranks(matrix), meta_ranks, t) / SCALE, values)
    neutral = orthogonalize(tie_kept_rank__gaussianize(values), tie_kept_rank__gaussianize(meta))
    return _contribution(neutral, real_target(target, matrix.shape[1]), top_bottom)


def feature_neutral_corr(
    values: npt.ArrayLike,
    features: npt.ArrayLike,
    target: npt.ArrayLike,
    top_bottom: int | None = None,
) -> Floats:
    """`numerai_corr` of the models neutralised to the features, residuals rounded to 1e-9.

    Rounded because residuals that are equal in theory, as where a feature marks one row, differ by
    noise that would be ranked. Raises ``neutralized_away`` as the neutralising pipeline does.
    """
    neutral = tie_kept_rank__gaussianize__neutralize__variance_normalize(values, features)
    return numerai_corr(np.round(neutral, 9), target, top_bottom)


def neutral_correlation(
    values: npt.ArrayLike,
    neutralizers: npt.ArrayLike,
    target: npt.ArrayLike,
    top_bottom: int | None = None,
) -> Floats:
    """Pearson's correlation of the target with neutralised normal ranks, without a power."""
    t = real_target(target, matrix_of(values).shape[1])
    neutral = tie_kept_rank__gaussianize__neutralize(values, neutralizers)
    return pearson_correlation(t, neutral, top_bottom)


def neutral_contribution(
    values: npt.ArrayLike,
    meta_model: npt.ArrayLike,
    neutralizers: npt.ArrayLike,
    target: npt.ArrayLike,
    top_bottom: int | None = None,
) -> Floats:
    """`correlation_contribution` with both sides neutralised before they are made orthogonal."""
    rows = matrix_of(values).shape[1]
    t = real_target(target, rows)
    meta = tie_kept_rank__gaussianize__neutralize(_meta_model(meta_model, rows), neutralizers)
    own = tie_kept_rank__gaussianize__neutralize(values, neutralizers)
    return _contribution(orthogonalize(own, meta), t, top_bottom)


def generate_neutralized_weights(
    values: npt.ArrayLike,
    neutralizers: npt.ArrayLike,
    sample_weights: npt.ArrayLike,
    center_and_normalize: bool = False,
) -> Floats:
    """Portfolio weights v * (s - D(D'(v * s))) of the signals s, powered normal ranks.

    v is ``sample_weights`` (N,), D the ``neutralizers`` (N, F). ``center_and_normalize`` makes
    them sum to 0 and, in absolute value, to 1: the weights that `churn.turnover` compares.
    """
    matrix = matrix_of(values)
    refuse_constant(matrix)
    v = vector_of(sample_weights, matrix.shape[1], "sample_weights")
    columns = features_of(neutralizers, matrix.shape[1])
    s = tie_kept_rank__gaussianize__pow_1_5(matrix)
    weights = by_model(lambda x: v * (x - ((v * x) @ columns) @ columns.T), s)
    weights = weight_normalize(center(weights)) if center_and_normalize else weights
    return like(weights, values)


def alpha(
    values: npt.ArrayLike,
    neutralizers: npt.ArrayLike,
    sample_weights: npt.ArrayLike,
    target: npt.ArrayLike,
) -> Floats:
    """Alpha: mean product of `generate_neutralized_weights` with the centred target (N,)."""
    weights = generate_neutralized_weights(values, neutralizers, sample_weights)
    matrix = matrix_of(weights)
    centred = center(vector_of(target, matrix.shape[1], "target"))
    with np.errstate(all="ignore"):
        return per_model(matrix @ centred / centred.size, weights)


def meta_portfolio_contribution(
    values: npt.ArrayLike,
    stakes: npt.ArrayLike,
    neutralizers: npt.ArrayLike,
    sample_weights: npt.ArrayLike,
    target: npt.ArrayLike,
) -> Floats:
    """MPC of each model (M,): gradient of the stake-weighted portfolio's return in the stakes.

    v is the mean of the centred weights of the models, weighted with ``stakes`` (M,), and the score
    the part of a model's weights orthogonal to v, times the centred target, over 50 |v|. Raises
    ``negative_stake``, ``no_stake``, or ``zero_portfolio`` where v is 0.
    """
    weights = matrix_of(center(generate_neutralized_weights(values, neutralizers, sample_weights)))
    portfolio = center(stake_weight(weights, np.atleast_1d(stakes)))
    largest = np.abs(portfolio).max()
    if largest == 0:
        raise ScoringError("zero_portfolio", "the stake-weighted portfolio is zero")
    length = largest * np.linalg.norm(portfolio / largest)
    centred = center(vector_of(target, weights.shape[1], "target"))
    with np.errstate(all="ignore"):
        return per_model(orthogonalize(weights, portfolio) @ centred / length / 50, values)


def _meta_model(meta_model: npt.ArrayLike, rows: int) -> Floats:
    meta = vector_of(meta_model, rows, "meta_model")
    if meta.min() == meta.max():
        raise ScoringError("constant_meta_model", "the meta model is constant")
    return meta


def _contribution(neutral: Floats, target: Floats, top_bottom: int | None) -> Floats:
    """Mean product of the centred target with ``neutral``, by model; 4 times for a target within
    [0, 1], as `target.contribution_factor`."""
    matrix = matrix_of(neutral)
    factor = 4 if target.min() >= 0 and target.max() <= 1 else 1
    with np.errstate(all="ignore"):
        centred = factor * center(target)
        if top_bottom is None:
            return per_model(matrix @ centred / centred.size, neutral)
        rows = top_bottom_rows(matrix, top_bottom)
        kept = np.take_along_axis(matrix, rows, axis=1) * centred[rows]
        return per_model(kept.sum(axis=1) / rows.shape[1], neutral)
