"""Cutting a round's words into batches: nothing lost, no limit passed, no batch too many."""

from collections.abc import Sequence, Set
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from oracle.settlement.batches import (
    MAX_BATCH_WEIGHT,
    MAX_BATCH_WORDS,
    ZERO_RUN,
    Batch,
    cut,
)

_runs = st.tuples(
    st.integers(0, 2),
    st.one_of(st.integers(1, 8), st.sampled_from([62, 63, 64, 65, 349, 350, 351, 1023, 1024])),
)
"""A kind of word (0 zero, 1 scores, 2 scores and a take-profit lane) and how often it stands."""

kinds = st.lists(_runs, max_size=8).map(lambda runs: [k for k, n in runs for _ in range(n)])


def _words(kinds: Sequence[int]) -> tuple[list[int], frozenset[int]]:
    words = [index + 1 if kind else 0 for index, kind in enumerate(kinds)]
    return words, frozenset(i for i, kind in enumerate(kinds) if kind == 2)


def _weight(word: int, index: int, take_profit: Set[int]) -> int:
    if not word:
        return 400
    return 40_000 if index in take_profit else 10_000


def _batch_weight(batch: Batch, take_profit: Set[int]) -> int:
    return sum(_weight(w, i, take_profit) for i, w in enumerate(batch.words, batch.start))


@given(kinds)
@example([1] * 1025)
@example([2] * 351)
@example([1] + [0] * 63 + [1])
@example([1] + [0] * 64 + [1])
@example([0] * 100 + [1] + [0] * 100)
@example([2] * 349 + [0] * 30 + [2])
def test_cut__any_words__non_zero_words_once_each_in_order(kinds: list[int]) -> None:
    words, take_profit = _words(kinds)
    batches = cut(words, take_profit)
    covered = [(i, w) for b in batches for i, w in enumerate(b.words, b.start)]
    assert [(i, w) for i, w in covered if w] == [(i, w) for i, w in enumerate(words) if w]
    assert [i for i, _ in covered] == sorted({i for i, _ in covered})
    assert all(words[i] == w for i, w in covered)


@given(kinds)
@example([1] * 1025)
@example([2] * 351)
@example([2, 1] * 700)
@example([2] * 349 + [0] * 100)
def test_cut__any_words__limits_hold(kinds: list[int]) -> None:
    words, take_profit = _words(kinds)
    for batch in cut(words, take_profit):
        assert len(batch.words) <= MAX_BATCH_WORDS == 1024
        assert _batch_weight(batch, take_profit) <= MAX_BATCH_WEIGHT == 14_000_000
        if batch.words:
            assert batch.words[0]
            assert batch.words[-1]
        longest = max((len(run) for run in _zero_runs(batch.words)), default=0)
        assert longest < ZERO_RUN == 64


def _zero_runs(words: Sequence[int]) -> list[str]:
    return "".join("0" if word == 0 else "x" for word in words).split("x")


@given(kinds)
@example([1] * 1025)
@example([2] * 351)
@example([1] + [0] * 63 + [1])
@example([1] * 1000 + [0] * 23 + [1])
@example([1] * 1000 + [0] * 24 + [1])
@example([2] * 349 + [0] * 50 + [1])
@example([2] * 349 + [0] * 75 + [1])
def test_cut__any_words__every_cut_was_needed(kinds: list[int]) -> None:
    """The next batch's first word, with the zeros before it, would have broken a limit."""
    words, take_profit = _words(kinds)
    for one, other in pairwise(cut(words, take_profit)):
        zeros = other.start - one.start - len(one.words)
        longer = len(one.words) + zeros + 1
        heavier = (
            _batch_weight(one, take_profit)
            + 400 * zeros
            + _weight(other.words[0], other.start, take_profit)
        )
        assert zeros >= ZERO_RUN or longer > MAX_BATCH_WORDS or heavier > MAX_BATCH_WEIGHT


@pytest.mark.parametrize("words", [[], [0], [0] * 5000])
def test_cut__no_scores__one_empty_batch(words: list[int]) -> None:
    assert cut(words) == [Batch(0, ())]


def test_cut__take_profit_words__fill_a_batch_sooner() -> None:
    words = [1] * 1024
    assert [len(b.words) for b in cut(words)] == [1024]
    assert [len(b.words) for b in cut(words, frozenset(range(1024)))] == [350, 350, 324]
