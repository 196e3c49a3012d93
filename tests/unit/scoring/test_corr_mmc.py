"""CORR and MMC against the independent definitions, and their laws."""

import naive_scores
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring_strategies import rounds, vectors

from oracle.scoring.corr import corr
from oracle.scoring.errors import ScoringError
from oracle.scoring.limits import SCALE
from oracle.scoring.mmc import mmc
from oracle.scoring.ranks import doubled_ranks

RANKS = doubled_ranks(np.array([[1, 2, 3, 4], [4, 1, 1, 2]]))
META = doubled_ranks(np.array([3, 1, 2, 4]))
TARGET = np.array([0, 1, 2, 2]) * (SCALE // 4)


@settings(max_examples=40)
@given(rounds(max_models=3, max_rows=12))
def test_corr_and_mmc__small_rounds__equal_the_independent_definition(case):
    ranks = doubled_ranks(case.predictions)
    target = case.target.tolist()
    meta = ranks[0]
    corrs, mmcs = corr(ranks, case.target), mmc(ranks, meta, case.target)
    for model, row in enumerate(ranks.tolist()):
        assert corrs[model] == naive_scores.exact_corr(row, target)
        assert mmcs[model] == naive_scores.exact_mmc(row, meta.tolist(), target)


@settings(max_examples=40)
@given(rounds(max_models=3, max_rows=12), st.randoms())
def test_corr_and_mmc__small_rounds__within_1e_8_of_the_reals(case, random):
    ranks = doubled_ranks(case.predictions)
    target = case.target.tolist()
    meta = list(range(2, 2 * len(target) + 1, 2))
    random.shuffle(meta)
    corrs, mmcs = corr(ranks, case.target), mmc(ranks, np.array(meta), case.target)
    for model, row in enumerate(ranks.tolist()):
        assert abs(corrs[model] - naive_scores.ideal_corr(row, target) * SCALE) <= 10
        assert abs(mmcs[model] - naive_scores.ideal_mmc(row, meta, target) * SCALE) <= 10


@given(rounds())
def test_corr__negated_prediction__negated_score(case):
    direct = corr(doubled_ranks(case.predictions), case.target)
    assert (corr(doubled_ranks(-case.predictions), case.target) == -direct).all()


@given(rounds())
def test_mmc__negated_prediction__negated_score(case):
    meta = doubled_ranks(case.predictions[0])
    direct = mmc(doubled_ranks(case.predictions), meta, case.target)
    assert (mmc(doubled_ranks(-case.predictions), meta, case.target) == -direct).all()


@given(rounds())
def test_mmc__prediction_equal_to_the_meta_model__zero(case):
    ranks = doubled_ranks(case.predictions)
    assert mmc(ranks, ranks[-1], case.target)[-1] == 0


@given(rounds(), st.integers(-SCALE, SCALE))
def test_corr__shifted_target__unchanged(case, shift):
    ranks = doubled_ranks(case.predictions)
    assert (corr(ranks, case.target) == corr(ranks, case.target + shift)).all()


@given(st.integers(3, 24).flatmap(vectors))
def test_corr__uint16_and_int64_ranks__same_scores(target):
    ranks = doubled_ranks(np.array([target, -target, np.arange(target.size)]))
    assert (corr(ranks.astype(np.uint16), target) == corr(ranks, target)).all()


def test_mmc__target_leaves_the_unit_interval__factor_four_goes():
    inside, outside = TARGET, TARGET - 1
    assert abs(mmc(RANKS, META, inside) - 4 * mmc(RANKS, META, outside)).max() <= 2


@pytest.mark.parametrize(
    ("ranks", "target", "code"),
    [
        (RANKS / 2, TARGET, "dtype"),
        (RANKS[0], TARGET, "shape"),
        (RANKS, TARGET[:3], "shape"),
        (RANKS, TARGET / SCALE, "dtype"),
        (RANKS[:, :2], TARGET[:2], "too_few_rows"),
        (RANKS, np.full(4, 7), "constant_target"),
        (RANKS, TARGET * 9, "target_range"),
        (RANKS - 1, TARGET, "not_ranks"),
        (RANKS * 0, TARGET, "not_ranks"),
        (np.array([[-2, 8, 8, 6]]), TARGET, "not_ranks"),
        (np.array([[2, 2, 6, 10]]), TARGET, "not_ranks"),
        (np.array([[1, 5, 6, 8]]), TARGET, "not_ranks"),
        (np.full((1, 4), 5), TARGET, "constant_prediction"),
    ],
)
def test_corr_and_mmc__bad_input__named_error(ranks, target, code):
    for call in (lambda: corr(ranks, target), lambda: mmc(ranks, META, target)):
        with pytest.raises(ScoringError) as raised:
            call()
        assert raised.value.code == code


@pytest.mark.parametrize("block", [1, 2, None])
def test_corr_and_mmc__bad_model_in_any_block__named_by_its_index(block):
    ranks = np.vstack([RANKS, RANKS, np.full((1, 4), 5)])
    for call in (lambda: corr(ranks, TARGET, block), lambda: mmc(ranks, META, TARGET, block)):
        with pytest.raises(ScoringError, match="model 4: all predictions are equal") as raised:
            call()
        assert raised.value.models == (4,)


@pytest.mark.parametrize(
    ("meta", "code"),
    [
        (np.full(4, 5), "constant_meta_model"),
        (META[:3], "shape"),
        (META + 1, "not_ranks"),
        (META / 2, "dtype"),
    ],
)
def test_mmc__bad_meta_model__named_error(meta, code):
    with pytest.raises(ScoringError) as raised:
        mmc(RANKS, meta, TARGET)
    assert raised.value.code == code


def test_corr__block_of_no_model__named_error():
    with pytest.raises(ScoringError, match="at least one model"):
        corr(RANKS, TARGET, 0)
