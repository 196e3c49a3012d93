import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from score_digests import digest, synthetic_round
from scoring_strategies import Round, rounds

from oracle.scoring.corr import corr
from oracle.scoring.errors import ScoringError
from oracle.scoring.hardening import hardening
from oracle.scoring.limits import SCALE
from oracle.scoring.meta_model import meta_model, meta_model_values
from oracle.scoring.mmc import mmc
from oracle.scoring.portfolio import plain_problem
from oracle.scoring.ranks import doubled_ranks
from oracle.scoring.round import score_round
from oracle.scoring.true_contribution import true_contribution

PREDICTIONS = np.array([[1, 2, 3, 4], [4, 1, 1, 2], [9, 9, 2, 5]]) * (SCALE // 10)
TARGET = np.array([0, 1, 2, 2]) * (SCALE // 4)
STAKES = [5, 0, 7]


def score(case: Round, **options):
    return score_round(case.predictions, case.target, case.stakes, **options)


@given(rounds())
def test_score_round__any_round__equals_its_parts(case):
    scores = score(case)
    ranks = doubled_ranks(case.predictions)
    meta = meta_model(ranks, case.stakes)
    assert (scores.corr == corr(ranks, case.target)).all()
    assert (scores.meta_ranks == meta).all()
    assert (scores.meta_values == meta_model_values(ranks, case.stakes)).all()
    if scores.meta_status == "ok":
        assert (scores.mmc == mmc(ranks, meta, case.target)).all()
    else:
        assert not scores.mmc.any()
    alone = hardening(ranks, case.stakes, range(len(case.stakes)))
    assert (scores.rho == alone.rho).all()
    assert (scores.levels == alone.levels).all()
    assert scores.rho_statuses == alone.statuses


@given(rounds(), st.data())
def test_score_round__accounts__are_those_of_the_hardening(case, data):
    count = len(case.stakes)
    accounts = data.draw(st.lists(st.sampled_from("abc"), min_size=count, max_size=count))
    counts = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))
    weights = [stake if counted else 0 for stake, counted in zip(case.stakes, counts, strict=True)]
    found = score(case, accounts=accounts, meta_models=counts)
    expected = hardening(doubled_ranks(case.predictions), weights, accounts)
    assert (found.rho == expected.rho).all()
    assert (found.levels == expected.levels).all()
    assert found.rho_statuses == expected.statuses


@given(rounds(), st.integers(1, 7))
def test_score_round__block_size__changes_no_bit(case, block):
    assert digest(score(case, block_models=block)) == digest(score(case))


@given(rounds())
def test_score_round__increasing_transform__changes_no_bit(case):
    squeezed = [np.searchsorted(np.unique(row), row) ** 2 + 3 for row in case.predictions]
    moved = Round(np.array(squeezed), case.target, case.stakes)
    assert digest(score(moved)) == digest(score(case))


@given(rounds(), st.randoms())
def test_score_round__rows_permuted__same_scores(case, random):
    order = list(range(case.target.size))
    random.shuffle(order)
    plain = score(case)
    moved = score(Round(case.predictions[:, order], case.target[order], case.stakes))
    assert (moved.corr == plain.corr).all()
    assert (moved.mmc == plain.mmc).all()
    assert (moved.meta_values == plain.meta_values[order]).all()
    assert (moved.meta_ranks == plain.meta_ranks[order]).all()


@given(rounds(), st.randoms())
def test_score_round__models_permuted__scores_permuted(case, random):
    order = list(range(len(case.stakes)))
    random.shuffle(order)
    plain = score(case)
    stakes = [case.stakes[model] for model in order]
    moved = score(Round(case.predictions[order], case.target, stakes))
    assert (moved.corr == plain.corr[order]).all()
    assert (moved.mmc == plain.mmc[order]).all()
    assert (moved.meta_values == plain.meta_values).all()


@given(rounds(), st.data())
def test_score_round__model_without_weight__scored_as_with_stake_zero(case, data):
    counts = data.draw(
        st.lists(st.booleans(), min_size=len(case.stakes), max_size=len(case.stakes))
    )
    zeroed = [stake if count else 0 for stake, count in zip(case.stakes, counts, strict=True)]
    masked = score(case, meta_models=counts)
    assert digest(masked) == digest(score(Round(case.predictions, case.target, zeroed)))
    assert (masked.corr == score(case).corr).all()


def test_score_round__concurrent_threads__same_digest():
    with ThreadPoolExecutor(2) as pool:
        digests = list(pool.map(lambda _: digest(synthetic_round(20, 1500)), range(6)))
    assert len(set(digests)) == 1


