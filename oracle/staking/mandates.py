"""The mandates that owners gave this server's relayer."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from oracle.chain.signed import SignedMandate, signature_of
from oracle.records.schema.staking import mandates
from oracle.staking.rows import StoredMandate
from oracle.store.database import Database


class Mandates:
    """Queries about them, and the one change: a mandate ends on the chain, never here."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, tournament: int, signed: SignedMandate, now: int) -> StoredMandate:
        """Keeps a mandate that was checked; again, the same."""
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
        self._database.run(lambda connection: connection.execute(insert))
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
