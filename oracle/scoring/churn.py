"""Churn and turnover: how much a submission differs from earlier ones.

A `Signal` is one value an id. The definitions are those of numerai-tools 0.7.2 (``signals.py``).
`churn` and `turnover` use only sums that are exact (integers) or correctly rounded (`math.fsum`),
divisions and square roots, so they are the same floats everywhere. The neutral variants rest on
`tools.neutralize`, whose last bits depend on the machine.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, fsum, isfinite, sqrt
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from oracle.scoring.errors import ScoringError
from oracle.scoring.float_arrays import Floats, float_ranks, top_bottom_rows, vector_of
from oracle.scoring.tools import neutralize, tie_kept_rank, tie_kept_rank__gaussianize

MAX_FILTERED_RATIO: Final = 0.2
"""Largest share of either signal's ids that the other may lack, as in numerai-tools."""

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Signal:
    """``values``, float64 (N,), by ``ids``, (N,): strings or integers, no two alike.

    Raises ScoringError ``shape``, ``dtype``, ``not_finite`` or ``duplicate_id``.
    """

    ids: npt.NDArray[Any]
    values: Floats

    def __post_init__(self) -> None:
        ids = np.asarray(self.ids)
        if ids.ndim != 1:
            raise ScoringError("shape", f"ids must have one dimension, got {ids.ndim}")
        if ids.dtype.kind == "O" and all(isinstance(name, str) for name in ids.tolist()):
            ids = ids.astype(np.str_)
        if ids.dtype.kind not in "UiuM" and ids.size:
            raise ScoringError("dtype", f"ids must be strings, integers or dates, got {ids.dtype}")
        order = np.argsort(ids, kind="stable")
        values = vector_of(self.values, ids.size, "values")
        ids, values = ids[order], values[order]
        if (ids[1:] == ids[:-1]).any():
            twice = ids[1:][ids[1:] == ids[:-1]][0]
            raise ScoringError("duplicate_id", f"id {twice} occurs more than once")
        object.__setattr__(self, "ids", ids)
        object.__setattr__(self, "values", values)

    def on(self, universe: npt.ArrayLike) -> "Signal":
        """Tie-kept ranks over the ids of ``universe`` that it has, one half for the others.

        So is a live submission cleaned before it is compared. Raises ``no_common_id``.
        """
        wanted = Signal(np.asarray(universe), np.full(np.size(universe), 0.5))
        _, mine, theirs = np.intersect1d(
            self.ids, wanted.ids, assume_unique=True, return_indices=True
        )
        if not mine.size:
            raise ScoringError("no_common_id", "no id is in the universe")
        wanted.values[theirs] = tie_kept_rank(self.values[mine])
        return wanted


def common_rows(
    first: npt.NDArray[Any],
    second: npt.NDArray[Any],
    max_filtered_ratio: float = MAX_FILTERED_RATIO,
) -> tuple[Rows, Rows]:
    """Rows of the ids that both have, in the order of the ids; the ids of each are unique.

    ``too_few_common_ids`` if either would lose more than ``max_filtered_ratio`` of its rows, or if
    there is none in common; ``dtype`` if only one has strings.
    """
    if {first.dtype.kind, second.dtype.kind} == {"U", "i"} and first.size * second.size:
        raise ScoringError("dtype", "the ids of one are strings, those of the other are not")
    ids, rows, others = np.intersect1d(first, second, assume_unique=True, return_indices=True)
    shares = [ids.size / side.size if side.size else 0.0 for side in (first, second)]
    if ids.size == 0 or min(shares) < 1 - max_filtered_ratio:
        raise ScoringError(
            "too_few_common_ids",
            f"{ids.size} common ids of {first.size} and {second.size}: "
            f"at least {1 - max_filtered_ratio:.0%} of each must be common",
        )
    return rows, others


def churn(
    first: Signal,
    second: Signal,
    top_bottom: int | None = None,
    max_filtered_ratio: float = MAX_FILTERED_RATIO,
) -> float:
    """1 - Spearman's correlation over the common ids: 0 for the same order, 2 for the reverse.

    With ``top_bottom`` the mean share of the ids among the so many lowest, and highest, that are
    not so in the other; the signals need no common ids then, and earlier ids count as lower among
    equal values. Raises ScoringError ``too_few_common_ids``, ``constant_signal``, ``top_bottom``,
    ``too_few_rows`` or ``too_many_rows``.
    """
    if top_bottom is not None:
        return _ends_changed(first, second, top_bottom)
    rows, others = common_rows(first.ids, second.ids, max_filtered_ratio)
    return 1 - _spearman(first.values[rows], second.values[others])


def _ends_changed(first: Signal, second: Signal, top_bottom: int) -> float:
    ends = [side.ids[top_bottom_rows(side.values[None], top_bottom)[0]] for side in (first, second)]
    bottom = np.intersect1d(ends[0][:top_bottom], ends[1][:top_bottom]).size
    top = np.intersect1d(ends[0][top_bottom:], ends[1][top_bottom:]).size
    return float(1 - (bottom + top) / (2 * top_bottom))


