"""The scores as floats: against the golden files, their definitions, and their errors."""

import json
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.scoring import float_scores, tools
from oracle.scoring.errors import ScoringError

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "scores"
CASES = ("binned_100_ties", "returns_100", "three_rows", "two_values_101")

VALUES = np.array([[0.1, 0.9, 0.4, 0.4, 0.2], [3.0, -1.0, 2.0, 5.0, 4.0]])
FLAT = np.array([[0.1, 0.2, 0.3, 0.4, 0.5], [0.5] * 5])
TARGET = np.array([0.0, 1.0, 0.5, 0.75, 0.25])
SAMPLE_WEIGHTS = np.array([1.0, 0.5, 1.0, 0.5, 1.0])
FEATURES = np.array([[0.0, 1.0], [0.5, 1.0], [1.0, 0.0], [0.5, 0.0], [0.25, 0.5]])

SCORES = [
    lambda x: float_scores.numerai_corr(x, TARGET),
    lambda x: float_scores.numerai_corr(x, TARGET, top_bottom=2),
    lambda x: float_scores.correlation_contribution(x, VALUES[1], TARGET),
    lambda x: float_scores.correlation_contribution(x, VALUES[1], TARGET, top_bottom=2),
    lambda x: float_scores.feature_neutral_corr(x, FEATURES, TARGET),
    lambda x: float_scores.neutral_correlation(x, FEATURES, TARGET),
    lambda x: float_scores.neutral_contribution(x, VALUES[1], FEATURES, TARGET),
    lambda x: float_scores.generate_neutralized_weights(x, FEATURES, TARGET, True),
    lambda x: float_scores.alpha(x, FEATURES, TARGET, TARGET),
]


@pytest.mark.parametrize("score", SCORES)
def test_scores__one_model_or_many__same_results(score):
    models = np.array([VALUES[0], VALUES[1] / 8 + 0.25, VALUES[0][::-1]])
    together = score(models)
    assert together.dtype == np.float64
    assert len(together) == 3
    for model, row in enumerate(models):
        assert score(row) == pytest.approx(together[model], abs=1e-12)
        assert score(row).shape == together.shape[1:]


@pytest.mark.parametrize("score", SCORES)
def test_scores__constant_model__named(score):
    with pytest.raises(ScoringError) as error:
        score(FLAT)
    assert error.value.code == "constant_prediction"
    assert error.value.models == (1,)


