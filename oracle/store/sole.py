"""One process in one folder, and on one PostgreSQL database, whatever machine it is on.

The database's lock is a session's: the server gives it back when the session ends, however it
ends. It is no part of any transaction, and is taken again after a failover or a broken connection.
A proxy that shares sessions between clients would make it worthless. A SQLite database is one
machine's, where the process's folder is locked.
"""

import fcntl
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from oracle.errors import RefusedError
from oracle.store import postgres_engine
from oracle.store.faults import StoreError, explained

_RUNNING = 0x415353415952  # "ASSAYR"
_PATIENCE = 20.0
"""Seconds; longer than a server takes to notice that a machine with a session has vanished."""
_EVERY = 5.0
_log = logging.getLogger("assay.store")


@contextmanager
def sole_folder(lock: Path, who: str) -> Iterator[None]:
    """Takes the folder of the file ``lock`` for this process, which is ``who``; it is given back
    however the process ends."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RefusedError(
                f"{who} runs on {lock.parent} already", "stop it before you start it again"
            ) from None
        yield


@contextmanager
def sole_process(
    where: str,
    ended: Callable[[], None],
    *,
    patience: float = _PATIENCE,
    every: float = _EVERY,
) -> Iterator[None]:
    """Holds the database at ``where``, a path or URL, for this process.

    Refused where another process holds it for ``patience`` seconds, with ``RefusedError``. Looks
    every ``every`` seconds whether it is still held; ``ended`` is called, from another thread, if
    another process took it meanwhile and keeps it.
    """
    scheme, is_url, rest = where.partition("://")
    if not is_url or scheme.split("+")[0] not in {"postgresql", "postgres"}:
        yield
        return
    engine, hosts = postgres_engine.engine(f"postgresql://{rest}", poolclass=NullPool)
    lock = _Lock(engine, hosts, patience)
    lock.take()
    stop = threading.Event()
    keeper = threading.Thread(target=_keep, args=(lock, stop, every, ended), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        stop.set()
        keeper.join()
        lock.release()


def _keep(lock: "_Lock", stop: threading.Event, every: float, ended: Callable[[], None]) -> None:
    while not stop.wait(every):
        if lock.is_held():
            continue
        try:
            lock.take(stop)
            _log.warning("the database was away; it is held for this process again")
        except StoreError as error:
            _log.warning("the database is away: %s", error.message)
        except RefusedError as error:
            _log.error("%s; this one ends", error.message)
            ended()
            return


@dataclass
class _Lock:
    engine: Engine
    where: str
    patience: float
    _session: Connection | None = field(default=None, init=False)

    def take(self, stop: threading.Event | None = None) -> None:
        """``StoreError`` where no server answers, ``RefusedError`` where another process has it all
        the time, this one's own session from before a broken connection included."""
        stop = stop or threading.Event()
        deadline = time.monotonic() + self.patience
        while not self._try():
            if time.monotonic() > deadline:
                raise RefusedError(
                    f"another process runs on this database ({self.where})",
                    "stop it first; give each operator a database of its own",
                )
            if stop.wait(min(0.5, self.patience)):
                return

    def _try(self) -> bool:
        session = None
        try:
            session = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            taken = session.execute(text("SELECT pg_try_advisory_lock(:it)"), {"it": _RUNNING})
            if taken.scalar_one():
                self._session = session
                return True
        except SQLAlchemyError as error:
            _close(session)
            raise explained(error, self.where) from None
        _close(session)
        return False

    def is_held(self) -> bool:
        if self._session is None:
            return False
        try:
            self._session.execute(text("SELECT 1"))
        except SQLAlchemyError:
            self._lose()
            return False
        return True

    def release(self) -> None:
        """Gives the lock back by its own word: the server ends a session some time after it is
        closed, and whoever comes next would be refused until then."""
        if self._session is not None:
            with suppress(SQLAlchemyError):
                self._session.execute(text("SELECT pg_advisory_unlock(:it)"), {"it": _RUNNING})
        self._lose()

    def _lose(self) -> None:
        _close(self._session)
        self._session = None


def _close(session: Connection | None) -> None:
    if session is not None:
        with suppress(SQLAlchemyError):
            session.invalidate()
            session.close()
