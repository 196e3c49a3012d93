"""One process on one PostgreSQL database; real servers."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import postgres
import pytest

from oracle.errors import RefusedError
from oracle.operator import run, state
from oracle.store import sole
from oracle.store.faults import StoreError
from oracle.store.sole import sole_process

_numbers = count()
HOLD = """
import sys
from oracle.store.sole import sole_process
with sole_process(sys.argv[1], lambda: None):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def url(server: postgres.Server) -> str:
    return server.new_database(f"sole{next(_numbers)}")


@pytest.fixture
def ended() -> threading.Event:
    return threading.Event()


@pytest.fixture
def pair() -> Iterator[postgres.Pair]:
    with postgres.pair() as both:
        both.primary.new_database("operator")
        yield both


def refused(url: str) -> bool:
    try:
        with sole_process(url, lambda: None, patience=0.0):
            return False
    except RefusedError:
        return True


def eventually(holds: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_sole_process__another_has_the_database__refused_until_it_ends(
    server: postgres.Server, url: str
) -> None:
    other = server.new_database(f"sole{next(_numbers)}")
    with sole_process(url, lambda: None):
        with (
            pytest.raises(RefusedError, match="another process runs on this database"),
            sole_process(url, lambda: None, patience=0.0),
        ):
            pass
        assert not refused(other)
    assert not refused(url)


def test_sole_process__ended_while_the_server_is_slow_to_end_its_session__free_at_once(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        sessions: list[Any] = []
        patch.setattr(sole, "_close", sessions.append)
        with sole_process(url, lambda: None):
            pass
        assert not refused(url)
    for session in sessions:
        sole._close(session)


def test_sole_process__holder_killed__the_next_one_gets_it(url: str) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert refused(url)
    finally:
        holder.kill()
        holder.wait()
    with sole_process(url, lambda: None):
        pass


def test_sole_process__session_is_cut__taken_again(
    server: postgres.Server, url: str, ended: threading.Event
) -> None:
    name = url.rpartition("/")[2]
    cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    with sole_process(url, ended.set, every=0.05):
        server.query(cut)
        eventually(lambda: refused(url))
        assert not ended.is_set()


def test_sole_process__session_is_cut_and_another_is_there_first__this_one_ends(
    server: postgres.Server, url: str, ended: threading.Event
) -> None:
    name = url.rpartition("/")[2]
    cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    with sole_process(url, ended.set, every=2.0, patience=0.5):
        server.query(cut)
        with sole_process(url, lambda: None):
            assert ended.wait(60)


def test_sole_process__sqlite__nothing_to_hold(tmp_path: Path) -> None:
    for where in (str(tmp_path / "a"), f"sqlite:///{tmp_path / 'a'}"):
        with sole_process(where, lambda: None), sole_process(where, lambda: None):
            assert list(tmp_path.iterdir()) == []


def test_sole_process__no_server__said_so_without_the_password() -> None:
    url = f"postgresql://assay:secret@127.0.0.1:{postgres.free_port()}/operator"
    with pytest.raises(StoreError) as caught, sole_process(url, lambda: None):
        pass
    assert "secret" not in str(caught.value)


@pytest.mark.slow
def test_sole_process__failover__held_at_the_new_primary(
    pair: postgres.Pair, ended: threading.Event
) -> None:
    with sole_process(pair.url("operator"), ended.set, every=0.1):
        assert refused(pair.url("operator"))
        pair.primary.kill()
        pair.replica.promote()
        eventually(lambda: refused(pair.replica.url("operator")))
        assert not ended.is_set()
    assert not refused(pair.url("operator"))


def test_run__a_process_of_another_home_has_the_database__refused(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "sole_process", partial(sole_process, patience=0.0))
    monkeypatch.setattr(run.logs, "configure", lambda: None)
    config: Any = SimpleNamespace(home=tmp_path, database=url)
    with sole_process(url, lambda: None), pytest.raises(RefusedError, match="another process runs"):
        run.run(config)


def test_rebuild__an_operator_runs_on_another_machine__refused(url: str) -> None:
    config: Any = SimpleNamespace(host="127.0.0.1", port=0, database=url)
    with (
        sole_process(url, lambda: None),
        pytest.raises(RefusedError, match="another process runs"),
        state._stopped(config),
    ):
        pass
    with state._stopped(config):
        assert refused(url)
