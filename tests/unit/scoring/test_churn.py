"""Churn and turnover against SciPy and plain definitions, and their errors."""

from fractions import Fraction
from math import exp

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from oracle.scoring.churn import (
    Signal,
    churn,
    common_rows,
    max_churn,
    max_turnover,
    mean_churn,
    neutral_churn_penalty,
    neutral_signal,
    turnover,
)
from oracle.scoring.errors import ScoringError

VALUES = st.floats(-1e3, 1e3) | st.sampled_from([0.0, 0.25, 0.5, 1.0])
IDS = np.array(["n5", "n1", "n4", "n2", "n3"])
UP = Signal(np.arange(5), np.arange(5.0))


def signal(*values: float) -> Signal:
    return Signal(np.arange(len(values)), np.array(values))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[list[int], dict[int, float], dict[int, float]]:
    """Two signals that lack at most a fifth of each other's ids, as dictionaries."""
    common = draw(st.lists(st.integers(0, 999), min_size=4, max_size=12, unique=True))
    extra = len(common) // 4
    own = [draw(st.lists(st.integers(base, base + 9), max_size=extra)) for base in (2000, 3000)]
    first, second = (
        {name: draw(VALUES) for name in draw(st.permutations(common + ids))} for ids in own
    )
    return common, first, second


def as_signal(values: dict[int, float]) -> Signal:
    return Signal(np.array(list(values)), np.array(list(values.values())))


@given(pairs())
def test_churn__overlapping_ids__one_less_scipys_spearman_of_the_common(case):
    common, first, second = case
    a, b = ([side[name] for name in common] for side in (first, second))
    assume(len(set(a)) > 1 and len(set(b)) > 1)
    wanted = 1 - stats.spearmanr(a, b).statistic
    assert churn(as_signal(first), as_signal(second)) == pytest.approx(wanted, abs=1e-12)


@given(pairs())
def test_turnover__overlapping_ids__half_the_exact_sum_over_the_common(case):
    common, first, second = case
    wanted = sum(Fraction(abs(first[name] - second[name])) for name in common) / 2
    assert turnover(as_signal(first), as_signal(second)) == float(wanted)


@given(pairs())
def test_turnover__missing_as_zero__counts_ids_of_one_side_whole(case):
    _, first, second = case
    names = first.keys() | second.keys()
    wanted = sum(Fraction(abs(first.get(name, 0) - second.get(name, 0))) for name in names) / 2
    found = turnover(as_signal(first), as_signal(second), missing_as_zero=True)
    assert found == float(wanted)


def test_turnover__disjoint_portfolios__missing_as_zero_only():
    before, after = Signal([1, 2], [0.5, -0.5]), Signal([3, 4], [0.5, -0.5])
    assert turnover(before, after, missing_as_zero=True) == 1.0
    with pytest.raises(ScoringError, match="0 common ids of 2 and 2"):
        turnover(before, after)


@given(pairs())
def test_churn__same_signal__exactly_zero_and_reversed_two(case):
    _, first, _ = case
    assume(len(set(first.values())) > 1)
    here = as_signal(first)
    there = Signal(here.ids, -here.values)
    assert churn(here, here) == 0.0
    assert churn(here, there) == 2.0


@pytest.mark.parametrize(
    ("other", "wanted"),
    [((0, 1, 2, 3, 4), 0), ((0, 1, 2, 1, 0), 0.5), ((4, 3, 2, 1, 0), 1), ((0, 4, 2, 1, 3), 0.5)],
)
def test_churn__top_bottom__share_of_the_ends_that_changed(other, wanted):
    assert churn(UP, signal(*other), top_bottom=2) == wanted


def test_churn__top_bottom_of_disjoint_ids__all_changed():
    assert churn(UP, Signal(np.arange(5, 10), np.arange(5.0)), top_bottom=1) == 1.0


def test_signal__unsorted_ids__sorted_with_their_values():
    found = Signal(IDS, np.array([5.0, 1, 4, 2, 3]))
    assert found.ids.tolist() == ["n1", "n2", "n3", "n4", "n5"]
    assert found.values.tolist() == [1, 2, 3, 4, 5]
    assert Signal(IDS.astype(object), found.values).ids.dtype.kind == "U"


def test_signal_on__universe__ranks_its_ids_and_fills_one_half():
    found = Signal(IDS, np.array([5.0, 1, 4, 2, 3])).on(["n1", "n2", "n3", "x", "y"])
    assert found.ids.tolist() == ["n1", "n2", "n3", "x", "y"]
    assert found.values.tolist() == [0.5 / 3, 1.5 / 3, 2.5 / 3, 0.5, 0.5]


