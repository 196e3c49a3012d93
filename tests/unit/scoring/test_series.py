"""Statistics of per-era scores, against NumPy and pandas and by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.scoring.limits import SCALE
from oracle.scoring.series import max_drawdown, pearson, summarise

SCORES = st.lists(st.integers(-SCALE, SCALE), min_size=1, max_size=40)
WITH_GAPS = st.lists(st.none() | st.integers(-SCALE, SCALE), max_size=30)


def naive_drawdown(scores: list[int]) -> int:
    """By definition: the largest difference of a cumulative sum and a later one."""
    sums = [sum(scores[: end + 1]) for end in range(len(scores))]
    return max(a - b for at, a in enumerate(sums) for b in sums[at:])


def test_summarise__known_series__known_numbers() -> None:
    found = summarise([30_000_000, -10_000_000, 20_000_000, 40_000_000])
    assert found.eras == 4
    assert found.mean == 0.02
    assert found.std == pytest.approx(math.sqrt(3.5e-4), rel=1e-15)
    assert found.sharpe == pytest.approx(0.02 / math.sqrt(3.5e-4), rel=1e-15)
    assert found.max_drawdown == 0.01
    assert found.reasons == {}


@given(SCORES)
def test_summarise__any_series__agrees_with_numpy(scores: list[int]) -> None:
    found = summarise(scores)
    floats = np.array(scores) / SCALE
    assert found.mean == pytest.approx(floats.mean(), abs=1e-15)
    assert found.std == pytest.approx(floats.std(ddof=0), abs=1e-12)
    if len(set(scores)) > 1:
        assert found.sharpe == pytest.approx(found.mean / found.std, rel=1e-12)
    else:
        assert found.sharpe is None
        assert found.reasons["sharpe"] == "no_spread"


@given(SCORES)
def test_max_drawdown__any_series__as_defined(scores: list[int]) -> None:
    assert max_drawdown(scores) == naive_drawdown(scores)


@given(st.lists(st.integers(-100, 100).map(lambda x: x * 10_000_000), min_size=4, max_size=40))
def test_autocorrelation__any_series__agrees_with_pandas(scores: list[int]) -> None:
    found = summarise(scores)
    if len(set(scores[1:])) == 1 or len(set(scores[:-1])) == 1:
        assert found.autocorrelation is None
        assert found.reasons["autocorrelation"] == "no_spread"
    else:
        assert found.autocorrelation == pytest.approx(pd.Series(scores).autocorr(1), abs=1e-9)


@given(WITH_GAPS)
def test_summarise__eras_without_score__are_left_out(scores: list[int | None]) -> None:
    known = [score for score in scores if score is not None]
    found, without = summarise(scores), summarise(known)
    assert (found.eras, found.mean, found.std, found.sharpe, found.max_drawdown) == (
        without.eras,
        without.mean,
        without.std,
        without.sharpe,
        without.max_drawdown,
    )
    numbers = (found.mean, found.std, found.sharpe, found.max_drawdown, found.autocorrelation)
    assert all(number is None or math.isfinite(number) for number in numbers)


def test_autocorrelation__gap__its_neighbours_are_not_a_pair() -> None:
    # Pairs (1, 2), (2, 4), (4, 9); across the gap 9 and 5 would make a fourth.
    found = summarise([1, 2, 4, 9, None, 5])
    assert found.autocorrelation == pytest.approx(np.corrcoef([1, 2, 4], [2, 4, 9])[0, 1])


def test_summarise__single_era__no_sharpe_and_no_autocorrelation() -> None:
    found = summarise([-20_000_000])
    assert (found.mean, found.std, found.max_drawdown) == (-0.02, 0.0, 0.0)
    assert found.sharpe is None
    assert found.autocorrelation is None
    assert found.reasons == {"sharpe": "no_spread", "autocorrelation": "too_few_pairs"}


@pytest.mark.parametrize("scores", [[], [None], [None, None]])
def test_summarise__no_score_at_all__every_number_is_missing(scores: list[None]) -> None:
    found = summarise(scores)
    assert found.eras == 0
    assert set(found.reasons.values()) == {"no_eras"}
    assert {found.mean, found.std, found.sharpe, found.max_drawdown} == {None}


def test_summarise__numpy_integers__do_not_overflow() -> None:
    found = summarise(list(np.full(10, 4 * SCALE, np.int64)) + list(np.full(10, -4 * SCALE)))
    assert found.std == 4.0


def test_pearson__perfect_opposites__minus_one() -> None:
    assert pearson([(1, -1), (2, -2), (3, -3)]) == -1.0
    assert pearson([(1, 5), (2, 5)]) is None
