"""Operators' cards: of each operator the newest one."""

from sqlalchemy import select

from oracle.settlement.wire import CardMessage, unhex
from oracle.store.database import Database
from oracle.store.schema import cards


class CardBook:
    """Cards by operator; who signed them is checked before they get here."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def put(self, card: CardMessage) -> None:
        """Keeps a card unless a newer one of that operator is there.

        Two operators may show one recipient: whoever claims another's key can open nothing more.
        """
        row = card.model_dump() | {"signature": unhex(card.signature)}
        new = self.database.insert(cards).values(row)
        statement = new.on_conflict_do_update(
            index_elements=list(cards.primary_key),
            set_={name: new.excluded[name] for name in row if name != "operator"},
            where=new.excluded.issued > cards.c.issued,
        )
        self.database.run(lambda connection: connection.execute(statement))

    def all(self) -> dict[str, CardMessage]:
        """Every card kept, by operator."""
        rows = self.database.read(lambda c: c.execute(select(cards)).mappings().all())
        return {
            row["operator"]: CardMessage(**{**row, "signature": "0x" + row["signature"].hex()})
            for row in rows
        }
