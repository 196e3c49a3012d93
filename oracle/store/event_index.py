"""Rows of the index of contract events: logs as the chain gave them, and where indexing stopped."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from sqlalchemy import Connection, Row, delete, func, insert, select

from oracle.store.schema import blocks, logs

_KEPT_BLOCKS = 20_000
"""A reorganisation that goes deeper has the index built anew."""
_TOPIC = 32


class Transactions(Protocol):
    """What of a database this needs; SQLAlchemy's Engine has it too."""

    def begin(self) -> AbstractContextManager[Connection]: ...
    def connect(self) -> AbstractContextManager[Connection]: ...


@dataclass(frozen=True, slots=True)
class IndexedBlock:
    """A block up to which everything is indexed; hashes are raw bytes."""

    number: int
    hash: bytes
    parent: bytes
    timestamp: int


@dataclass(frozen=True, slots=True)
class StoredLog:
    """A log, undecoded; ``address`` in lower case, ``round`` where the event can be found by it."""

    block_number: int
    log_index: int
    block_hash: bytes
    transaction_hash: bytes
    transaction_index: int
    address: str
    topics: tuple[bytes, ...]
    data: bytes
    round: int | None


class EventStore:
    """The index in one operator's database."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def head(self) -> IndexedBlock | None:
        """The last indexed block, or None before the first."""
        with self._database.connect() as connection:
            return _head(connection)

    def stops(self) -> list[IndexedBlock]:
        """The blocks that indexing stopped at and that are still kept, oldest first."""
        with self._database.connect() as connection:
            return [_block(r) for r in connection.execute(select(blocks).order_by(blocks.c.number))]

    def stop(self, number: int) -> IndexedBlock | None:
        """The block of this number, if indexing stopped there and it is still kept."""
        query = select(blocks).where(blocks.c.number == number)
        with self._database.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else _block(row)

    def append(
        self, found: Sequence[StoredLog], to: IndexedBlock, after: IndexedBlock | None
    ) -> bool:
        """Adds the logs between the head ``after`` and ``to``, which becomes the head.

        False, and nothing is added, where the head is another one by now: a second process that
        keeps the same index up must not leave a gap in it.
        """
        with self._database.begin() as connection:
            if _head(connection) != after:
                return False
            if found:
                connection.execute(insert(logs), [_row(log) for log in found])
            connection.execute(insert(blocks), asdict(to))
            old = blocks.c.number < to.number - _KEPT_BLOCKS
            connection.execute(delete(blocks).where(old))
        return True

    def rewind(self, number: int) -> None:
        """Forgets everything after block ``number``, one of the stops."""
        with self._database.begin() as connection:
            connection.execute(delete(logs).where(logs.c.block_number > number))
            connection.execute(delete(blocks).where(blocks.c.number > number))

    def clear(self) -> None:
        self.rewind(-1)

    def count(self) -> int:
        """Number of logs."""
        with self._database.connect() as connection:
            return connection.execute(select(func.count()).select_from(logs)).scalar_one()

    def count_of(self, address: str, topic: bytes) -> int:
        """Number of logs of one event."""
        query = select(func.count()).where(logs.c.topic == topic, logs.c.address == address.lower())
        with self._database.connect() as connection:
            return connection.execute(query).scalar_one()

    def logs(
        self, address: str, topic: bytes, first: int, last: int, number: int | None = None
    ) -> list[StoredLog]:
        """Logs of one event in blocks ``first`` to ``last``, in order; of round ``number`` only."""
        query = select(logs).where(
            logs.c.topic == topic,
            logs.c.address == address.lower(),
            logs.c.block_number.between(first, last),
        )
        if number is not None:
            query = query.where(logs.c.round == number)
        with self._database.connect() as connection:
            rows = connection.execute(query.order_by(logs.c.block_number, logs.c.log_index))
            return [_log(row) for row in rows]

    def after(self, block: int, last: int, most: int) -> list[StoredLog]:
        """Logs of the blocks after ``block`` up to ``last``, in order: all of a block or none, and
        not many more than ``most``."""
        query = (
            select(logs)
            .where(logs.c.block_number > block, logs.c.block_number <= last)
            .order_by(logs.c.block_number, logs.c.log_index)
        )
        with self._database.connect() as connection:
            rows = connection.execute(query.limit(most)).all()
            if len(rows) == most:
                end = rows[-1].block_number
                rows = connection.execute(query.where(logs.c.block_number <= end)).all()
        return [_log(row) for row in rows]

    def everything(self) -> Iterator[StoredLog]:
        """All logs, in order."""
        with self._database.connect() as connection:
            yield from map(
                _log,
                connection.execute(select(logs).order_by(logs.c.block_number, logs.c.log_index)),
            )


def _head(connection: Connection) -> IndexedBlock | None:
    row = connection.execute(select(blocks).order_by(blocks.c.number.desc()).limit(1)).first()
    return None if row is None else _block(row)


def _block(row: Row[Any]) -> IndexedBlock:
    return IndexedBlock(row.number, bytes(row.hash), bytes(row.parent), row.timestamp)


def _row(log: StoredLog) -> dict[str, Any]:
    row = asdict(log)
    row["topics"] = b"".join(log.topics)
    return row | {"topic": log.topics[0], "address": log.address.lower()}


def _log(row: Row[Any]) -> StoredLog:
    topics = bytes(row.topics)
    return StoredLog(
        block_number=row.block_number,
        log_index=row.log_index,
        block_hash=bytes(row.block_hash),
        transaction_hash=bytes(row.transaction_hash),
        transaction_index=row.transaction_index,
        address=row.address,
        topics=tuple(topics[i : i + _TOPIC] for i in range(0, len(topics), _TOPIC)),
        data=bytes(row.data),
        round=row.round,
    )
