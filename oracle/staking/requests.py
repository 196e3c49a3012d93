"""What was passed on, and what became of its transactions."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, func, select

from oracle.records.asking import as_row, columns_of
from oracle.records.schema.staking import relayed, transactions
from oracle.staking.rows import Relayed, Status
from oracle.store.database import Database

_OPEN = (Status.PENDING, Status.MINED)


class Requests:
    """Queries about requests, and changes to them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, row: Relayed) -> None:
        """Keeps a row, or what has changed in the one with its id."""
        values = asdict(row)
        insert = self._database.insert(relayed).values(values)
        insert = insert.on_conflict_do_update(index_elements=["id"], set_=values)
        self._database.run(lambda connection: connection.execute(insert))

    def of_model(self, tournament: int, model: int) -> list[Relayed]:
        """The newest first."""
        return self._where(relayed.c.tournament == tournament, relayed.c.model == model)

    def of_round(self, tournament: int, model: int, number: int) -> int:
        """How many were sent for a round, but for those that failed."""
        query = select(func.count()).where(
            relayed.c.tournament == tournament,
            relayed.c.model == model,
            relayed.c.round == number,
            relayed.c.status != Status.FAILED,
        )
        return self._database.read(lambda c: c.execute(query).scalar_one())

    def open(self, tournament: int) -> list[Relayed]:
        """What may still change."""
        return self._where(relayed.c.tournament == tournament, relayed.c.status.in_(_OPEN))

    def nonces(
        self, sender: tuple[int, str], *, hashed: bytes | None, data: bytes, since: int
    ) -> list[int]:
        """Nonces, of an account on a chain, that the transaction with a hash was sent with; without
        a hash, those of the same call that were sent from then on. The newest first."""
        table, (chain, account) = transactions.c, sender
        if hashed is not None:
            which: Any = table.hash == hashed
        else:
            which = (table.data == data) & (table.sent_at >= since)
        query = select(table.nonce).where(table.chain == chain, table.account == account, which)
        query = query.order_by(table.nonce.desc())
        return list(self._database.read(lambda c: c.execute(query).scalars().all()))

    def _where(self, *conditions: Any) -> list[Relayed]:
        query = columns_of(relayed, Relayed).where(*conditions)
        query = query.order_by(relayed.c.requested_at.desc(), relayed.c.id)

        def work(connection: Connection) -> list[Relayed]:
            return [as_row(row, Relayed) for row in connection.execute(query)]

        return self._database.read(work)
