"""Stakes, requests and payouts."""

from collections.abc import Collection

from oracle.records.asking import rows_in, rows_of
from oracle.records.rows import CloseStake, Movement, Position, Request, Settlement
from oracle.records.schema.chain import (
    movements,
    positions,
    requests,
    settlements,
    stakes_at_close,
)
from oracle.store.database import Database


class Stakes:
    """Queries about money. ``models`` of None are all of the tournament's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def positions(
        self, tournament: int, models: Collection[int] | None = None
    ) -> dict[int, Position]:
        """What models have in the pool; none for a model that never had anything."""
        found = rows_of(self._database, Position, positions.c.model, models, tournament)
        return {row.model: row for row in found}

    def waiting(self, tournament: int, models: Collection[int] | None = None) -> list[Request]:
        """What is queued, in order of rounds."""
        found = rows_of(self._database, Request, requests.c.model, models, tournament)
        return sorted(found, key=lambda row: (row.round, row.model))

    def at_close(
        self,
        tournament: int,
        *,
        rounds: Collection[int] | None = None,
        models: Collection[int] | None = None,
    ) -> list[CloseStake]:
        """Stakes above zero at the close of rounds whose close is final."""
        return rows_in(self._database, CloseStake, stakes_at_close, tournament, rounds, models)

    def settlements(
        self,
        tournament: int,
        *,
        models: Collection[int] | None = None,
        rounds: Collection[int] | None = None,
    ) -> list[Settlement]:
        """What settled batches did, in order of round and model."""
        return rows_in(self._database, Settlement, settlements, tournament, rounds, models)

    def movements(
        self,
        tournament: int | None = None,
        *,
        accounts: Collection[str] | None = None,
        models: Collection[int] | None = None,
    ) -> list[Movement]:
        """Events of these accounts or models, the newest first."""
        column = movements.c.account if models is None else movements.c.model
        values = accounts if models is None else models
        found = rows_of(self._database, Movement, column, values, tournament)
        return sorted(found, key=lambda row: (row.time, row.block, row.log_index), reverse=True)
