"""MCWNM and APCWNM against the independent definitions, and their laws."""

from fractions import Fraction

import naive_scores
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring_strategies import rounds

from oracle.scoring import pairwise
from oracle.scoring.errors import ScoringError
from oracle.scoring.limits import MAX_ROWS, SCALE
from oracle.scoring.pairwise import MAX_PAIRWISE_MODELS, apcwnm, mcwnm
from oracle.scoring.ranks import doubled_ranks

ROUNDS = rounds(max_models=6).filter(lambda case: len(case.stakes) > 1)
RANKS = doubled_ranks(np.array([[1, 2, 3, 4], [4, 1, 1, 2], [1, 3, 2, 2]]))


def entries(ranks: np.ndarray) -> list[list[int]]:
    rows = ranks.shape[1]
    return [
        [naive_scores.table_entry(rank, rows, power=False) for rank in row]
        for row in ranks.tolist()
    ]


def pearson(xs: list[int], ys: list[int]) -> naive_scores.mpmath.mpf:
    return naive_scores.pearson(*([naive_scores.CONTEXT.mpf(z) for z in zs] for zs in (xs, ys)))


def others(zs: list, model: int) -> list:
    return zs[:model] + zs[model + 1 :]


def naive_mcwnm(ranks: np.ndarray) -> list[int]:
    zs = entries(ranks)
    return [
        max(naive_scores.half_even(pearson(own, other) * SCALE) for other in others(zs, model))
        for model, own in enumerate(zs)
    ]


def naive_apcwnm(ranks: np.ndarray) -> list[int]:
    """As specified: every model's vector is made equally long by a rounded weight."""
    zs, rows = entries(ranks), ranks.shape[1]
    spreads = [rows * sum(z * z for z in own) - sum(own) ** 2 for own in zs]
    roots = [naive_scores.CONTEXT.sqrt(spread) for spread in spreads]
    weights = [naive_scores.half_even(2**60 * rows / root) for root in roots]
    centred = [[rows * z - sum(own) for z in own] for own in zs]
    found = []
    for model, own in enumerate(centred):
        total = sum(
            weight * sum(map(int.__mul__, own, other))
            for weight, other in zip(others(weights, model), others(centred, model), strict=True)
        )
        # N times too large: both vectors are N times the centred one, and a is N times their sum.
        exact = Fraction(weights[model] * total, rows * (len(zs) - 1) * 2**120 * rows**2)
        found.append(naive_scores.fraction_half_even(exact * SCALE))
    return found


@given(ROUNDS)
def test_pairwise__small_rounds__equal_the_independent_definitions(case):
    ranks = doubled_ranks(case.predictions)
    assert mcwnm(ranks).tolist() == naive_mcwnm(ranks)
    assert apcwnm(ranks).tolist() == naive_apcwnm(ranks)


@given(ROUNDS)
def test_apcwnm__small_rounds__within_1e_9_of_the_mean_of_the_reals(case):
    ranks = doubled_ranks(case.predictions)
    zs = entries(ranks)
    for model, found in enumerate(apcwnm(ranks).tolist()):
        mean = sum(pearson(zs[model], other) for other in others(zs, model)) / (len(zs) - 1)
        assert abs(found - mean * SCALE) < 1


@pytest.mark.parametrize("error", [0.0, 1e-9, 1e-3])
def test_mcwnm__rounding_settled_in_integers__same_scores(monkeypatch, error):
    """With an error of 1e-9 every model is doubtful; with 1e-3 many others may be the largest."""
    random = np.random.default_rng(5)
    ranks = doubled_ranks(random.integers(0, 40, (30, 60)) + 9 * random.integers(0, 9, 60))
    plain = mcwnm(ranks)
    assert plain.tolist() == naive_mcwnm(ranks)
    monkeypatch.setattr(pairwise, "_error", lambda rows: error)
    assert mcwnm(ranks).tolist() == plain.tolist()


def test_mcwnm__true_maximum_second_among_the_floats__found(monkeypatch):
    """The integers look at every other model within the error, not only at the floats' best."""
    random = np.random.default_rng(6)
    ranks = doubled_ranks(random.integers(0, SCALE, (20, 50)))
    plain = mcwnm(ranks)
    tiles = pairwise._tiles

    def shaken(*arguments):
        for one, two, near in tiles(*arguments):
            yield one, two, near + random.uniform(-1e-3, 1e-3, near.shape)

    monkeypatch.setattr(pairwise, "_tiles", shaken)
    monkeypatch.setattr(pairwise, "_error", lambda rows: 1e-3)
    assert mcwnm(ranks).tolist() == plain.tolist()


