import naive_scores
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.scoring import tables
from oracle.scoring.errors import ScoringError
from oracle.scoring.limits import MAX_ROWS, MIN_ROWS, TABLE_BITS
from oracle.scoring.tables import normal_table

ROWS = st.integers(MIN_ROWS, 3000)


@given(ROWS)
def test_normal_table__any_rows__odd_about_the_median_and_increasing(rows):
    for table in normal_table(rows):
        used = table[2:]
        assert table.shape == (2 * rows + 1,)
        assert table.dtype == np.int64
        assert (used == -used[::-1]).all()
        assert (np.diff(used) > 0).all()
        assert table[:2].tolist() == [0, 0]


@pytest.mark.parametrize("rows", [3, 4, 29])
def test_normal_table__few_rows__equals_bisection_in_sixty_digits(rows):
    for table, power in zip(normal_table(rows), (False, True), strict=True):
        expected = [naive_scores.table_entry(k, rows, power) for k in range(2, 2 * rows + 1)]
        assert table[2:].tolist() == expected


@pytest.mark.slow
@pytest.mark.parametrize("rows", [997, 5000])
def test_normal_table__every_entry__is_the_correctly_rounded_one(rows):
    """Each true value lies within half a unit of its entry: checked without the float seed."""
    context = tables.exact_context()
    for table, power in zip(normal_table(rows), (1.0, 1.5), strict=True):
        for tail in range(1, rows):
            twice = 2 * int(table[2 * rows + 1 - tail])
            assert tables.exceeds(context, tail, rows, twice - 1, power)
            assert not tables.exceeds(context, tail, rows, twice + 1, power)


def test_normal_table__seed_wrong_within_the_guard__same_integers(monkeypatch):
    """Float errors ten thousand times the real ones change nothing, thanks to the guard alone."""
    expected = normal_table(5000)
    shift = 0.01 * 2.0**-TABLE_BITS  # grows to at most 0.03 units in z**1.5

    class Shifted(tables.NormalDist):
        def inv_cdf(self, p):
            return super().inv_cdf(p) + (shift if hash(p) % 2 else -shift)

    monkeypatch.setattr(tables, "NormalDist", Shifted)
    for guard, unchanged in ((1 / 16, True), (0.0, False)):
        monkeypatch.setattr(tables, "GUARD", guard)
        shifted = normal_table.__wrapped__(5000)
        pairs = zip(shifted, expected, strict=True)
        assert all((left == right).all() for left, right in pairs) is unchanged


def test_normal_table__extremes__within_the_proven_bound():
    gauss, gauss15 = normal_table(MAX_ROWS)
    assert gauss.max() < 2**31
    assert gauss15.max() < 2**32


def test_normal_table__callers__cannot_change_the_cache():
    with pytest.raises(ValueError, match="read-only"):
        normal_table(20)[0][3] = 1


@pytest.mark.parametrize(("rows", "code"), [(2, "too_few_rows"), (20_001, "too_many_rows")])
def test_normal_table__rows_out_of_bounds__named_error(rows, code):
    with pytest.raises(ScoringError) as raised:
        normal_table(rows)
    assert raised.value.code == code
