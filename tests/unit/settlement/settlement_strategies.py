"""Hypothesis strategies for the settlement room; every bound of docs/formats.md is drawn often."""

from hypothesis import strategies as st

from oracle.settlement.payout import Template
from oracle.settlement.units import MAX_AMOUNT, MAX_LEVEL, MAX_SCORE, MILLIONTH, RATE_ONE
from oracle.settlement.words import ScoreLane

MAX_MULTIPLIER = 100 * MILLIONTH


def edged(low: int, high: int) -> st.SearchStrategy[int]:
    """Integers of a range, its ends and their neighbours often among them."""
    ends = {low, min(low + 1, high), max(high - 1, low), high}
    if low < 0 < high:
        ends |= {-1, 0, 1}
    return st.one_of(st.sampled_from(sorted(ends)), st.integers(low, high))


scores = edged(-MAX_SCORE, MAX_SCORE)
levels = edged(0, MAX_LEVEL)
amounts = edged(0, MAX_AMOUNT)
score_lanes = st.builds(ScoreLane, st.tuples(scores, scores, scores), levels)
templates = st.builds(
    Template,
    kinds=st.just((1, 2, 3)),
    multipliers=st.tuples(*[edged(0, MAX_MULTIPLIER)] * 3),
    clip_up=edged(0, RATE_ONE),
    clip_down=edged(0, RATE_ONE),
    threshold=amounts,
    kappa=edged(0, MILLIONTH),
)
phis = edged(0, MILLIONTH)


@st.composite
def shares(draw: st.DrawFn, most: int = 12) -> list[int]:
    """Stakes whose sum stays below 2^56 U, as a pool guarantees."""
    left = MAX_AMOUNT
    stakes = []
    for _ in range(draw(st.integers(0, most))):
        stakes.append(draw(edged(0, left)))
        left -= stakes[-1]
    return stakes
