"""Cholesky elimination and triangular solves in one order of operations.

Every element is updated by one product at a time, in the order the docstrings state, so the
result is that of the plain triple loop whatever the panels and registers are: panels only keep the
data in cache, and vectors run over independent elements (the columns of a row, or models).
"""

from typing import Final

import numpy as np

from oracle.scoring.compiled import kernel

PANEL: Final = 64
GROUP: Final = 4  # rows updated at a time; every size here is a multiple of it
COLUMNS: Final = 256  # right-hand sides solved at a time: their panel stays in the L2 cache


def eliminate(gram: np.ndarray, floor: float, most: int) -> np.ndarray:
    """Upper-triangular R (P, P) float64 with R'R = ``gram`` on the columns that are kept.

    Column by column, k = 0, 1, ..: R[j, k] = (gram[j, k] - R[0, j] R[0, k] - R[1, j] R[1, k] ..)
    / R[j, j], the products subtracted one by one. A column whose pivot, that same difference for
    j = k, is at most ``floor``, or that would be the (``most`` + 1)-th, depends on the earlier
    ones: its row of R is zero and it is left out. What is below the diagonal has no meaning. P must
    be a multiple of 4.
    """
    factor = gram.copy()
    assert factor.shape[0] % GROUP == 0
    kept = 0
    for first in range(0, factor.shape[0], PANEL):
        last = min(first + PANEL, factor.shape[0])
        kept = _eliminate_panel(factor, first, last, floor, most, kept)
        _eliminate_below(factor, first, last)
    return factor


def solve(factor: np.ndarray, sides: np.ndarray) -> None:
    """Solve R'R x = b in place for the columns b of ``sides`` (P, M) float64.

    Forward y_k = (b_k - R[0, k] y_0 - R[1, k] y_1 ..) / R[k, k], then
    backward x_k = (y_k - R[k, P-1] x_{P-1} - R[k, P-2] x_{P-2} ..) / R[k, k], the products
    subtracted one by one. Columns that were left out have x = 0.
    """
    for start in range(0, sides.shape[1], COLUMNS):
        stop = min(start + COLUMNS, sides.shape[1])
        forward(factor, sides, start, stop)
        backward(factor, sides, start, stop)


@kernel
def _eliminate_panel(
    factor: np.ndarray, first: int, last: int, floor: float, most: int, kept: int
) -> int:
    """Finish rows ``first`` to ``last`` - 1, from which all earlier rows are subtracted."""
    size = factor.shape[0]
    for j in range(first, last):
        row = factor[j]
        for i in range(first, j):
            above = factor[i]
            scale = above[j]
            for k in range(j, size):
                row[k] = row[k] - scale * above[k]
        if row[j] > floor and kept < most:
            kept += 1
            root = np.sqrt(row[j])
            for k in range(j, size):
                row[k] = row[k] / root
        else:
            for k in range(j, size):
                row[k] = 0.0
    return kept


@kernel
def _eliminate_below(factor: np.ndarray, first: int, last: int) -> None:
    """Subtract the finished rows ``first`` to ``last`` - 1 from all rows below."""
    size = factor.shape[0]
    for k in range(last, size, 4):
        for j in range(first, last, 4):
            _subtract(factor, k, j, 1, _upper(factor, j, k), k, size)


@kernel
def forward(factor: np.ndarray, x: np.ndarray, start: int, stop: int) -> None:
    """R'y = x in place for the columns ``start`` to ``stop`` - 1 of ``x`` (P, M), C-contiguous."""
    size = x.shape[0]
    for first in range(0, size, PANEL):
        last = min(first + PANEL, size)
        for j in range(0, first, 4):
            for k in range(first, last, 4):
                _subtract(x, k, j, 1, _upper(factor, j, k), start, stop)
        for k in range(first, last):
            for j in range(first, k):
                _subtract_row(x[k, start:stop], x[j, start:stop], factor[j, k])
            _divide_row(x[k, start:stop], factor[k, k])


