"""Where a value stands among others, in integers."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from oracle.tournaments.percentiles import ONE, percentiles


@given(values=st.lists(st.integers(-5, 5), max_size=40))
def test_percentiles__any_values__as_by_counting(values: list[int]) -> None:
    n = len(values)
    expected = [
        int(
            Fraction(
                2 * sum(other < value for other in values) + values.count(value), 2 * max(n, 1)
            )
            * ONE
        )
        for value in values
    ]
    assert percentiles(values) == expected


@given(values=st.lists(st.integers(), min_size=1, max_size=40))
def test_percentiles__any_values__half_on_average(values: list[int]) -> None:
    found = percentiles(values)
    assert all(0 < one < ONE or len(values) == 1 for one in found)
    assert abs(2 * sum(found) - ONE * len(values)) <= 2 * len(values)
