import naive_scores
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scoring_strategies import rounds

from oracle.scoring.errors import ScoringError
from oracle.scoring.limits import MAX_MODELS, MAX_ROWS, SCALE, STAKE_BITS
from oracle.scoring.meta_model import StakeSums, meta_model, meta_model_values, stake_sums
from oracle.scoring.ranks import doubled_ranks

RANKS = doubled_ranks(np.array([[1, 2, 3], [3, 1, 2]]))


@given(rounds())
def test_meta_model__any_round__exact_mean_ranks(case):
    ranks = doubled_ranks(case.predictions)
    means = naive_scores.mean_ranks(ranks.tolist(), case.stakes)
    values = [naive_scores.fraction_half_even(mean * SCALE) for mean in means]
    assert meta_model_values(ranks, case.stakes).tolist() == values
    assert meta_model(ranks, case.stakes).tolist() == naive_scores.doubled_ranks(means)


@given(rounds(), st.integers(1, 2**5))
def test_meta_model__all_stakes_scaled__unchanged(case, factor):
    ranks = doubled_ranks(case.predictions)
    scaled = [stake * factor for stake in case.stakes]
    assert (meta_model(ranks, scaled) == meta_model(ranks, case.stakes)).all()
    assert (meta_model_values(ranks, scaled) == meta_model_values(ranks, case.stakes)).all()


@given(rounds(), st.data())
def test_meta_model__stake_split_over_two_identical_models__unchanged(case, data):
    ranks = doubled_ranks(case.predictions)
    part = data.draw(st.integers(0, case.stakes[0]))
    split = np.vstack([ranks, ranks[:1]])
    stakes = [case.stakes[0] - part, *case.stakes[1:], part]
    assert (meta_model(split, stakes) == meta_model(ranks, case.stakes)).all()
    assert (meta_model_values(split, stakes) == meta_model_values(ranks, case.stakes)).all()


@given(rounds())
def test_meta_model__one_model__its_own_ranks(case):
    ranks = doubled_ranks(case.predictions[:1])
    assert (meta_model(ranks, case.stakes[:1]) == ranks[0]).all()


def test_meta_model__stakes_at_the_limit__exact():
    """The smallest stake still decides an order that 2**56 - 2 others leave tied."""
    ranks = np.array([[2, 5, 5, 8], [4, 2, 6, 8]])
    stakes = [2**STAKE_BITS - 2, 1]
    assert meta_model(ranks, stakes).tolist() == [2, 4, 6, 8]
    means = naive_scores.mean_ranks(ranks.tolist(), stakes)
    expected = [naive_scores.fraction_half_even(mean * SCALE) for mean in means]
    assert meta_model_values(ranks, stakes).tolist() == expected


def test_stake_sums__proven_bound__fits_int64():
    """The low sums are the larger ones; their bound in closed form."""
    assert MAX_MODELS * 2 ** (STAKE_BITS // 2) * 2 * MAX_ROWS < 2**63


def test_stake_sums__most_models_of_the_largest_low_halves__exact():
    models = MAX_MODELS
    ranks = np.broadcast_to(np.array([2, 4, 6], np.uint16), (models, 3))
    stake = 2 ** (STAKE_BITS // 2) - 1
    sums = stake_sums(ranks, [stake] * models)
    totals = [(int(h) << 28) + int(lo) for h, lo in zip(sums.high, sums.low, strict=True)]
    assert totals == [models * stake * rank for rank in (2, 4, 6)]


@given(
    st.lists(
        st.tuples(
            st.one_of(st.integers(0, 2), st.integers(0, 2**43)),
            st.one_of(st.integers(0, 2), st.integers(0, 2**28 - 1)),
        ),
        min_size=3,
        max_size=30,
    )
)
@example([(2**43, 5), (2**43, 4), (0, 1), (0, 1), (0, 0)])  # too wide for one key, and they clash
def test_positions__any_sums__order_and_ties_of_the_exact_values(pairs):
    high, low = np.array(pairs).T
    exact = [(h << 28) + lo for h, lo in pairs]
    expected = [sorted(set(exact)).index(value) for value in exact]
    assert StakeSums(high, low, 1).positions().tolist() == expected


@given(rounds(), st.data())
def test_without__some_models__as_if_they_had_no_stake(case, data):
    ranks = doubled_ranks(case.predictions)
    gone = data.draw(st.lists(st.sampled_from(range(1, 5)), unique=True))
    gone = [model for model in gone if model < len(case.stakes)]
    kept = [0 if model in gone else stake for model, stake in enumerate(case.stakes)]
    less = stake_sums(ranks, case.stakes).without(ranks[gone], [case.stakes[m] for m in gone])
    plain = stake_sums(ranks, kept)
    assert less.total_stake == plain.total_stake
    assert (less.high == plain.high).all()
    assert (less.low == plain.low).all()


@pytest.mark.parametrize("block", [1, 3, 1000])
def test_stake_sums__any_block__same_sums(block):
    ranks = doubled_ranks(np.random.default_rng(7).integers(0, 50, (10, 30)))
    stakes = [3**model for model in range(10)]
    plain, cut = stake_sums(ranks, stakes), stake_sums(ranks, stakes, block)
    assert (plain.high == cut.high).all()
    assert (plain.low == cut.low).all()


@pytest.mark.parametrize(
    ("stakes", "code", "models"),
    [
        ([0, 0], "no_stake", ()),
        ([1], "shape", ()),
        ([1, -1], "negative_stake", (1,)),
        ([2**55, 2**55], "stakes_total", ()),
        ([1, 0.5], "dtype", ()),
    ],
)
def test_meta_model__bad_stakes__named_error(stakes, code, models):
    with pytest.raises(ScoringError) as raised:
        meta_model(RANKS, stakes)
    assert (raised.value.code, raised.value.models) == (code, models)
