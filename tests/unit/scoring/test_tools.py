"""The float helpers against SciPy and plain definitions, and their errors."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from oracle.scoring import tools
from oracle.scoring.errors import ScoringError

NUMBERS = st.floats(-1e6, 1e6) | st.sampled_from([0.0, -0.0, 0.25, 0.5, 1.0, 5e-324, -5e-324])
VALUES = np.array([[0.1, 0.9, 0.4, 0.4, 0.2], [3.0, -1.0, 2.0, 5.0, 4.0]])
TARGET = np.array([0.0, 1.0, 0.5, 0.75, 0.25])
FEATURES = np.array([[0.0, 1.0], [0.5, 1.0], [1.0, 0.0], [0.5, 0.0], [0.25, 0.5]])


def rows(least: int = 3, most: int = 20) -> st.SearchStrategy[np.ndarray]:
    return st.lists(NUMBERS, min_size=least, max_size=most).map(np.array)


def varied(least: int = 3, most: int = 20) -> st.SearchStrategy[np.ndarray]:
    return rows(least, most).filter(lambda row: row.min() < row.max())


def code(call, *args, **options) -> str:
    with pytest.raises(ScoringError) as error:
        call(*args, **options)
    return error.value.code


# Ranks and the normal distribution


@given(rows())
def test_tie_kept_rank__any_floats__as_scipy_ranks_them(row):
    assert (tools.tie_kept_rank(row) == (2 * stats.rankdata(row) - 1) / (2 * row.size)).all()


@given(rows())
def test_tie_broken_rank__any_floats__as_scipy_ranks_them_in_row_order(row):
    wanted = (stats.rankdata(row, method="ordinal") - 0.5) / row.size
    assert (tools.tie_broken_rank(row) == wanted).all()


def test_tie_kept_rank__values_closer_than_1e_9__still_ranked():
    row = [1.0, np.nextafter(1.0, 2.0), np.nextafter(1.0, 0.0)]
    assert tools.tie_kept_rank(row).tolist() == [0.5, 2.5 / 3, 0.5 / 3]


@given(st.lists(st.floats(1e-300, 1 - 1e-16), min_size=1, max_size=30))
def test_gaussian__probabilities__as_scipy(row):
    assert tools.gaussian(row) == pytest.approx(stats.norm.ppf(row), rel=1e-12, abs=1e-15)


def test_gaussian__zero_and_one__infinite():
    assert tools.gaussian([0.0, 0.5, 1.0]).tolist() == [-np.inf, 0.0, np.inf]


@given(rows())
def test_gaussianize__any_floats__within_2e_9_of_scipy(row):
    z = stats.norm.ppf((stats.rankdata(row) - 0.5) / row.size)
    powered = np.sign(z) * np.abs(z) ** 1.5
    assert tools.tie_kept_rank__gaussianize(row) == pytest.approx(z, abs=2e-9)
    assert tools.tie_kept_rank__gaussianize__pow_1_5(row) == pytest.approx(powered, abs=2e-9)


@pytest.mark.parametrize(
    "helper",
    [
        tools.tie_kept_rank,
        tools.tie_broken_rank,
        tools.gaussian,
        tools.tie_kept_rank__gaussianize,
        tools.tie_kept_rank__gaussianize__pow_1_5,
        tools.center,
        tools.variance_normalize,
        tools.standardize,
        tools.min_max_normalize,
        tools.weight_normalize,
        tools.sharpe_ratio,
        lambda x: tools.power(x, 1.5),
        lambda x: tools.orthogonalize(x, TARGET),
        lambda x: tools.neutralize(x, FEATURES),
        lambda x: tools.tie_kept_rank__gaussianize__neutralize__variance_normalize(x, FEATURES),
        lambda x: tools.pearson_correlation(TARGET, x),
        lambda x: tools.spearman_correlation(TARGET, x),
    ],
)
def test_helpers__one_model_or_many__same_results(helper):
    models = np.array([VALUES[0], VALUES[1] / 8 + 0.25, VALUES[0][::-1]])
    together = helper(models)
    assert together.dtype == np.float64
    assert len(together) == 3
    for model, row in enumerate(models):
        assert helper(row) == pytest.approx(together[model], abs=1e-12)
        assert helper(row).shape == together.shape[1:]


# Scaling


@given(varied())
def test_standardize__any_varied_floats__mean_zero_and_deviation_one(row):
    scaled = tools.standardize(row)
    assert abs(scaled.mean()) < 1e-6
    assert scaled.std() == pytest.approx(1, abs=1e-9)


@given(varied())
def test_min_max_normalize__any_varied_floats__from_zero_to_one(row):
    scaled = tools.min_max_normalize(row)
    assert (scaled.min(), scaled.max()) == (0, 1)
    assert row[scaled == 1].max() == row.max()


@pytest.mark.parametrize("scale", [1.0, 1e-300, 8e307])
def test_weight_normalize__both_signs__absolute_sum_one(scale):
    found = tools.weight_normalize(np.array([1.0, -2.0, 1.0]) * scale)
    assert found.tolist() == [0.25, -0.5, 0.25]


def test_power__both_signs__sign_kept():
    assert tools.power([-4.0, 0.0, 4.0], 1.5).tolist() == [-8.0, 0.0, 8.0]


def test_sharpe_ratio__four_values__mean_over_population_deviation():
    assert tools.sharpe_ratio([1.0, 3.0, 1.0, 3.0]).item() == 2.0


# Linear algebra


@given(st.integers(3, 12).flatmap(lambda n: st.tuples(rows(n, n), rows(n, n))))
def test_orthogonalize__any_reference__nothing_left_along_it(case):
    row, reference = case
    if not reference.any():
        assert code(tools.orthogonalize, row, reference) == "zero_reference"
        return
    left = tools.orthogonalize(row, reference)
    unit = reference / np.abs(reference).max()
    assert abs(left @ unit) <= 1e-9 * max(1.0, np.abs(row).max())


def test_neutralize__duplicate_and_constant_features__as_without_them():
    wide = np.hstack((FEATURES, FEATURES[:, :1], np.full((5, 1), 7.0)))
    plain = tools.neutralize(VALUES, FEATURES)
    assert tools.neutralize(VALUES, wide) == pytest.approx(plain, abs=1e-12)
    assert plain @ np.hstack((FEATURES, np.ones((5, 1)))) == pytest.approx(0, abs=1e-12)


def test_neutralize__half_the_proportion__half_way():
    half, whole = (tools.neutralize(VALUES, FEATURES, share) for share in (0.5, 1.0))
    assert half == pytest.approx((VALUES + whole) / 2, abs=1e-12)


def test_neutralize__no_feature__centred():
    assert tools.neutralize(VALUES, np.empty((5, 0))) == pytest.approx(tools.center(VALUES))


def test_neutralizing_pipeline__more_features_than_rows__names_the_models_explained():
    pipeline = tools.tie_kept_rank__gaussianize__neutralize__variance_normalize
    with pytest.raises(ScoringError) as error:
        pipeline(VALUES, np.eye(5))
    assert error.value.code == "neutralized_away"
    assert error.value.models == (0, 1)


def test_stake_weight__skewed_stakes__exact_mean_of_the_staked():
    assert tools.stake_weight(VALUES, [0.0, 1e-300]).tolist() == VALUES[1].tolist()
    assert tools.stake_weight(VALUES, [1e308, 1e308]) == pytest.approx(VALUES.mean(axis=0))


# Correlations


@given(st.integers(3, 15).flatmap(lambda n: st.tuples(varied(n, n), varied(n, n))))
def test_spearman_correlation__varied_floats__as_scipy(case):
    wanted = stats.spearmanr(*case).statistic
    assert tools.spearman_correlation(*case).item() == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("scale", [1e-160, 1.0, 1e300])
def test_pearson_correlation__any_scale__same(scale):
    found = tools.pearson_correlation(TARGET, VALUES * scale)
    wanted = [np.corrcoef(TARGET, row)[0, 1] for row in VALUES]
    assert found == pytest.approx(wanted, abs=1e-12)


def test_pearson_correlation__top_bottom__only_the_ends():
    kept = [0, 1, 3, 4]  # of 0.1 .9 .4 .4 .2: the lowest two 0, 4; the highest two 3, 1
    wanted = np.corrcoef(TARGET[kept], VALUES[0][kept])[0, 1]
    assert tools.pearson_correlation(TARGET, VALUES[0], 2).item() == pytest.approx(wanted)


def test_feature_correlations__constant_feature__zero():
    columns = np.hstack((FEATURES, np.full((5, 1), 0.5)))
    found = tools.feature_correlations(VALUES, columns)
    wanted = [[np.corrcoef(row, feature)[0, 1] for feature in FEATURES.T] for row in VALUES]
    assert found[:, :2] == pytest.approx(np.array(wanted))
    assert (found[:, 2] == 0).all()


def test_max_feature_correlation__opposite_feature__named_with_its_size():
    columns = np.column_stack((FEATURES[:, 0], -VALUES[1]))
    which, size = tools.max_feature_correlation(VALUES[1], columns)
    assert which.tolist() == [1]
    assert size == pytest.approx([1.0])


def test_one_hot_encode__repeated_names__a_column_each_in_order():
    found, names = tools.one_hot_encode(["b", "a", "b"])
    assert names.tolist() == ["a", "b"]
    assert found.tolist() == [[0, 1], [1, 0], [0, 1]]


# Bad input

NAN = np.array([[0.1, 0.2, 0.3, 0.4, 0.5], [0.1, np.nan, 0.3, 0.4, 0.5]])
FLAT = np.array([[0.1, 0.2, 0.3, 0.4, 0.5], [0.5] * 5])
HUGE = np.array([1e308, -1e308, 1e308, 1.7e308, 1.7e308])


@pytest.mark.parametrize(
    ("wanted", "call"),
    [
        ("not_finite", lambda: tools.tie_kept_rank(NAN)),
        ("not_finite", lambda: tools.center([1.0, np.inf, 2.0])),
        ("not_finite", lambda: tools.neutralize(VALUES, np.where(FEATURES == 1, np.nan, 0))),
        ("shape", lambda: tools.center(np.zeros((2, 2, 2)))),
        ("shape", lambda: tools.center(3.0)),
        ("shape", lambda: tools.center([[1.0], [1.0, 2.0]])),
        ("shape", lambda: tools.neutralize(VALUES, FEATURES.T)),
        ("shape", lambda: tools.stake_weight(VALUES, [1.0])),
        ("dtype", lambda: tools.center(["a", "b"])),
        ("dtype", lambda: tools.center([1j, 2.0])),
        ("too_few_rows", lambda: tools.center(np.empty((2, 0)))),
        ("too_few_rows", lambda: tools.tie_kept_rank([1.0, 2.0])),
        ("too_many_rows", lambda: tools.tie_kept_rank(np.zeros(20_001))),
        ("probability_range", lambda: tools.gaussian([0.5, 1.5])),
        ("exponent", lambda: tools.power(VALUES, 0)),
        ("exponent", lambda: tools.power(VALUES, np.nan)),
        ("no_weight", lambda: tools.weight_normalize([0.0, 0.0])),
        ("zero_reference", lambda: tools.orthogonalize(VALUES, np.zeros(5))),
        ("proportion", lambda: tools.neutralize(VALUES, FEATURES, np.inf)),
        ("negative_stake", lambda: tools.stake_weight(VALUES, [1.0, -1.0])),
        ("no_stake", lambda: tools.stake_weight(VALUES, [0.0, 0.0])),
        ("shape", lambda: tools.one_hot_encode([["a"]])),
        ("dtype", lambda: tools.one_hot_encode(np.array(["a", 1], object))),
        ("no_feature", lambda: tools.max_feature_correlation(VALUES, np.empty((5, 0)))),
        ("constant_target", lambda: tools.pearson_correlation(np.ones(5), VALUES)),
        ("overflow", lambda: tools.power(HUGE, 1.5)),
        ("overflow", lambda: tools.min_max_normalize(HUGE)),
        ("overflow", lambda: tools.sharpe_ratio([1e308, 1.7e308, 1.7e308])),
    ],
)
def test_helpers__bad_input__named_error(wanted, call):
    assert code(call) == wanted


@pytest.mark.parametrize(
    "helper",
    [
        tools.variance_normalize,
        tools.standardize,
        tools.min_max_normalize,
        tools.sharpe_ratio,
        lambda x: tools.neutralize(x, FEATURES),
        lambda x: tools.tie_kept_rank__gaussianize__neutralize__variance_normalize(x, FEATURES),
        lambda x: tools.pearson_correlation(TARGET, x),
        lambda x: tools.feature_correlations(x, FEATURES),
    ],
)
def test_helpers__constant_model__named(helper):
    with pytest.raises(ScoringError) as error:
        helper(FLAT)
    assert error.value.code == "constant_prediction"
    assert error.value.models in ((1,), ())


@given(varied(5, 5), varied(5, 5))
def test_helpers__extreme_but_finite_floats__a_number_or_a_named_error(row, other):
    for call in (
        lambda: tools.standardize(row * 1e300),
        lambda: tools.orthogonalize(row, other * 1e300),
        lambda: tools.neutralize(row, other * 1e150),
        lambda: tools.pearson_correlation(other * 1e-300, row * 1e300),
    ):
        with suppress(ScoringError):
            assert np.isfinite(call()).all()
