"""Tie-kept ranks as integers."""

import numpy as np

from oracle.scoring.checks import require_integers, require_rows
from oracle.scoring.errors import ScoringError


def doubled_ranks(values: np.ndarray) -> np.ndarray:
    """Twice the average rank of each value within its row, ties averaged.

    ``values``: integers, (N,) or (M, N), ranked along the last axis. Returns int64 of the same
    shape in 2..2N, where 2 is the lowest value and 2N the highest; each row sums to N(N + 1).
    Equals ``2 * scipy.stats.rankdata(values, axis=-1)``. Raises ScoringError ``dtype``,
    ``shape``, ``too_few_rows`` or ``too_many_rows``.
    """
    if getattr(values, "ndim", None) not in (1, 2):
        raise ScoringError("shape", "values must be an array of one or two dimensions")
    require_integers(values, "values", (None,) * values.ndim)
    require_rows(values.shape[-1])
    matrix = np.atleast_2d(values).astype(np.int64, copy=False)
    return _doubled_ranks(matrix).reshape(values.shape)


def _doubled_ranks(matrix: np.ndarray) -> np.ndarray:
    if matrix.size == 0:
        return np.empty(matrix.shape, np.int64)
    rows = matrix.shape[1]
    order, is_new = _sorted_order(matrix)
    starts = np.flatnonzero(is_new)  # a run of equal values starts here, never across two models
    lengths = np.diff(starts, append=matrix.size)
    # 1-based ranks first+1 .. first+length, so twice their mean is 2*first + length + 1.
    twice = 2 * (starts % rows) + lengths + 1
    ranks = np.empty(matrix.shape, np.int64)
    np.put_along_axis(ranks, order, np.repeat(twice, lengths).reshape(matrix.shape), axis=1)
    return ranks


def _sorted_order(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sorting permutation of each row, and where the sorted row takes a new value.

    Within a run of equal values the order is free: they share one rank.
    """
    rows = matrix.shape[1]
    low, high = int(matrix.min()), int(matrix.max())
    row_bits = (rows - 1).bit_length()
    if (high - low).bit_length() + row_bits <= 63:
        # Value and row number in one key: a plain sort is several times faster than an argsort.
        keys = ((matrix - low) << row_bits) | np.arange(rows)
        keys.sort(axis=1)
        order = keys & ((1 << row_bits) - 1)
        values = keys >> row_bits
    else:
        order = np.argsort(matrix, axis=1, kind="stable")
        values = np.take_along_axis(matrix, order, axis=1)
    is_new = np.ones(matrix.shape, bool)
    np.not_equal(values[:, 1:], values[:, :-1], out=is_new[:, 1:])
    return order, is_new