def _spearman(first: Floats, second: Floats) -> float:
    """From integer sums: with N <= 20,000 and ranks <= 2N each is below 2**46."""
    a, b = float_ranks(np.stack((first, second)))
    rows = int(a.size)
    spreads = [rows * int((side * side).sum()) - int(side.sum()) ** 2 for side in (a, b)]
    if not all(spreads):
        raise ScoringError("constant_signal", "all values of a signal are equal: nothing to rank")
    covariance = rows * int((a * b).sum()) - int(a.sum()) * int(b.sum())
    if covariance * covariance == spreads[0] * spreads[1]:
        return 1.0 if covariance > 0 else -1.0
    return float(covariance / sqrt(spreads[0] * spreads[1]))


def turnover(
    first: Signal,
    second: Signal,
    max_filtered_ratio: float = MAX_FILTERED_RATIO,
    *,
    missing_as_zero: bool = False,
) -> float:
    """Half the sum of absolute differences of two portfolios' weights over the common ids.

    With ``missing_as_zero`` an id that only one holds counts with its whole weight (and no share
    of common ids is asked for): numerai-tools documents this but compares common ids. Raises
    ScoringError ``too_few_common_ids`` or ``overflow``.
    """
    if missing_as_zero:
        ids = np.union1d(first.ids, second.ids)
        weights = [np.zeros(ids.size), np.zeros(ids.size)]
        for held, side in zip(weights, (first, second), strict=True):
            held[np.searchsorted(ids, side.ids)] = side.values
        before, after = weights
    else:
        rows, others = common_rows(first.ids, second.ids, max_filtered_ratio)
        before, after = first.values[rows], second.values[others]
    with np.errstate(over="ignore"):
        changes = np.abs(before - after).tolist()
    try:
        total = fsum(changes) / 2
    except OverflowError:
        total = float("inf")
    if not isfinite(total):
        raise ScoringError("overflow", "weights too large to sum in floats")
    return total


def max_churn(current: Signal, previous: Sequence[Signal]) -> float:
    """The largest churn against earlier submissions; 1 if none is comparable.

    Those with too few ids in common are passed over, as Numerai Signals does for its gate. For a
    live submission give the last five, each `Signal.on` its own universe.
    """
    return _largest(churn, current, previous)


def max_turnover(current: Signal, previous: Sequence[Signal]) -> float:
    """As `max_churn`, of portfolio weights (`tools.generate_neutralized_weights`, centred and
    normalised)."""
    return _largest(turnover, current, previous)


def _largest(
    measure: Callable[[Signal, Signal], float], current: Signal, previous: Sequence[Signal]
) -> float:
    return max(_comparable(measure, current, previous), default=1.0)


def _comparable(
    measure: Callable[[Signal, Signal], float], current: Signal, previous: Sequence[Signal]
) -> list[float]:
    found = []
    for earlier in previous:
        try:
            found.append(measure(current, earlier))
        except ScoringError as error:
            if error.code != "too_few_common_ids":
                raise
    return found


def neutral_signal(
    ids: npt.NDArray[Any], values: npt.ArrayLike, neutralizers: npt.ArrayLike
) -> Signal:
    """Normal ranks of ``values`` (N,) neutralised to ``neutralizers`` (N, F), by ``ids`` (N,).

    `churn` of two of them is the neutral churn. Residuals are rounded to 1e-9, so that those tie
    which are equal in theory. Raises ScoringError as `tools.neutralize`.
    """
    residuals = neutralize(tie_kept_rank__gaussianize(values), neutralizers)
    return Signal(ids, np.round(residuals, 9))


def mean_churn(current: Signal, previous: Sequence[Signal]) -> float:
    """The mean churn against earlier submissions; 1 if none is comparable. Of `neutral_signal`s
    it is the mean neutral churn, which `neutral_churn_penalty` takes."""
    found = _comparable(churn, current, previous)
    return fsum(found) / len(found) if found else 1.0


def neutral_churn_penalty(churned: float, threshold: float = 0.1, scale: float = 10.0) -> float:
    """Share of a gain that is kept: 1 up to ``threshold``, then 2 / (1 + exp(scale * excess)).

    Raises ScoringError ``churn_range`` unless churn and threshold lie in [0, 2] and 0 < scale.
    """
    if not (0 <= churned <= 2 and 0 <= threshold <= 2 and isfinite(scale) and scale > 0):
        raise ScoringError("churn_range", "churn and threshold lie in 0..2, the scale above 0")
    if churned <= threshold:
        return 1.0
    decay = exp(-scale * (churned - threshold))  # of the negative exponent: cannot overflow
    return 2 * decay / (1 + decay)
