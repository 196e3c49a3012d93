"""The kernels at the ends of the bounds that their docstrings prove: nothing overflows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.scoring import agreement_kernels, kernels
from oracle.scoring.limits import HALF_STAKE_BITS, MAX_MODELS, MAX_ROWS, POWER_BITS
from oracle.scoring.pairwise import HALF_WEIGHT_BITS, MAX_PAIRWISE_MODELS
from oracle.scoring.sums import joined, stacked, table_sums, vector_sums
from oracle.scoring.tables import normal_table

LARGEST = 1 << POWER_BITS
ANY = st.integers(-LARGEST, LARGEST)


def test_bounds__in_closed_form__fit_int64():
    assert MAX_ROWS * LARGEST * 2**16 < 2**63
    assert MAX_MODELS * 2**HALF_STAKE_BITS * 2 * MAX_ROWS < 2**63
    quantiles, powered = normal_table(MAX_ROWS)
    assert quantiles.max() < 2**30.1
    assert powered.max() < LARGEST
    assert MAX_ROWS * int(quantiles.max()) * 2**16 < 2**63
    assert MAX_PAIRWISE_MODELS * 2**HALF_WEIGHT_BITS * int(quantiles.max()) < 2**63


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("below", [0, 1])
def test_table_sums__largest_entries_and_rows__exact(sign, below):
    entry, weight = sign * (LARGEST - below), LARGEST - below
    table = np.full(2 * MAX_ROWS + 1, entry)
    table.flags.writeable = False
    ranks = np.full((2, MAX_ROWS), 2 * MAX_ROWS, np.uint16)
    sums = table_sums(ranks, table, stacked(np.full(MAX_ROWS, weight), np.full(MAX_ROWS, -weight)))
    assert sums.plain == [MAX_ROWS * entry] * 2
    assert sums.square == [MAX_ROWS * entry**2] * 2
    assert sums.products == [[MAX_ROWS * entry * weight] * 2, [-MAX_ROWS * entry * weight] * 2]


@given(st.lists(st.tuples(ANY, ANY), min_size=1, max_size=2500))
def test_vector_sums__any_operands__equal_python_integers(pairs):
    one, two = (list(column) for column in zip(*pairs, strict=True))
    sums = vector_sums(np.array(one), np.array(two))
    assert sums.plain == [sum(one)]
    assert sums.square == [sum(value * value for value in one)]
    assert sums.products == [[sum(x * y for x, y in pairs)]]


@pytest.mark.parametrize("rows", [1, 1023, 1024, 1025, 4096])
def test_table_sums__rows_around_a_chunk__all_counted(rows):
    random = np.random.default_rng(rows)
    table = random.integers(-LARGEST, LARGEST, 2 * rows + 1)
    table.flags.writeable = False
    ranks = random.integers(0, 2 * rows + 1, (3, rows)).astype(np.uint16)
    vector = random.integers(-LARGEST, LARGEST, rows)
    sums = table_sums(ranks, table, stacked(vector))
    for model, row in enumerate(table[ranks].tolist()):
        assert sums.plain[model] == sum(row)
        assert sums.square[model] == sum(x * x for x in row)
        assert sums.products[0][model] == sum(map(int.__mul__, row, vector.tolist()))


@pytest.mark.parametrize("values", [[LARGEST + 1, 0], [0, -LARGEST - 1]])
def test_stacked__beyond_the_proof__refused(values):
    with pytest.raises(AssertionError):
        stacked(np.array(values))


def test_stacked__more_rows_than_the_proof__refused():
    with pytest.raises(AssertionError):
        stacked(np.zeros(MAX_ROWS + 1, np.int64))


def test_add_and_subtract_stakes__most_models_of_the_highest_rank__exact():
    ranks = np.full((MAX_MODELS, 3), 2 * MAX_ROWS, np.uint16)
    half = np.full(MAX_MODELS, 2**HALF_STAKE_BITS - 1)
    high, low = np.zeros((2, 1, 3), np.int64)
    kernels.add_stakes(ranks, half, half, high[0], low[0])
    expected = MAX_MODELS * 2 * MAX_ROWS * (2**HALF_STAKE_BITS - 1)
    assert high.tolist() == low.tolist() == [[expected] * 3]
    nobody = np.zeros(MAX_MODELS, np.int64)
    agreement_kernels.subtract_stakes(ranks, half, half, nobody, high, low)
    assert not high.any()
    assert not low.any()


def test_add_weighted__most_models_of_the_largest_quantile__exact():
    table = normal_table(MAX_ROWS)[0]
    ranks = np.tile(np.array([2, 2 * MAX_ROWS], np.uint16), (MAX_PAIRWISE_MODELS, 1))
    half = np.full(MAX_PAIRWISE_MODELS, 2**HALF_WEIGHT_BITS - 1)
    high, low = np.zeros((2, 2), np.int64)
    kernels.add_weighted(ranks, table, half, half, high, low)
    most = MAX_PAIRWISE_MODELS * (2**HALF_WEIGHT_BITS - 1) * int(table[-1])
    assert high.tolist() == low.tolist() == [-most, most]


@pytest.mark.parametrize("sign", [1, -1])
def test_agreement_and_ordered_sums__largest_quantiles_and_rows__exact(sign):
    entry = sign * (2**31 - 1)
    table = np.full(2 * MAX_ROWS + 1, entry)
    table.flags.writeable = False
    ranks = np.full((1, MAX_ROWS), MAX_ROWS, np.uint16)
    sums = np.empty((1, 2), np.int64)
    positions = np.arange(MAX_ROWS, dtype=np.uint16).reshape(1, -1)
    agreement_kernels.agreement_sums(ranks, np.zeros(1, np.int64), positions, table, sums)
    assert joined(sums) == [MAX_ROWS * entry**2]
    agreement_kernels.ordered_sums(ranks.astype(np.uint32), 0, table, sums)
    assert joined(sums) == [MAX_ROWS * entry**2]
