"""How far a day's scoring is, by what is in the tables."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select

from oracle.life.calendar import is_scoring_day
from oracle.life.scores import day_ends
from oracle.records.rounds import Rounds
from oracle.records.rows import RoundRow
from oracle.records.schema.chain import rounds
from oracle.records.schema.life import daily_rounds
from oracle.store.database import Database
from oracle.tournaments.score_configs import DAY, score_days

_LONGEST_DAYS: Final = 366
"""How long after its close a round is looked at; contracts bound horizons to less."""


@dataclass(frozen=True, slots=True)
class DayStatus:
    """A day's scoring. Times are empty until it has happened, of all rounds that are due that day.

    ``started_at``: when the first of the day's scores was due; ``data_ready_at``: when targets were
    there for all of them, ``scored_at``: when all were scored, the final ones beyond challenge;
    ``resolved_at``: when rounds with final scores that day were settled, or given up.
    """

    date: int
    scoring_day: bool
    started_at: int | None = None
    data_ready_at: int | None = None
    scored_at: int | None = None
    resolved_at: int | None = None


@dataclass(frozen=True, slots=True)
class _Score:
    """A round's score that is due at ``at``: when its targets were ``ready`` and when it was
    ``scored``, None before. ``last``: it is the final one."""

    round: RoundRow
    at: int
    ready: int | None
    scored: int | None
    last: bool


class Pipeline:
    """Queries about days; each costs two statements."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def status(self, tournament: int, midnight: int, now: int) -> DayStatus:
        """The day that begins at ``midnight``, seen at chain time ``now``.

        A round's scores before the final one count where the provider publishes daily targets for
        it; a round that was given up without scores is waited for by nobody.
        """
        due = [one for one in self._due(tournament, midnight) if one.round.ended != "skipped"]
        is_one = is_scoring_day(midnight) or bool(due)
        begun = [one for one in due if one.at <= now]
        if not begun:
            return DayStatus(midnight, is_one)
        wanted = [one for one in due if one.round.ended is None or one.round.committed_at]
        return DayStatus(
            date=midnight,
            scoring_day=is_one,
            started_at=min(one.at for one in begun),
            data_ready_at=_when_all([one.ready for one in wanted]),
            scored_at=_when_all([one.scored for one in wanted]),
            resolved_at=_when_all([one.round.ended_at for one in due if one.last]),
        )

    def _due(self, tournament: int, midnight: int) -> list[_Score]:
        """What is due on the day, in the tables' words."""
        rows = self._rounds(tournament, midnight)
        days = self._days(tournament, {row.number for row in rows})
        found = []
        for row in rows:
            horizon, scored = row.horizon or 0, days.get(row.number, {})
            last = score_days(horizon)
            for day in range(1, last + 1):
                at = day_ends(row.closes, horizon, day)
                if not midnight <= at < midnight + DAY:
                    continue
                if day == last:
                    final = row.final_at if row.scored else None
                    found.append(_Score(row, at, row.committed_at, final, True))
                elif scored:
                    when = None if day not in scored else max(at, scored[day])
                    found.append(_Score(row, at, when, when, False))
        return found

    def _rounds(self, tournament: int, midnight: int) -> list[RoundRow]:
        """Rounds that may have a score on the day."""
        table = rounds.c
        query = select(table.round).where(
            table.tournament == tournament,
            table.cancelled.is_(False),
            table.closes < midnight + DAY,
            table.closes >= midnight - _LONGEST_DAYS * DAY,
        )
        numbers = self._database.read(lambda c: c.execute(query).scalars().all())
        listed = Rounds(self._database).list(tournament, numbers=numbers)
        return [row for row in listed if row.due >= midnight]

    def _days(self, tournament: int, numbers: Collection[int]) -> dict[int, dict[int, int]]:
        """When each day was scored, by round and day."""
        table = daily_rounds.c
        query = select(table.round, table.day, table.scored_at).where(
            table.tournament == tournament, table.round.in_(sorted(numbers))
        )

        def work(connection: Connection) -> dict[int, dict[int, int]]:
            found: dict[int, dict[int, int]] = {}
            for row in connection.execute(query):
                found.setdefault(row.round, {})[row.day] = row.scored_at
            return found

        return self._database.read(work)


def _when_all(times: Sequence[int | None]) -> int | None:
    """The last of times; None where one is missing, or there are none."""
    known = [time for time in times if time is not None]
    return max(known) if known and len(known) == len(times) else None
