"""The database under trouble: locks, crashes, lost servers, full disks; what is kept is kept."""

import multiprocessing
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import postgres
import pytest
from sqlalchemy import Connection, QueuePool, func, select, text, update

from oracle.errors import AssayError, InputError, RefusedError
from oracle.store.database import Database
from oracle.store.faults import StoreError
from oracle.store.journal import Journal
from oracle.store.schema import signed

Opener = Callable[..., Database]


def _row(number: int, digest: bytes = b"\xaa" * 32) -> dict[str, object]:
    return {"round": number, "phase": "commit", "digest": digest}


def _count(database: Database) -> int:
    return database.read(lambda c: c.execute(select(func.count()).select_from(signed)).scalar_one())


# ---------------------------------------------------------------------- both kinds


def test_begin__error_in_the_block__nothing_is_kept(database: Database) -> None:
    def work(connection: Connection) -> None:
        connection.execute(signed.insert().values(_row(1)))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        database.run(work)
    assert _count(database) == 0


def test_begin__read_then_write_in_many_threads__no_update_is_lost(database: Database) -> None:
    """One writer at a time: what a transaction has read is true until it ends."""
    with database.begin() as connection:
        connection.execute(signed.insert().values(_row(1, bytes(32))))

    def increase() -> None:
        for _ in range(10):
            with database.begin() as connection:
                before = connection.execute(select(signed.c.digest)).scalar_one()
                after = (int.from_bytes(before) + 1).to_bytes(32)
                connection.execute(update(signed).values(digest=after))

    threads = [threading.Thread(target=increase) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert database.read(lambda c: c.execute(select(signed.c.digest)).scalar_one())[-1] == 40


def _write_and_die(where: str) -> None:
    with Database.open(where).begin() as connection:
        connection.execute(signed.insert().values(_row(1)))
        os.kill(os.getpid(), signal.SIGKILL)


def test_begin__process_killed_in_it__others_go_on_without_its_rows(
    where: str, database: Database
) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_write_and_die, args=(where,))
    process.start()
    process.join(60)
    assert process.exitcode == -9
    Journal(database).reserve_digest(2, "commit", b"\xaa" * 32)
    assert _count(database) == 1


def test_begin__sqlite__many_writers__stand_in_line_without_a_connection(
    tmp_path: Path, open_database: Opener
) -> None:
    database, many = open_database(str(tmp_path / "journal.sqlite")), 40
    begun = threading.Barrier(many + 1)

    def write(number: int) -> None:
        begun.wait()
        database.run(lambda connection: connection.execute(signed.insert().values(_row(number))))

    with ThreadPoolExecutor(many) as threads:
        with database.begin():
            writing = [threads.submit(write, number) for number in range(many)]
            begun.wait()
            time.sleep(0.2)
            pool = database.engine.pool
            assert isinstance(pool, QueuePool)
            assert pool.checkedout() == 1
        for one in writing:
            one.result(30)
    assert _count(database) == many


def test_begin__sqlite__the_writer_before_does_not_end__a_clear_error(
    tmp_path: Path, open_database: Opener
) -> None:
    database = open_database(str(tmp_path / "journal.sqlite"), patience=0.2)
    with ThreadPoolExecutor(1) as threads, database.begin():
        waiting = threads.submit(database.run, lambda connection: None)
        with pytest.raises(StoreError, match="locked"):
            waiting.result(30)


def test_claim__other_tournament__refused_by_name(where: str, open_database: Opener) -> None:
    open_database(where).claim(137, "0x" + "Ab" * 20)
    again = open_database(where)
    again.claim(137, "0x" + "aB" * 20)
    for chain_id, pool in ((1, "0x" + "ab" * 20), (137, "0x" + "cd" * 20)):
        with pytest.raises(RefusedError, match=r"the tournament 0xabab.* on chain 137"):
            again.claim(chain_id, pool)


def test_begin__another_writer_does_not_end__a_clear_error(
    where: str, open_database: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oracle.store.postgres_engine._SESSION", {"lock_timeout": "200ms"})
    holder, other = open_database(where), open_database(where, patience=0.2)
    with holder.begin(), pytest.raises(StoreError, match="locked") as caught:
        other.run(lambda connection: connection.execute(signed.insert().values(_row(1))))
    assert caught.value.passing
    assert _count(other) == 0


def test_begin__another_writer_ends__goes_on(where: str, open_database: Opener) -> None:
    holder, other = open_database(where), open_database(where)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with holder.begin():
            held.set()
            done.wait(0.3)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    Journal(other).reserve_digest(1, "commit", b"\xaa" * 32)
    done.set()
    thread.join()
    assert _count(other) == 1


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("mysql://u:secret@h/db", "mysql:// is no database of an operator"),
        ("postgresql://u:secret@h/db?nonsense=1", "not one that PostgreSQL understands"),
        ("postgresql://u:secret@127.0.0.1:1/db", "PostgreSQL at 127.0.0.1:1: no server that"),
        (
            "postgresql+psycopg://u:secret@127.0.0.1:1,127.0.0.1:2/db",
            "PostgreSQL at 127.0.0.1:1, 127.0.0.1:2: no server that takes writes answers",
        ),
    ],
)
def test_open__no_such_database__said_without_the_password(where: str, message: str) -> None:
    with pytest.raises(AssayError) as caught:
        Database.open(where, patience=0.1)
    assert message in caught.value.message
    shown = f"{caught.value.message}{caught.value.fix}{caught.value.__context__!r}"
    assert "secret" not in shown


