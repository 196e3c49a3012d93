"""Many rounds of one stake: settled as the pool does, drawn with what neighbours have in common."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.audit.simulate import (
    MAX_STEPS,
    NormalScores,
    PastScores,
    Plan,
    score_lane,
    settle_path,
    simulate,
)
from oracle.errors import InputError
from oracle.settlement.batches import chain, cut
from oracle.settlement.payout import Template
from oracle.settlement.reference import ReferencePool, RoundTerms
from oracle.settlement.units import MAX_AMOUNT, UNITS_PER_NMR, words_for
from oracle.settlement.words import Lane, ScoreLane, score_words

TEMPLATE = Template(
    (1, 2, 0), (750_000, 2_250_000, 0), 5 * 10**10, 5 * 10**10, 72_000 * UNITS_PER_NMR, 500_000
)
PLAN = Plan(template=TEMPLATE, phi=10**6, stake=100 * UNITS_PER_NMR, rounds=10, paths=50, seed=1)
LANES = st.builds(
    ScoreLane,
    st.tuples(*[st.integers(-524_287, 524_287)] * 2, st.just(0)),
    st.integers(0, 15),
)
AMOUNTS = st.one_of(st.integers(0, 10**6), st.integers(0, 10**5 * UNITS_PER_NMR))


@given(
    st.lists(LANES, min_size=1, max_size=5),
    st.integers(1, 10**5 * UNITS_PER_NMR),
    AMOUNTS,
    AMOUNTS,
    AMOUNTS,
    st.integers(500_000, 10**6),
    st.booleans(),
)
def test_settle_path__any_rounds__end_as_in_the_reference_pool(
    lanes, stake, others, at_risk, vault, phi, take_profit
):
    """Model 0 is the staker's; model 5 holds the others' stake and has no scores."""
    plan = replace(
        PLAN,
        phi=phi,
        stake=stake,
        others=others,
        others_at_risk=at_risk,
        vault=vault,
        take_profit=take_profit,
    )
    pool = ReferencePool(lanes={0: Lane(stake, take_profit), 5: Lane(others)}, vault=vault)
    values, gained, burned = [stake], 0, 0
    for lane in lanes:
        batches = cut(score_words({0: lane}, words_for(6)), set())
        terms = RoundTerms(
            TEMPLATE, phi, at_risk + pool.lane(0).stake, words_for(6), chain(batches)[0]
        )
        gains, burns = pool.settle_round(pool.head, terms, batches)
        gained, burned = gained + gains, burned + burns
        values.append(pool.lane(0).stake + pool.out.get(0, 0))
    found = settle_path(plan, lanes)
    assert (found.values, found.gained, found.burned) == (tuple(values), gained, burned)
    assert pool.lane(5).stake == others


def test_simulate__same_seed__same_result_and_another_one_otherwise():
    scores = NormalScores((0.01, 0.002, 0.0), (0.02, 0.005, 0.0), 0.4, overlap=5)
    assert simulate(PLAN, scores).ends == simulate(PLAN, scores).ends
    assert simulate(PLAN, scores).ends != simulate(replace(PLAN, seed=2), scores).ends


def test_simulate__scores_without_chance__every_path_compounds_alike():
    scores = NormalScores((0.02, 0.01, 0.0), (0.0, 0.0, 0.0))
    found = simulate(PLAN, scores)
    rate = 0.75 * 0.02 + 2.25 * 0.01
    assert len(set(found.ends)) == 1
    assert found.ends[0] == pytest.approx(PLAN.stake * (1 + rate) ** 10, rel=1e-9)
    assert (found.mean_burned, found.chance_of_loss()) == (0, 0)
    assert found.mean_gained == found.ends[0] - PLAN.stake


def test_simulate__losing_scores__loss_burn_and_drawdown_agree():
    found = simulate(PLAN, NormalScores((-0.02, 0.0, 0.0), (0.0, 0.0, 0.0)))
    assert found.chance_of_loss() == 1
    assert found.mean_burned == PLAN.stake - found.ends[0]
    assert found.drawdown(50) == pytest.approx(1 - found.ends[0] / PLAN.stake)
    lost = 1 - found.ends[0] / PLAN.stake
    assert found.chance_of_loss(lost + 0.001) == 0
    assert found.chance_of_loss(lost - 0.001) == 1


def test_simulate__hardening_level__burns_more_and_gains_the_same():
    plan = replace(PLAN, rounds=1)
    burns = [
        simulate(plan, NormalScores((-0.02, 0.0, 0.0), (0.0, 0.0, 0.0), level=level)).mean_burned
        for level in (0, 15)
    ]
    assert burns[1] == pytest.approx(1.5 * burns[0], rel=1e-4)
    gains = [
        simulate(plan, NormalScores((0.02, 0.0, 0.0), (0.0, 0.0, 0.0), level=level)).mean_gained
        for level in (0, 15)
    ]
    assert gains[0] == gains[1] > 0


def test_simulate__empty_vault__nothing_is_gained():
    found = simulate(replace(PLAN, vault=0), NormalScores((0.02, 0.01, 0.0), (0.0, 0.0, 0.0)))
    assert set(found.ends) == {PLAN.stake}


def test_quantiles__of_known_ends__are_ends_that_occurred():
    past = tuple(score_lane((value, 0.0, 0.0)) for value in (-0.02, 0.0, 0.02))
    found = simulate(replace(PLAN, paths=300, rounds=1), PastScores(past))
    lowest, highest = PLAN.stake * 985 // 1000, PLAN.stake * 1015 // 1000
    assert (found.quantile(1), found.quantile(50), found.quantile(100)) == (
        lowest,
        PLAN.stake,
        highest,
    )
    assert found.band(1) == [PLAN.stake, lowest]
    assert 0.25 < found.chance_of_loss() < 0.42


@pytest.mark.parametrize("overlap", [1, 4, 20])
def test_normal_scores__drawn_many_times__have_the_moments_asked_for(overlap):
    scores = NormalScores((0.01, -0.002, 0.0), (0.02, 0.005, 0.0), 0.6, overlap)
    rng = np.random.default_rng(5)
    paths = [scores.draw(rng, 40) for _ in range(1500)]
    values = np.array([[lane.scores for lane in path] for path in paths]) / 1e6
    assert values[:, :, 0].mean() == pytest.approx(0.01, abs=0.001)
    assert values[:, 0, 0].std() == pytest.approx(0.02, rel=0.1)
    assert values[:, 0, 1].std() == pytest.approx(0.005, rel=0.1)
    assert np.corrcoef(values[:, 0, 0], values[:, 0, 1])[0, 1] == pytest.approx(0.6, abs=0.06)
    for distance in (1, 3, 25):
        expected = max(0.0, (overlap - distance) / overlap)
        found = np.corrcoef(values[:, 0, 0], values[:, distance, 0])[0, 1]
        assert found == pytest.approx(expected, abs=0.09)
    assert (values[:, :, 2] == 0).all()


def test_normal_scores__impossible_correlation__is_refused():
    with pytest.raises(InputError, match="cannot be correlated"):
        simulate(PLAN, NormalScores((0.0,) * 3, (0.1,) * 3, correlation=-0.9))


@given(st.integers(1, 12), st.integers(1, 30), st.integers(1, 40), st.integers(0, 2**32))
def test_past_scores__any_block__paths_are_runs_of_the_past(block, count, rounds, seed):
    past = tuple(ScoreLane((value, 0, 0), 0) for value in range(count))
    path = PastScores(past, block).draw(np.random.default_rng(seed), rounds)
    assert len(path) == rounds
    for place, lane in enumerate(path):
        if place % block:
            before = path[place - 1].scores[0]
            assert lane.scores[0] == (before + 1) % count


def test_plan__too_much_work__is_refused_before_it_starts():
    with pytest.raises(InputError, match="more than"):
        replace(PLAN, rounds=MAX_STEPS, paths=2)


def test_plan__vault_by_default__holds_enough():
    assert PLAN.vault == MAX_AMOUNT
