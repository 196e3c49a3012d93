"""The standard normal quantile by rank once more, on the finer grid that least squares needs.

Residuals are ranked, so a score jumps where two of them change places. The grid of
`tables.normal_table`, 4e-9, would move residuals far enough to do that in a few models of a
hundred; this one, 1e-12, does so in one of some ten thousand.
"""

from functools import lru_cache
from statistics import NormalDist
from typing import Final

import mpmath
import numpy as np

from oracle.scoring.checks import require_rows
from oracle.scoring.tables import exact_context

QUANTILE_BITS: Final = 40
"""Fraction bits of the fine table."""

GUARD: Final = 2.0**-5
"""Half-width, in units of 2**-QUANTILE_BITS, of the band around a rounding boundary in which the
float seed decides nothing: 2.8e-14, ten times the seed's measured error of 3e-15."""


@lru_cache(maxsize=4)
def fine_quantiles(rows: int) -> np.ndarray:
    """int64 (2N + 1,), indexed by doubled rank k = 2..2N: Phi^-1((k - 1) / 2N) * 2**40 to nearest.

    Entries 0 and 1 are zero and unused; entry 2N + 2 - k is minus entry k. Read-only, cached.
    Raises ScoringError ``too_few_rows`` or ``too_many_rows``.
    """
    require_rows(rows)
    # The upper half by its tail, as in tables.normal_table.
    tails = range(rows - 1, 0, -1)
    quantile = NormalDist().inv_cdf
    scaled = np.array([-quantile(tail / (2 * rows)) for tail in tails]) * 2.0**QUANTILE_BITS
    floors = np.floor(scaled)
    over_half = scaled - floors - 0.5
    upper = floors.astype(np.int64) + (over_half > 0)
    context = exact_context()
    for entry in np.flatnonzero(np.abs(over_half) < GUARD).tolist():
        floor = int(floors[entry])
        upper[entry] = floor + _exceeds(context, tails[entry], rows, 2 * floor + 1)
    table = np.zeros(2 * rows + 1, np.int64)
    table[rows + 2 :] = upper
    table[2 : rows + 1] = -upper[::-1]
    table.flags.writeable = False
    return table


def _exceeds(context: mpmath.MPContext, tail: int, rows: int, half_units: int) -> bool:
    """Whether the quantile of ``tail`` / 2N exceeds half_units / 2**(QUANTILE_BITS + 1)."""
    boundary = context.ldexp(context.mpf(half_units), -(QUANTILE_BITS + 1))
    margin = context.erfc(boundary / context.sqrt(2)) * rows - tail
    if abs(margin) < context.ldexp(1, -context.prec // 2):
        raise ArithmeticError(f"undecided rounding at tail {tail} of {rows} rows")
    return bool(margin > 0)
