"""Exact integer arithmetic: half-even rounding, and sums of squares that cannot overflow."""

from math import isqrt

import numpy as np

from oracle.scoring.limits import LIMB_BITS, MAX_ROWS


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


def square_sums(rows: np.ndarray) -> list[int]:
    """Exact sum of squares of each row of ``rows`` (B, N) int64, |rows| < 2**32, N <= 20,000.

    x = hi * 2**16 + lo with 0 <= lo < 2**16 and |hi| <= 2**16, so every partial sum is below
    20,000 * 2**32 < 2**63.
    """
    assert rows.shape[1] <= MAX_ROWS
    high, low = rows >> LIMB_BITS, rows & ((1 << LIMB_BITS) - 1)
    sums = (
        np.einsum("ij,ij->i", high, high),
        np.einsum("ij,ij->i", high, low),
        np.einsum("ij,ij->i", low, low),
    )
    return [
        (hh << 2 * LIMB_BITS) + (hl << LIMB_BITS + 1) + ll
        for hh, hl, ll in zip(*(part.tolist() for part in sums), strict=True)
    ]
