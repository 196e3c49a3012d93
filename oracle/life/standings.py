"""Where models stood on each day on which final scores became due: reputations and places.

They follow from the results alone: a day whose results change is worked out anew, and a database
that was emptied comes to the same.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Connection, Join, case, delete, func, insert, select

from oracle.life.points import Pointed
from oracle.life.rows import Standing
from oracle.records.asking import parts
from oracle.records.schema.chain import scores
from oracle.records.schema.life import pointed_rounds, round_points, standing_days, standings
from oracle.store.database import Database
from oracle.tournaments.standing import DAY, YEAR, mean, ranks

POINTS = "points"
_AT_ONCE = 10
"""Days that one call works out at most."""

_MOST = 100 * 10**9
"""Points from which on a model's Sharpe ratio is of this instead: a year's squares have to fit."""

_ROWS = 500
Means = Mapping[str, Mapping[int, int]]
"""By name of the score, ``points`` among them, each model's mean."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Of a year's points of a model: how many, their sum, and that of their squares at 10^-6."""

    count: int
    total: int
    total_6: int
    squares_6: int


@dataclass(frozen=True)
class Standings:
    """One tournament's."""

    database: Database
    tournament: int
    _bases: dict[int, bytes] = field(default_factory=dict)

    def update(self, pointed: Sequence[Pointed], now: int) -> bool:
        """Works out the days of a year up to ``now`` that are missing or rest on other results,
        some at a time, and drops all others; whether all are there."""
        days = sorted({_midnight(one.due) for one in pointed if now - YEAR < one.due <= now})
        wanted = {day: basis_of(within(pointed, day + DAY - 1)) for day in days}
        stand = self._there()
        wrong = [day for day in days if stand.get(day) != wanted[day]]
        self._drop(stand.keys() - wanted.keys())
        for day in wrong[:_AT_ONCE]:
            means = self.means(day + DAY - 1)
            self._keep(day, wanted[day], means)
        return len(wrong) <= _AT_ONCE

    def means(self, now: int) -> Means:
        """Of the year up to ``now``, by score and model."""
        table = pointed_rounds

        def work(connection: Connection) -> dict[str, dict[int, int]]:
            found: dict[str, dict[int, int]] = {}
            query = select(
                scores.c.name, scores.c.model, func.sum(scores.c.value), func.count()
            ).select_from(
                scores.join(
                    table,
                    (table.c.tournament == scores.c.tournament) & (table.c.round == scores.c.round),
                )
            )
            query = query.where(*self._year(now)).group_by(scores.c.name, scores.c.model)
            for name, model, total, count in connection.execute(query):
                found.setdefault(name, {})[model] = mean(int(total), count)
            return found

        sums = self.sums(now)
        of_points = {model: mean(one.total, one.count) for model, one in sums.items()}
        found = self.database.read(work)
        return {**found, POINTS: of_points} if of_points else found

    def sums(self, now: int) -> dict[int, Sums]:
        """Of the year up to ``now``, by model."""
        value = round_points.c.points
        bounded = case((value > _MOST, _MOST), (value < -_MOST, -_MOST), else_=value)
        small = bounded // 1_000
        query = (
            select(
                round_points.c.model,
                func.count(),
                func.sum(value),
                func.sum(small),
                func.sum(small * small),
            )
            .select_from(_joined())
            .where(*self._year(now))
            .group_by(round_points.c.model)
        )
        rows = self.database.read(lambda connection: connection.execute(query).all())
        return {model: Sums(*map(int, rest)) for model, *rest in rows}

    def newest(self, now: int) -> dict[int, int]:
        """The points of each model in the last round of the year that it has any in."""
        last = (
            select(round_points.c.model, func.max(round_points.c.round).label("round"))
            .select_from(_joined())
            .where(*self._year(now))
            .group_by(round_points.c.model)
            .subquery()
        )
        query = select(round_points.c.model, round_points.c.points).where(
            round_points.c.tournament == self.tournament,
            round_points.c.model == last.c.model,
            round_points.c.round == last.c.round,
        )
        rows = self.database.read(lambda connection: connection.execute(query).all())
        return {row.model: row.points for row in rows}

    def of(self, model: int) -> list[Standing]:
        """A model's, the newest day first."""
        table = standings
        query = (
            select(table.c.date, table.c.name, table.c.value, table.c.rank)
            .where(table.c.tournament == self.tournament, table.c.model == model)
            .order_by(table.c.date.desc())
        )
        found: dict[int, tuple[dict[str, int], dict[str, int]]] = {}
        for row in self.database.read(lambda connection: connection.execute(query).all()):
            values, places = found.setdefault(row.date, ({}, {}))
            values[row.name], places[row.name] = row.value, row.rank
        return [
            Standing(date, values.pop(POINTS, None), places.pop(POINTS, None), values, places)
            for date, (values, places) in found.items()
        ]

    def places_before(self, now: int) -> dict[int, int]:
        """The places by points on the last day but one that there are standings of."""
        table = standings
        days = select(standing_days.c.date).where(
            standing_days.c.tournament == self.tournament, standing_days.c.date <= now
        )
        before = days.order_by(standing_days.c.date.desc()).offset(1).limit(1).scalar_subquery()
        query = select(table.c.model, table.c.rank).where(
            table.c.tournament == self.tournament, table.c.name == POINTS, table.c.date == before
        )
        rows = self.database.read(lambda connection: connection.execute(query).all())
        return {row.model: row.rank for row in rows}

    # ------------------------------------------------------------------ the tables

    def _year(self, now: int) -> tuple[ColumnElement[bool], ...]:
        table = pointed_rounds
        return (
            table.c.tournament == self.tournament,
            table.c.due > now - YEAR,
            table.c.due <= now,
        )

    def _there(self) -> dict[int, bytes]:
        table = standing_days
        query = select(table.c.date, table.c.basis).where(table.c.tournament == self.tournament)
        rows = self.database.read(lambda connection: connection.execute(query).all())
        return {row.date: bytes(row.basis) for row in rows}

    def _keep(self, day: int, basis: bytes, means: Means) -> None:
        places = {name: ranks(values) for name, values in means.items()}
        rows = [
            {
                "tournament": self.tournament,
                "model": model,
                "date": day,
                "name": name,
                "value": value,
                "rank": places[name][model],
            }
            for name, values in means.items()
            for model, value in values.items()
        ]
        with self.database.begin() as connection:
            self._remove(connection, day)
            for part in parts(rows, _ROWS):
                connection.execute(insert(standings), part)
            one = {"tournament": self.tournament, "date": day, "basis": basis}
            connection.execute(insert(standing_days), [one])

    def _drop(self, days: Collection[int]) -> None:
        if days:
            with self.database.begin() as connection:
                for day in days:
                    self._remove(connection, day)

    def _remove(self, connection: Connection, day: int) -> None:
        for table in (standings, standing_days):
            here = (table.c.tournament == self.tournament, table.c.date == day)
            connection.execute(delete(table).where(*here))


def _joined() -> Join:
    table = pointed_rounds
    return round_points.join(
        table,
        (table.c.tournament == round_points.c.tournament) & (table.c.round == round_points.c.round),
    )


def _midnight(time: int) -> int:
    return time - time % DAY


def within(pointed: Iterable[Pointed], now: int) -> list[Pointed]:
    """Those of the year up to ``now``."""
    return [one for one in pointed if now - YEAR < one.due <= now]


def basis_of(pointed: Iterable[Pointed]) -> bytes:
    """A hash of results, each by its round and manifest."""
    hashed = hashlib.sha256()
    for one in pointed:
        hashed.update(one.round.to_bytes(8, "big") + one.manifest)
    return hashed.digest()
