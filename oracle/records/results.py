"""Final scores and what became of submissions, by the committed artefacts."""

from collections.abc import Collection

from oracle.records.asking import rows_in
from oracle.records.rows import ResultRow, ScoreRow
from oracle.records.schema.chain import results, scores
from oracle.store.database import Database


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

    def list(
        self,
        tournament: int,
        *,
        models: Collection[int] | None = None,
        rounds: Collection[int] | None = None,
    ) -> list[ResultRow]:
        """Models in results, in order of round and model."""
        return rows_in(self._database, ResultRow, results, tournament, rounds, models)
