"""A round in blocks: any cut into blocks gives the scores of the whole."""

import pickle
from fractions import Fraction
from itertools import pairwise

import naive_scores
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring_strategies import rounds, vectors

from oracle.scoring.block import (
    joined_scores,
    meta_status,
    ranked_block,
    reject_faulty,
    score_block,
    score_context,
)
from oracle.scoring.corr import corr, cwmm
from oracle.scoring.errors import ScoringError
from oracle.scoring.limits import MAX_ROWS, POWER_BITS, SCALE
from oracle.scoring.meta_model import StakeSums, stake_sums, sum_stakes
from oracle.scoring.mmc import bmc, mmc
from oracle.scoring.ranks import doubled_ranks
from oracle.scoring.tables import normal_table

RANKS = doubled_ranks(np.array([[1, 2, 3, 4], [4, 1, 1, 2], [1, 3, 2, 2]]))
TARGET = np.array([0, 1, 2, 2]) * (SCALE // 4)


@st.composite
def cuts(draw: st.DrawFn, count: int) -> list[slice]:
    """Neighbouring slices that together are 0..count - 1."""
    inner = draw(st.sets(st.integers(1, count - 1))) if count > 1 else set()
    bounds = [0, *sorted(inner), count]
    return [slice(*pair) for pair in pairwise(bounds)]


@given(rounds(), st.data())
def test_score_block__any_cut__the_scores_of_the_parts(case, data):
    ranks = doubled_ranks(case.predictions)
    parts = data.draw(cuts(len(ranks)))
    benchmark = doubled_ranks(data.draw(vectors(ranks.shape[1])))
    sums = StakeSums.zero(ranks.shape[1])
    for part in data.draw(st.permutations(parts)):
        sums = sums.plus(sum_stakes(ranks[part], case.stakes[part]))
    whole = stake_sums(ranks, case.stakes)
    assert (sums.high.tolist(), sums.low.tolist()) == (whole.high.tolist(), whole.low.tolist())
    assert sums.total_stake == whole.total_stake
    context = pickle.loads(pickle.dumps(score_context(case.target, sums, None, benchmark)))
    found = joined_scores([score_block(ranks[part], context) for part in parts], context)
    assert found.corr.tolist() == corr(ranks, case.target).tolist()
    assert found.bmc.tolist() == bmc(ranks, benchmark, case.target).tolist()
    if meta_status(sums) == "ok":
        assert found.mmc.tolist() == mmc(ranks, whole.ranks(), case.target).tolist()
        assert found.cwmm.tolist() == cwmm(ranks, whole.shape()).tolist()
    else:
        assert not found.mmc.any()
        assert not found.cwmm.any()


@given(rounds(), st.data())
def test_ranked_block__any_cut__the_ranks_of_the_whole(case, data):
    found = [ranked_block(case.predictions[part]) for part in data.draw(cuts(len(case.stakes)))]
    ranks = np.concatenate([part.ranks for part in found])
    assert ranks.dtype == np.uint16
    assert ranks.tolist() == doubled_ranks(case.predictions).tolist()
    assert not any(part.outside.any() or part.constant.any() for part in found)


def test_ranked_block__faulty_models__flagged_and_named():
    found = ranked_block(np.array([[1, 2, 3], [-1, 2, 3], [0, SCALE + 1, 0], [5, 5, 5]]))
    assert found.outside.tolist() == [False, True, True, False]
    assert found.constant.tolist() == [False, False, False, True]
    with pytest.raises(ScoringError) as raised:
        reject_faulty(found.outside, found.constant)
    assert (raised.value.code, raised.value.models) == ("prediction_range", (1, 2))


@pytest.mark.parametrize(
    "block",
    [
        np.asfortranarray(RANKS.astype(np.uint16)),
        RANKS.astype(">u2"),
        np.broadcast_to(RANKS.astype(np.uint16), (1, 3, 4))[0],
        np.hstack([RANKS, RANKS]).astype(np.uint16)[:, :4],
    ],
    ids=["column order", "other byte order", "read-only", "a view"],
)
def test_score_block__any_layout__same_scores(block):
    context = score_context(TARGET, stake_sums(RANKS, [1, 2, 3]))
    found, plain = score_block(block, context), score_block(RANKS, context)
    assert found.corr.tolist() == plain.corr.tolist()
    assert found.mmc.tolist() == plain.mmc.tolist()


OPPOSITES = np.array([[2, 4, 6, 8], [8, 6, 4, 2]])


@pytest.mark.parametrize(
    "meta",
    [None, StakeSums.zero(4), stake_sums(OPPOSITES, [3, 3])],
    ids=["none", "no stake", "constant"],
)
def test_score_block__no_meta_model__zero(meta):
    context = score_context(TARGET, meta)
    found = score_block(RANKS, context)
    assert found.corr.tolist() == corr(RANKS, TARGET).tolist()
    assert found.mmc.tolist() == found.cwmm.tolist() == [0, 0, 0]
    assert found.bmc is None


def test_score_block__no_model__empty():
    context = score_context(TARGET, None, None, RANKS[0])
    for found in (score_block(RANKS[:0], context), joined_scores([], context)):
        assert [part.size for part in (found.corr, found.mmc, found.cwmm, found.bmc)] == [0] * 4


def test_score_block__bad_model__named_by_its_number_in_the_round():
    with pytest.raises(ScoringError) as raised:
        score_block(np.vstack([RANKS, np.full((1, 4), 5)]), score_context(TARGET), 40)
    assert (raised.value.code, raised.value.models) == ("constant_prediction", (43,))


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: score_block(RANKS, score_context(np.arange(5))), "shape"),
        (lambda: score_context(TARGET, StakeSums(*np.arange(10).reshape(2, 5), 3)), "shape"),
        (lambda: score_context(TARGET / 2), "dtype"),
        (lambda: score_context(TARGET[:, None]), "shape"),
        (lambda: score_context(TARGET * 0), "constant_target"),
        (lambda: score_context(TARGET, None, None, RANKS[0] + 1), "not_ranks"),
        (lambda: score_context(TARGET, None, None, np.full(4, 5)), "constant_meta_model"),
    ],
)
def test_score_block__bad_input__named_error(call, code):
    with pytest.raises(ScoringError) as raised:
        call()
    assert raised.value.code == code


