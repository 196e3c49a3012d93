"""Tie-kept ranks as integers."""

import numpy as np

from oracle.scoring import kernels
from oracle.scoring.checks import blocks, require_integers, require_rows
from oracle.scoring.errors import ScoringError

KEY_BITS = 63
"""Bits of a sort key: a value less the row's lowest, and the number of its place."""


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
    matrix = np.atleast_2d(values)
    ranks = np.empty(matrix.shape, np.int64)
    for block in blocks(*matrix.shape):
        part = plain(matrix[block])
        ranks[block] = narrow_ranks(part, *extremes(part))
    return ranks.reshape(values.shape)


def plain(matrix: np.ndarray) -> np.ndarray:
    """The integers of ``matrix`` as the kernels take them: int64, C-contiguous, writable."""
    return np.require(matrix, np.int64, ("C", "A", "W"))


def extremes(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest value of each row of a `plain` matrix (B, N), N >= 1."""
    low, high = np.empty((2, len(matrix)), np.int64)
    kernels.extremes(matrix, low, high)
    return low, high


def narrow_ranks(matrix: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Doubled ranks, uint16, of each row of a `plain` matrix (B, N) with these `extremes`."""
    rows = matrix.shape[1]
    row_bits = (rows - 1).bit_length()
    ranks = np.empty(matrix.shape, np.uint16)
    if len(matrix) == 0:
        return ranks
    widest = max(most - least for least, most in zip(low.tolist(), high.tolist(), strict=True))
    if widest.bit_length() + row_bits > KEY_BITS:
        matrix, low, widest = _dense(matrix), np.zeros(len(matrix), np.int64), rows - 1
    keys = np.empty(matrix.shape, np.int64)
    kernels.sort_keys(matrix, low, row_bits, keys)
    sort_keys(keys, row_bits, row_bits + widest.bit_length())
    kernels.ranks_of_keys(keys, row_bits, ranks)
    return ranks


def sort_keys(keys: np.ndarray, row_bits: int, high_bit: int) -> None:
    """Sort each row of ``keys`` (B, N) in place: `kernels.sort_keys`, all below 2**high_bit.

    By value is enough, as equal values are in the order of their row numbers already.
    """
    spare, counts = np.empty(keys.shape[1], np.int64), np.empty(1 << kernels.DIGIT_BITS, np.int64)
    kernels.sort_rows(keys, row_bits, high_bit, spare, counts)


def _dense(matrix: np.ndarray) -> np.ndarray:
    """Values too wide for a key, replaced by their places among the row's different values."""
    return np.array([np.unique(row, return_inverse=True)[1] for row in matrix], np.int64)
