"""Feature exposure: correlation of a model's values with each feature."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from oracle.scoring.arithmetic import square_sums
from oracle.scoring.checks import blocks, reject, reject_constant, require_matrix
from oracle.scoring.errors import ScoringError
from oracle.scoring.exact_products import products
from oracle.scoring.least_squares import design_matrix
from oracle.scoring.limits import SCALE

VALUE_RANGE: Final = 2_500_000_000
"""A model's largest value less its smallest, at most."""

EXPOSURE_ELEMENTS: Final = 1 << 21
"""Elements at a time. Bounds the working memory; never affects a result."""


@dataclass(frozen=True, eq=False)
class FeatureMoments:
    """A feature set (N, K) prepared for `exposures`: ``design`` and its ``largest`` entry of
    `design_matrix`, ``totals`` and ``scale`` of its columns (the sum, int64, and N times the
    standard deviation, float64, infinite where it is 0), and ``count`` = K."""

    design: np.ndarray
    largest: int
    totals: np.ndarray
    scale: np.ndarray
    count: int

    @classmethod
    def of(cls, features: np.ndarray) -> "FeatureMoments":
        """As `FeatureProjector.of` takes them; raises the same errors but ``ill_conditioned``."""
        design, largest = design_matrix(features)
        totals = design.sum(axis=0, dtype=np.int64)
        squares = np.einsum("ij,ij->j", design, design, dtype=np.int64)
        spreads = len(design) * squares - totals**2
        scale = np.sqrt(spreads.astype(np.float64))
        scale[spreads == 0] = np.inf  # a constant feature's covariance is 0, and 0 / inf is 0
        return cls(design, largest, totals, scale, features.shape[1])

    def correlations(self, shifted: np.ndarray) -> np.ndarray:
        """Exposures, int64 (B, K), of models (B, N) within 1.25e9 of 0.

        N^2 times a covariance, and either of its terms, is at most N * N * 1.25e9 * 16 < 2**63 for
        N = 20,000. What is rounded is the last quotient: its error is below 2**-50.
        """
        rows, sums = shifted.shape[1], shifted.sum(axis=1)
        covariances = products(self.design, self.largest, shifted.astype(np.float64)).T * rows
        covariances -= sums[:, None] * self.totals
        squares = zip(square_sums(shifted), sums.tolist(), strict=True)
        sizes = np.sqrt([float(rows * square - plain**2) for square, plain in squares])
        ratios = covariances / (sizes[:, None] * self.scale)
        exact = np.rint(ratios * SCALE).astype(np.int64)
        return np.asarray(exact[:, 1 : self.count + 1], np.int64)


@dataclass(frozen=True, eq=False)
class MaxExposure:
    """int64 (M,) each: the feature a model is most exposed to (-1: every feature is constant), and
    the exposure's absolute value in units of 1e-9."""

    feature: np.ndarray
    value: np.ndarray


def exposures(
    values: np.ndarray,
    features: np.ndarray | FeatureMoments,
    block_models: int | None = None,
) -> np.ndarray:
    """Pearson's correlation of each model with each feature, int64 (M, K) in units of 1e-9.

    ``values``: (M, N) integers, at most 2.5e9 apart in a model: predictions in units of 1e-9 as
    numerai-tools correlates them, doubled ranks for rank exposures, or entries of `normal_table`
    for those of gaussianised ranks. ``features``: (N, K) as `FeatureProjector.of` takes them. A
    constant feature has exposure 0. ``block_models`` bounds the working memory only. Raises
    ScoringError: see docs/scoring.md.
    """
    models, moments, cuts = _prepared(values, features, block_models)
    result = np.empty((models, moments.count), np.int64)
    for block in cuts:
        result[block] = moments.correlations(_shifted(values[block], block.start))
    return result


def max_exposure(
    values: np.ndarray,
    features: np.ndarray | FeatureMoments,
    block_models: int | None = None,
) -> MaxExposure:
    """The feature each model is most exposed to, the first of equals; arguments as `exposures`.

    Equals numerai-tools' ``max_feature_correlation`` up to rounding. Holds no (M, K) array.
    """
    models, moments, cuts = _prepared(values, features, block_models)
    feature, value = np.empty((2, models), np.int64)
    for block in cuts:
        sizes = np.abs(moments.correlations(_shifted(values[block], block.start)))
        feature[block] = sizes.argmax(axis=1)
        value[block] = sizes.max(axis=1)
    if np.isinf(moments.scale).all():
        feature[:] = -1
    return MaxExposure(feature, value)


def _prepared(
    values: np.ndarray, features: np.ndarray | FeatureMoments, block_models: int | None
) -> tuple[int, FeatureMoments, list[slice]]:
    models, rows = require_matrix(values, "values")
    moments = features if isinstance(features, FeatureMoments) else FeatureMoments.of(features)
    if len(moments.design) != rows:
        raise ScoringError("shape", f"values of {rows} rows, features of {len(moments.design)}")
    if block_models is None:
        block_models = max(1, EXPOSURE_ELEMENTS // (rows + moments.count))
    return models, moments, list(blocks(models, rows, block_models))


def _shifted(values: np.ndarray, first_model: int) -> np.ndarray:
    """``values`` (B, N) less each model's mid-value, int64: within 1.25e9 of 0."""
    low, high = values.min(axis=1), values.max(axis=1)
    edges = list(zip(low.tolist(), high.tolist(), strict=True))  # a range may not fit int64
    beyond = np.array([most - least > VALUE_RANGE for least, most in edges], bool)
    why = f"values more than {VALUE_RANGE} apart"
    reject(beyond, "value_range", why, first_model)
    reject_constant(low == high, first_model)
    middle = np.array([(least + most) // 2 for least, most in edges], np.int64)
    return np.asarray(values.astype(np.int64) - middle[:, None], np.int64)
