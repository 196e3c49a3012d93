"""What a pool shows of its stakes, and what it ought to show by its reference model."""

from typing import Any

from assay_system import System

from oracle.settlement.reference import ReferencePool
from oracle.settlement.words import join_word

Books = tuple[list[int], list[int], tuple[Any, ...]]
"""Lane words, out words, and the totals in the contract's order."""


def shown(system: System, words: int) -> Books:
    """Of the pool, for its first ``words`` words."""
    totals = system.pool.totals()
    return system.pool.lane_words(0, words), system.pool.out_words(0, words), tuple(totals)


def expected(twin: ReferencePool, words: int) -> Books:
    """Of the reference model, for its first ``words`` words."""
    out = [join_word([twin.out.get(4 * i + p, 0) for p in range(4)]) for i in range(words)]
    totals = (twin.total, twin.queued, twin.out_total, twin.vault, twin.burn_owed)
    return [twin.word(i) for i in range(words)], out, totals
