import naive_scores
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring_strategies import rounds

from oracle.scoring import kernels
from oracle.scoring.errors import ScoringError
from oracle.scoring.limits import SCALE
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


@pytest.mark.parametrize("rows", [3, 4, 5, 127, 128, 129])
def test_doubled_ranks__all_tied_but_one__as_counted(rows):
    low, high = np.zeros((2, rows), np.int64)
    low[0], high[-1] = -1, 1
    expected = [naive_scores.doubled_ranks(row.tolist()) for row in (low, high)]
    assert doubled_ranks(np.array([low, high])).tolist() == expected


def test_doubled_ranks__widest_values_that_fit_a_key_and_one_more__as_counted():
    """63 bits: 7 rows take 3 of them."""
    for width in (2**60 - 1, 2**60, 2**63 - 1):
        row = [0, 1, width, width - 1, 1, width, 2]
        assert doubled_ranks(np.array(row)).tolist() == naive_scores.doubled_ranks(row)
        shifted = [value - 2**62 for value in row]
        assert doubled_ranks(np.array(shifted)).tolist() == naive_scores.doubled_ranks(row)


@pytest.mark.parametrize("dtype", ["i1", "u1", "<i4", ">i8", "<u4"])
def test_doubled_ranks__other_integers_and_layouts__same_ranks(dtype):
    values = np.random.default_rng(4).integers(0, 100, (6, 8))
    expected = doubled_ranks(values).tolist()
    assert doubled_ranks(values.astype(dtype)).tolist() == expected
    assert doubled_ranks(np.asfortranarray(values).astype(dtype)).tolist() == expected
    frozen = values.copy()
    frozen.flags.writeable = False
    assert doubled_ranks(frozen).tolist() == expected
    assert frozen.tolist() == values.tolist()


def test_doubled_ranks__several_blocks__each_model_on_its_own():
    values = np.random.default_rng(5).integers(0, SCALE, (30, 20_000))
    assert (doubled_ranks(values)[[0, 13, 29]] == doubled_ranks(values[[0, 13, 29]])).all()


@given(
    st.lists(st.integers(0, 2**50 - 1), min_size=1, max_size=40),
    st.integers(0, 20),
    st.integers(0, 50),
)
def test_sort_rows__any_bits__stable_order_by_those_bits(keys, low_bit, width):
    found = np.array([keys, keys[::-1]])
    spare, counts = np.empty(len(keys), np.int64), np.empty(1 << kernels.DIGIT_BITS, np.int64)
    kernels.sort_rows(found, low_bit, low_bit + width, spare, counts)
    # A pass takes whole digits, so the sort may look further up than asked, never further down.
    passes = -(-width // kernels.DIGIT_BITS)
    mask = (1 << passes * kernels.DIGIT_BITS) - 1
    expected = [sorted(row, key=lambda key: key >> low_bit & mask) for row in (keys, keys[::-1])]
    assert found.tolist() == expected