# ---------------------------------------------------------------------- CWMM and BMC


def naive_shape(means: list) -> list[int]:
    """The meta model's deviations from its mean, the largest 2**32."""
    centre = sum(means) / len(means)
    largest = max(abs(mean - centre) for mean in means)
    return [
        naive_scores.fraction_half_even((mean - centre) / largest * 2**POWER_BITS) for mean in means
    ]


@given(rounds(max_models=4, max_rows=12))
def test_cwmm__small_rounds__equal_the_independent_definition(case):
    ranks = doubled_ranks(case.predictions)
    means = naive_scores.mean_ranks(ranks.tolist(), case.stakes)
    sums = stake_sums(ranks, case.stakes)
    if len(set(means)) == 1:
        with pytest.raises(ScoringError, match="constant"):
            sums.shape()
        return
    shape = naive_shape(means)
    assert sums.shape().tolist() == shape
    rows = len(means)
    for model, row in enumerate(ranks.tolist()):
        xs = [naive_scores.table_entry(rank, rows, power=True) for rank in row]
        exact = naive_scores.pearson(xs, [naive_scores.CONTEXT.mpf(value) for value in shape])
        assert cwmm(ranks, sums.shape())[model] == naive_scores.half_even(exact * SCALE)
        ideal = naive_scores.pearson(
            [naive_scores.gauss(rank, rows, power=True) for rank in row],
            [naive_scores.real(mean) for mean in means],
        )
        assert abs(cwmm(ranks, sums.shape())[model] - ideal * SCALE) <= 10


@given(rounds(), st.integers(1, 3), st.integers(-(10**8), 10**8))
def test_cwmm__scaled_and_shifted_meta_model__unchanged(case, scale, shift):
    ranks = doubled_ranks(case.predictions)
    meta = ranks[0] * 1000
    assert cwmm(ranks, meta * scale + shift).tolist() == cwmm(ranks, meta).tolist()


@given(rounds())
def test_cwmm__negated_prediction__negated_score(case):
    meta = doubled_ranks(case.target)
    direct = cwmm(doubled_ranks(case.predictions), meta)
    assert (cwmm(doubled_ranks(-case.predictions), meta) == -direct).all()


def test_cwmm__published_values__as_from_the_sums_but_for_their_rounding():
    ranks = doubled_ranks(np.random.default_rng(3).integers(0, 10**9, (20, 500)))
    sums = stake_sums(ranks, list(range(20)))
    assert np.abs(cwmm(ranks, sums.values()) - cwmm(ranks, sums.shape())).max() <= 10


@pytest.mark.parametrize(
    ("meta", "code"),
    [
        (np.full(4, 7), "constant_meta_model"),
        (np.array([0, 1, 2, 2**32 + 1]), "meta_range"),
        (np.array([0, 1, 2, -(2**32) - 1]), "meta_range"),
        (np.array([0, 1, 2]), "shape"),
        (np.array([0.5, 1, 2, 3]), "dtype"),
    ],
)
def test_cwmm__bad_meta_model__named_error(meta, code):
    with pytest.raises(ScoringError) as raised:
        cwmm(RANKS, meta)
    assert raised.value.code == code


def dot(xs: list[int], ys: list[int]) -> int:
    return sum(map(int.__mul__, xs, ys))


def covariance(xs: list[int], ys: list[int]) -> int:
    """N**2 times it."""
    return len(xs) * dot(xs, ys) - sum(xs) * sum(ys)


def test_score_block__most_rows_and_stake__as_in_python_integers():
    values = np.arange(MAX_ROWS)
    ranks = doubled_ranks(np.array([values, values // 3, (values * 7919) % MAX_ROWS]))
    target = (values % 5 - 2) * (2 * SCALE)
    sums = stake_sums(ranks, [2**55, 2**54, 2**54 - 1])
    found = score_block(ranks, score_context(target, sums))
    quantiles, powered = (table[ranks].tolist() for table in normal_table(MAX_ROWS))
    m, shape = normal_table(MAX_ROWS)[0][sums.ranks()].tolist(), sums.shape().tolist()
    us = [MAX_ROWS * t - sum(target.tolist()) for t in target.tolist()]
    mm, mu = dot(m, m), dot(m, us)
    for model, (zs, xs) in enumerate(zip(quantiles, powered, strict=True)):
        spreads = covariance(xs, xs) * covariance(shape, shape)
        exact = naive_scores.CONTEXT.mpf(covariance(xs, shape)) / naive_scores.CONTEXT.sqrt(spreads)
        assert found.cwmm[model] == naive_scores.half_even(exact * SCALE)
        residual = Fraction(dot(zs, us) * mm - mu * dot(zs, m), MAX_ROWS**2 * 2**28 * mm)
        assert found.mmc[model] == naive_scores.fraction_half_even(residual)
