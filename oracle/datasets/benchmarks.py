"""Benchmark models: linear, fitted in one pass over the training eras with bounded memory.

Features are small integers and weights are rounded to integers, so every product and sum is exact
in float64 and a prediction does not depend on the BLAS that happens to be installed.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from oracle.datasets.binning import MISSING_FEATURE, unit_ranks

_WEIGHT_SCALE = 2**20
_PENALTY = 0.5  # Of the mean diagonal of X'X: heavy, as the signal is faint.


def _centred(features: NDArray[np.int8]) -> NDArray[np.float64]:
    return features.astype(np.float64) - MISSING_FEATURE


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
        x = _centred(features)
        y = np.nan_to_num(targets[:, list(self._targets.values())] - 0.5) * 4
        self._gram += x.T @ x
        self._moments += x.T @ y.astype(np.float64)

    def fit(self) -> None:
        """Solve for the weights, once every training era has been observed."""
        penalty = _PENALTY * max(np.trace(self._gram) / len(self._gram), 1.0)
        solved = np.linalg.solve(self._gram + penalty * np.eye(len(self._gram)), self._moments)
        for column, name in enumerate(self._targets):
            self._weights[name] = _integer_weights(solved[:, column])
        self._weights[self.VOTE] = _integer_weights(np.sign(self._moments[:, 0]))

    def predict(self, features: NDArray[np.int8]) -> NDArray[np.float64]:
        """Predictions (rows, benchmarks) in (0, 1) for the rows of one era."""
        x = _centred(features)
        return np.column_stack([unit_ranks(x @ self._weights[name]) for name in self.names])
