"""What may become of a stake over many rounds: score paths, settled in the pool's own integers.

A path is a sequence of rounds, each with three scores and a hardening level. The stake of a round
is what the rounds before it left, so overlapping rounds never burn more than there is; what they do
is make scores of neighbouring rounds alike, and paths are drawn with that in them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from oracle.errors import InputError
from oracle.settlement.payout import Template, begin, change
from oracle.settlement.units import MAX_AMOUNT, MAX_LEVEL
from oracle.settlement.words import ScoreLane, pack_score

SCALE = 10**9
MAX_STEPS = 20_000_000
"""Rounds of all paths together, at most: some minutes."""


class ScorePaths(Protocol):
    """Where scores come from."""

    def draw(self, rng: np.random.Generator, rounds: int) -> Sequence[ScoreLane]:
        """One path."""
        ...


@dataclass(frozen=True, slots=True)
class PastScores:
    """Scores of past rounds in their order. Paths are runs of ``block`` rounds that follow each
    other, from anywhere in the past (a circular block bootstrap): what neighbours have in common,
    and what scores of one round have in common, is kept."""

    past: tuple[ScoreLane, ...]
    block: int = 1

    def draw(self, rng: np.random.Generator, rounds: int) -> Sequence[ScoreLane]:
        count = len(self.past)
        starts = rng.integers(0, count, -(-rounds // self.block))
        places = (starts[:, np.newaxis] + np.arange(self.block)) % count
        return [self.past[place] for place in places.ravel()[:rounds].tolist()]


@dataclass(frozen=True, slots=True)
class NormalScores:
    """Normal scores of a mean and standard deviation each, in the template's order.

    ``correlation`` is that between any two scores of a round. With ``overlap`` rounds open at a
    time, a round's target shares all but one part of its time with the next one's: scores are
    moving averages of as many independent parts, correlated by (overlap - d) / overlap at a
    distance of d rounds. ``level`` is every round's hardening level.
    """

    means: tuple[float, float, float]
    deviations: tuple[float, float, float]
    correlation: float = 0.0
    overlap: int = 1
    level: int = 0

    def draw(self, rng: np.random.Generator, rounds: int) -> Sequence[ScoreLane]:
        parts = rng.standard_normal((rounds + self.overlap - 1, 3)) @ self._mixing()
        sums = np.cumsum(np.vstack([np.zeros(3), parts]), axis=0)
        mean = (sums[self.overlap :] - sums[: -self.overlap]) / np.sqrt(self.overlap)
        values = np.asarray(self.means) + np.asarray(self.deviations) * mean
        return [score_lane(row, self.level) for row in values.tolist()]

    def _mixing(self) -> NDArray[np.float64]:
        """Makes independent columns correlated: (3, 3)."""
        wanted = np.full((3, 3), self.correlation)
        np.fill_diagonal(wanted, 1.0)
        values, vectors = np.linalg.eigh(wanted)
        if values.min() < -1e-9:
            raise InputError(
                f"three scores cannot be correlated by {self.correlation} with each other",
                "choose a --correlation from -0.5 to 1",
            )
        mixing: NDArray[np.float64] = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
        return mixing


def score_lane(values: Sequence[float], level: int = 0) -> ScoreLane:
    """Scores as numbers (0.02, not 10^-9) as the chain holds them; beyond its range cut off."""
    first, second, third = (pack_score(round(value * SCALE))[0] for value in values)
    return ScoreLane((first, second, third), level)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is asked. Amounts in U, ``phi`` at 10^-6.

    ``others`` is all other stake in the pool, ``others_at_risk`` what of it is at risk in a round,
    ``vault`` what gains are paid from; all three are taken to stay as they are but for what this
    stake takes out.
    """

    template: Template
    phi: int
    stake: int
    rounds: int
    paths: int
    seed: int
    take_profit: bool = False
    others: int = 0
    others_at_risk: int = 0
    vault: int = MAX_AMOUNT

    def __post_init__(self) -> None:
        if self.rounds * self.paths > MAX_STEPS:
            raise InputError(
                f"{self.paths} paths of {self.rounds} rounds are more than {MAX_STEPS:,} steps",
                "ask for fewer --paths or --rounds",
            )


@dataclass(frozen=True, slots=True)
class Path:
    """What a path led to, in U. ``values`` are stake and profits taken, before the first round and
    after each; ``burned`` and ``gained`` are sums over it."""

    values: tuple[int, ...]
    burned: int
    gained: int

    @property
    def end(self) -> int:
        return self.values[-1]

    @property
    def drawdown(self) -> float:
        """Largest fall from a high before it, as a share of that."""
        high, worst = 0, 0.0
        for value in self.values:
            high = max(high, value)
            worst = max(worst, (high - value) / high if high else 0.0)
        return worst


@dataclass(frozen=True)
class Simulation:
    """All paths of a plan."""

    plan: Plan
    paths: tuple[Path, ...]

    @cached_property
    def ends(self) -> list[int]:
        """Where paths ended, ascending."""
        return sorted(path.end for path in self.paths)

    def quantile(self, percent: int) -> int:
        """The lowest end such that ``percent`` of the paths are at it or below: a real one."""
        return self.ends[_rank(percent, len(self.ends))]

    def band(self, percent: int) -> list[int]:
        """The quantile of the values before the first round and after each."""
        place = _rank(percent, len(self.paths))
        return [
            sorted(values)[place]
            for values in zip(*(path.values for path in self.paths), strict=True)
        ]

    @property
    def mean_end(self) -> float:
        return sum(self.ends) / len(self.ends)

    @property
    def mean_burned(self) -> float:
        return sum(path.burned for path in self.paths) / len(self.paths)

    @property
    def mean_gained(self) -> float:
        return sum(path.gained for path in self.paths) / len(self.paths)

    def chance_of_loss(self, share: float = 0.0) -> float:
        """Share of the paths that end with more than ``share`` of the stake lost."""
        least = self.plan.stake * (1 - share)
        return sum(end < least for end in self.ends) / len(self.ends)

    def drawdown(self, percent: int) -> float:
        """Quantile of the paths' largest drawdowns."""
        ordered = sorted(path.drawdown for path in self.paths)
        return ordered[_rank(percent, len(ordered))]


def _rank(percent: int, count: int) -> int:
    return max(0, -(-percent * count // 100) - 1)


def simulate(plan: Plan, scores: ScorePaths) -> Simulation:
    """Draws the paths and settles each. The same plan and scores give the same result."""
    rng = np.random.default_rng(plan.seed)
    paths = tuple(settle_path(plan, scores.draw(rng, plan.rounds)) for _ in range(plan.paths))
    return Simulation(plan, paths)


def settle_path(plan: Plan, lanes: Sequence[ScoreLane]) -> Path:
    """One path, round by round, as the pool would settle it."""
    stake, out, vault = plan.stake, 0, plan.vault
    values, burned, gained = [stake], 0, 0
    for lane in lanes:
        at_risk, total = plan.others_at_risk + stake, plan.others + stake
        moved = change(begin(plan.template, plan.phi, at_risk, total, vault), stake, lane)
        if moved < 0:
            burned -= moved
            stake += moved
        else:
            gained += moved
            vault -= moved
            if plan.take_profit:
                out += moved
            else:
                stake += moved
        values.append(stake + out)
    return Path(tuple(values), burned, gained)


def require_level(level: int) -> int:
    if not 0 <= level <= MAX_LEVEL:
        raise InputError(f"hardening level {level} is not from 0 to {MAX_LEVEL}")
    return level
