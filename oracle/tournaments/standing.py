"""How models stand over many rounds: reputation, ranks, returns, seasons and tiers.

None of it is paid on. Scores are at 10^-9, amounts in U, times in seconds; means and quotients
are rounded down.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from math import isqrt
from typing import Final, TypeVar

from oracle.settlement.units import MILLIONTH, UNITS_PER_NMR

ONE: Final = 10**9
DAY: Final = 86_400
YEAR: Final = 365 * DAY
"""Over which a reputation is taken."""

WINDOWS: Final[Mapping[str, int]] = {
    "1_day": DAY,
    "13_weeks": 13 * 7 * DAY,
    "52_weeks": 52 * 7 * DAY,
}
ACCOUNT_WINDOWS: Final[Mapping[str, int | None]] = {"3m": 91 * DAY, "1y": YEAR, "all_time": None}
"""Over which returns are told, of models and of accounts; None: since the beginning."""

SEASON_ROUNDS: Final = 20
"""Rounds that count which a season asks for before it gives a rank's tier."""

SEASON_STAKE: Final = UNITS_PER_NMR
"""U at risk from which a round counts for the season."""

MOST: Final = 10**18
"""Of quotients, which have no bound of their own: what is more is told as this."""

_GROWTH: Final = 10**18
_FINER: Final = 10**12
_K = TypeVar("_K", bound=Hashable)


def points(scores: Sequence[int], multipliers: Sequence[int]) -> int:
    """What a round pays on: scores times their multipliers (10^-6), before factors and clips."""
    return sum(s * m for s, m in zip(scores, multipliers, strict=True)) // MILLIONTH


def mean(total: int, count: int) -> int:
    return total // count


def weighted_mean(values: Iterable[tuple[int, int]]) -> int | None:
    """Of (stake, value), weighted by stake; the plain mean where nothing is staked, None of
    nothing."""
    pairs = [(max(stake, 0), value) for stake, value in values]
    if not pairs:
        return None
    total = sum(stake for stake, _ in pairs)
    if total == 0:
        return mean(sum(value for _, value in pairs), len(pairs))
    return sum(stake * value for stake, value in pairs) // total


def sharpe(count: int, total: int, squares: int) -> int | None:
    """Mean by standard deviation (ddof 0) of ``count`` values with this sum and sum of squares,
    at 10^-9 whatever their unit and within ``MOST``; None where they do not differ."""
    spread = count * squares - total * total
    if count < 2 or spread <= 0:
        return None
    return _bounded(total * ONE * _FINER // isqrt(spread * _FINER**2))


def _bounded(value: int) -> int:
    return max(-MOST, min(value, MOST))


def ranks(values: Mapping[_K, int]) -> dict[_K, int]:
    """Places from 1, the highest first; who is level shares the better place."""
    ordered = sorted(values.items(), key=lambda item: -item[1])
    found: dict[_K, int] = {}
    place, before = 0, None
    for number, (key, value) in enumerate(ordered, 1):
        if value != before:
            place, before = number, value
        found[key] = place
    return found


class Growth:
    """What rounds made of a stake, one after the other, deposits and releases left out: of each
    round the change by the stake before it, all multiplied."""

    __slots__ = ("_size", "gained")

    def __init__(self) -> None:
        self._size, self.gained = _GROWTH, 0

    def add(self, stake: int, change: int) -> None:
        """A settled round; one without stake changes nothing."""
        if stake > 0:
            self._size = self._size * max(0, stake + change) // stake
            self.gained += change

    @property
    def rate(self) -> int:
        """At 10^-9, within ``MOST``: 0 nothing, -10^9 everything lost."""
        return _bounded((self._size - _GROWTH) // (_GROWTH // ONE))


# ---------------------------------------------------------------------- seasons


class Tier(StrEnum):
    """What a season makes of a model."""

    GRANDMASTER = "Grandmaster"
    MASTER = "Master"
    EXPERT = "Expert"
    RESEARCHER = "Researcher"
    CONTRIBUTOR = "Contributor"
    APPRENTICE = "Apprentice"
    NOVICE = "Novice"


_BEST: Final = ((1, Tier.GRANDMASTER), (10, Tier.MASTER), (100, Tier.EXPERT))
_THIRDS: Final = (Tier.RESEARCHER, Tier.CONTRIBUTOR, Tier.APPRENTICE)


@dataclass(frozen=True, slots=True)
class SeasonPlace:
    """``score`` at 10^-9; ``rounds`` that counted."""

    model: int
    score: int
    rounds: int
    rank: int
    tier: Tier


def season_of(time: int) -> int:
    """A season is a calendar year, in UTC."""
    return datetime.fromtimestamp(time, UTC).year


def season_span(year: int) -> range:
    """The seconds of a season."""
    begins, ends = (datetime(y, 1, 1, tzinfo=UTC) for y in (year, year + 1))
    return range(int(begins.timestamp()), int(ends.timestamp()))


def counts_for_season(at_risk: int, is_on_time: bool) -> bool:
    """Whether a round counts for a model's season; else it is a missed one, of 0 points."""
    return is_on_time and at_risk >= SEASON_STAKE


def season(totals: Mapping[int, tuple[int, int]], rounds: int) -> list[SeasonPlace]:
    """Models in order of their places.

    ``totals``: of each model the sum of its points in rounds that counted, and how many those are;
    ``rounds``: all of the season that have scores. The score is the mean over all of them, so a
    missed round counts as 0. Those with fewer than ``SEASON_ROUNDS`` come after the others. Who is
    level goes by number.
    """

    def place(item: tuple[int, tuple[int, int]]) -> tuple[bool, int, int]:
        model, (total, counted) = item
        return (counted < SEASON_ROUNDS, -mean(total, rounds), model)

    ordered = sorted(totals.items(), key=place)
    ranked = sum(counted >= SEASON_ROUNDS for _, counted in totals.values())
    return [
        SeasonPlace(
            model,
            mean(total, rounds),
            counted,
            rank,
            tier(rank, ranked) if counted >= SEASON_ROUNDS else Tier.NOVICE,
        )
        for rank, (model, (total, counted)) in enumerate(ordered, 1)
    ]


def tier(rank: int, ranked: int) -> Tier:
    """Of a place among ``ranked`` models that played enough rounds: the first, the next to 10 and
    to 100, then the rest by thirds, the better thirds taking what does not divide."""
    for last, best in _BEST:
        if rank <= last:
            return best
    last = _BEST[-1][0]
    return _THIRDS[(rank - last - 1) * len(_THIRDS) // (ranked - last)]