@pytest.mark.parametrize("score", SCORES)
def test_scores__any_increasing_map_of_the_predictions__unchanged(score):
    assert score(np.exp(VALUES * 3)) == pytest.approx(score(VALUES), abs=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_scores__golden_rounds__within_1e_8_of_the_reference(name):
    case = json.loads((GOLDEN / f"{name}.json").read_text(encoding="ascii"))
    values, target = np.array(case["predictions"]) / 1e9, np.array(case["target"]) / 1e9
    corr = float_scores.numerai_corr(values, target)
    mmc = float_scores.correlation_contribution(values, case["meta_model"], target)
    meta = tools.stake_weight(tools.tie_kept_rank(values), case["stakes"])
    assert corr == pytest.approx(case["numerai_corr"], abs=1e-8)
    assert mmc == pytest.approx(case["correlation_contribution"], abs=1e-8)
    assert meta == pytest.approx(case["meta_model"], abs=1e-11)


def test_numerai_corr__all_rows_as_ends__the_exact_score():
    values, target = VALUES[:, :4], TARGET[:4]
    exact = float_scores.numerai_corr(values, target)
    assert float_scores.numerai_corr(values, target, top_bottom=2) == pytest.approx(exact, abs=1e-8)
    contribution = float_scores.correlation_contribution(values, VALUES[1, :4], target)
    ends = float_scores.correlation_contribution(values, VALUES[1, :4], target, top_bottom=2)
    assert ends == pytest.approx(contribution, abs=1e-8)


def test_numerai_corr__without_the_target_power__pearson_with_the_plain_target():
    z = tools.tie_kept_rank__gaussianize__pow_1_5(VALUES)
    found = float_scores.numerai_corr(VALUES, TARGET, target_pow15=False)
    assert found == pytest.approx(tools.pearson_correlation(TARGET, z))


def test_neutral_scores__no_feature__as_without_neutralising():
    none = np.empty((5, 0))
    meta = VALUES[1][::-1]
    plain = float_scores.correlation_contribution(VALUES, meta, TARGET)
    assert float_scores.neutral_contribution(VALUES, meta, none, TARGET) == pytest.approx(
        plain, abs=1e-8
    )
    z = tools.tie_kept_rank__gaussianize(VALUES)
    wanted = tools.pearson_correlation(TARGET, z)
    assert float_scores.neutral_correlation(VALUES, none, TARGET) == pytest.approx(
        wanted, abs=1e-12
    )


def test_feature_neutral_corr__residuals_equal_in_theory__tie():
    marks_row_one = np.array([[0.0], [1.0], [0.0], [0.0], [0.0]])
    rest = np.array([0.2, 0.5, 0.2, 0.9, 0.9])
    neutral = tools.tie_kept_rank__gaussianize__neutralize__variance_normalize(rest, marks_row_one)
    z = tools.tie_kept_rank__gaussianize(rest)
    exact = z - z[[0, 2, 3, 4]].mean()
    exact[1] = 0
    wanted = float_scores.numerai_corr(exact / exact.std(), TARGET)
    assert neutral[0] == pytest.approx(neutral[2], abs=1e-12)
    assert float_scores.feature_neutral_corr(rest, marks_row_one, TARGET) == wanted


def test_generate_neutralized_weights__small_case__the_formula():
    s = tools.tie_kept_rank__gaussianize__pow_1_5(VALUES[0])
    v = np.array([1.0, 0.5, 1.0, 0.5, 1.0])
    wanted = (s - FEATURES @ (FEATURES.T @ (v * s))) * v
    found = float_scores.generate_neutralized_weights(VALUES[0], FEATURES, v)
    assert found == pytest.approx(wanted, abs=1e-12)
    portfolio = float_scores.generate_neutralized_weights(VALUES[0], FEATURES, v, True)
    assert portfolio.sum() == pytest.approx(0, abs=1e-12)
    assert np.abs(portfolio).sum() == pytest.approx(1)


def mpc(stakes, sample_weights=SAMPLE_WEIGHTS):
    return float_scores.meta_portfolio_contribution(
        VALUES, stakes, FEATURES, sample_weights, TARGET
    )


def returned(stakes: np.ndarray) -> float:
    """The return of the stake-weighted portfolio of length 1, over 50."""
    weights = float_scores.generate_neutralized_weights(VALUES, FEATURES, SAMPLE_WEIGHTS)
    portfolio = tools.center(stakes / stakes.sum() @ weights)
    return portfolio @ TARGET / np.linalg.norm(portfolio) / 50


def test_alpha__small_case__mean_product_with_the_centred_target():
    weights = float_scores.generate_neutralized_weights(VALUES, FEATURES, SAMPLE_WEIGHTS)
    wanted = [np.mean(row * (TARGET - TARGET.mean())) for row in weights]
    found = float_scores.alpha(VALUES, FEATURES, SAMPLE_WEIGHTS, TARGET)
    assert found == pytest.approx(wanted, abs=1e-12)


def test_meta_portfolio_contribution__small_case__the_slope_of_the_portfolios_return():
    stakes, step = np.array([3.0, 1.0]), 1e-6
    found = float_scores.meta_portfolio_contribution(
        VALUES, stakes, FEATURES, SAMPLE_WEIGHTS, TARGET
    )
    for model in range(2):
        change = step * np.eye(2)[model]
        slope = (returned(stakes + change) - returned(stakes - change)) / (2 * step)
        assert found[model] == pytest.approx(slope * stakes.sum(), abs=1e-6)
    assert found @ stakes == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("factor", [1e-300, 1e250])
def test_meta_portfolio_contribution__any_unit_of_stake__unchanged(factor):
    args = (FEATURES, SAMPLE_WEIGHTS, TARGET)
    found = float_scores.meta_portfolio_contribution(VALUES, np.array([3, 1]) * factor, *args)
    wanted = float_scores.meta_portfolio_contribution(VALUES, [3, 1], *args)
    assert found == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize(
    ("wanted", "call"),
    [
        ("not_finite", lambda: float_scores.numerai_corr(VALUES, TARGET * np.nan)),
        ("shape", lambda: float_scores.numerai_corr(VALUES, TARGET[:4])),
        ("top_bottom", lambda: float_scores.numerai_corr(VALUES, TARGET, top_bottom=3)),
        ("top_bottom", lambda: float_scores.numerai_corr(VALUES, TARGET, top_bottom=0)),
        ("constant_target", lambda: float_scores.numerai_corr(VALUES, np.ones(5))),
        ("target_range", lambda: float_scores.numerai_corr(VALUES, TARGET * 1e300)),
        (
            "constant_meta_model",
            lambda: float_scores.correlation_contribution(VALUES, FLAT[1], TARGET),
        ),
        ("no_stake", lambda: mpc([0, 0])),
        ("negative_stake", lambda: mpc([1, -1])),
        ("shape", lambda: mpc([1])),
        ("zero_portfolio", lambda: mpc([1, 1], np.zeros(5))),
        ("neutralized_away", lambda: float_scores.feature_neutral_corr(VALUES, np.eye(5), TARGET)),
    ],
)
def test_scores__bad_input__named_error(wanted, call):
    with pytest.raises(ScoringError) as error:
        call()
    assert error.value.code == wanted


@given(st.lists(st.floats(-1, 1), min_size=5, max_size=5), st.integers(-300, 300))
def test_generate_neutralized_weights__extreme_scales__numbers_or_a_named_error(row, exponent):
    weights = np.abs(row) * 10.0**exponent
    with suppress(ScoringError):
        found = float_scores.generate_neutralized_weights(VALUES, FEATURES * 1e200, weights)
        assert np.isfinite(found).all()