@pytest.mark.parametrize("elements", [1, 200, 10**6])
def test_mcwnm__any_tile__same_scores(monkeypatch, elements):
    ranks = doubled_ranks(np.random.default_rng(8).integers(0, 9, (23, 40)))
    plain = mcwnm(ranks)
    monkeypatch.setattr(pairwise, "TILE_ELEMENTS", elements)
    assert mcwnm(ranks).tolist() == plain.tolist()


@pytest.mark.parametrize("rows", [3, 50, MAX_ROWS])
def test_error__units_multiplied_in_any_order__far_within_it(rows):
    random = np.random.default_rng(rows)
    ranks = doubled_ranks(random.integers(0, SCALE, (2, rows)))
    one, two = pairwise._units(ranks, pairwise._Spreads.of(ranks), slice(0, 2))
    exact = float(mcwnm(ranks)[0]) / SCALE
    for order in (np.arange(rows), random.permutation(rows)):
        total = 0.0
        for x, y in zip(one[order].tolist(), two[order].tolist(), strict=True):
            total += x * y
        assert abs(total - exact) <= pairwise._error(rows) + 0.5 / SCALE


@given(ROUNDS, st.randoms())
def test_pairwise__models_permuted__scores_permuted(case, random):
    order = list(range(len(case.stakes)))
    random.shuffle(order)
    ranks = doubled_ranks(case.predictions)
    for score in (mcwnm, apcwnm):
        assert score(ranks[order]).tolist() == score(ranks)[order].tolist()


@given(ROUNDS)
def test_pairwise__identical_models__one(case):
    copies = np.repeat(doubled_ranks(case.predictions[:1]), 5, axis=0)
    assert mcwnm(copies).tolist() == apcwnm(copies).tolist() == [SCALE] * 5


@pytest.mark.parametrize("rows", [3, 4, 5000, MAX_ROWS])
@pytest.mark.parametrize("spread", ["all different", "all but one alike"])
def test_pairwise__identical_and_opposite__exactly_one_and_minus_one(rows, spread):
    """Also for the largest weight there is, and the most rows."""
    row = np.arange(rows) if spread == "all different" else np.arange(rows) // (rows - 1)
    same = doubled_ranks(np.array([row, row]))
    opposite = doubled_ranks(np.array([row, -row]))
    for score in (mcwnm, apcwnm):
        assert score(same).tolist() == [SCALE] * 2
        assert score(opposite).tolist() == [-SCALE] * 2


@given(ROUNDS)
def test_pairwise__two_models__the_same_for_both_and_in_both_scores(case):
    ranks = doubled_ranks(case.predictions[:2])
    one, two = mcwnm(ranks).tolist()
    assert one == two
    assert np.abs(apcwnm(ranks) - one).max() <= 1


def test_pairwise__a_copy_joins__largest_is_one():
    joined = mcwnm(RANKS[[0, 1, 2, 0]])
    assert joined[[0, 3]].tolist() == [SCALE, SCALE]
    assert (joined[1:3] == mcwnm(RANKS)[1:3]).all()


def test_pairwise__no_model__empty():
    assert (mcwnm(RANKS[:0]).size, apcwnm(RANKS[:0]).size) == (0, 0)


@pytest.mark.parametrize(
    ("ranks", "code", "models"),
    [
        (RANKS[:1], "one_model", (0,)),
        (np.vstack([RANKS, np.full((1, 4), 5)]), "constant_prediction", (3,)),
        (RANKS + 1, "not_ranks", (0, 1, 2)),
        (RANKS / 2, "dtype", ()),
        (RANKS[0], "shape", ()),
        (np.broadcast_to(RANKS[0], (MAX_PAIRWISE_MODELS + 1, 4)), "too_many_models", ()),
    ],
)
@pytest.mark.parametrize("score", [mcwnm, apcwnm])
def test_pairwise__bad_input__named_error(score, ranks, code, models):
    with pytest.raises(ScoringError) as raised:
        score(ranks)
    assert (raised.value.code, raised.value.models) == (code, models)


def test_apcwnm__sums_like_ranks_but_hardly_spread__named_error():
    """No ranking has so little spread: its weight would leave the proven bound."""
    wrong = np.full((2, MAX_ROWS), MAX_ROWS + 1)
    wrong[1] = np.arange(2, 2 * MAX_ROWS + 1, 2)
    wrong[0, :2] += [1, -1]
    with pytest.raises(ScoringError) as raised:
        apcwnm(wrong)
    assert (raised.value.code, raised.value.models) == ("not_ranks", (0,))
