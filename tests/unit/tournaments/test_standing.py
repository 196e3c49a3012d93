"""Reputations, ranks, returns, seasons and tiers."""

from fractions import Fraction
from statistics import fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.settlement.units import UNITS_PER_NMR
from oracle.tournaments.standing import (
    MOST,
    ONE,
    SEASON_ROUNDS,
    Growth,
    Tier,
    counts_for_season,
    mean,
    points,
    ranks,
    season,
    season_of,
    season_span,
    sharpe,
    tier,
    weighted_mean,
)

SCORES = st.integers(-2 * ONE, 2 * ONE)
STAKES = st.integers(0, 10**7 * UNITS_PER_NMR)


def test_points__of_a_template__are_scores_times_multipliers() -> None:
    assert points([20_000_000, -1_000_000, 0], [500_000, 2_000_000, 7]) == 8_000_000


@given(st.lists(SCORES, min_size=1, max_size=40))
def test_mean__of_scores__is_within_one_of_the_exact_one(values: list[int]) -> None:
    exact = Fraction(sum(values), len(values))
    assert 0 <= exact - mean(sum(values), len(values)) < 1


@given(st.lists(st.tuples(STAKES, SCORES), min_size=1, max_size=20))
def test_weighted_mean__of_models__lies_between_them_and_keeps_to_the_stakes(
    pairs: list[tuple[int, int]],
) -> None:
    found = weighted_mean(pairs)
    staked = [value for stake, value in pairs if stake] or [value for _, value in pairs]
    assert found is not None
    assert min(staked) <= found <= max(staked)
    assert weighted_mean([(3 * stake, value) for stake, value in pairs]) == found


def test_weighted_mean__of_nobody__is_none() -> None:
    assert weighted_mean([]) is None


@given(st.dictionaries(st.integers(0, 50), SCORES, max_size=30))
def test_ranks__of_values__count_who_is_better(values: dict[int, int]) -> None:
    assert ranks(values) == {
        key: 1 + sum(other > value for other in values.values()) for key, value in values.items()
    }


@given(st.lists(st.integers(-(10**6), 10**6), min_size=2, max_size=60))
def test_sharpe__of_values__is_mean_by_deviation(values: list[int]) -> None:
    found = sharpe(len(values), sum(values), sum(v * v for v in values))
    if len(set(values)) == 1:
        assert found is None
        return
    assert found is not None
    assert found / ONE == pytest.approx(fmean(values) / pstdev(values), rel=1e-6, abs=2e-9)


def test_sharpe__of_one_round__is_none() -> None:
    assert sharpe(1, 5, 25) is None


@given(
    st.lists(
        st.tuples(st.integers(1, 10**16), st.fractions(-1, 1)).map(
            lambda pair: (pair[0], int(pair[0] * pair[1]))
        ),
        max_size=40,
    )
)
def test_growth__of_rounds__is_their_product(moves: list[tuple[int, int]]) -> None:
    growth, exact = Growth(), Fraction(1)
    for stake, change in moves:
        growth.add(stake, change)
        exact *= Fraction(stake + change, stake)
    assert growth.gained == sum(change for _, change in moves)
    assert growth.rate >= -ONE
    # Each step rounds down by less than a part in 10^18 of what the steps after it may double.
    assert (
        0
        <= exact - 1 - Fraction(growth.rate, ONE)
        < Fraction(2 ** len(moves), 10**17) + (Fraction(1, ONE))
    )


def test_growth__without_end__is_told_up_to_a_bound() -> None:
    growth = Growth()
    for _ in range(365):
        growth.add(10**9, 10**9)
    assert growth.rate == MOST
    assert sharpe(2, 2 * 10**15 + 1, 10**30 + (10**15 + 1) ** 2) == MOST


def test_growth__without_stake__is_nothing() -> None:
    growth = Growth()
    growth.add(0, 0)
    assert (growth.rate, growth.gained) == (0, 0)


@pytest.mark.parametrize(
    ("at_risk", "is_on_time", "counts"),
    [
        (UNITS_PER_NMR, True, True),
        (UNITS_PER_NMR - 1, True, False),
        (5 * UNITS_PER_NMR, False, False),
    ],
    ids=["one NMR", "less", "late"],
)
def test_season__a_round__counts_on_time_from_one_nmr(
    at_risk: int, is_on_time: bool, counts: bool
) -> None:
    assert counts_for_season(at_risk, is_on_time) is counts


@given(st.integers(2000, 2100))
def test_season__a_year__begins_and_ends_at_midnight_utc(year: int) -> None:
    span = season_span(year)
    assert [season_of(t) for t in (span[0] - 1, span[0], span[-1], span[-1] + 1)] == [
        year - 1,
        year,
        year,
        year + 1,
    ]


def test_season__missed_rounds__count_as_nothing() -> None:
    always, half = (40 * 10, 40), (20 * 15, 20)
    found = season({1: half, 2: always}, 40)
    assert [(one.model, one.score) for one in found] == [(2, 10), (1, 7)]


def test_season__too_few_rounds__is_a_novice_behind_the_others() -> None:
    few, enough = (ONE, SEASON_ROUNDS - 1), (-ONE, SEASON_ROUNDS)
    found = season({1: few, 2: enough}, 30)
    assert [(one.model, one.rank, one.tier) for one in found] == [
        (2, 1, Tier.GRANDMASTER),
        (1, 2, Tier.NOVICE),
    ]


@given(st.integers(1, 1_000))
def test_tiers__of_any_field__are_in_order_and_of_the_sizes_told(ranked: int) -> None:
    found = [tier(rank, ranked) for rank in range(1, ranked + 1)]
    order = list(Tier)
    assert [order.index(one) for one in found] == sorted(order.index(one) for one in found)
    assert found.count(Tier.GRANDMASTER) == 1
    assert found.count(Tier.MASTER) == min(9, ranked - 1)
    assert found.count(Tier.EXPERT) == max(0, min(90, ranked - 10))
    thirds = [found.count(one) for one in (Tier.RESEARCHER, Tier.CONTRIBUTOR, Tier.APPRENTICE)]
    assert max(thirds) - min(thirds) <= 1
    assert Tier.NOVICE not in found
