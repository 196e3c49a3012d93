"""What Numerai's gate would say of a Signals file. Advice: here nobody is paid or burned by it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np

from oracle.scoring.churn import Signal, max_churn, max_turnover
from oracle.scoring.limits import SCALE
from oracle.tournaments.submissions import Submission

MAX_CHURN: Final = 0.15
MAX_TURNOVER: Final = 0.25
EARLIER: Final = 5
WEEK: Final = 7 * 86_400
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Parsed:
    """A file as the rules read it, with the ids of its round's universe; ``sent_at`` in seconds."""

    submission: Submission
    universe: Sequence[str]
    sent_at: int

    @property
    def ranks(self) -> Signal:
        """Its places over its whole universe, one half for ids it left out."""
        ids = np.array([self.universe[p] for p in self.submission.positions.tolist()])
        return Signal(ids, self.submission.values / SCALE).on(np.array(self.universe))

    @property
    def weights(self) -> Signal:
        """Those as a portfolio: centred, absolute weights that sum to 1."""
        ranks = self.ranks
        centred = ranks.values - ranks.values.mean()
        return Signal(ranks.ids, centred / np.abs(centred).sum())


@dataclass(frozen=True, slots=True)
class Advice:
    """``churn`` and ``turnover``: the largest against ``compared`` earlier files; None of none.
    ``reasons`` why stake would not count, empty where it would."""

    churn: float | None
    turnover: float | None
    compared: int
    reasons: tuple[str, ...]


def advise(newest: Parsed, earlier: Sequence[Parsed], now: int) -> Advice:
    """Of a model's newest file and the ``EARLIER`` before it, each of another round."""
    reasons = []
    if now - newest.sent_at > WEEK:
        reasons.append("nothing was sent in the last week")
    if not earlier:
        reasons.append("there is no earlier file to compare with")
        return Advice(None, None, 0, tuple(reasons))
    churn = max_churn(newest.ranks, [one.ranks for one in earlier])
    turnover = max_turnover(newest.weights, [one.weights for one in earlier])
    if churn >= MAX_CHURN:
        reasons.append(f"a churn of {churn:.3f} is not below {MAX_CHURN}")
    if turnover >= MAX_TURNOVER:
        reasons.append(f"a turnover of {turnover:.3f} is not below {MAX_TURNOVER}")
    return Advice(churn, turnover, len(earlier), tuple(reasons))


def newest_by_round(
    rows: Sequence[T], counts: Callable[[T], bool], number: Callable[[T], int]
) -> list[T]:
    """Of rows, one of each round that ``counts``, the newest round first, one more than are
    compared with at most."""
    of = {number(row): row for row in rows if counts(row)}
    return [of[n] for n in sorted(of, reverse=True)[: EARLIER + 1]]
