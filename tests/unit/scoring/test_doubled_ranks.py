import naive_scores
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring_strategies import rounds

from oracle.scoring import ScoringError
from oracle.scoring.ranks import doubled_ranks

INT64 = st.integers(-(2**63), 2**63 - 1)
MATRICES = st.integers(3, 40).flatmap(
    lambda rows: st.lists(
        st.lists(st.one_of(st.integers(-3, 3), INT64), min_size=rows, max_size=rows),
        min_size=1,
        max_size=4,
    )
)


@given(MATRICES)
def test_doubled_ranks__any_int64__counts_lower_and_equal_values(matrix):
    ranks = doubled_ranks(np.array(matrix, np.int64))
    assert ranks.dtype == np.int64
    assert ranks.tolist() == [naive_scores.doubled_ranks(row) for row in matrix]


@given(rounds())
def test_doubled_ranks__narrow_and_wide_values__same_ranks(case):
    """Values too wide to share a sort key with the row number take another way."""
    wide = case.predictions * 2**33
    assert (doubled_ranks(wide) == doubled_ranks(case.predictions)).all()


def test_doubled_ranks__ties__share_the_mean_rank():
    assert doubled_ranks(np.array([7, 5, 7, 9])).tolist() == [5, 2, 5, 8]


def test_doubled_ranks__one_vector__equals_its_row_in_a_matrix():
    matrix = np.array([[3, 1, 2, 2], [2**62, -(2**63), 0, 0]])
    assert [doubled_ranks(row).tolist() for row in matrix] == doubled_ranks(matrix).tolist()


def test_doubled_ranks__no_model__empty():
    assert doubled_ranks(np.empty((0, 5), np.int64)).shape == (0, 5)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        (np.array([0.1, 0.2, 0.3]), "dtype"),
        (np.array([1, 2, 3], np.uint64), "dtype"),
        (np.array([True, False, True]), "dtype"),
        (np.array([1, 2, None], object), "dtype"),
        ([1, 2, 3], "shape"),
        (np.array(3), "shape"),
        (np.zeros((2, 2, 3), np.int64), "shape"),
        (np.array([1, 2]), "too_few_rows"),
        (np.arange(20_001), "too_many_rows"),
    ],
)
def test_doubled_ranks__bad_input__named_error(values, code):
    with pytest.raises(ScoringError) as raised:
        doubled_ranks(values)
    assert raised.value.code == code
