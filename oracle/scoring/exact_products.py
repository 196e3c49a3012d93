"""Matrix products in BLAS whose every partial sum is an integer that floats hold exactly.

Then no order of summation, no fused multiply-add and no thread count can change a bit: what BLAS
computes is the integer itself. Each function asserts the bound it relies on.
"""

from typing import Final

import numpy as np

from oracle.scoring.compiled import kernel
from oracle.scoring.limits import MAX_ROWS

FLOAT_BITS: Final = 53
SINGLE_BITS: Final = 24
PART_ROWS: Final = 2048
"""Rows at a time of `gram` and `products`, at most: bounds the working memory."""

FIT_ROWS: Final = 512
"""Rows at a time of `subtract_fit`: likewise."""


def gram(design: np.ndarray, largest: int) -> np.ndarray:
    """design' design (P, P) of an int8 matrix (N, P) with |design| <= ``largest``, as float64.

    In single precision, which holds integers below 2**24: N * largest**2 is less.
    """
    rows, columns = design.shape
    assert rows <= MAX_ROWS
    assert rows * largest**2 < 1 << SINGLE_BITS
    total = np.zeros((columns, columns))
    for start in range(0, rows, PART_ROWS):
        part = design[start : start + PART_ROWS].astype(np.float32)
        total += part.T @ part
    return total


def products(design: np.ndarray, largest: int, values: np.ndarray) -> np.ndarray:
    """design' values' (P, M), int64, of ``design`` as in `gram` and integers ``values`` (M, N).

    ``values`` is float64. Rows are taken as many at a time as keep partial sums below 2**53; the
    parts are added as integers, below largest * sum |values| < 2**63 for each model.
    """
    rows, columns = design.shape
    most = largest * int(max(values.max(), -values.min(), 1))
    assert rows * most < 1 << 63 or largest * np.abs(values).sum(axis=1).max() < 2.0**62
    step = min(((1 << FLOAT_BITS) - 1) // most, PART_ROWS)
    assert step > 0
    total = np.zeros((columns, values.shape[0]), np.int64)
    for start in range(0, rows, step):
        part = design[start : start + step].astype(np.float64)
        _accumulate(total, part.T @ values[:, start : start + step].T)
    return total


def subtract_fit(
    residuals: np.ndarray,
    design: np.ndarray,
    coefficients: np.ndarray,
    shifts: np.ndarray,
) -> None:
    """``residuals`` (M, N) int64 less (design @ coefficients)' * 2**shifts, in place.

    ``design`` (N, P) int8; ``coefficients`` (P, M) float64 integers, so small that the sum of
    |design| |coefficients| stays below 2**53 in every row; ``shifts`` (M,) int64 >= 0.
    """
    for start in range(0, design.shape[0], FIT_ROWS):
        part = design[start : start + FIT_ROWS].astype(np.float64)
        _subtract_shifted(residuals, start, coefficients.T @ part.T, shifts)


@kernel
def _accumulate(total: np.ndarray, part: np.ndarray) -> None:
    for p in range(total.shape[0]):
        to, by = total[p], part[p]
        for m in range(to.size):
            to[m] += np.int64(by[m])


@kernel
def _subtract_shifted(
    residuals: np.ndarray, start: int, fit: np.ndarray, shifts: np.ndarray
) -> None:
    for m in range(fit.shape[0]):
        by = fit[m]
        to = residuals[m, start : start + by.size]
        shift = shifts[m]
        for i in range(by.size):
            to[i] -= np.int64(by[i]) << shift
