"""Copies of round folders in an object store, and back.

The manifest is put last: a round that has one there was there whole, and had been read back.
"""

import hashlib
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from oracle.settlement.manifest import HASHED_FOLDERS
from oracle.store.artefacts import (
    MANIFEST,
    MAX_FILE,
    ArtefactError,
    RoundFolder,
    read_manifest,
    remove_tree,
    round_path,
    sync_tree,
)
from oracle.store.objects import MissingObjectError, ObjectError, ObjectStore, TooLongError
from oracle.store.sealed_index import INDEX, SEALED, parse_index, sealed_path

_AT_ONCE = 8
_MAX_BESIDE = 1_000
"""Files of a round, at most, that are not listed and not sealed."""


def round_key(chain_id: int, pool: str, round_number: int) -> str:
    """Where a round lies in an object store: as on disk."""
    return round_path(Path(), chain_id, pool, round_number).as_posix()


def mirror_round(folder: Path, objects: ObjectStore, key: str) -> None:
    """Puts a round's folder under ``key`` and reads back what was put.

    Repeated after more signatures came or the round was disclosed, it puts what is new. Sealed
    files that the folder no longer has are removed. Raises ``ObjectError``.
    """
    there = set(objects.list(f"{key}/"))

    def is_there(path: str) -> bool:
        target = f"{key}/{path}"
        return target in there and _holds(objects, target, _sha256(folder / path))

    known = there if is_there(MANIFEST) else set()
    # Each of the two lists is put after the files that it names by their hash: where it lies, they
    # have been read back.
    listed = HASHED_FOLDERS
    if known and (folder / INDEX).exists() and is_there(INDEX):
        listed = (*listed, f"{SEALED}/")

    def put(path: str) -> None:
        target = f"{key}/{path}"
        if target in known and (path.startswith(listed) or is_there(path)):
            return
        objects.put(target, folder / path)
        objects.verify(target, _sha256(folder / path))

    paths = [path for path in _files(folder) if path != MANIFEST]
    _all(put, [path for path in paths if path != INDEX])
    _all(put, [path for path in paths if path == INDEX])
    put(MANIFEST)
    stale = there - {f"{key}/{path}" for path in paths}
    _all(objects.remove, [path for path in stale if path.startswith(f"{key}/{SEALED}/")])


def get_round(objects: ObjectStore, key: str, folder: Path, manifest: bytes | None = None) -> bool:
    """Brings a round from ``key`` to ``folder``, checked against its manifest.

    False if it is not there, not whole, or its manifest's digest is not ``manifest``. Raises
    ``ObjectError``, ``ArtefactError``; a folder that exists is left alone, with FileExistsError.
    """
    if folder.exists():
        raise FileExistsError(folder)
    temporary = folder.parent / f".{folder.name}.{os.getpid()}"
    remove_tree(temporary)
    try:
        try:
            objects.get(f"{key}/{MANIFEST}", temporary / MANIFEST)
        except MissingObjectError:
            return False
        if manifest not in (None, _sha256(temporary / MANIFEST)):
            return False
        _fetch(objects, key, temporary)
        RoundFolder(temporary).check()
        sync_tree(temporary)
        os.rename(temporary, folder)
    finally:
        remove_tree(temporary)
    return True


def _fetch(objects: ObjectStore, key: str, folder: Path) -> None:
    """All of a round but its manifest, which ``folder`` has; no file longer than is listed."""
    sizes = {file.path: file.size for file in read_manifest(folder).files}
    most = 2 * len(sizes) + _MAX_BESIDE
    there = (path.removeprefix(f"{key}/") for path in objects.list(f"{key}/"))
    paths = list(islice(there, most + 1))
    if len(paths) > most:
        raise ArtefactError(f"{key} has more than {most} files")
    if INDEX in paths:
        objects.get(f"{key}/{INDEX}", folder / INDEX)
        index = parse_index((folder / INDEX).read_bytes())
        sizes |= {sealed_path(file.path): file.size for file in index.files}

    def get(path: str) -> None:
        limit = sizes.get(path)
        if limit is None and path.startswith((*HASHED_FOLDERS, f"{SEALED}/")):
            raise ArtefactError(f"{path} is not in the manifest", path)
        limit = MAX_FILE if limit is None else limit
        try:
            objects.get(f"{key}/{path}", _inside(folder, path), limit)
        except TooLongError as error:
            raise ArtefactError(f"{path} differs from what is listed: {error.message}") from None

    _all(get, [path for path in paths if path not in (MANIFEST, INDEX)])


def _inside(folder: Path, path: str) -> Path:
    to = folder / path
    if not to.resolve().is_relative_to(folder.resolve()):
        raise ObjectError(f"{path!r} is not a path of an artefact")
    return to


def _holds(objects: ObjectStore, target: str, digest: bytes) -> bool:
    try:
        objects.verify(target, digest)
    except ObjectError:
        return False
    return True


def _files(folder: Path) -> list[str]:
    found = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return [p.relative_to(folder).as_posix() for p in found if not p.name.startswith(".")]


def _sha256(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _all(work: Callable[[str], None], paths: Iterable[str]) -> None:
    """``work`` on every path, several at once; the first error ends it."""
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="objects") as pool:
        try:
            for _ in pool.map(work, sorted(paths)):
                pass
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
