"""Checks of what is the operator's own: key, identity, database, disks, port."""

import errno
import hashlib
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx

from oracle.chain.signers import EnvFileSettings, KeystoreSettings, SignerSettings
from oracle.operator.checks import Check, Look, Said, fail, ok, warn
from oracle.operator.state import open_objects
from oracle.store.journal import Journal
from oracle.store.migrations import HEAD, revision
from oracle.store.objects import ObjectStore

FEW_BYTES, TOO_FEW_BYTES = 5 * 10**9, 10**9
_OTHERS_MAY = 0o077
_GB = 10**9


def _config(look: Look) -> Iterator[Said]:
    config = look.config
    yield ok(f"{config.name}: pool {config.pool} on chain {config.chain_id}")
    if config.allow_plaintext:
        yield warn("takes files that are not encrypted", "remove allow_plaintext")


def _key(look: Look) -> Iterator[Said]:
    signer = look.signer
    if signer is None:
        yield warn("no [signer]: a dry run, nothing is signed or sent")
        return
    yield ok(signer.address)
    yield from private(key_files(look.config.signer))
    announce = look.config.announce
    if announce is not None:
        yield ok(f"{announce.signer.open().address} announces rounds")
        yield from private(key_files(announce.signer))


def key_files(settings: SignerSettings | None) -> list[Path]:
    """Files on this machine that a key is in, or opened with."""
    match settings:
        case KeystoreSettings():
            return [settings.keystore, settings.password_file]
        case EnvFileSettings():
            return [settings.file]
        case _:
            return []


def private(paths: Sequence[Path]) -> Iterator[Said]:
    """A warning for each file that others may read."""
    for path in paths:
        if path.exists() and path.stat().st_mode & _OTHERS_MAY:
            yield warn(f"{path} may be read by others", f"run: chmod 600 {path}")


def _identity(look: Look) -> Iterator[Said]:
    yield ok(look.identity.recipient)
    yield from private([look.config.identity])


# ---------------------------------------------------------------------- database


def _database(look: Look) -> Iterator[Said]:
    database, config = look.database, look.config
    if database is None:
        yield ok(f"{config.database} is made at the first start")
        return
    found = database.read(revision)
    if found != HEAD:
        what = "is empty" if found is None else f"is of revision {found}"
        yield warn(f"{database.where} {what}; the next start makes it {HEAD}")
        return
    with database.begin():
        pass  # takes the writer's lock, and on PostgreSQL waits for the replica
    yield ok(f"{database.where}: revision {HEAD}, writable")
    for warning in database.warnings():
        yield warn(warning)
    blocked = Journal(database).blocked_up_to()
    if blocked > 0:
        yield warn(
            f"signs nothing new up to round {blocked}: what it signed before is not known",
            "nothing to do; these rounds are the other operators'",
        )


# ---------------------------------------------------------------------- files


def _disk(look: Look) -> Iterator[Said]:
    seen = set()
    for folder in (look.config.home, look.config.artefacts):
        there = first_there(folder)
        device = there.stat().st_dev
        if device in seen:
            continue
        seen.add(device)
        yield free_space(there)


def free_space(there: Path) -> Said:
    """Of the disk that a folder is on."""
    free = shutil.disk_usage(there).free
    text = f"{free / _GB:.1f} GB are free at {there}"
    fix = "make room, or move `home` to a larger disk; nothing is deleted with time"
    if free < TOO_FEW_BYTES:
        return fail(text, fix)
    return warn(text, fix) if free < FEW_BYTES else ok(text)


def first_there(folder: Path) -> Path:
    """The folder, or the first one above it that is there."""
    return next(path for path in (folder, *folder.resolve().parents) if path.exists())


def _folders(look: Look) -> Iterator[Said]:
    config = look.config
    for name, folder in (("home", config.home), ("artefacts", config.artefacts)):
        problem = not_written(first_there(folder))
        if problem:
            yield fail(f"cannot write to {folder} ({name}): {problem}", "see its owner and rights")
        else:
            yield ok(f"{name}: {folder}")
    yield readable_folder("data", config.data, "name the provider's folder with `data`")


def readable_folder(name: str, folder: Path, fix: str) -> Said:
    """Whether a folder that others fill is there; ``fix`` says how to name it."""
    if not folder.is_dir():
        return fail(f"there is no {name} folder {folder}", f"{fix}, or make an empty one")
    if not os.access(folder, os.R_OK | os.X_OK):
        return fail(f"{folder} cannot be read", "see its owner and rights")
    return ok(f"{name}: {folder}")


def not_written(folder: Path) -> str:
    """Why a file cannot be written there, empty if it can."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".check-") as file:
            file.write(b"assay")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return str(error.strerror)
    return ""


def _bucket(look: Look) -> Iterator[Said]:
    objects = open_objects(look.config)
    if objects is None:
        yield warn("rounds are kept on one disk only", "name a bucket in [store.s3]")
        return
    _round_trip(objects)
    yield ok(f"s3://{objects.bucket}/{objects.prefix}: written, read back, removed")


def _round_trip(objects: ObjectStore) -> None:
    raw, path = secrets.token_bytes(1024), f"check/{secrets.token_hex(8)}"
    with tempfile.NamedTemporaryFile() as file:
        file.write(raw)
        file.flush()
        objects.put(path, Path(file.name))
    try:
        objects.verify(path, hashlib.sha256(raw).digest())
    finally:
        objects.remove(path)


# ---------------------------------------------------------------------- port


def _port(look: Look) -> Iterator[Said]:
    config = look.config
    try:
        socket.create_server((config.host, config.port)).close()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            yield fail(f"cannot listen on {config.host}:{config.port}: {error.strerror}")
            return
        yield _whose(look)
    else:
        yield ok(f"{config.host}:{config.port} is free: the operator does not run")


def _whose(look: Look) -> Said:
    """Whether it is this operator that listens."""
    config = look.config
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(config.host, config.host)
    where = f"{config.host}:{config.port}"
    try:
        answer = httpx.get(f"http://{host}:{config.port}/healthz", timeout=5, trust_env=False)
        health = answer.json()
        operator = health["operator"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return fail(f"something else listens on {where}", "stop it, or change port")
    own = None if look.signer is None else look.signer.address
    if operator != own:
        return fail(f"{operator or 'a dry run'} listens on {where}", "give each a port of its own")
    if error := health.get("error"):
        return warn(f"it runs, but its last cycle failed ({error})", "see its log")
    return ok(f"it runs on {where}")


MACHINE_CHECKS: Sequence[tuple[str, Check]] = (
    ("config", _config),
    ("key", _key),
    ("identity", _identity),
    ("database", _database),
    ("disk", _disk),
    ("folders", _folders),
    ("bucket", _bucket),
    ("port", _port),
)
