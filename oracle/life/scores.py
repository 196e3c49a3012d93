"""Scores of rounds day by day, the final ones as the last day."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Table, select

from oracle.life.rows import DayResult, DayScore
from oracle.records.asking import among
from oracle.records.results import Results
from oracle.records.rounds import Rounds
from oracle.records.schema.life import daily_results, daily_scores
from oracle.store.database import Database
from oracle.tournaments.score_configs import DAY, score_days

_SCORE = tuple(name for name in DayScore.__dataclass_fields__ if name != "final")
_RESULT = tuple(DayResult.__dataclass_fields__)


def day_ends(closes: int, horizon: int, day: int) -> int:
    """When a day of a round ends: with the horizon at the latest."""
    return closes + min(day * DAY, horizon)


class DailyScores:
    """Queries; the number of statements does not grow with the models."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._results, self._rounds = Results(database), Rounds(database)

    def of(
        self,
        tournament: int,
        models: Collection[int],
        *,
        rounds: Collection[int] | None = None,
        names: Collection[str] | None = None,
        day: int | None = None,
    ) -> list[DayScore]:
        """In order of round, model, day. Where a round's final scores are there, they are those of
        its last day, whatever was worked out for that day before."""
        finals = self._finals(tournament, models, rounds)
        last = {one.round: one.day for one in finals}
        daily = [
            DayScore(**row, final=False)
            for row in self._rows(daily_scores, _SCORE, tournament, models, rounds)
            if row["round"] not in last or row["day"] < last[row["round"]]
        ]
        found = [
            one
            for one in (*daily, *finals)
            if day in (None, one.day) and (names is None or one.name in names)
        ]
        return sorted(found, key=lambda one: (one.round, one.model, one.day))

    def results(
        self, tournament: int, models: Collection[int], rounds: Collection[int] | None = None
    ) -> list[DayResult]:
        """Of scored days, whether or not the round has final scores by now."""
        rows = self._rows(daily_results, _RESULT, tournament, models, rounds)
        return [DayResult(**row) for row in rows]

    def _finals(
        self, tournament: int, models: Collection[int], rounds: Collection[int] | None
    ) -> list[DayScore]:
        found = self._results.scores(tournament, models=models, rounds=rounds)
        numbers = {score.round for score in found}
        of = {row.number: row for row in self._rounds.list(tournament, numbers=numbers)}
        return [
            DayScore(
                round=one.round,
                model=one.model,
                day=score_days(of[one.round].horizon or 0),
                name=one.name,
                date=of[one.round].due,
                value=one.value,
                percentile=one.percentile,
                final=True,
            )
            for one in found
        ]

    def _rows(
        self,
        table: Table,
        names: Collection[str],
        tournament: int,
        models: Collection[int],
        rounds: Collection[int] | None,
    ) -> list[dict[str, Any]]:
        def work(connection: Connection) -> list[dict[str, Any]]:
            query = select(*(table.c[name] for name in names))
            query = query.where(table.c.tournament == tournament)
            return [
                dict(row._mapping)
                for condition in among(table.c.model, models)
                for row in connection.execute(query.where(condition))
                if rounds is None or row.round in rounds
            ]

        return self._database.read(work)
