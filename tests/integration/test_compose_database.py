"""The compose file's primary and replica, by its own scripts and settings, on real servers."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import postgres
import psycopg
import pytest
import yaml

from oracle.store.database import Database
from oracle.store.journal import Journal, JournalError

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).resolve().parents[2] / "deployments" / "operator"
PASSWORD = "correct horse"  # noqa: S105 - of a server on loopback
# As the image's entrypoint leaves it: no connection over the network without a password.
HBA = "local all all trust\nhost all all all scram-sha-256\n"


@dataclass
class Pair:
    """The two services; ``url`` names both, as an operator's configuration does."""

    primary: postgres.Server
    replica: postgres.Server
    environment: dict[str, str]
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        hosts = f"127.0.0.1:{self.primary.port},127.0.0.1:{self.replica.port}"
        return f"postgresql://assay@{hosts}/assay?target_session_attrs=read-write"


def settings(service: str) -> list[str]:
    """``name=value`` of the service's command."""
    command = yaml.safe_load((FOLDER / "compose.yml").read_text())["services"][service]["command"]
    assert command[0] == "postgres"
    return [value for flag, value in zip(command[1::2], command[2::2], strict=True) if flag == "-c"]


def script(name: str, environment: dict[str, str], *arguments: str) -> Any:
    return subprocess.Popen(
        ["bash", str(FOLDER / "postgres" / name), *arguments],
        env=environment,
        cwd="/",
        start_new_session=True,
        **postgres._as_user(),
    )


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    with postgres._root() as root:
        [passwords, pgpass] = [root / "password", root / "pgpass"]
        passwords.write_text(PASSWORD)
        pgpass.write_text(f"*:*:*:assay:{PASSWORD}\n")
        for path in (passwords, pgpass):
            path.chmod(0o600)
            if os.geteuid() == 0:
                os.chown(path, postgres._NOBODY, postgres._NOBODY)
        primary = postgres.Server(root / "primary", postgres.free_port())
        replica = postgres.Server(root / "standby", postgres.free_port())
        postgres._run(
            "initdb", "-D", str(primary.folder), "-U", "assay", "--pwfile", str(passwords)
        )
        (primary.folder / "pg_hba.conf").write_text(HBA)
        environment = {
            **os.environ,
            "PATH": f"{postgres._BIN}{os.pathsep}{os.environ['PATH']}",
            "PGDATA": str(primary.folder),
            "PGPASSFILE": str(pgpass),
            "PGPORT": str(primary.port),
        }
        own = root.with_name(f"{root.name}.pgpass")  # readable by whoever runs this test
        own.write_text(pgpass.read_text())
        own.chmod(0o600)
        monkeypatch.setenv("PGPASSFILE", str(own))
        process = None
        try:
            _first_start(primary, environment, root)
            primary.start(*settings("database"))
            given = {
                **environment,
                "STANDBY": str(replica.folder),
                "PRIMARY": f"host=127.0.0.1 port={primary.port} user=assay",
            }
            listen = ["-h", "127.0.0.1", "-p", str(replica.port), "-k", ""]
            process = script("replica.sh", given, *listen)
            primary.wait(
                lambda: primary.query(
                    "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"
                    " AND state = 'streaming'"
                )
            )
            yield Pair(primary, replica, environment, process)
        finally:
            if process is not None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, 9)
                process.wait()
            primary.kill()
            own.unlink()


def _first_start(primary: postgres.Server, environment: dict[str, str], root: Path) -> None:
    """What the image does before the service begins: a server on a socket only, with the service's
    settings, on which the database is made and the folder's scripts run."""
    options = [part for setting in settings("database") for part in ("-c", setting)]
    server = subprocess.Popen(
        [postgres._BIN / "postgres", "-D", primary.folder, "-h", "", "-k", root, *options],
        env=environment,
        cwd="/",
        start_new_session=True,
        **postgres._as_user(),
    )
    inside = {**environment, "PGHOST": str(root)}

    def ready() -> bool:
        return not subprocess.run([postgres._BIN / "pg_isready", "-q"], env=inside).returncode

    try:
        primary.wait(ready)
        made = [postgres._BIN / "psql", "-U", "assay", "-d", "postgres", "-c"]
        # Were the replica waited for already, this would never return.
        subprocess.run([*made, "CREATE DATABASE assay"], env=inside, check=True, timeout=60)
        done = script("replication.sh", inside)
        assert done.wait(60) == 0
    finally:
        os.killpg(server.pid, 2)
        server.wait()


def test_compose__both_services__commits_wait_for_the_replica(pair: Pair) -> None:
    database = Database.open(pair.url)
    try:
        assert database.warnings() == []
    finally:
        database.close()


def test_compose__replica_over_the_network__needs_the_password(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSFILE", "/dev/null")
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"host=127.0.0.1 port={pair.primary.port} user=assay replication=true")


def test_compose__primary_lost_and_replica_promoted__goes_on_and_signs_nothing_twice(
    pair: Pair,
) -> None:
    database = Database.open(pair.url, patience=30)
    try:
        journal = Journal(database)
        journal.reserve_digest(1, "commit", b"\xaa" * 32)
        pair.primary.kill()
        pair.replica.promote()
        with pytest.raises(JournalError, match="already signed"):
            journal.reserve_digest(1, "commit", b"\xbb" * 32)
        journal.reserve_digest(2, "commit", b"\xcc" * 32)
        [warning] = database.warnings()
        assert "synchronous_standby_names is empty" in warning
    finally:
        database.close()
