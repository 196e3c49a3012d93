"""The mandates that owners gave this server's relayer."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from oracle.chain.signed import SignedMandate, signature_of
from oracle.records.schema.staking import mandates, relayed
from oracle.staking.rows import Status, StoredMandate
from oracle.store.database import Database

MOST_KEPT = 8
"""Mandates of an owner: each is asked of the chain whenever one is needed."""


class Mandates:
    """Queries about them, and the one change: a mandate ends on the chain, never here."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(
        self, tournament: int, signed: SignedMandate, now: int, chain_now: int
    ) -> StoredMandate:
        """Keeps a mandate that was checked; again, the same. Of its owner's the newest few stay,
        but for those that have expired by ``chain_now``, and what open requests rest on."""
        mandate, signature = signed.struct(), signature_of(signed)
        row: dict[str, Any] = {
            "tournament": tournament,
            "owner": mandate.owner.lower(),
            "hash": mandate.hash(),
            "body": signed.model_dump_json(),
            "signature": signature,
            "expiry": mandate.expiry,
            "stored_at": now,
        }
        insert = self._database.insert(mandates).values(row).on_conflict_do_nothing()

        def work(connection: Connection) -> None:
            connection.execute(insert)
            _forget(connection, tournament, row["owner"], row["hash"], chain_now)

        self._database.run(work)
        return StoredMandate(tournament, mandate, signature, now)

    def of(self, tournament: int, owner: str) -> list[StoredMandate]:
        """What an owner gave, the longest-lasting first."""
        here = (mandates.c.tournament == tournament, mandates.c.owner == owner.lower())
        return self._where(*here)

    def by_hash(self, tournament: int, hashed: bytes) -> StoredMandate | None:
        found = self._where(mandates.c.tournament == tournament, mandates.c.hash == hashed)
        return found[0] if found else None

    def _where(self, *conditions: ColumnElement[bool]) -> list[StoredMandate]:
        query = select(mandates).where(*conditions)
        query = query.order_by(mandates.c.expiry.desc(), mandates.c.hash)

        def work(connection: Connection) -> list[StoredMandate]:
            return [
                StoredMandate(
                    row.tournament,
                    SignedMandate.model_validate_json(row.body).struct(),
                    bytes(row.signature),
                    row.stored_at,
                )
                for row in connection.execute(query)
            ]

        return self._database.read(work)


def _forget(
    connection: Connection, tournament: int, owner: str, newest: bytes, chain_now: int
) -> None:
    """Removes an owner's mandates that are of no use, or too many."""
    here = (mandates.c.tournament == tournament, mandates.c.owner == owner)
    found = connection.execute(
        select(mandates.c.hash, mandates.c.expiry)
        .where(*here)
        .order_by((mandates.c.hash == newest).desc(), mandates.c.stored_at.desc())
    ).all()
    live = [bytes(row.hash) for row in found if row.expiry >= chain_now][:MOST_KEPT]
    in_use = select(relayed.c.mandate).where(
        relayed.c.tournament == tournament,
        relayed.c.status.in_((Status.PENDING, Status.MINED)),
    )
    connection.execute(
        mandates.delete().where(*here, mandates.c.hash.not_in(live), mandates.c.hash.not_in(in_use))
    )
