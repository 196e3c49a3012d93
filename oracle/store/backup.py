"""Copies of a SQLite database that is in use, and putting one in its place."""

import os
import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path

from oracle.errors import InputError, RefusedError
from oracle.store.faults import StoreError

_BESIDE = ("-wal", "-shm")
_PAGES_AT_ONCE = 1000


def backup(source: Path, to: Path) -> int:
    """Copies the database at ``source`` to the new file ``to``, as of one moment; returns bytes.

    The operator may run. The copy is checked, whole and durable when it appears, and readable by
    its owner only. Raises ``InputError``, ``RefusedError``, ``StoreError``.
    """
    if not source.is_file():
        raise InputError(f"there is no database at {source}")
    if to.exists():
        raise RefusedError(f"{to} is there already", "name a new file; old backups stay")
    to.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own, since another backup may be on its way to the same place; mode 0600.
    handle, name = tempfile.mkstemp(dir=to.parent, prefix=f".{to.name}.", suffix=".part")
    os.close(handle)
    temporary = Path(name)
    try:
        _copy(source, temporary)
        _sync(temporary)
        os.rename(temporary, to)
        _sync(to.parent)
    except sqlite3.Error as error:
        raise StoreError(
            f"cannot copy {source} to {to}: {error}", "see both disks; name an undamaged database"
        ) from None
    finally:
        discard(temporary)
    return to.stat().st_size


def _copy(source: Path, to: Path) -> None:
    with closing(_read_only(source)) as origin, closing(sqlite3.connect(to)) as copy:
        origin.backup(copy, pages=_PAGES_AT_ONCE)
        # One file, without a log beside it that could be left behind.
        copy.execute("PRAGMA journal_mode=DELETE")
        [[verdict]] = copy.execute("PRAGMA integrity_check(1)").fetchall()
        if verdict != "ok":
            raise StoreError(f"{source} is damaged: {verdict}", "use an older backup")


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=5)


def require_operators(path: Path) -> None:
    """Refuses a file that is no operator's database, such as an empty one, with InputError."""
    if path.is_file():
        with suppress(sqlite3.Error), closing(_read_only(path)) as connection:
            connection.execute("SELECT round, phase, digest FROM signed").close()
            return
    raise InputError(f"{path} is no operator's database", "name a file of `assay operator backup`")


def signed_in(path: Path) -> list[tuple[int, str, bytes]]:
    """Every row of ``signed`` (round, phase, digest) of a database of any release; none where
    there is no database, or none that can be read."""
    if not path.is_file():
        return []
    with suppress(sqlite3.Error), closing(_read_only(path)) as connection:
        return connection.execute("SELECT round, phase, digest FROM signed").fetchall()
    return []


def put_in_place(prepared: Path, target: Path) -> Path | None:
    """Moves a closed database to ``target``; returns where the one from before is kept, or None.

    Nothing may have ``target`` open.
    """
    kept = None
    if target.exists():
        with suppress(sqlite3.Error), closing(sqlite3.connect(target)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        kept = _free_name(target)
        # The file first: without it, a log beside it is not taken for that of another.
        for suffix in ("", *_BESIDE):
            with suppress(FileNotFoundError):
                os.rename(f"{target}{suffix}", f"{kept}{suffix}")
    os.rename(prepared, target)
    _sync(target.parent)
    return kept


def _free_name(target: Path) -> Path:
    number = 1
    while (kept := target.with_name(f"{target.name}.before-{number}")).exists():
        number += 1
    return kept


def discard(path: Path) -> None:
    """Removes a database that nobody has open, and what lies beside it."""
    for suffix in ("", *_BESIDE, "-journal"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
