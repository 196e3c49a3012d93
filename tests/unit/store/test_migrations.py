"""Databases come to this release's tables from nothing, from an old journal, or not at all."""

import multiprocessing
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from oracle.errors import RefusedError
from oracle.store.database import Database
from oracle.store.journal import Journal, JournalError
from oracle.store.migrations import HEAD, revision
from oracle.store.schema import metadata

Opener = Callable[..., Database]
PLAIN = b"id,prediction\nn0000,0.25\n" * 40


@pytest.fixture
def old_journal(tmp_path: Path) -> Path:
    """A journal as it was before there were revisions."""
    path = tmp_path / "journal.sqlite"
    key = "round INTEGER, model INTEGER, sha256 BLOB, sequence INTEGER"
    with sqlite3.connect(path) as connection:
        connection.executescript(
            f"""PRAGMA journal_mode=WAL;
            CREATE TABLE submissions ({key}, signature BLOB NOT NULL, raw BLOB NOT NULL,
                PRIMARY KEY (round, model, sha256, sequence));
            CREATE TABLE receipts ({key}, operator VARCHAR(42), received INTEGER NOT NULL,
                signature BLOB NOT NULL, PRIMARY KEY (round, model, sha256, sequence, operator));
            CREATE TABLE signed (round INTEGER, phase VARCHAR, digest BLOB NOT NULL,
                PRIMARY KEY (round, phase));"""
        )
        connection.execute(
            "INSERT INTO submissions VALUES (7, 5, ?, 9, ?, ?)", (b"h" * 32, b"s" * 65, PLAIN)
        )
        connection.execute("INSERT INTO signed VALUES (7, 'commit', ?)", (b"\xaa" * 32,))
    connection.close()
    return path


def test_schema__and_migrations__make_the_same_tables(database: Database) -> None:
    with database.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_head__is_the_newest_revision() -> None:
    config = Config()
    config.set_main_option("script_location", "oracle.store:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def _open_at_once(where: str, start: object) -> None:
    start.wait()
    database = Database.open(where)
    assert database.read(revision) == HEAD
    database.close()


def test_open__several_processes_make_one_database__all_succeed(
    where: str, open_database: Opener
) -> None:
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(3)
    processes = [context.Process(target=_open_at_once, args=(where, start)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    Journal(open_database(where)).reserve_digest(1, "commit", b"\xaa" * 32)


def test_open__again__keeps_everything(where: str, open_database: Opener) -> None:
    Journal(open_database(where)).reserve_digest(7, "commit", b"\xaa" * 32)
    assert Journal(open_database(where)).signed_digest(7, "commit") == b"\xaa" * 32


def test_open__database_of_a_newer_release__refused_and_left_alone(
    where: str, open_database: Opener
) -> None:
    first = open_database(where)

    def to_future(connection: Connection) -> None:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    first.run(to_future)
    with pytest.raises(RefusedError, match=f"newer release .revision 9999, this one knows {HEAD}"):
        open_database(where)
    assert first.read(revision) == "9999"


def test_open__old_journal__keeps_what_it_signed_and_refuses_a_second(
    old_journal: Path, open_database: Opener
) -> None:
    journal = Journal(open_database(old_journal))
    assert journal.signed_rounds() == {(7, "commit"): b"\xaa" * 32}
    assert journal.blocked_up_to() == 0
    with pytest.raises(JournalError, match="already signed"):
        journal.reserve_digest(7, "commit", b"\xbb" * 32)
    assert list(journal.listed(7)) == []


def test_open__old_journal__leaves_no_plain_submission_on_disk(
    old_journal: Path, open_database: Opener
) -> None:
    assert PLAIN[:20] in old_journal.read_bytes()
    open_database(old_journal).close()
    for path in old_journal.parent.iterdir():
        assert PLAIN[:20] not in path.read_bytes()


def test_open__upgrade_fails__old_journal_stays_whole(old_journal: Path) -> None:
    with sqlite3.connect(old_journal) as connection:
        connection.execute("CREATE TABLE vault (something_else INTEGER)")
    with pytest.raises(Exception, match="vault already exists"):
        Database.open(old_journal, patience=0.1)
    with sqlite3.connect(old_journal) as connection:
        assert connection.execute("SELECT round, phase FROM signed").fetchall() == [(7, "commit")]
        assert connection.execute("SELECT raw FROM submissions").fetchall() == [(PLAIN,)]
