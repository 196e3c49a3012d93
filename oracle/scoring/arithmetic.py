"""Exact integer arithmetic: half-even rounding, and dot products that cannot overflow."""

from math import isqrt
from typing import Final

import numpy as np

from oracle.scoring.limits import MAX_ROWS, POWER_BITS

LIMB_BITS: Final = POWER_BITS // 2  # of the weights of `dots`
HALF_BITS: Final = 16


def div_half_even(numerator: int, denominator: int) -> int:
    """``numerator / denominator`` (denominator > 0), rounded half to even."""
    quotient, remainder = divmod(numerator, denominator)
    twice = 2 * remainder
    return quotient + (twice > denominator or (twice == denominator and quotient & 1 == 1))


def div_sqrt_half_even(numerator: int, square: int) -> int:
    """``numerator / sqrt(square)`` (square > 0), rounded half to even."""
    exact = 4 * numerator * numerator
    twice = isqrt(exact // square)  # floor(2 |numerator| / sqrt(square))
    size, above_half = divmod(twice, 2)
    if above_half:
        tie = twice * twice * square == exact
        size += size & 1 if tie else 1
    return -size if numerator < 0 else size


def dots(rows: np.ndarray, weights: np.ndarray) -> list[int]:
    """Exact dot product of each row of ``rows`` (B, N) with ``weights`` (N,), both int64.

    Needs N <= 20,000, |rows| < 2**32 and |weights| <= 2**32. The weights are cut into limbs,
    w = hi * 2**16 + lo with 0 <= lo < 2**16 and |hi| <= 2**16, so each partial sum is at most
    20,000 * 2**32 * 2**16 < 2**63. NumPy sums integers without BLAS and exactly, in any order.
    """
    assert weights.size <= MAX_ROWS
    assert np.abs(weights).max() <= 1 << POWER_BITS
    high = rows @ (weights >> LIMB_BITS)
    low = rows @ (weights & ((1 << LIMB_BITS) - 1))
    return [(h << LIMB_BITS) + lo for h, lo in zip(high.tolist(), low.tolist(), strict=True)]


def square_sums(rows: np.ndarray) -> list[int]:
    """Exact sum of squares of each row of ``rows`` (B, N) int64, |rows| < 2**32, N <= 20,000.

    x = hi * 2**16 + lo with 0 <= lo < 2**16 and |hi| <= 2**16, so every partial sum is below
    20,000 * 2**32 < 2**63.
    """
    assert rows.shape[1] <= MAX_ROWS
    high, low = rows >> HALF_BITS, rows & ((1 << HALF_BITS) - 1)
    sums = (
        np.einsum("ij,ij->i", high, high),
        np.einsum("ij,ij->i", high, low),
        np.einsum("ij,ij->i", low, low),
    )
    return [
        (hh << 2 * HALF_BITS) + (hl << HALF_BITS + 1) + ll
        for hh, hl, ll in zip(*(part.tolist() for part in sums), strict=True)
    ]
