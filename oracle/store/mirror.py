"""Copies of round folders in an object store, and back.

The manifest is put last: a round that has one there was there whole, and had been read back.
"""

import hashlib
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from oracle.settlement.manifest import HASHED_FOLDERS
from oracle.store.artefacts import MANIFEST, RoundFolder, remove_tree, round_path, sync_tree
from oracle.store.objects import MissingObjectError, ObjectError, ObjectStore
from oracle.store.sealed_index import SEALED

_AT_ONCE = 8


def round_key(chain_id: int, pool: str, round_number: int) -> str:
    """Where a round lies in an object store: as on disk."""
    return round_path(Path(), chain_id, pool, round_number).as_posix()


def mirror_round(folder: Path, objects: ObjectStore, key: str) -> None:
    """Puts a round's folder under ``key`` and reads back what was put.

    Repeated after more signatures came or the round was disclosed, it puts what is new. Sealed
    files that the folder no longer has are removed. Raises ``ObjectError``.
    """
    digest = _sha256(folder / MANIFEST)
    there = set(objects.list(f"{key}/"))
    known = there if f"{key}/{MANIFEST}" in there and _holds(objects, key, digest) else set()

    def put(path: str) -> None:
        target = f"{key}/{path}"
        # The manifest names these by their hash: where it lies, they have been read back.
        if target in known and path.startswith(HASHED_FOLDERS):
            return
        objects.put(target, folder / path)
        objects.verify(target, _sha256(folder / path))

    paths = [path for path in _files(folder) if path != MANIFEST]
    _all(put, paths)
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
        paths = [path.removeprefix(f"{key}/") for path in objects.list(f"{key}/")]
        _all(lambda path: objects.get(f"{key}/{path}", _inside(temporary, path)), paths)
        RoundFolder(temporary).check()
        sync_tree(temporary)
        os.rename(temporary, folder)
    finally:
        remove_tree(temporary)
    return True


def _inside(folder: Path, path: str) -> Path:
    to = folder / path
    if not to.resolve().is_relative_to(folder.resolve()):
        raise ObjectError(f"{path!r} is not a path of an artefact")
    return to


def _holds(objects: ObjectStore, key: str, digest: bytes) -> bool:
    try:
        objects.verify(f"{key}/{MANIFEST}", digest)
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
