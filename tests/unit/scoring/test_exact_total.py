"""Sums of doubles, exact and rounded once: the same as `math.fsum`, whatever the terms."""

from fractions import Fraction
from math import fsum

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from oracle.scoring import neutral_weights
from oracle.scoring.neutral_weights import total

doubles = st.floats(-1e100, 1e100, allow_nan=False)


@given(st.lists(doubles, max_size=40))
@example([])
@example([1e100, 1.0, -1e100])
@example([1.0, 2.0**-53, 2.0**-200])  # just above the middle of two doubles
@example([1.0, 2.0**-53, -(2.0**-200)])
@example([1.0, 2.0**-53])
@example([-0.0, -0.0])
def test_total__any_terms__exact_and_rounded_once(values: list[float]) -> None:
    found = total(np.array(values, float))
    assert found == fsum(values)
    assert found == float(sum(map(Fraction, values)))


@pytest.mark.parametrize("seed", range(5))
def test_total__cancelling_terms_of_many_sizes__equals_fsum(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=5_000) * 10.0 ** rng.integers(-30, 30, 5_000)
    values = rng.permutation(np.concatenate([values, -values[:4_990], rng.normal(size=7)]))
    assert total(values) == fsum(values)


def test_total__usual_terms__decided_without_fsum(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(1).normal(size=6_700)
    expected = fsum(values)
    monkeypatch.setattr(neutral_weights, "fsum", None)
    assert total(values) == expected


def test_total__column_of_a_matrix__is_its_own_sum() -> None:
    matrix = np.arange(12.0).reshape(4, 3)
    assert total(matrix[:, 1]) == 1 + 4 + 7 + 10


def test_total__beyond_all_doubles__overflow_as_in_fsum() -> None:
    with pytest.raises(OverflowError):
        total(np.array([1e308, 1e308]))
