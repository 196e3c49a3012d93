"""Dropping the sealed files of rounds that need them no more.

Only the bytes go. Who sent what and when, signatures and receipts stay: lists, counts and disputes
by receipt rest on them.
"""

from sqlalchemy import Connection, and_, func, or_, select, update

from oracle.store.database import Database
from oracle.store.schema import submissions

DROPPED = b""
"""What stands in the place of a file that was dropped."""

_CHUNK = 100


def rounds_with_files(database: Database, before: int) -> list[int]:
    """Rounds before this one of which any file is kept, in order."""
    columns = submissions.c
    query = select(columns.round).where(columns.round < before, func.length(columns.sealed) > 0)
    query = query.distinct().order_by(columns.round)
    return list(database.read(lambda c: c.execute(query).scalars().all()))


def drop_files(database: Database, round_number: int) -> int:
    """Drops some of a round's files, in one short transaction; how many, 0 once none is left."""
    columns = submissions.c
    keys = (columns.model, columns.sha256, columns.sequence)
    of_round = columns.round == round_number
    kept = select(*keys).where(of_round, func.length(columns.sealed) > 0).limit(_CHUNK)

    def work(connection: Connection) -> int:
        rows = connection.execute(kept).all()
        if rows:
            these = [and_(*(k == v for k, v in zip(keys, row, strict=True))) for row in rows]
            change = update(submissions).where(of_round, or_(*these)).values(sealed=DROPPED)
            connection.execute(change).close()
        return len(rows)

    return database.run(work)
