"""Where a value stands among others."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

ONE: Final = 10**9


def percentiles(values: Sequence[int]) -> list[int]:
    """Of each value, the share of the others below it, those equal to it counting half: 0 to 1 at
    10^-9, rounded down; (2 below + equal) / 2n with itself among the equal ones."""
    n = len(values)
    ordered = sorted(values)
    found: dict[int, int] = {}
    start = 0
    while start < n:
        end = start
        while end < n and ordered[end] == ordered[start]:
            end += 1
        found[ordered[start]] = (start + end) * ONE // (2 * n)
        start = end
    return [found[value] for value in values]


def placed_scores(rows: Sequence[Mapping[str, int]], names: Sequence[str]) -> list[dict[str, Any]]:
    """Of the models of a round, each in a row with its scores by name: one row a model and score,
    ``model``, ``name``, ``value`` and ``percentile`` among the round's models."""
    found = []
    for name in names:
        places = percentiles([row[name] for row in rows])
        found += [
            {"model": row["model"], "name": name, "value": row[name], "percentile": place}
            for row, place in zip(rows, places, strict=True)
        ]
    return found
