"""SQLite as an operator's database: WAL, synced at every commit."""

import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event

from oracle.store.faults import StoreError


def engine(path: Path, patience: float) -> Engine:
    """The engine of the file at ``path``; its folder is made, the file with the first write.

    A writer waits ``patience`` seconds for another one.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{path}: cannot make its folder: {error.strerror}") from None
    made = create_engine(
        f"sqlite:///{path}", connect_args={"timeout": patience}, hide_parameters=True
    )
    event.listen(made, "do_connect", lambda *_: _make_private(path))
    event.listen(made, "connect", _prepare)
    event.listen(made, "begin", _begin)
    return made


def _make_private(path: Path) -> None:
    """A new file is its owner's alone, and with it the log beside it; connecting tells errors.

    One that is there is never opened: closing it would take away the locks that this process's
    other connections hold, and with them the log from under their writes."""
    with suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _prepare(connection: Any, _record: Any) -> None:
    # None: sqlite3 opens no transactions of its own, ``_begin`` does.
    connection.isolation_level = None
    cursor = connection.cursor()
    _use_wal(cursor)
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _begin(connection: Connection) -> None:
    """A writer takes the lock at once: one that reads first could not wait for it later."""
    writes = connection.get_execution_options().get("assay_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _use_wal(cursor: Any, attempts: int = 100) -> None:
    """SQLite waits for other processes everywhere but here, where a new database becomes WAL."""
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            attempts -= 1
            if not attempts or error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            time.sleep(0.05)
