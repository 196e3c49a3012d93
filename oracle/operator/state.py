"""An operator's database by its configuration: backed up, put back, or rebuilt."""

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from oracle.chain.logs import IndexedLogs, LogSource
from oracle.chain.reader import PoolReader
from oracle.chain.signers import open_signer
from oracle.errors import InputError, RefusedError
from oracle.operator.config import OperatorConfig
from oracle.operator.guard import Guard
from oracle.operator.peers import Peer
from oracle.operator.rebuild import Rebuild, Rebuilt
from oracle.operator.restore import Restored, restore
from oracle.store.backup import backup
from oracle.store.database import Database
from oracle.store.event_index import EventStore
from oracle.store.journal import Journal
from oracle.store.objects import FolderObjects, ObjectStore, S3Objects
from oracle.store.sealing import Identity
from oracle.store.sole import sole_process


def open_objects(config: OperatorConfig) -> S3Objects | None:
    """The bucket that rounds are copied to, if the configuration names one."""
    s3 = config.store.s3
    return s3 and S3Objects(s3.bucket, s3.prefix, s3.endpoint_url, s3.region)


def back_up(config: OperatorConfig, to: Path) -> int:
    """Copies the SQLite database to ``to``; returns its bytes. The operator may run."""
    return backup(_file(config, "pg_dump --format=custom makes a backup of it"), to)


def restore_backup(config: OperatorConfig, source: Path, *, sure: bool = False) -> Restored:
    """Puts a backup in the place of the SQLite database; the operator must be stopped."""
    target = _file(
        config, "put it back with pg_restore, then run `assay operator rebuild` before the operator"
    )
    if source.resolve() == target.resolve():
        raise InputError(f"{source} is the database itself", "name the backup")
    with _stopped(config):
        reader = _reader(config)
        rounds = range(1, reader.state()["last_announced"] + 1)
        tournament = (reader.addresses.chain_id, reader.addresses.pool)
        return restore(
            source,
            target,
            tournament,
            lambda journal: _guard(config, reader, journal),
            rounds,
            sure=sure,
        )


def rebuild(
    config: OperatorConfig,
    folders: Sequence[Path] = (),
    *,
    sure: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Rebuilt:
    """Fills the database, new or not, from chain and artefacts; the operator must be stopped.

    ``folders`` are copies of other operators' artefact folders.
    """
    sources: list[ObjectStore] = []
    for folder in folders:
        if not (folder / "rounds").is_dir():
            raise InputError(f"{folder} holds no rounds", "name an operator's artefact folder")
        sources.append(FolderObjects(folder))
    if (objects := open_objects(config)) is not None:
        sources.append(objects)
    identity = Identity.load(config.identity)
    with _stopped(config):
        database = Database.open(config.database)
        try:
            reader = _reader(config, IndexedLogs(EventStore(database)))
            database.claim(reader.addresses.chain_id, reader.addresses.pool)
            journal = Journal(database)
            guard = _guard(config, reader, journal)
            artefacts = config.artefacts
            return Rebuild(reader, journal, artefacts, guard, identity, sources, tell).run(
                sure=sure
            )
        finally:
            database.close()


def _file(config: OperatorConfig, instead: str) -> Path:
    """The database's file. Raises ``RefusedError`` where it is on a server."""
    scheme, is_url, rest = config.database.partition("://")
    if is_url and scheme != "sqlite":
        raise RefusedError("the database is on a PostgreSQL server", instead)
    return Path(rest.removeprefix("/") if is_url else config.database)


@contextmanager
def _stopped(config: OperatorConfig) -> Iterator[None]:
    """Holds the operator's port, and its database if that is on a server, so that it cannot run
    meanwhile."""
    try:
        held = socket.create_server((config.host, config.port))
    except OSError as error:
        raise RefusedError(
            f"{config.host}:{config.port} is in use: {error.strerror}",
            "stop this operator first; it must not sign meanwhile",
        ) from None
    with held, sole_process(config.database, lambda: None, patience=0.0):
        yield


def _reader(config: OperatorConfig, logs: LogSource | None = None) -> PoolReader:
    chain = config.chain
    return PoolReader.open(
        chain.urls,
        config.pool,
        config.chain_id,
        logs=logs,
        agree=chain.agree,
        solo=chain.solo,
        stale_seconds=chain.stale_seconds,
    )


def _guard(config: OperatorConfig, reader: PoolReader, journal: Journal) -> Guard:
    signer = open_signer(config.signer)
    address = "" if signer is None else signer.address
    return Guard(reader, journal, config.artefacts, address, [Peer(url) for url in config.peers])
