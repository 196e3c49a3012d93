"""An operator's database: SQLite, or PostgreSQL with a replica; the same tables in both.

What a transaction of ``begin`` has written when it ends is on disk, in PostgreSQL on that of the
synchronous replica as well. Trouble is a ``StoreError``, and then nothing of it is kept, except
where the answer to a commit was lost: ``run`` repeats work for which that makes no difference.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Table, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from oracle.errors import InputError, RefusedError
from oracle.store import postgres_engine, schema, sqlite_engine
from oracle.store.faults import StoreError, explained, locked
from oracle.store.migrations import upgrade

PATIENCE = 15.0
"""Seconds for which a lost connection or a lock is tried again."""

_T = TypeVar("_T")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0


class Database:
    """One operator's tables; one transaction at a time writes.

    ``where`` names it in errors: a path, or hosts without the rest. ``patience`` in seconds.
    """

    def __init__(self, engine: Engine, where: str, patience: float = PATIENCE) -> None:
        self.engine, self.where, self.patience = engine, where, patience
        self._turn = threading.Lock()
        self._writing = engine.execution_options(assay_write=True)
        self._commit = Connection.commit if self.is_sqlite else postgres_engine.commit

    @classmethod
    def open(
        cls,
        where: str | Path,
        patience: float = PATIENCE,
        *,
        migrate: bool = True,
        upgrade: Callable[[Connection], None] = upgrade,
    ) -> "Database":
        """The database at a path or URL, made if it is new, brought up to this release's tables
        by ``upgrade`` (those of an operator) unless ``migrate`` is false.

        URLs: ``sqlite:///path`` and libpq's ``postgresql://user@host1,host2/name``.
        """
        text = str(where)
        scheme, is_url, rest = text.partition("://")
        if not is_url or scheme == "sqlite":
            path = Path(rest.removeprefix("/") if is_url else text)
            database = cls(sqlite_engine.engine(path, patience), str(path), patience)
        elif scheme.split("+")[0] in {"postgresql", "postgres"}:
            database = cls(*postgres_engine.engine(f"postgresql://{rest}"), patience)
        else:
            raise InputError(
                f"{scheme}:// is no database of an operator",
                "name a file, or postgresql://user@host1,host2/database",
            )
        try:
            if migrate:
                database.run(upgrade)
        except BaseException:
            database.close()
            raise
        return database

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    def close(self) -> None:
        self.engine.dispose()

    # ------------------------------------------------------------------ transactions

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction that writes; kept whole when the block ends, or not at all.

        Waits for a lock and for a server that is coming back, but only before the block begins.
        """
        with self._turn_to_write():
            connection = self._started(self._writing)
            try:
                yield connection
                self._commit(connection)
            except DBAPIError as error:
                _forget(connection, error)
                raise explained(error, self.where) from None
            finally:
                _release(connection)

    @contextmanager
    def _turn_to_write(self) -> Iterator[None]:
        """SQLite lets writers try again and again, so that one of many may never get its turn:
        those of this process stand in line before it, and hold no connection meanwhile."""
        if not self.is_sqlite:
            yield
            return
        if not self._turn.acquire(timeout=self.patience):
            raise locked(self.where)
        try:
            yield
        finally:
            self._turn.release()

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A transaction that only reads; keep it short."""
        connection = self._started(self.engine)
        try:
            yield connection
        except DBAPIError as error:
            _forget(connection, error)
            raise explained(error, self.where) from None
        finally:
            _release(connection)

    def run(self, work: Callable[[Connection], _T]) -> _T:
        """``work`` in one transaction of ``begin``, again if the connection or a lock was lost.

        It may be done twice, the first time having been kept though no answer came.
        """
        return self._retried(self.begin, work)

    def read(self, work: Callable[[Connection], _T]) -> _T:
        """``work``, which only reads, in one transaction, again if the connection was lost."""
        return self._retried(self.connect, work)

    def _retried(self, transaction: Callable[[], Any], work: Callable[[Connection], _T]) -> _T:
        def once() -> _T:
            with transaction() as connection:
                return work(connection)

        return self._patiently(once)

    def _started(self, engine: Engine) -> Connection:
        def once() -> Connection:
            connection = None
            try:
                connection = engine.connect()
                connection.begin()
                return connection
            except SQLAlchemyError as error:
                if connection is not None:
                    _release(connection)
                raise explained(error, self.where) from None

        return self._patiently(once)

    def _patiently(self, once: Callable[[], _T]) -> _T:
        deadline, pause = time.monotonic() + self.patience, _FIRST_PAUSE
        while True:
            try:
                return once()
            except StoreError as error:
                if not error.passing or time.monotonic() + pause > deadline:
                    raise
            # Jitter, so that threads which failed together do not come back together.
            time.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, _LONGEST_PAUSE)

    # ------------------------------------------------------------------ helpers

    def insert(self, table: Table) -> Any:
        """An insert that knows ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""
        return (sqlite if self.is_sqlite else postgresql).insert(table)

    def claim(self, chain_id: int, pool: str) -> None:
        """Makes the database that of one tournament; refuses if it is another's."""

        def work(connection: Connection) -> tuple[int, str]:
            mine = {"id": 1, "chain_id": chain_id, "pool": pool.lower()}
            connection.execute(self.insert(schema.owner).values(mine).on_conflict_do_nothing())
            kept = connection.execute(select(schema.owner)).one()
            return kept.chain_id, kept.pool

        kept = self.run(work)
        if kept != (chain_id, pool.lower()):
            raise RefusedError(
                f"{self.where} belongs to the tournament {kept[1]} on chain {kept[0]}",
                "give each tournament a database of its own",
            )

    def warnings(self) -> list[str]:
        """What an operator should know about this database before he trusts it with signatures."""
        return [] if self.is_sqlite else self.read(postgres_engine.warnings)


def _forget(connection: Connection, error: DBAPIError) -> None:
    """After a lost server no connection that waits in the pool is of use either."""
    if error.connection_invalidated or postgres_engine.is_lost(error):
        connection.invalidate()
        connection.engine.dispose(close=False)


def _release(connection: Connection) -> None:
    """Rolls back what was not committed. A connection that is gone cannot even do that."""
    try:
        connection.close()
    except SQLAlchemyError:
        connection.invalidate()