@pytest.mark.parametrize(
    ("predictions", "stakes", "status"),
    [
        (PREDICTIONS, [0, 0, 0], "no_stake"),
        (np.array([PREDICTIONS[0], SCALE - PREDICTIONS[0]]), [3, 3], "constant"),
    ],
)
def test_score_round__no_meta_model__zero_mmc_and_a_status(predictions, stakes, status):
    scores = score_round(predictions, TARGET, stakes)
    assert scores.meta_status == status
    assert scores.mmc.tolist() == [0] * len(stakes)
    assert (scores.corr == corr(doubled_ranks(predictions), TARGET)).all()
    assert scores.meta_ranks.tolist() == [5] * 4
    assert scores.meta_values.tolist() == [SCALE // 2] * 4


def test_score_round__no_model__empty_scores():
    scores = score_round(PREDICTIONS[:0], TARGET, [])
    assert (scores.corr.size, scores.mmc.size, scores.meta_status) == (0, 0, "no_stake")
    assert (scores.rho.size, scores.levels.size, scores.rho_statuses) == (0, 0, ())


def with_bad(model: int, row: list[int]) -> np.ndarray:
    matrix = PREDICTIONS.copy()
    matrix[model] = row
    return matrix


@pytest.mark.parametrize(
    ("changes", "code", "models"),
    [
        ({"predictions": with_bad(1, [3, 3, 3, 3])}, "constant_prediction", (1,)),
        ({"predictions": with_bad(2, [0, 1, 2, -1])}, "prediction_range", (2,)),
        ({"predictions": with_bad(0, [0, 1, 2, SCALE + 1])}, "prediction_range", (0,)),
        ({"predictions": PREDICTIONS * 0}, "constant_prediction", (0, 1, 2)),
        ({"predictions": PREDICTIONS / SCALE}, "dtype", ()),
        ({"predictions": PREDICTIONS[0]}, "shape", ()),
        ({"predictions": PREDICTIONS[:, :3]}, "shape", ()),
        ({"target": TARGET[:, None]}, "shape", ()),
        ({"target": TARGET / 3}, "dtype", ()),
        ({"target": TARGET * 0}, "constant_target", ()),
        ({"target": TARGET - 9 * SCALE}, "target_range", ()),
        ({"stakes": [1, 2]}, "shape", ()),
        ({"stakes": [1, -2, -3]}, "negative_stake", (1, 2)),
        ({"stakes": [2**56, 0, 0]}, "stakes_total", ()),
        ({"stakes": ["1", 0, 0]}, "dtype", ()),
        ({"meta_models": [True]}, "shape", ()),
        ({"meta_models": [1, 0, 1]}, "dtype", ()),
        ({"accounts": "ab"}, "shape", ()),
        ({"accounts": [[], [], []]}, "dtype", ()),
        ({"block_models": 0}, "block", ()),
        ({"predictions": PREDICTIONS[:, :2], "target": TARGET[:2]}, "too_few_rows", ()),
    ],
)
def test_score_round__bad_input__named_error(changes, code, models):
    arguments = {"predictions": PREDICTIONS, "target": TARGET, "stakes": STAKES}
    with pytest.raises(ScoringError) as raised:
        score_round(**(arguments | changes))
    assert (raised.value.code, raised.value.models) == (code, models)
    assert str(raised.value)


def test_score_round__too_many_rows_or_models__named_error():
    wide = np.broadcast_to(np.int64(1), (1, 20_001))
    tall = np.broadcast_to(np.int64(1), (100_001, 4))
    for predictions, code in ((wide, "too_many_rows"), (tall, "too_many_models")):
        with pytest.raises(ScoringError) as raised:
            score_round(predictions, TARGET, [])
        assert raised.value.code == code


def test_scoring_error__pickled__survives_a_process_boundary():
    error = pickle.loads(pickle.dumps(ScoringError("code", "text", (3,))))
    assert (error.code, str(error), error.models) == ("code", "text", (3,))


# --- True Contribution ---

PROBLEM = plain_problem(40, seed=5, bags=4)
WIDE = np.random.default_rng(5).integers(0, SCALE, (6, 40))
RETURNS = np.random.default_rng(6).integers(0, SCALE, 40)


def test_score_round__with_a_portfolio__true_contribution_of_the_target():
    stakes = [3, 0, 5, 7, 11, 13]
    found = score_round(WIDE, RETURNS, stakes, portfolio=PROBLEM)
    expected = true_contribution(doubled_ranks(WIDE), stakes, RETURNS, PROBLEM)
    assert (found.tc.tolist(), found.tc_status) == (expected.scores.tolist(), "ok")


def test_score_round__without_a_portfolio__no_true_contribution():
    found = score_round(WIDE, RETURNS, [1] * 6)
    assert (found.tc.tolist(), found.tc_status) == ([0] * 6, "not_asked")


@pytest.mark.parametrize(
    ("predictions", "stakes", "problem", "status"),
    [
        (WIDE, [0] * 6, PROBLEM, "no_stake"),
        (np.stack([WIDE[0], SCALE - WIDE[0]]), [1, 1], PROBLEM, "constant_meta_model"),
        (WIDE, [1] * 6, replace(PROBLEM, risk_aversion=1, box=SCALE), "kkt_residual"),
    ],
)
def test_score_round__no_portfolio_to_be_had__zeros_and_the_reason(
    predictions, stakes, problem, status
):
    found = score_round(predictions, RETURNS, stakes, portfolio=problem)
    assert (found.tc.tolist(), found.tc_status) == ([0] * len(stakes), status)
    assert found.corr.any()


def test_score_round__portfolio_that_follows_no_signal__zeros_and_ok():
    found = score_round(WIDE, RETURNS, [1] * 6, portfolio=replace(PROBLEM, box=SCALE // 10**6))
    assert (found.tc.tolist(), found.tc_status) == ([0] * 6, "ok")


@pytest.mark.parametrize(("portfolio", "code"), [(plain_problem(30), "shape"), (3, "dtype")])
def test_score_round__portfolio_of_other_rows_or_none__is_the_callers_error(portfolio, code):
    with pytest.raises(ScoringError) as raised:
        score_round(WIDE, RETURNS, [1] * 6, portfolio=portfolio)
    assert raised.value.code == code
