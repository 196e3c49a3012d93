"""Copies of a database in use: of one moment, checked, whole or absent."""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from oracle.errors import InputError, RefusedError
from oracle.store.backup import backup, put_in_place, signed_in
from oracle.store.database import Database
from oracle.store.faults import StoreError
from oracle.store.journal import Journal

ONE = b"\xaa" * 32
OpenDatabase = Callable[..., Database]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "journal.sqlite"


def test_backup__while_the_operator_writes__of_one_moment(
    path: Path, tmp_path: Path, open_database: OpenDatabase
) -> None:
    """Rows are written in order: a copy of one moment has all of them up to some number."""
    journal = Journal(open_database(path))
    stop, written = threading.Event(), threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            journal.reserve_digest(number, "commit", ONE)
            if number == 20:
                written.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert written.wait(60)
        size = backup(path, tmp_path / "deep" / "copy.sqlite")
    finally:
        stop.set()
        writer.join()
    copy = tmp_path / "deep" / "copy.sqlite"
    rows = signed_in(copy)
    assert [number for number, _, _ in sorted(rows)] == list(range(1, len(rows) + 1))
    assert 20 <= len(rows) <= len(journal.signed_rounds())
    assert size == copy.stat().st_size
    assert copy.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in copy.parent.iterdir()] == ["copy.sqlite"]


def test_backup__rows_that_are_in_the_log_only__are_in_the_copy(
    path: Path, tmp_path: Path, open_database: OpenDatabase
) -> None:
    Journal(open_database(path)).reserve_digest(7, "commit", ONE)
    assert path.with_name("journal.sqlite-wal").stat().st_size
    backup(path, tmp_path / "copy.sqlite")
    assert signed_in(tmp_path / "copy.sqlite") == [(7, "commit", ONE)]


def test_backup__file_is_there__refused_and_left_alone(
    path: Path, tmp_path: Path, open_database: OpenDatabase
) -> None:
    open_database(path)
    (tmp_path / "copy").write_text("older")
    with pytest.raises(RefusedError, match="is there already"):
        backup(path, tmp_path / "copy")
    assert (tmp_path / "copy").read_text() == "older"


def test_backup__another_to_the_same_place_was_cut_off__its_part_is_left_alone(
    path: Path, tmp_path: Path, open_database: OpenDatabase
) -> None:
    """It may still be at work: both would write one file under a fixed name."""
    Journal(open_database(path)).reserve_digest(7, "commit", ONE)
    (tmp_path / ".copy.part").write_text("another's")
    backup(path, tmp_path / "copy")
    assert signed_in(tmp_path / "copy") == [(7, "commit", ONE)]
    assert (tmp_path / ".copy.part").read_text() == "another's"


def test_backup__no_database__said_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no database at"):
        backup(tmp_path / "none", tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []


def test_backup__damaged__refused_and_nothing_left(
    path: Path, tmp_path: Path, open_database: OpenDatabase
) -> None:
    database = open_database(path)
    Journal(database).add_evidence(1, "late", "0x", bytes(50_000))
    database.close()
    raw = bytearray(path.read_bytes())
    # The content of the pages after the first, which holds the tables' names.
    raw[4096 : len(raw) - 4096] = b"\xff" * (len(raw) - 8192)
    path.write_bytes(raw)
    with pytest.raises(StoreError, match=r"damaged|malformed"):
        backup(path, tmp_path / "copies" / "copy")
    assert list((tmp_path / "copies").iterdir()) == []


def test_put_in_place__database_there__is_kept_with_all_its_rows(
    path: Path, tmp_path: Path, open_database: OpenDatabase
) -> None:
    for name, number in (("journal.sqlite", 1), ("first", 2), ("second", 3)):
        database = open_database(path.with_name(name))
        Journal(database).reserve_digest(number, "commit", ONE)
        database.close()
    kept = [put_in_place(path.with_name(name), path) for name in ("first", "second")]
    assert signed_in(path) == [(3, "commit", ONE)]
    assert [signed_in(p)[0][0] for p in kept if p] == [1, 2]
    assert kept[0] != kept[1]


def test_put_in_place__log_was_left_by_a_crash__moved_with_its_database(
    path: Path, tmp_path: Path, open_database: OpenDatabase
) -> None:
    """Beside the restored database, it must not be taken for the log of that."""
    crashed = open_database(path)
    Journal(crashed).reserve_digest(1, "commit", ONE)
    beside = tmp_path / "crashed"
    beside.mkdir()
    for found in path.parent.iterdir():  # as kill -9 leaves it
        (beside / found.name).write_bytes(found.read_bytes())
    prepared = open_database(tmp_path / "prepared")
    prepared.close()
    kept = put_in_place(tmp_path / "prepared", beside / path.name)
    assert kept is not None
    assert signed_in(kept) == [(1, "commit", ONE)]
    assert signed_in(beside / path.name) == []


def test_signed_in__no_database_or_another_file__nothing(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("text" * 1000)
    sqlite3.connect(tmp_path / "empty").close()
    for name in ("text", "empty", "none"):
        assert signed_in(tmp_path / name) == []
