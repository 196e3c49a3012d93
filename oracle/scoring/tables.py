"""The standard normal quantile by rank, as correctly rounded integers."""

from functools import lru_cache
from statistics import NormalDist
from typing import Final

import mpmath
import numpy as np

from oracle.scoring.checks import require_rows
from oracle.scoring.limits import TABLE_BITS

GUARD: Final = 2.0**-10
"""Half-width, in units of 2**-TABLE_BITS, of the band around a rounding boundary in which the
float seed decides nothing. The seed would have to be wrong by 3e-12 for a wrong integer to pass;
its error, measured, is 3e-15."""

PRECISION: Final = 160
"""Bits of working precision of the comparison that decides inside the band."""


@lru_cache(maxsize=64)
def normal_table(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """``(gauss, gauss15)``: int64, each (2N + 1,), indexed by doubled rank k = 2..2N.

    With z = Phi^-1((k - 1) / 2N), the tie-kept rank's normal quantile, ``gauss[k]`` is
    z * 2**28 and ``gauss15[k]`` is sign(z) |z|**1.5 * 2**28, each rounded to nearest. Entries
    0 and 1 are zero and unused. Symmetric: entry 2N + 2 - k is minus entry k. Read-only, cached.
    Raises ScoringError ``too_few_rows`` or ``too_many_rows``.
    """
    require_rows(rows)
    # Upper half only: k = N + 2 .. 2N, by the tail q = 1 - (k - 1) / 2N = tails / 2N, which keeps
    # full relative precision where 1 - q would not. k = N + 1 is the median, zero.
    tails = range(rows - 1, 0, -1)
    quantile = NormalDist().inv_cdf
    z = np.array([-quantile(tail / (2 * rows)) for tail in tails])
    context = exact_context()
    return (
        _table(context, z, tails, rows, 1.0),
        _table(context, z * np.sqrt(z), tails, rows, 1.5),
    )


def _table(
    context: mpmath.MPContext, seed: np.ndarray, tails: range, rows: int, power: float
) -> np.ndarray:
    """Round ``seed`` (z**power by tail, ascending), settle doubtful entries, mirror."""
    scaled = seed * 2.0**TABLE_BITS
    floors = np.floor(scaled)
    over_half = scaled - floors - 0.5
    upper = floors.astype(np.int64) + (over_half > 0)
    for entry in np.flatnonzero(np.abs(over_half) < GUARD).tolist():
        floor = int(floors[entry])
        upper[entry] = floor + exceeds(context, tails[entry], rows, 2 * floor + 1, power)
    table = np.zeros(2 * rows + 1, np.int64)
    table[rows + 2 :] = upper
    table[2 : rows + 1] = -upper[::-1]
    assert table.max() < 1 << 32  # what kernels.table_sums relies on
    table.flags.writeable = False
    return table


def exact_context() -> mpmath.MPContext:
    """A context of its own for each caller: mpmath's are not safe to share between threads."""
    context = mpmath.MPContext()
    context.prec = PRECISION
    return context


def exceeds(context: mpmath.MPContext, tail: int, rows: int, half_units: int, power: float) -> bool:
    """Whether z**power > half_units / 2**(TABLE_BITS + 1), where Q(z) = tail / 2N.

    Q, the upper tail of the normal distribution, falls as z rises: so the answer is whether Q at
    the boundary exceeds tail / 2N. One evaluation of erfc, no root finding.
    """
    boundary = context.ldexp(context.mpf(half_units), -(TABLE_BITS + 1))
    if power == 1.5:
        boundary = context.cbrt(boundary * boundary)
    at_boundary = context.erfc(boundary / context.sqrt(2)) / 2
    margin = at_boundary * (2 * rows) - tail
    if abs(margin) < context.ldexp(1, -PRECISION // 2):
        raise ArithmeticError(f"undecided rounding at tail {tail} of {rows} rows")
    return bool(margin > 0)
