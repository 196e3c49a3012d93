"""Benchmark models: linear, fitted in one pass over the training eras with bounded memory.

Features are small integers and weights are rounded to integers, so every product and sum is exact
and a prediction does not depend on the BLAS that happens to be installed.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.datasets.binning import MISSING_FEATURE, unit_ranks

_WEIGHT_SCALE = 2**20
_BLOCK_VALUES = 2**22
_PENALTY = 0.5  # Of the mean diagonal of X'X: heavy, as the signal is faint.


def _blocks(
    features: NDArray[np.int8], dtype: type[np.floating[Any]]
) -> Iterator[tuple[slice, NDArray[np.floating[Any]]]]:
    """Centred features, -2 to 2, in blocks of rows that keep memory small."""
    step = max(1, _BLOCK_VALUES // features.shape[1])
    for start in range(0, len(features), step):
        rows = slice(start, start + step)
        yield rows, features[rows].astype(dtype) - dtype(MISSING_FEATURE)


def _integer_weights(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    largest = np.abs(weights).max(initial=0.0)
    return np.rint(weights / largest * _WEIGHT_SCALE) if largest > 0 else np.ones_like(weights)


class LinearBenchmarks:
    """A ridge regression for each named target, and an equal-weight vote of all features."""

    VOTE = "benchmark_vote"

    def __init__(self, feature_count: int, targets: Mapping[str, int]) -> None:
        """`targets` maps a benchmark's name to the column of its target in a block's targets."""
        self._targets = dict(targets)
        self._gram = np.zeros((feature_count, feature_count))
        self._moments = np.zeros((feature_count, len(targets)))
        self._weights: dict[str, NDArray[np.float64]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Columns of the benchmark files."""
        return (*self._targets, self.VOTE)

    def observe(self, features: NDArray[np.int8], targets: NDArray[np.float32]) -> None:
        """Take in one training era; a missing target counts as the middle one."""
        y = np.nan_to_num(targets[:, list(self._targets.values())] - 0.5) * 4
        # Sums of a block are whole numbers below 4 * 2^22 = 2^24, so float32 holds them exactly.
        for rows, x in _blocks(features, np.float32):
            self._gram += x.T @ x
            self._moments += x.T @ y[rows]

    def fit(self) -> None:
        """Solve for the weights, once every training era has been observed."""
        penalty = _PENALTY * max(np.trace(self._gram) / len(self._gram), 1.0)
        solved = np.linalg.solve(self._gram + penalty * np.eye(len(self._gram)), self._moments)
        for column, name in enumerate(self._targets):
            self._weights[name] = _integer_weights(solved[:, column])
        self._weights[self.VOTE] = _integer_weights(np.sign(self._moments[:, 0]))

    def predict(self, features: NDArray[np.int8]) -> NDArray[np.float64]:
        """Predictions (rows, benchmarks) in (0, 1) for the rows of one era."""
        weights = np.column_stack([self._weights[name] for name in self.names])
        values = np.vstack([x @ weights for _, x in _blocks(features, np.float64)])
        return np.column_stack([unit_ranks(column) for column in values.T])
