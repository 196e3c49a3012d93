"""Where a value stands among others."""

from collections.abc import Sequence
from typing import Final

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
