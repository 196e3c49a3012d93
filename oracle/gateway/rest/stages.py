"""Where rounds stand, and every change of that since the server began: what streams send."""

import secrets
import threading
from collections import deque
from dataclasses import dataclass, field

from oracle.gateway.services import Services
from oracle.records.rows import RoundRow

_KEPT = 1_000
_NEWEST = 128
"""Rounds that are looked at: more than may be under way at once."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A round came to ``stage`` at the chain's time ``at``, which may be a little after it did."""

    number: int
    tournament: int
    round: int
    stage: str
    at: int


def stage_of(row: RoundRow, now: int) -> str:
    """upcoming, open, closed, due, committed, challenged, final or settling; in the end settled,
    void or skipped, or cancelled before that."""
    if row.ended:
        return row.ended
    if row.cancelled:
        return "cancelled"
    if row.begun_at is not None:
        return "settling"
    if row.challenged_at is not None and row.confirmed_at is None:
        return "challenged"
    if row.committed_at is not None:
        return "final" if row.final_at is not None and row.final_at <= now else "committed"
    if now >= row.closes:
        return "due" if now >= row.due else "closed"
    return "upcoming" if row.opens is not None and now < row.opens else "open"


@dataclass
class Stages:
    """``look`` is called by one thread; the others may be by any. ``began`` tells apart the
    processes that number changes from 1."""

    services: Services
    began: str = field(default_factory=lambda: secrets.token_hex(4))
    _known: dict[tuple[int, int], Stage] = field(default_factory=dict)
    _changes: deque[Stage] = field(default_factory=lambda: deque(maxlen=_KEPT))
    _count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self) -> int:
        """Takes in where rounds stand now; returns how many changes there were."""
        changes = 0
        for number, served in self.services.tournaments.items():
            if not served.ledger.is_whole:
                continue  # rounds would be told once more, as they were
            now = served.now()
            for row in reversed(self.services.rounds.list(number, limit=_NEWEST)):
                changes += self._seen(row, stage_of(row, now), now)
            self._forget(number)
        return changes

    def under_way(self) -> list[Stage]:
        """The newest change of every round that has not ended."""
        with self._lock:
            found = [s for s in self._known.values() if s.stage not in _ENDS]
        return sorted(found, key=lambda stage: stage.number)

    def after(self, number: int) -> list[Stage]:
        """Changes after the one with a number, as far as they are kept."""
        with self._lock:
            return [stage for stage in self._changes if stage.number > number]

    def id_of(self, stage: Stage) -> str:
        return f"{self.began}-{stage.number}"

    def number_of(self, shown: str) -> int | None:
        """The number in an id; None for one of another process, or one that is none."""
        began, _, number = shown.partition("-")
        is_ours = began == self.began and number.isascii() and number.isdigit()
        if not is_ours or len(number) > 15:
            return None
        with self._lock:
            oldest = self._changes[0].number if self._changes else 1
        return int(number) if int(number) >= oldest - 1 else None

    def _seen(self, row: RoundRow, stage: str, now: int) -> int:
        key = (row.tournament, row.number)
        with self._lock:
            known = self._known.get(key)
            if known is not None and known.stage == stage:
                return 0
            self._count += 1
            self._known[key] = Stage(self._count, row.tournament, row.number, stage, now)
            self._changes.append(self._known[key])
        return 1

    def _forget(self, tournament: int) -> None:
        """Drops rounds that are not looked at any more."""
        with self._lock:
            mine = sorted(key for key in self._known if key[0] == tournament)
            for key in mine[: -2 * _NEWEST]:
                del self._known[key]


_ENDS = frozenset({"settled", "void", "skipped"})


def stages_of(services: Services) -> Stages:
    return Stages(services)
