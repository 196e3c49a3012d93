"""What the boards say, by pages; the number of queries does not grow with the page."""

import json
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    String,
    cast,
    func,
    nulls_last,
    or_,
    select,
)

from oracle.errors import InputError
from oracle.life.boards import ALL
from oracle.life.rows import AccountLeader, Leader, SeasonRow
from oracle.records.asking import among
from oracle.records.schema.chain import models, names
from oracle.records.schema.life import account_leaders, leader_scores, leaders, season_scores
from oracle.records.schema.people import accounts
from oracle.store.database import Database
from oracle.tournaments import by_number
from oracle.tournaments.standing import WINDOWS

RANK, STAKE, SEASON = "rank", "stake", "season"
_ESCAPE: Final = "\\"
_COLUMNS: Final = {f"return_{name}": leaders.c[f"return_{name}"] for name in WINDOWS}
_SEASON_FIELDS: Final = tuple(SeasonRow.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Leaders:
    """Queries about leaderboards and seasons. They block."""

    database: Database

    def page(self, tournament: int, limit: int, offset: int) -> list[Leader]:
        """Models by their rank."""
        return self.find(tournament, limit=limit, offset=offset)

    def find(
        self,
        tournament: int,
        *,
        limit: int,
        offset: int = 0,
        search: str = "",
        sort: str = RANK,
        year: int = 0,
    ) -> list[Leader]:
        """Models with ``search`` in their name or their owner's address, or of that number; the
        best first by ``sort``: rank, stake, a return, the name of a score, or the place in the
        season of ``year``. Who has no such value comes last, by rank.

        Raises ``InputError`` for what nothing can be sorted by.
        """
        query = select(leaders).where(leaders.c.tournament == tournament)
        if search:
            query = _searched(query, search)
        query = _sorted(query, tournament, sort, year).limit(limit).offset(offset)

        def work(connection: Connection) -> list[Leader]:
            rows = connection.execute(query).all()
            scores = _scores(connection, tournament, [row.model for row in rows])
            return [_leader(row, scores[row.model]) for row in rows]

        return self.database.read(work)

    def accounts(self, tournament: int | None, limit: int, offset: int) -> list[AccountLeader]:
        """Accounts by what their models have at stake, in one tournament or in all."""
        table = account_leaders
        query = (
            select(table, accounts.c.username)
            .select_from(table.outerjoin(accounts, accounts.c.address == table.c.address))
            .where(table.c.tournament == (ALL if tournament is None else tournament))
            .order_by(table.c.rank)
            .limit(limit)
            .offset(offset)
        )
        rows = self.database.read(lambda connection: connection.execute(query).all())
        return [_account(row) for row in rows]

    def season(
        self,
        tournament: int,
        year: int,
        *,
        limit: int | None = None,
        offset: int = 0,
        ids: Collection[int] | None = None,
    ) -> list[SeasonRow]:
        """A season's models by their places; of these ``ids`` only."""
        table = season_scores
        query = select(*(table.c[name] for name in _SEASON_FIELDS)).where(
            table.c.tournament == tournament, table.c.season == year
        )

        def work(connection: Connection) -> list[SeasonRow]:
            found = [
                SeasonRow(**row._mapping)
                for condition in among(table.c.model, ids)
                for row in connection.execute(
                    query.where(condition).order_by(table.c.rank).limit(limit).offset(offset)
                )
            ]
            return sorted(found, key=lambda one: one.rank)

        return self.database.read(work)


def _searched(query: Select[Any], search: str) -> Select[Any]:
    text = search.lower()
    for special in (_ESCAPE, "%", "_"):
        text = text.replace(special, _ESCAPE + special)
    part = f"%{text}%"
    said: ColumnElement[bool] = func.lower(names.c.name).like(part, escape=_ESCAPE)
    owned = func.lower(models.c.owner).like(part, escape=_ESCAPE)
    unnamed = ("model-" + cast(models.c.model, String)).like(part, escape=_ESCAPE)
    numbered = cast(models.c.model, String) == search
    joined = leaders.join(
        models, (models.c.tournament == leaders.c.tournament) & (models.c.model == leaders.c.model)
    ).outerjoin(names, names.c.name_hash == models.c.name_hash)
    return query.select_from(joined).where(
        or_(said, owned, numbered, names.c.name.is_(None) & unnamed)
    )


def _sorted(query: Select[Any], tournament: int, sort: str, year: int) -> Select[Any]:
    here = leaders.c
    if sort == RANK:
        return query.order_by(here.rank)
    if sort == STAKE:
        return query.order_by(here.stake.desc(), here.rank)
    if sort in _COLUMNS:
        return query.order_by(nulls_last(_COLUMNS[sort].desc()), here.rank)
    scores = [name.lower() for name in by_number(tournament).scores if name != "NONE"]
    if sort not in (SEASON, *scores):
        known = ", ".join((RANK, STAKE, SEASON, *_COLUMNS, *scores))
        raise InputError(f"nothing is sorted by {sort[:40]!r} here", f"one of {known}")
    if sort == SEASON:
        table = season_scores
        place = select(table.c.rank).where(table.c.season == year)
    else:
        table = leader_scores
        place = select(table.c.rank).where(table.c.name == sort)
    of_model = place.where(table.c.tournament == here.tournament, table.c.model == here.model)
    ordered = of_model.correlate(leaders).scalar_subquery()
    return query.order_by(nulls_last(ordered.asc()), here.rank)


def _scores(
    connection: Connection, tournament: int, ids: list[int]
) -> dict[int, dict[str, tuple[int, int]]]:
    """Value and place of each score, by model."""
    table = leader_scores
    query = select(table.c.model, table.c.name, table.c.value, table.c.rank)
    query = query.where(table.c.tournament == tournament)
    found: dict[int, dict[str, tuple[int, int]]] = defaultdict(dict)
    for condition in among(table.c.model, ids):
        for row in connection.execute(query.where(condition)):
            found[row.model][row.name] = row.value, row.rank
    return found


def _leader(row: Row[Any], scores: dict[str, tuple[int, int]]) -> Leader:
    rates = {name: getattr(row, f"return_{name}") for name in WINDOWS}
    return Leader(
        model=row.model,
        rank=row.rank,
        prev_rank=row.prev_rank,
        stake=row.stake,
        score=row.score,
        sharpe=row.sharpe,
        today=row.today,
        reputations={name: value for name, (value, _) in scores.items()},
        ranks={name: place for name, (_, place) in scores.items()},
        returns={name: rate for name, rate in rates.items() if rate is not None},
    )


def _account(row: Row[Any]) -> AccountLeader:
    return AccountLeader(
        name=row.username or row.address,
        address=row.address,
        rank=row.rank,
        stake=row.stake,
        reputations=json.loads(row.reputations),
        returns=json.loads(row.returns),
        gains=json.loads(row.gains),
    )
