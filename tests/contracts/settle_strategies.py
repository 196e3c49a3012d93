"""Random templates, stakes, scores and ways to cut a round into batches.

``seeded_*`` are drawn from one small number each: a run of many steps has no room for more.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import TypeVar

from hypothesis import strategies as st

from oracle.settlement.batches import Batch
from oracle.settlement.payout import Template
from oracle.settlement.units import LANES_PER_WORD, MAX_SCORE, MIN_STAKE, UNITS_PER_NMR
from oracle.settlement.words import ScoreLane, score_words

T = TypeVar("T")

WORDS = 3
MODELS = WORDS * LANES_PER_WORD

amounts = st.one_of(
    st.integers(MIN_STAKE, MIN_STAKE + 1000),
    st.integers(MIN_STAKE, 1000 * UNITS_PER_NMR),
    st.integers(MIN_STAKE, 2**51),
)
scores = st.one_of(
    st.integers(-100_000, 100_000), st.sampled_from([0, 1, -1, MAX_SCORE, -MAX_SCORE])
)
score_lanes = st.builds(
    ScoreLane, scores=st.tuples(scores, scores, scores), level=st.integers(0, 15)
)
rates = st.one_of(st.integers(0, 10**12), st.sampled_from([0, 1, 10**10, 5 * 10**10, 10**12]))
multipliers = st.one_of(st.just(0), st.integers(0, 3_000_000), st.just(10**8))
templates = st.builds(
    Template,
    kinds=st.just((1, 2, 3)),
    multipliers=st.tuples(multipliers, multipliers, multipliers),
    clip_up=rates,
    clip_down=rates,
    threshold=st.one_of(st.integers(1, 2**56 - 1), st.integers(1, 10**6 * UNITS_PER_NMR)),
    kappa=st.integers(0, 10**6),
)


@dataclass(frozen=True)
class Cut:
    """Where a round's words are cut; zero words at the ends of a batch may be left out."""

    ends: tuple[int, ...]
    trim: bool

    def batches(self, words: list[int]) -> list[Batch]:
        edges = [0, *sorted(set(self.ends) & set(range(1, len(words)))), len(words)]
        cut = []
        for start, end in pairwise(edges):
            part = words[start:end]
            if self.trim:
                while part and part[0] == 0:
                    part, start = part[1:], start + 1
                while part and part[-1] == 0:
                    part = part[:-1]
            if part:
                cut.append(Batch(start, tuple(part)))
        return cut or [Batch(0, ())]


cuts = st.builds(
    Cut,
    ends=st.lists(st.integers(1, WORDS - 1), max_size=WORDS - 1).map(tuple),
    trim=st.booleans(),
)
scored = st.dictionaries(st.integers(0, MODELS - 1), score_lanes, max_size=MODELS).map(
    lambda lanes: score_words(lanes, WORDS)
)


def seeded(build: Callable[[Random], T]) -> st.SearchStrategy[T]:
    return st.integers(0, 2**16 - 1).map(lambda seed: build(Random(seed)))


def random_scores(random: Random) -> list[int]:
    """Score words in which some models are not scored, and some at the bounds."""
    extremes = (0, 1, -1, MAX_SCORE, -MAX_SCORE)

    def score() -> int:
        return random.choice((random.randint(-100_000, 100_000), random.choice(extremes)))

    named = random.sample(range(MODELS), random.randint(0, MODELS))
    lanes = {m: ScoreLane((score(), score(), score()), random.randint(0, 15)) for m in named}
    return score_words(lanes, WORDS)


def random_cut(random: Random) -> Cut:
    ends = random.sample(range(1, WORDS), random.randint(0, WORDS - 1))
    return Cut(tuple(ends), random.random() < 0.5)


def random_template(random: Random) -> Template:
    """A payout rule; its bounds are often the widest or the narrowest."""

    def rate() -> int:
        return random.choice((0, 1, 10**10, 5 * 10**10, 10**12, random.randint(0, 10**12)))

    def multiplier() -> int:
        return random.choice((0, random.randint(0, 3_000_000), 10**8))

    return Template(
        kinds=(1, 2, 3),
        multipliers=(multiplier(), multiplier(), multiplier()),
        clip_up=rate(),
        clip_down=rate(),
        threshold=random.choice((1, random.randint(1, 10**6 * UNITS_PER_NMR), 2**56 - 1)),
        kappa=random.randint(0, 10**6),
    )


seeded_scores = seeded(random_scores)
seeded_cuts = seeded(random_cut)
seeded_templates = seeded(random_template)
