"""Sums and orders over whole tournaments and rounds, made by the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, or_, select

from oracle.records.schema.chain import (
    models,
    names,
    positions,
    results,
    rounds,
    scores,
    settlements,
)
from oracle.store.database import Database

SCORE_ONE = 10**9


@dataclass(frozen=True, slots=True)
class Totals:
    """Of one tournament; amounts in U. ``staked_models`` have stake."""

    models: int
    staked_models: int
    staked: int
    claimable: int
    paid: int
    burned: int
    settled_rounds: int


@dataclass(frozen=True, slots=True)
class Band:
    """Of one score in one round, at 10^-9: the least with such a percentile or a higher one; the
    highest where there is none."""

    round: int
    p10: int
    p25: int
    p50: int
    p75: int
    p90: int


@dataclass(frozen=True, slots=True)
class BoardRow:
    """A model in a round's result. ``stake`` and ``change`` in U, the latter None before settling;
    scores by name, (value, percentile) at 10^-9."""

    model: int
    uuid: str | None
    name: str | None
    status: str
    reason: str
    stake: int
    change: int | None
    rho: int | None
    level: int | None
    scores: dict[str, tuple[int, int]]


class Summaries:
    """Each method costs a fixed number of queries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def totals(self, tournament: int) -> Totals:
        """What the tables hold of the tournament, added up."""

        def work(connection: Connection) -> Totals:
            def one(query: Select[Any]) -> Any:
                return connection.execute(query).one()

            known = one(select(func.count()).where(models.c.tournament == tournament))[0]
            has_stake = case((positions.c.stake > 0, 1), else_=0)
            stake = one(
                select(
                    func.coalesce(func.sum(has_stake), 0),
                    func.coalesce(func.sum(positions.c.stake), 0),
                    func.coalesce(func.sum(positions.c.claimable), 0),
                ).where(positions.c.tournament == tournament)
            )
            done = one(
                select(
                    func.coalesce(func.sum(rounds.c.gains), 0),
                    func.coalesce(func.sum(rounds.c.burns), 0),
                    func.coalesce(func.sum(case((rounds.c.ended == "settled", 1), else_=0)), 0),
                ).where(rounds.c.tournament == tournament)
            )
            return Totals(int(known), *(int(value) for value in (*stake, *done)))

        return self._database.read(work)

    def bands(self, tournament: int, name: str, numbers: Sequence[int]) -> list[Band]:
        """Of these rounds, as far as they are scored, in order."""
        parts = [
            func.coalesce(
                func.min(case((scores.c.percentile >= SCORE_ONE * share // 100, scores.c.value))),
                func.max(scores.c.value),
            )
            for share in (10, 25, 50, 75, 90)
        ]
        query = (
            select(scores.c.round, *parts)
            .where(
                scores.c.tournament == tournament,
                scores.c.round.in_(list(numbers)),
                scores.c.name == name,
            )
            .group_by(scores.c.round)
            .order_by(scores.c.round)
        )

        def work(connection: Connection) -> list[Band]:
            return [Band(*row) for row in connection.execute(query)]

        return self._database.read(work)

    def counts(self, tournament: int, number: int) -> tuple[dict[str, int], int]:
        """Of a round: models by what became of them, and how many were settled."""
        status = (
            select(results.c.status, func.count())
            .where(results.c.tournament == tournament, results.c.round == number)
            .group_by(results.c.status)
        )
        settled = select(func.count()).where(
            settlements.c.tournament == tournament, settlements.c.round == number
        )

        def work(connection: Connection) -> tuple[dict[str, int], int]:
            by_status = {row[0]: int(row[1]) for row in connection.execute(status)}
            return by_status, int(connection.execute(settled).scalar_one())

        return self._database.read(work)

    def board(
        self,
        tournament: int,
        number: int,
        *,
        sort: str,
        descending: bool,
        search: str,
        limit: int,
        offset: int,
    ) -> list[BoardRow]:
        """Models in a round's result. ``sort``: ``model``, ``name``, ``stake``, ``payout``, or a
        score's name; those without the value come last, equal ones by number. ``search``: in
        names, or a model's number."""
        sorting = scores.alias("sorting")
        named = func.lower(names.c.name)
        keys: dict[str, ColumnElement[Any]] = {
            "model": results.c.model,
            "name": named,
            "stake": results.c.stake,
            "payout": settlements.c.change,
        }
        key = keys.get(sort, sorting.c.value)
        settled = and_(
            settlements.c.tournament == results.c.tournament,
            settlements.c.round == results.c.round,
            settlements.c.model == results.c.model,
        )
        score = and_(
            sorting.c.tournament == results.c.tournament,
            sorting.c.round == results.c.round,
            sorting.c.model == results.c.model,
            sorting.c.name == sort,
        )
        known = and_(models.c.tournament == results.c.tournament, models.c.model == results.c.model)
        query = (
            select(results, models.c.uuid, names.c.name, settlements.c.change)
            .select_from(
                results.outerjoin(models, known)
                .outerjoin(names, names.c.name_hash == models.c.name_hash)
                .outerjoin(settlements, settled)
                .outerjoin(sorting, score)
            )
            .where(results.c.tournament == tournament, results.c.round == number)
            .where(*_found(search, named))
            .order_by(
                case((key.is_(None), 1), else_=0),
                key.desc() if descending else key.asc(),
                results.c.model,
            )
            .limit(limit)
            .offset(offset)
        )

        def work(connection: Connection) -> list[BoardRow]:
            page = connection.execute(query).all()
            every = select(scores).where(
                scores.c.tournament == tournament,
                scores.c.round == number,
                scores.c.model.in_([row.model for row in page]),
            )
            by_model: dict[int, dict[str, tuple[int, int]]] = {}
            for one in connection.execute(every):
                by_model.setdefault(one.model, {})[one.name] = (one.value, one.percentile)
            return [
                BoardRow(
                    model=row.model,
                    uuid=row.uuid,
                    name=row.name,
                    status=row.status,
                    reason=row.reason,
                    stake=row.stake,
                    change=row.change,
                    rho=row.rho,
                    level=row.level,
                    scores=by_model.get(row.model, {}),
                )
                for row in page
            ]

        return self._database.read(work)


def _found(search: str, named: ColumnElement[Any]) -> list[ColumnElement[bool]]:
    if not search:
        return []
    within = named.contains(search.lower(), autoescape=True)
    is_number = search.isascii() and search.isdigit() and len(search) < 10
    return [or_(within, results.c.model == int(search)) if is_number else within]
