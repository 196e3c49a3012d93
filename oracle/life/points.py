"""What each round paid on, of every model that was scored: points, from the final scores."""

from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from oracle.life.configs import configs_of
from oracle.records.asking import parts
from oracle.records.results import Results
from oracle.records.rounds import Rounds
from oracle.records.rows import ResultStatus, RoundRow
from oracle.records.schema.chain import rounds
from oracle.records.schema.life import pointed_rounds, round_points
from oracle.store.database import Database
from oracle.tournaments.standing import counts_for_season, points

_VOID = "void"
_AT_ONCE = 10
"""Rounds that one call works out at most."""

_ROWS = 500


@dataclass(frozen=True, slots=True)
class Pointed:
    """A round whose points are in the tables. ``manifest``: of the result they are from."""

    round: int
    manifest: bytes
    due: int


class Points:
    """The points of one tournament's rounds, kept in step with the results in the tables."""

    def __init__(self, database: Database, tournament: int) -> None:
        self._database, self._tournament = database, tournament
        self._results = Results(database)

    def update(self) -> tuple[list[Pointed], bool]:
        """Works out what is new, some rounds at a time, and forgets what is no more; rounds that
        have points now, the oldest first, and whether they are all. Rounds that became void count
        for nothing."""
        stand = {one.round: one for one in self._there()}
        wanted = {one.round: one for one in self._scored()}
        for number in stand.keys() - wanted.keys():
            with self._database.begin() as connection:
                self._forget(connection, number)
        new = sorted(number for number, one in wanted.items() if stand.get(number) != one)
        now, later = new[:_AT_ONCE], frozenset(new[_AT_ONCE:])
        for row in Rounds(self._database).list(self._tournament, numbers=now):
            self._point(row, wanted[row.number])
        return [wanted[n] for n in sorted(wanted.keys() - later)], not later

    def _there(self) -> list[Pointed]:
        table = pointed_rounds
        query = select(table).where(table.c.tournament == self._tournament)
        found = self._database.read(lambda connection: connection.execute(query).all())
        return [Pointed(row.round, bytes(row.manifest), row.due) for row in found]

    def _scored(self) -> list[Pointed]:
        query = select(rounds.c.round, rounds.c.scored, rounds.c.closes, rounds.c.horizon).where(
            rounds.c.tournament == self._tournament,
            rounds.c.scored.is_not(None),
            rounds.c.void_at.is_(None),
            rounds.c.ended.is_distinct_from(_VOID),
        )
        found = self._database.read(lambda connection: connection.execute(query).all())
        return [
            Pointed(row.round, bytes(row.scored), row.closes + (row.horizon or 0)) for row in found
        ]

    def _point(self, row: RoundRow, pointed: Pointed) -> None:
        paid = {c.score: round(c.multiplier * 10**6) for c in configs_of(row) if c.is_payout}
        scores: dict[int, dict[str, int]] = defaultdict(dict)
        for one in self._results.scores(self._tournament, rounds=[row.number]):
            scores[one.model][one.name] = one.value
        results = self._results.list(self._tournament, rounds=[row.number])
        found = [
            {
                "tournament": self._tournament,
                "round": row.number,
                "model": one.model,
                "points": points(
                    [scores[one.model].get(name, 0) for name in paid], list(paid.values())
                ),
                "counts": counts_for_season(
                    one.at_risk, is_on_time=one.status == ResultStatus.SCORED
                ),
            }
            for one in results
            if one.model in scores
        ]
        with self._database.begin() as connection:
            self._forget(connection, row.number)
            for part in parts(found, _ROWS):
                connection.execute(insert(round_points), part)
            whole = {"round": row.number, "manifest": pointed.manifest, "due": pointed.due}
            connection.execute(insert(pointed_rounds), [{"tournament": self._tournament, **whole}])

    def _forget(self, connection: Connection, number: int) -> None:
        for table in (pointed_rounds, round_points):
            here = (table.c.tournament == self._tournament, table.c.round == number)
            connection.execute(delete(table).where(*here))
