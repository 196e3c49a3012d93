"""What a series of per-era scores amounts to: mean, spread, Sharpe, drawdown, autocorrelation.

Nothing here is paid on. Sums are of integers all the same, so that a number is the same on every
machine: floats only appear in the last division and square root.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import isqrt
from typing import Final, Literal

from oracle.scoring.limits import SCALE

ROOT_BITS: Final = 64
"""Extra bits of a square root before it becomes a float: far more than a float keeps."""

MIN_PAIRS: Final = 3
"""Fewest pairs for an autocorrelation: two points always correlate at +1 or -1."""

Missing = Literal["no_eras", "no_spread", "too_few_pairs"]
"""Why a statistic is not defined: no era has a score; all of those compared are equal, so that
there is nothing to divide by; fewer than three pairs of consecutive eras have scores."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Statistics of one score over eras, as fractions of one; None where not defined.

    ``eras``: how many have a score. ``std`` has no degrees of freedom taken off (ddof 0).
    ``max_drawdown`` >= 0 is the deepest fall of the cumulative sum below its highest value so far,
    that of the first era included. ``autocorrelation`` is Pearson's, of each era with the next.
    ``reasons`` names why each undefined one is so.
    """

    eras: int
    mean: float | None
    std: float | None
    sharpe: float | None
    max_drawdown: float | None
    autocorrelation: float | None
    reasons: dict[str, Missing]


def summarise(scores: Sequence[int | None]) -> Summary:
    """The statistics of ``scores``, one a consecutive era in units of 1e-9, None where there is
    none: such an era is left out, and is nobody's neighbour in the autocorrelation."""
    known = [int(score) for score in scores if score is not None]
    if not known:
        names = ("mean", "std", "sharpe", "max_drawdown", "autocorrelation")
        return Summary(0, None, None, None, None, None, dict.fromkeys(names, "no_eras"))
    count, total = len(known), sum(known)
    spread = count * sum(score * score for score in known) - total * total
    reasons: dict[str, Missing] = {}
    sharpe = None
    if spread:
        sharpe = _over_root(total, spread)
    else:
        reasons["sharpe"] = "no_spread"
    autocorrelation, why = _autocorrelation(scores)
    if why:
        reasons["autocorrelation"] = why
    return Summary(
        eras=count,
        mean=total / (count * SCALE),
        std=float(_root(spread) / (count * SCALE)),
        sharpe=sharpe,
        max_drawdown=max_drawdown(known) / SCALE,
        autocorrelation=autocorrelation,
        reasons=reasons,
    )


def max_drawdown(scores: Sequence[int]) -> int:
    """Deepest fall of the cumulative sum of ``scores`` below its highest value so far, >= 0."""
    deepest = running = 0
    highest: int | None = None
    for score in scores:
        running += score
        highest = running if highest is None else max(highest, running)
        deepest = max(deepest, highest - running)
    return deepest


def pearson(pairs: Sequence[tuple[int, int]]) -> float | None:
    """Pearson correlation of integer pairs, from exact sums; None where a side has no spread."""
    count = len(pairs)
    sum_x, sum_y = sum(x for x, _ in pairs), sum(y for _, y in pairs)
    xx = count * sum(x * x for x, _ in pairs) - sum_x * sum_x
    yy = count * sum(y * y for _, y in pairs) - sum_y * sum_y
    if not xx or not yy:
        return None
    return _over_root(count * sum(x * y for x, y in pairs) - sum_x * sum_y, xx * yy)


def _autocorrelation(scores: Sequence[int | None]) -> tuple[float | None, Missing | None]:
    pairs = [
        (int(this), int(following))
        for this, following in pairwise(scores)
        if this is not None and following is not None
    ]
    if len(pairs) < MIN_PAIRS:
        return None, "too_few_pairs"
    value = pearson(pairs)
    return value, None if value is not None else "no_spread"


def _root(square: int) -> Fraction:
    """The square root, right to ``ROOT_BITS`` bits behind the point."""
    return Fraction(isqrt(square << 2 * ROOT_BITS), 1 << ROOT_BITS)


def _over_root(numerator: int, square: int) -> float:
    """``numerator / sqrt(square)``, square > 0."""
    return float(numerator / _root(square))
