"""What the tests of the reference pool share: small pools, and what is drawn for them."""

from collections.abc import Sequence
from copy import deepcopy

from hypothesis import strategies as st

from oracle.settlement.batches import Batch, chain
from oracle.settlement.payout import Template
from oracle.settlement.reference import ReferencePool, RoundTerms
from oracle.settlement.units import (
    MAX_AMOUNT,
    MILLIONTH,
    MIN_STAKE,
    RATE_ONE,
    RELEASE_ALL,
    UNITS_PER_NMR,
    words_for,
)
from oracle.settlement.words import Lane

NMR = UNITS_PER_NMR
MODELS = 9  # three words, the last one not full
TEMPLATE = Template((1, 2, 0), (MILLIONTH, 0, 0), RATE_ONE // 20, RATE_ONE // 20, MAX_AMOUNT, 0)

models = st.integers(0, MODELS - 1)
deposits = st.one_of(st.just(MIN_STAKE), st.integers(MIN_STAKE, 1000 * NMR))
releases = st.one_of(deposits, st.just(RELEASE_ALL))


def pool_of(closes: Sequence[int], lanes: dict[int, Lane] | None = None) -> ReferencePool:
    """A pool with these announced rounds and stakes, and a full vault."""
    pool = ReferencePool(lanes=lanes or {}, vault=100 * NMR)
    for number, close in enumerate(closes, 1):
        pool.put_round(number, close)
    return pool


def terms_of(template: Template, phi: int, at_risk: int, batches: Sequence[Batch]) -> RoundTerms:
    return RoundTerms(template, phi, at_risk, words_for(MODELS), chain(batches)[0])


def drained(pool: ReferencePool, chunk: int) -> ReferencePool:
    """A copy with the head round's queue drained, ``chunk`` records a call."""
    copy = deepcopy(pool)
    while copy.drain(copy.head, chunk, copy.closes[copy.head]):
        pass
    return copy
