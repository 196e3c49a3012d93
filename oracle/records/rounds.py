"""Rounds, as far as the tables follow the chain."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row, select

from oracle.records.asking import among
from oracle.records.rows import RoundRow, coefficients_of, template_of
from oracle.records.schema.chain import rounds
from oracle.store.database import Database

_PLAIN = [
    name
    for name in RoundRow.__dataclass_fields__
    if name not in {"template", "coefficients", "scored"}
]


class Rounds:
    """Queries about the rounds of all tournaments."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(
        self,
        tournament: int,
        *,
        numbers: Collection[int] | None = None,
        limit: int | None = None,
    ) -> list[RoundRow]:
        """Rounds, the newest first; with these ``numbers`` only, and at most ``limit``."""

        def work(connection: Connection) -> list[RoundRow]:
            found = []
            for condition in among(rounds.c.round, numbers):
                query = select(rounds).where(rounds.c.tournament == tournament, condition)
                query = query.order_by(rounds.c.round.desc()).limit(limit)
                found += [_row(row) for row in connection.execute(query)]
            found.sort(key=lambda row: -row.number)
            return found[:limit]

        return self._database.read(work)

    def get(self, tournament: int, number: int) -> RoundRow | None:
        found = self.list(tournament, numbers=[number])
        return found[0] if found else None

    def current(self, tournament: int, now: int) -> RoundRow | None:
        """The newest round that is open, or None."""
        query = (
            select(rounds)
            .where(
                rounds.c.tournament == tournament,
                rounds.c.opens <= now,
                rounds.c.closes > now,
                rounds.c.ended.is_(None),
                rounds.c.cancelled.is_(False),
            )
            .order_by(rounds.c.round.desc())
            .limit(1)
        )
        row = self._database.read(lambda connection: connection.execute(query).first())
        return None if row is None else _row(row)


def _row(row: Row[Any]) -> RoundRow:
    values = {name: getattr(row, "round" if name == "number" else name) for name in _PLAIN}
    for name, value in values.items():
        if isinstance(value, memoryview):
            values[name] = bytes(value)
    return RoundRow(
        **values,
        template=None if row.template is None else template_of(row.template),
        coefficients=None if row.coefficients is None else coefficients_of(row.coefficients),
        scored=row.scored is not None,
    )
