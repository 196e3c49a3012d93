"""Final scores and what became of submissions, by the committed artefacts."""

from collections.abc import Collection, Sequence
from typing import Any, TypeVar

from sqlalchemy import Select, select

from oracle.records.asking import as_row, columns_of, rows_in
from oracle.records.rows import ResultRow, ScoreRow
from oracle.records.schema.chain import results, scores
from oracle.store.database import Database

_T = TypeVar("_T")


class Results:
    """Queries about rounds whose result is committed and open to all."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def scores(
        self,
        tournament: int,
        *,
        models: Collection[int] | None = None,
        rounds: Collection[int] | None = None,
        names: Collection[str] | None = None,
    ) -> list[ScoreRow]:
        """Final scores in order of round and model; of these ``names`` only."""
        found = rows_in(self._database, ScoreRow, scores, tournament, rounds, models)
        return [row for row in found if names is None or row.name in names]

    def page_of_scores(
        self, tournament: int, number: int, after: int, limit: int
    ) -> Sequence[ScoreRow]:
        """Final scores in a round of the first ``limit`` models numbered above ``after`` that have
        any, in order of model and name."""
        here = (scores.c.tournament == tournament, scores.c.round == number)
        of_page = (
            select(scores.c.model)
            .where(*here, scores.c.model > after)
            .distinct()
            .order_by(scores.c.model)
            .limit(limit)
        )
        query = columns_of(scores, ScoreRow).where(*here, scores.c.model.in_(of_page))
        return self._rows(query.order_by(scores.c.model, scores.c.name), ScoreRow)

    def page(self, tournament: int, number: int, after: int, limit: int) -> Sequence[ResultRow]:
        """The first ``limit`` models numbered above ``after`` in a round's result, in order."""
        query = columns_of(results, ResultRow).where(
            results.c.tournament == tournament, results.c.round == number, results.c.model > after
        )
        return self._rows(query.order_by(results.c.model).limit(limit), ResultRow)

    def _rows(self, query: Select[Any], kind: type[_T]) -> Sequence[_T]:
        found = self._database.read(lambda connection: connection.execute(query).all())
        return [as_row(row, kind) for row in found]

    def list(
        self,
        tournament: int,
        *,
        models: Collection[int] | None = None,
        rounds: Collection[int] | None = None,
    ) -> list[ResultRow]:
        """Models in results, in order of round and model."""
        return rows_in(self._database, ResultRow, results, tournament, rounds, models)
