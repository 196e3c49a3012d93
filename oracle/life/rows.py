"""What the server works out from day to day. Scores at 10^-9, amounts in U, times in seconds."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DayScore:
    """A score of a model on a day of a round. ``day`` counts from the close; ``date``: when it
    ends, at the latest when scores are due. ``final``: of the committed result; else it is this
    server's own."""

    round: int
    model: int
    day: int
    name: str
    date: int
    value: int
    percentile: int
    final: bool


@dataclass(frozen=True, slots=True)
class DayResult:
    """What a model had at risk on a scored day, and its hardening level."""

    round: int
    model: int
    day: int
    at_risk: int
    level: int


@dataclass(frozen=True, slots=True)
class Payout:
    """What a round did to a model's stake, or would do if the scores of ``day`` were settled now.
    ``shares``: of each place of the score word in ``change``."""

    round: int
    model: int
    day: int
    change: int
    shares: tuple[int, int, int]
    is_settled: bool


@dataclass(frozen=True, slots=True)
class Leader:
    """A model on its tournament's board. ``score``: the year's mean of what rounds pay on, by which
    it has its ``rank``; ``sharpe`` of the same, ``today`` the newest of it. ``reputations`` and
    ``ranks`` by score; ``returns`` at 10^-9 by ``standing.WINDOWS``."""

    model: int
    rank: int
    prev_rank: int | None
    stake: int
    score: int | None
    sharpe: int | None
    today: int | None
    reputations: Mapping[str, int]
    ranks: Mapping[str, int]
    returns: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class AccountLeader:
    """An account over its models. ``name``: the address where it has no other; ``returns`` and
    ``gains`` by ``standing.ACCOUNT_WINDOWS``."""

    name: str
    address: str
    rank: int
    stake: int
    reputations: Mapping[str, int]
    returns: Mapping[str, int]
    gains: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Standing:
    """A model on a day, midnight UTC: reputations and places as of the end of that day. ``score``
    and ``rank`` are of the year's points."""

    date: int
    score: int | None
    rank: int | None
    reputations: Mapping[str, int]
    ranks: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class SeasonRow:
    """A model in a season."""

    season: int
    model: int
    score: int
    rounds: int
    rank: int
    tier: str
