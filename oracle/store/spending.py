"""What accounts have sent that came into a block: for reckoning what it cost."""

from sqlalchemy import Connection, select

from oracle.store.database import Database
from oracle.store.schema import transactions as table


def mined_since(database: Database, since: int) -> list[tuple[str, bytes, int]]:
    """Call, transaction hash and time of sending of every transaction that is in a block of the
    tournament's chain, reverted ones included, sent at ``since`` or later; the oldest first."""
    query = (
        select(table.c.call, table.c.hash, table.c.sent_at)
        .where(table.c.block_hash.is_not(None), table.c.sent_at >= since, table.c.chain == 0)
        .order_by(table.c.sent_at, table.c.nonce)
    )

    def work(connection: Connection) -> list[tuple[str, bytes, int]]:
        return [(row.call, bytes(row.hash), row.sent_at) for row in connection.execute(query)]

    return database.read(work)
