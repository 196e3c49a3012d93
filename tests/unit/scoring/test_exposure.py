"""Feature exposures against the exact definition, and their laws."""

from fractions import Fraction
from math import isqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from neutral_digests import noise
from scoring_strategies import vectors
from test_least_squares import matrices

from oracle.scoring.errors import ScoringError
from oracle.scoring.exposure import FeatureMoments, exposures, max_exposure
from oracle.scoring.limits import SCALE
from oracle.scoring.ranks import doubled_ranks
from oracle.scoring.tables import normal_table

VALUES = noise(80, 6, 200) % (SCALE + 1)
FEATURES = noise(81, 200, 30) % 5


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    rows = draw(st.integers(3, 16))
    return np.array([draw(vectors(rows)), draw(vectors(rows))]), draw(matrices(rows))


@given(cases())
def test_exposures__small_rounds__those_of_exact_arithmetic(case):
    values, features = case
    found = exposures(values, features)
    for model, row in enumerate(values.tolist()):
        for place, feature in enumerate(features.T.tolist()):
            if len(set(feature)) == 1:
                assert found[model, place] == 0
            else:
                assert abs(found[model, place] - pearson(row, feature)) <= 0.5 + 1e-5


def pearson(xs: list[int], ys: list[int]) -> float:
    """In units of 1e-9, from integers; the root to 30 digits."""
    count = len(xs)
    covariance = count * sum(map(int.__mul__, xs, ys)) - sum(xs) * sum(ys)
    spreads = [count * sum(v * v for v in side) - sum(side) ** 2 for side in (xs, ys)]
    root = isqrt(spreads[0] * spreads[1] * 10**60)
    return float(Fraction(covariance * SCALE * 10**30, root))


@given(cases())
def test_max_exposure__small_rounds__first_largest_of_the_exposures(case):
    values, features = case
    all_of_them = np.abs(exposures(values, features))
    found = max_exposure(values, features)
    assert (found.value == all_of_them.max(axis=1)).all()
    if (features == features[0]).all():
        assert (found.feature == -1).all()
    else:
        assert (found.feature == all_of_them.argmax(axis=1)).all()


def test_exposures__of_a_feature_itself_and_its_opposite__one_and_minus_one():
    values = np.array([FEATURES[:, 3], -FEATURES[:, 3]])
    found = exposures(values, FEATURES)
    assert found[:, 3].tolist() == [SCALE, -SCALE]
    best = max_exposure(values, FEATURES)
    assert best.feature.tolist() == [3, 3]
    assert best.value.tolist() == [SCALE, SCALE]


@pytest.mark.parametrize("block", [1, 4, 100])
def test_exposures__rows_permuted_or_other_blocks__same_bits(block):
    order = np.argsort(noise(82, 200))
    whole = exposures(VALUES, FEATURES)
    moments = FeatureMoments.of(FEATURES)
    assert (exposures(VALUES, moments, block) == whole).all()
    assert (exposures(VALUES[:, order], FEATURES[order]) == whole).all()
    assert (max_exposure(VALUES, FEATURES, block).value == np.abs(whole).max(axis=1)).all()


def test_exposures__largest_universe_and_ranges__those_of_floats():
    """The largest N and the widest values and features: integers come near 2**63."""
    rows = 20_000
    table = normal_table(rows)[0]
    values = np.array([table[2::2], np.where(np.arange(rows) % 2, 2_500_000_000, 0)])
    features = np.column_stack([np.arange(rows) % 2 * 32, np.arange(rows) * 33 // rows])
    found = exposures(values, features) / SCALE
    expected = np.corrcoef(np.vstack([values, features.T]).astype(float))[:2, 2:]
    assert np.abs(found - expected).max() < 1e-9


def test_exposures__ranks_and_shifted_values__as_the_unshifted():
    ranks = doubled_ranks(VALUES)
    assert (exposures(ranks, FEATURES) == exposures(ranks * 3 - 10**6, FEATURES + 7)).all()


@pytest.mark.parametrize(
    ("values", "features", "code"),
    [
        (VALUES / SCALE, FEATURES, "dtype"),
        (VALUES, FEATURES / 4, "dtype"),
        (VALUES[0], FEATURES, "shape"),
        (VALUES, FEATURES[:, 0], "shape"),
        (VALUES[:, 1:], FEATURES, "shape"),
        (VALUES, FEATURES[:, :0], "feature_count"),
        (VALUES, FEATURES * 9, "feature_range"),
        (VALUES[:, :2], FEATURES[:2], "too_few_rows"),
        (VALUES * 3, FEATURES, "value_range"),
        (np.array([[-(2**63), 2**63 - 1, 0]]), FEATURES[:3], "value_range"),
        (VALUES * 0, FEATURES, "constant_prediction"),
    ],
)
def test_exposures__bad_input__named_error(values, features, code):
    for call in (exposures, max_exposure):
        with pytest.raises(ScoringError) as raised:
            call(values, features)
        assert raised.value.code == code


def test_exposures__constant_model_in_a_later_block__named_by_its_index():
    values = VALUES.copy()
    values[4] = 7
    with pytest.raises(ScoringError, match="model 4: ") as raised:
        exposures(values, FEATURES, 3)
    assert raised.value.models == (4,)
