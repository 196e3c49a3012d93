"""What each score contributed to a payout."""

from hypothesis import given
from hypothesis import strategies as st

from oracle.settlement.payout import Coefficients, change
from oracle.settlement.shares import shares
from oracle.settlement.units import MAX_SCORE, RATE_ONE, SCALE_ONE
from oracle.settlement.words import ScoreLane

_SCORES = st.tuples(*[st.integers(-MAX_SCORE, MAX_SCORE)] * 3)
_FACTORS = st.tuples(*[st.integers(0, 15_000_000)] * 3)


def _rule(c: tuple[int, int, int] = (500_000, 2_000_000, 0)) -> Coefficients:
    return Coefficients(c, up=RATE_ONE // 20, down=RATE_ONE // 20, hk=0, scale=SCALE_ONE)


def test_shares__within_the_clips__then_each_is_what_its_score_alone_pays() -> None:
    scores = (10_000, 20_000, 400_000)  # 0.005 and 0.04 of the stake; nothing on the third
    paid = change(_rule(), 10**9, ScoreLane(scores, 0))
    assert paid == 45_000_000
    assert shares(_rule(), scores, paid) == (5_000_000, 40_000_000, 0)


def test_shares__clipped__then_all_are_cut_alike() -> None:
    scores = (40_000, 40_000, 0)  # 0.02 and 0.08, clipped to 0.05
    paid = change(_rule(), 10**9, ScoreLane(scores, 0))
    assert paid == 50_000_000
    assert shares(_rule(), scores, paid) == (10_000_000, 40_000_000, 0)


def test_shares__scores_of_both_signs__then_they_add_up_to_a_burn() -> None:
    scores = (10_000, -10_000, 0)  # 0.005 and -0.02
    paid = change(_rule(), 10**9, ScoreLane(scores, 0))
    assert paid == -15_000_000
    assert shares(_rule(), scores, paid) == (5_000_000, -20_000_000, 0)


def test_shares__scores_that_cancel__then_all_are_zero() -> None:
    assert shares(_rule(), (40_000, -10_000, 0), 0) == (0, 0, 0)


@given(_SCORES, _FACTORS, st.integers(0, 2**50), st.integers(0, 15))
def test_shares__any_payout__then_they_add_up_to_it(
    scores: tuple[int, int, int], c: tuple[int, int, int], stake: int, level: int
) -> None:
    rule = Coefficients(c, up=RATE_ONE // 20, down=RATE_ONE // 20, hk=4369, scale=SCALE_ONE // 3)
    paid = change(rule, stake, ScoreLane(scores, level))
    assert sum(shares(rule, scores, paid)) == paid
