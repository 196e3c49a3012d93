from fractions import Fraction
from math import isqrt

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from naive_scores import fraction_half_even

from oracle.scoring.arithmetic import div_half_even, div_sqrt_half_even, square_sums
from oracle.scoring.limits import MAX_ROWS, POWER_BITS
from oracle.scoring.target import centred, powered

WIDE = st.integers(-(2**200), 2**200)


@given(WIDE, st.integers(1, 2**100))
@example(5, 2)
@example(7, 2)
@example(-5, 2)
@example(-7, 2)
def test_div_half_even__any_ratio__nearest_ties_to_even(numerator, denominator):
    ratio = Fraction(numerator, denominator)
    assert div_half_even(numerator, denominator) == fraction_half_even(ratio)


@given(WIDE, st.integers(1, 2**200))
def test_div_sqrt_half_even__any_ratio__within_half_a_unit(numerator, square):
    size = abs(div_sqrt_half_even(numerator, square))
    exact = 4 * numerator**2  # (2 |numerator|)**2 against ((2 size -+ 1) sqrt(square))**2
    assert size == 0 or (2 * size - 1) ** 2 * square <= exact
    assert exact <= (2 * size + 1) ** 2 * square
    assert div_sqrt_half_even(-numerator, square) == -div_sqrt_half_even(numerator, square)


@given(st.integers(-(2**90), 2**90), st.integers(1, 2**60))
@example(5, 2)
@example(7, 2)
@example(-7, 2)
def test_div_sqrt_half_even__perfect_square__as_plain_division(numerator, root):
    assert isqrt(root**2) == root
    assert div_sqrt_half_even(numerator, root**2) == div_half_even(numerator, root)


@pytest.mark.parametrize("sign", [1, -1])
def test_square_sums__largest_operands__do_not_overflow(sign):
    rows = np.full((2, MAX_ROWS), sign * (2**32 - 1))
    assert square_sums(rows) == [(2**32 - 1) ** 2 * MAX_ROWS] * 2


@given(st.lists(st.integers(-(2**32) + 1, 2**32 - 1), min_size=1, max_size=30))
def test_square_sums__any_operands__equal_python_integers(row):
    assert square_sums(np.array([row])) == [sum(x * x for x in row)]


@given(
    st.lists(st.integers(-(10**9), 10**9), min_size=3, max_size=30).filter(
        lambda t: len(set(t)) > 1
    ),
    st.integers(1, 4),
    st.integers(-(10**9), 10**9),
)
def test_powered__scaled_and_shifted_target__unchanged(target, scale, shift):
    moved = powered(np.array(target) * scale + shift)
    assert (moved == powered(np.array(target))).all()
    assert np.abs(moved).max() == 2**POWER_BITS


def test_powered__exact_tie__rounds_half_to_even():
    """|u / U| = 2**-22 gives (2**-22)**1.5 * 2**32 = 1/2 exactly, and 9 * 2**-22 gives 27/2."""
    target = np.array([-1, 9, -(2**22), 2**22 - 8])
    assert centred(target).tolist() == [4 * value for value in target.tolist()]
    assert powered(target)[:3].tolist() == [0, 14, -(2**POWER_BITS)]