# ---------------------------------------------------------------------- SQLite


def test_open__sqlite__every_connection_is_durable(tmp_path: Path, open_database: Opener) -> None:
    database = open_database(f"sqlite:///{tmp_path}/a.sqlite")
    assert (tmp_path / "a.sqlite").exists()
    with database.connect() as one, database.connect() as two:
        for connection in (one, two):
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
    assert database.warnings() == []


def test_open__sqlite__is_a_plain_file(tmp_path: Path, open_database: Opener) -> None:
    """An operator can look into it with any SQLite tool."""
    path = tmp_path / "a.sqlite"
    Journal(open_database(path)).reserve_digest(7, "commit", b"\xaa" * 32)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT round, phase FROM signed").fetchall() == [(7, "commit")]


def test_begin__disk_full__said_so_and_nothing_is_lost(
    tmp_path: Path, open_database: Opener
) -> None:
    """SQLite's own limit on pages gives the very error that a full disk gives."""
    database = open_database(tmp_path / "a.sqlite")
    journal = Journal(database)
    journal.reserve_digest(1, "commit", b"\xaa" * 32)
    with database.begin() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StoreError, match=r"a\.sqlite: its disk is full; nothing was") as caught:
        journal.add_evidence(1, "late", "0x", bytes(10**6))
    assert not caught.value.passing
    assert journal.evidence(1) == []
    assert journal.signed_digest(1, "commit") == b"\xaa" * 32
    with database.begin() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count=1000000")
    journal.add_evidence(1, "late", "0x", bytes(10**6))
    assert len(journal.evidence(1)) == 1


def test_open__no_database_in_the_file__said_so_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    path.write_bytes(b"not a database, but long enough to be read as one" * 100)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="is damaged, or no database"):
        Database.open(path)
    assert path.read_bytes() == before


def test_open__folder_cannot_be_made__said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot make its folder"):
        Database.open(tmp_path / "file" / "a.sqlite")


def test_open__path_is_a_folder__said_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        Database.open(tmp_path)


# ---------------------------------------------------------------------- PostgreSQL


@pytest.fixture
def remote(server: postgres.Server, open_database: Opener, request: pytest.FixtureRequest) -> tuple:
    name = f"lost{abs(hash(request.node.name)) % 10**9}"
    return open_database(server.new_database(name), patience=10), name


def _cut(server: postgres.Server, name: str) -> None:
    server.query(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")


def test_begin__connections_cut_while_idle__goes_on(
    server: postgres.Server, remote: tuple[Database, str]
) -> None:
    database, name = remote
    _cut(server, name)
    with database.begin() as connection:
        connection.execute(signed.insert().values(_row(1)))
    assert _count(database) == 1


def test_begin__connection_cut_in_it__error_and_nothing_kept(
    server: postgres.Server, remote: tuple[Database, str]
) -> None:
    database, name = remote

    def work() -> None:
        with database.begin() as connection:
            connection.execute(signed.insert().values(_row(1)))
            _cut(server, name)
            connection.execute(signed.insert().values(_row(2)))

    with pytest.raises(StoreError, match="no server that takes writes answers"):
        work()
    assert _count(database) == 0


def test_run__connection_cut_in_it__done_again(
    server: postgres.Server, remote: tuple[Database, str]
) -> None:
    database, name = remote
    tries = []

    def work(connection: Connection) -> None:
        tries.append(1)
        connection.execute(signed.insert().values(_row(1)))
        if len(tries) == 1:
            _cut(server, name)

    database.run(work)
    assert len(tries) == 2
    assert _count(database) == 1


def test_open__server_default_is_lax__commits_are_durable_all_the_same(
    server: postgres.Server, open_database: Opener
) -> None:
    url = server.new_database("lax")
    server.query("ALTER DATABASE lax SET synchronous_commit = off")
    with open_database(url).connect() as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar_one() == "on"


def test_warnings__no_replica__named(server: postgres.Server, open_database: Opener) -> None:
    [warning] = open_database(server.new_database("alone")).warnings()
    assert "synchronous_standby_names is empty" in warning


def test_open__unknown_database__said_so(server: postgres.Server) -> None:
    with pytest.raises(StoreError, match='"nowhere" does not exist'):
        Database.open(server.url("nowhere"), patience=0.1)


def test_open__not_a_number__input_error() -> None:
    with pytest.raises(InputError, match="not one that PostgreSQL understands"):
        Database.open("postgresql://u@[::1/db")


def test_open__new_sqlite_file__readable_by_its_owner_only(tmp_path: Path) -> None:
    Database.open(tmp_path / "journal.sqlite").close()
    database = Database.open(tmp_path / "journal.sqlite")
    with database.connect():
        modes = {path.name: path.stat().st_mode & 0o077 for path in tmp_path.iterdir()}
    database.close()
    assert set(modes.values()) == {0}
    assert "journal.sqlite-wal" in modes