def test_common_rows__just_enough_in_common__rows_of_both_in_id_order():
    first, second = np.array([3, 1, 2, 5, 4]), np.array([1, 2, 3, 4, 6])
    rows, others = common_rows(first, second)
    assert first[rows].tolist() == second[others].tolist() == [1, 2, 3, 4]
    with pytest.raises(ScoringError) as error:
        common_rows(first, second, 0.1)
    assert error.value.code == "too_few_common_ids"


def test_max_and_mean__earlier_submissions__passes_over_those_with_other_ids():
    strange = Signal(np.arange(100, 105), np.arange(5.0))
    earlier = [signal(0, 1, 2, 4, 3), strange, signal(4, 3, 2, 1, 0)]
    assert max_churn(UP, earlier) == 2.0
    assert mean_churn(UP, earlier) == pytest.approx(1.05)
    assert max_turnover(UP, earlier) == 6.0


def test_max_and_mean__nothing_to_compare_with__one():
    strange = Signal(np.arange(100, 105), np.arange(5.0))
    for measure in (max_churn, max_turnover, mean_churn):
        assert measure(UP, []) == 1.0
        assert measure(UP, [strange]) == 1.0


def test_max_churn__constant_earlier_signal__named_error():
    with pytest.raises(ScoringError) as error:
        max_churn(UP, [signal(1, 1, 1, 1, 1)])
    assert error.value.code == "constant_signal"


def test_neutral_signal__feature_follows_the_values__the_rest_is_compared():
    values = np.array([5.0, 1.0, 4.0, 2.0, 3.0])
    features = np.array([[1.0], [0.0], [1.0], [0.0], [0.0]])
    found = neutral_signal(IDS, values, features)
    assert found.ids.tolist() == sorted(IDS.tolist())
    groups = [found.values[[3, 4]], found.values[[0, 1, 2]]]
    assert [group.sum() for group in groups] == pytest.approx([0, 0], abs=1e-8)
    assert churn(found, neutral_signal(IDS, values + features[:, 0], features)) == 0.0


@pytest.mark.parametrize("churned", [0.0, 0.1, 0.100001, 0.5, 2.0])
def test_neutral_churn_penalty__any_churn__capped_logistic(churned):
    wanted = min(1, 2 / (1 + exp(10 * (churned - 0.1))))
    assert neutral_churn_penalty(churned) == pytest.approx(wanted, rel=1e-12)


def test_neutral_churn_penalty__huge_scale__zero_without_overflow():
    assert neutral_churn_penalty(2.0, 0.0, 1e300) == 0.0


@pytest.mark.parametrize(
    ("wanted", "call"),
    [
        ("duplicate_id", lambda: Signal([1, 2, 1], [1, 2, 3])),
        ("shape", lambda: Signal([1, 2], [1, 2, 3])),
        ("shape", lambda: Signal([[1, 2]], [1, 2])),
        ("dtype", lambda: Signal([1.5, 2.5], [1, 2])),
        ("dtype", lambda: Signal([1, None], [1, 2])),
        ("dtype", lambda: churn(UP, Signal(["a", "b", "c"], [1, 2, 3]))),
        ("not_finite", lambda: Signal([1, 2, 3], [1, np.nan, 3])),
        ("too_few_common_ids", lambda: churn(UP, Signal([4, 5, 6], [1, 2, 3]))),
        ("too_few_common_ids", lambda: churn(Signal([], []), Signal([], []))),
        ("too_few_rows", lambda: churn(signal(1, 2), signal(2, 1))),
        ("constant_signal", lambda: churn(UP, signal(1, 1, 1, 1, 1))),
        ("top_bottom", lambda: churn(UP, UP, top_bottom=3)),
        ("top_bottom", lambda: churn(UP, UP, top_bottom=0)),
        ("overflow", lambda: turnover(signal(1e308, -1e308, 0), signal(-1e308, 1e308, 0))),
        ("no_common_id", lambda: UP.on([7, 8])),
        ("churn_range", lambda: neutral_churn_penalty(float("nan"))),
        ("churn_range", lambda: neutral_churn_penalty(0.5, scale=0)),
    ],
)
def test_churn_and_turnover__bad_input__named_error(wanted, call):
    with pytest.raises(ScoringError) as error:
        call()
    assert error.value.code == wanted
