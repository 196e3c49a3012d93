"""Trouble with the database, told apart and put into words for an operator."""

import sqlite3

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from oracle.errors import UnreachableError


class StoreError(UnreachableError):
    """The database is away, locked, full or damaged. ``passing``: trying again may help."""

    def __init__(self, message: str, fix: str = "", *, passing: bool = False) -> None:
        super().__init__(message, fix)
        self.passing = passing


_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_FULL = "its disk is full; nothing was written", "free some space; what was refused can be repeated"
_LOCK = "it is locked", "see whether another process (a backup, a shell) holds it"
_WORDS = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened", "see that its folder exists and is writable"),
    sqlite3.SQLITE_READONLY: ("it is read-only", "see who may write it and its folder"),
    sqlite3.SQLITE_IOERR: (
        "its disk gives errors",
        "see the system's log; a full disk may do this",
    ),
}
# SQLSTATEs, by class (two characters) or whole.
_SERVER_GONE = {"08", "57", "25006"}
_SERVER_LOCK = {"40", "55"}


def explained(error: SQLAlchemyError, where: str) -> Exception:
    """The error to raise: a ``StoreError``, or ``error`` itself where the caller is at fault."""
    if not isinstance(error, DBAPIError):
        # The pool of connections: all of them are held.
        return StoreError(f"{where}: no connection in time", "see what holds them", passing=True)
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        return _of_sqlite(cause, where) or error
    return _of_server(error, where) or error


def locked(where: str) -> StoreError:
    """Others write, and go on writing."""
    return StoreError(f"{where}: {_LOCK[0]}", _LOCK[1], passing=True)


def _of_sqlite(cause: sqlite3.Error, where: str) -> StoreError | None:
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # the rest says more than is needed
    if code in _LOCKED:
        return locked(where)
    if code in _DAMAGED:
        return StoreError(
            f"{where} is damaged, or no database",
            "set it aside, then `assay operator restore` or `assay operator rebuild`",
        )
    if code in _WORDS:
        message, fix = _WORDS[code]
        return StoreError(f"{where}: {message}", fix)
    return None


def _of_server(error: DBAPIError, where: str) -> StoreError | None:
    state = getattr(error.orig, "sqlstate", None)
    if state is None:  # not an answer of the server: there is none
        gone = error.connection_invalidated or type(error).__name__ == "OperationalError"
        return _gone(where, str(error.orig)) if gone else None
    if state == "53100":
        return StoreError(f"{where}: {_FULL[0]}", _FULL[1])
    if state[:2] in _SERVER_LOCK:
        return locked(where)
    if state in _SERVER_GONE or state[:2] in _SERVER_GONE:
        return _gone(where)
    if state[:2] in {"53", "58", "XX"}:
        return StoreError(f"{where}: the server is in trouble ({state})", "see its log")
    return None


def _gone(where: str, reason: str = "") -> StoreError:
    # libpq's reasons name hosts, user and database, never the password; the last says most.
    last = reason.strip().splitlines()[-1:]
    return StoreError(
        ": ".join([where, "no server that takes writes answers", *last]),
        "see that PostgreSQL runs; if its primary is lost, promote the replica",
        passing=True,
    )
