"""What a run of events changes in the tables, gathered so that it is written at once."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, delete, insert, update

from oracle.ledger.decoding import Event
from oracle.records.asking import parts
from oracle.records.schema import chain
from oracle.settlement.reference import ReferencePool
from oracle.settlement.units import RELEASE_ALL
from oracle.settlement.words import QueueRecord
from oracle.store.database import Database

_ROWS = 500


@dataclass
class Changes:
    """``rounds``: columns by number; ``models``: columns one change after the other; ``touched``
    models and (round, model) ``records``, whose state after all events is written; ``places``
    orders new records."""

    rounds: dict[int, dict[str, Any]] = field(default_factory=lambda: defaultdict(dict))
    models: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    touched: set[int] = field(default_factory=set)
    records: set[tuple[int, int]] = field(default_factory=set)
    places: dict[tuple[int, int], int] = field(default_factory=dict)
    movements: list[dict[str, Any]] = field(default_factory=list)
    settlements: list[dict[str, Any]] = field(default_factory=list)
    closes: list[dict[str, Any]] = field(default_factory=list)

    def moved(self, event: Event, account: str, amount: int | None = None) -> None:
        """Something happened to a model; ``amount`` in U."""
        self.movements.append(
            {
                "block": event.log.block_number,
                "log_index": event.log.log_index,
                "kind": event.name.lower(),
                "model": event.arguments["model"],
                "round": event.arguments.get("round"),
                "account": account,
                "amount": None if amount is None else min(amount, RELEASE_ALL),
                "transaction": event.log.transaction_hash,
                "time": event.timestamp,
            }
        )


class Writer:
    """Writes changes of one tournament."""

    def __init__(self, database: Database, tournament: int) -> None:
        self._database, self._here = database, {"tournament": tournament}

    def write(self, connection: Connection, changes: Changes, pool: ReferencePool) -> None:
        for number, values in changes.rounds.items():
            if values:
                self._put_round(connection, number, values)
        for model, values in changes.models:
            self._put_model(connection, model, values)
        self._positions(connection, changes.touched, pool)
        self._requests(connection, changes, pool)
        for table, rows in (
            (chain.movements, changes.movements),
            (chain.settlements, changes.settlements),
            (chain.stakes_at_close, changes.closes),
        ):
            for part in parts(rows, _ROWS):
                connection.execute(insert(table), [{**self._here, **row} for row in part])

    def _put_round(self, connection: Connection, number: int, values: dict[str, Any]) -> None:
        blank = {"cancelled": False, "gains": 0, "burns": 0, "stakes_taken": False, "closes": 0}
        row = {**self._here, "round": number, **blank, **values}
        # What adds up is counted on from what is there.
        sums = {
            name: chain.rounds.c[name] + values[name]
            for name in ("gains", "burns")
            if name in values
        }
        query = self._database.insert(chain.rounds).values(row)
        keys = ["tournament", "round"]
        connection.execute(query.on_conflict_do_update(index_elements=keys, set_=values | sums))

    def _put_model(self, connection: Connection, model: int, values: dict[str, Any]) -> None:
        if "uuid" in values:
            connection.execute(insert(chain.models), {**self._here, "model": model, **values})
            return
        table = chain.models
        is_it = (table.c.tournament == self._here["tournament"], table.c.model == model)
        connection.execute(update(table).where(*is_it).values(values))

    def _positions(self, connection: Connection, touched: set[int], pool: ReferencePool) -> None:
        rows = [
            {
                **self._here,
                "model": model,
                "stake": pool.lane(model).stake,
                "take_profit": pool.lane(model).take_profit,
                "claimable": pool.out.get(model, 0),
            }
            for model in sorted(touched)
        ]
        for part in parts(rows, _ROWS):
            query = self._database.insert(chain.positions).values(part)
            new = {name: query.excluded[name] for name in ("stake", "take_profit", "claimable")}
            keys = ["tournament", "model"]
            connection.execute(query.on_conflict_do_update(index_elements=keys, set_=new))

    def _requests(self, connection: Connection, changes: Changes, pool: ReferencePool) -> None:
        rows, gone = [], []
        for number, model in sorted(changes.records):
            record = pool.queues.get(number, {}).get(model)
            if record is None:
                gone.append((number, model))
            else:
                rows.append(self._request(number, model, record, changes))
        table = chain.requests
        for number, model in gone:
            where = (table.c.round == number, table.c.model == model)
            here = table.c.tournament == self._here["tournament"]
            connection.execute(delete(table).where(here, *where))
        for part in parts(rows, _ROWS):
            query = self._database.insert(table).values(part)
            new = {name: query.excluded[name] for name in ("deposit", "release", "mode")}
            keys = ["tournament", "round", "model"]
            connection.execute(query.on_conflict_do_update(index_elements=keys, set_=new))

    def _request(
        self, number: int, model: int, record: QueueRecord, changes: Changes
    ) -> dict[str, Any]:
        return {
            **self._here,
            "round": number,
            "model": model,
            "place": changes.places.get((number, model), 0),
            "deposit": record.deposit,
            "release": record.release,
            "mode": record.mode,
        }


def forget(connection: Connection, tournament: int) -> None:
    """Empties the tables that follow from this tournament's chain."""
    for table in (
        chain.tournaments,
        chain.rounds,
        chain.models,
        chain.positions,
        chain.requests,
        chain.movements,
        chain.stakes_at_close,
        chain.settlements,
        chain.results,
        chain.scores,
    ):
        connection.execute(delete(table).where(table.c.tournament == tournament))