@kernel
def backward(factor: np.ndarray, x: np.ndarray, start: int, stop: int) -> None:
    """R y = x in place for the columns ``start`` to ``stop`` - 1 of ``x`` (P, M), C-contiguous."""
    size = x.shape[0]
    for back in range(0, size, PANEL):
        last = size - back
        first = max(last - PANEL, 0)
        for j in range(size - 1, last, -4):
            for k in range(first, last, 4):
                _subtract(x, k, j, -1, _reversed(factor, k, j), start, stop)
        for k in range(last - 1, first - 1, -1):
            for j in range(last - 1, k, -1):
                _subtract_row(x[k, start:stop], x[j, start:stop], factor[k, j])
            _divide_row(x[k, start:stop], factor[k, k])


@kernel
def _upper(factor: np.ndarray, j: int, k: int) -> tuple[float, ...]:
    """R[j .. j+3, k .. k+3]: for each of the rows k .. k+3, its factors of the rows j .. j+3."""
    r0, r1, r2, r3 = factor[j], factor[j + 1], factor[j + 2], factor[j + 3]
    one = (r0[k], r1[k], r2[k], r3[k])
    two = (r0[k + 1], r1[k + 1], r2[k + 1], r3[k + 1])
    three = (r0[k + 2], r1[k + 2], r2[k + 2], r3[k + 2])
    four = (r0[k + 3], r1[k + 3], r2[k + 3], r3[k + 3])
    return (*one, *two, *three, *four)


@kernel
def _reversed(factor: np.ndarray, k: int, j: int) -> tuple[float, ...]:
    """R[k .. k+3, j .. j-3]: for each of the rows k .. k+3, its factors of the rows j .. j-3."""
    r0, r1, r2, r3 = factor[k], factor[k + 1], factor[k + 2], factor[k + 3]
    one = (r0[j], r0[j - 1], r0[j - 2], r0[j - 3])
    two = (r1[j], r1[j - 1], r1[j - 2], r1[j - 3])
    three = (r2[j], r2[j - 1], r2[j - 2], r2[j - 3])
    four = (r3[j], r3[j - 1], r3[j - 2], r3[j - 3])
    return (*one, *two, *three, *four)


@kernel
def _subtract(
    x: np.ndarray, k: int, j: int, step: int, by: tuple[float, ...], start: int, stop: int
) -> None:
    """Rows k .. k+3 of ``x`` less multiples of rows j, j+step, .., in this order: 16 products for
    12 reads and writes, enough to keep the arithmetic busy."""
    x0, x1 = x[k, start:stop], x[k + 1, start:stop]
    x2, x3 = x[k + 2, start:stop], x[k + 3, start:stop]
    y0, y1 = x[j, start:stop], x[j + step, start:stop]
    y2, y3 = x[j + 2 * step, start:stop], x[j + 3 * step, start:stop]
    a00, a01, a02, a03, a10, a11, a12, a13, a20, a21, a22, a23, a30, a31, a32, a33 = by
    for m in range(stop - start):
        b0, b1, b2, b3 = y0[m], y1[m], y2[m], y3[m]
        x0[m] = (((x0[m] - a00 * b0) - a01 * b1) - a02 * b2) - a03 * b3
        x1[m] = (((x1[m] - a10 * b0) - a11 * b1) - a12 * b2) - a13 * b3
        x2[m] = (((x2[m] - a20 * b0) - a21 * b1) - a22 * b2) - a23 * b3
        x3[m] = (((x3[m] - a30 * b0) - a31 * b1) - a32 * b2) - a33 * b3


@kernel
def _subtract_row(to: np.ndarray, by: np.ndarray, scale: float) -> None:
    for m in range(to.size):
        to[m] = to[m] - scale * by[m]


@kernel
def _divide_row(row: np.ndarray, pivot: float) -> None:
    for m in range(row.size):
        row[m] = row[m] / pivot if pivot > 0.0 else 0.0
