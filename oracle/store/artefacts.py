"""Round folders on disk: written whole or not at all, checked against their manifest.

Submissions and targets are first written sealed, each as ``sealed/<path>.age`` for the ``path``
that the manifest lists; `oracle.store.disclosure` opens them once they may be seen. The manifest is
of the plain bytes in either case.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from oracle.settlement.manifest import (
    HASHED_FOLDERS,
    TARGETS,
    File,
    Manifest,
    ManifestError,
    hex32,
    is_private,
    listed,
    parse,
)
from oracle.settlement.specs import Disclosure
from oracle.store.sealed_index import (
    INDEX,
    SEALED,
    SealedIndex,
    SealedTo,
    parse_index,
    sealed_path,
)
from oracle.store.sealing import Identity, SealError

MANIFEST = "manifest.json"
MAX_FILE = 256 * 2**20


class ArtefactError(ValueError):
    """A round folder is missing, incomplete or altered; the text names the file, as ``path``."""

    def __init__(self, text: str, path: str = "") -> None:
        super().__init__(text)
        self.path = path


class UnreadableError(ArtefactError):
    """A file is sealed to others."""


def round_path(root: Path, chain_id: int, pool: str, round_number: int) -> Path:
    return root / "rounds" / str(chain_id) / pool.lower() / str(round_number)


# ---------------------------------------------------------------------- writing


def write_file(path: Path, raw: bytes) -> None:
    """Writes or replaces one file so that a reader sees the old bytes or the new, never a part.

    The new ones are there for good when this returns, their name in its folder included.
    """
    changed = [path.parent, *_missing(path.parent)]
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # mkstemp made it private
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    for folder in changed:
        _sync(folder)


def _missing(folder: Path) -> list[Path]:
    """The folders in which making this one makes others, the innermost first."""
    return [one.parent for one in (folder, *folder.parents) if not one.exists()]


def write_round(
    folder: Path,
    manifest: Manifest,
    files: Mapping[str, bytes],
    sealed: Iterable[tuple[str, bytes]],
    beside: Mapping[str, bytes] | None = None,
) -> None:
    """Publishes a round: everything under a temporary name, read back, then renamed into place.

    ``files`` are those plain in every mode, ``sealed`` the paths of the others (the targets, each
    submission) with their sealed bytes, taken one by one; together they are the manifest's.
    ``beside`` are files that the manifest does not list, such as the receipts. A folder that is
    there already must hold the same manifest; it is left as it is. Raises ``ArtefactError``.
    """
    if folder.exists():
        if read_file(folder, MANIFEST) != manifest.to_bytes():
            raise ArtefactError(f"{folder} already holds another result of this round", MANIFEST)
        return
    for path in files:
        if is_private(path):
            raise ArtefactError(f"{path} must be sealed", path)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.parent / f".{folder.name}.{os.getpid()}"
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        for path, raw in {**files, **(beside or {}), MANIFEST: manifest.to_bytes()}.items():
            write_plain(temporary / path, raw)
        write_sealed(temporary, "operators", sealed)
        sync_tree(temporary)
        RoundFolder(temporary).check()
        os.rename(temporary, folder)
        _sync(folder.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def write_sealed(folder: Path, to: SealedTo, sealed: Iterable[tuple[str, bytes]]) -> None:
    """``sealed/`` with its index in ``folder``, of (plain path, sealed bytes)."""
    files = []
    for path, raw in sealed:
        write_plain(folder / sealed_path(path), raw)
        files.append(listed(path, raw))
    index = SealedIndex(to=to, files=sorted(files, key=lambda file: file.path))
    write_plain(folder / INDEX, index.to_bytes())


def write_plain(path: Path, raw: bytes) -> None:
    """A new file, durable only once `sync_tree` has run: thousands at once are written faster."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(raw)


def sync_tree(folder: Path) -> None:
    """Makes all that is under ``folder`` durable."""
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            _sync(Path(parent) / name)
        _sync(Path(parent))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# ---------------------------------------------------------------------- reading


def read_file(folder: Path, path: str) -> bytes:
    """Bytes of one file as it lies there; never follows a link out of the folder."""
    return _located(folder, path).read_bytes()


def read_manifest(folder: Path) -> Manifest:
    if not folder.is_dir():
        raise ArtefactError(f"{folder} is not a folder; name the folder that holds manifest.json")
    try:
        return parse(read_file(folder, MANIFEST))
    except ManifestError as error:
        raise ArtefactError(str(error), MANIFEST) from None


def _located(folder: Path, path: str) -> Path:
    full = folder / path
    if not full.is_file() or full.resolve() != folder.resolve() / path:
        raise ArtefactError(f"{path} is missing from {folder}", path)
    if full.stat().st_size > MAX_FILE:
        raise ArtefactError(f"{path} is larger than {MAX_FILE} bytes", path)
    return full


class RoundFolder:
    """One round's folder, its files by the paths that the manifest lists, sealed or not.

    ``identity`` opens what is sealed to it. ``unreadable`` are the files that `check` found to be
    sealed to others.
    """

    def __init__(self, path: Path, identity: Identity | None = None) -> None:
        self.path = path
        self.unreadable: list[str] = []
        self._identity = identity
        self._manifest: Manifest | None = None
        self._files: dict[str, File] = {}
        self._sealed: dict[str, File] | None = None

    def manifest(self) -> Manifest:
        """Raises ``ArtefactError``."""
        if self._manifest is None:
            self._manifest = read_manifest(self.path)
            self._files = {file.path: file for file in self._manifest.files}
        return self._manifest

    def disclosed(self) -> Disclosure | None:
        """To whom submissions and targets have been disclosed; None: to operators alone."""
        index = self._read_index()
        if index is None:
            return Disclosure.OPEN if (self.path / TARGETS).is_file() else None
        return None if index.to == "operators" else Disclosure(index.to)

    def read(self, path: str) -> bytes:
        """The plain bytes of a file, as the manifest says.

        Raises ``ArtefactError``, ``UnreadableError`` where it is sealed to others.
        """
        self.manifest()
        if path not in self._files:
            raise ArtefactError(f"{path} is missing from the manifest", path)
        if self._is_sealed(path):
            return self._opened(path)
        raw = read_file(self.path, path)
        if listed(path, raw) != self._files[path]:
            raise ArtefactError(f"{path} differs from its SHA-256 in the manifest", path)
        return raw

    def check(self) -> None:
        """Every file by size and SHA-256, one at a time; refuses any other file.

        Raises ``ArtefactError`` naming the first that is not as listed.
        """
        manifest = self.manifest()
        self._sealed = None
        self.unreadable = []
        self._refuse_others()
        for file in manifest.files:
            if not self._is_sealed(file.path):
                self._compare(file.path, file, "the manifest")
            if (self.path / sealed_path(file.path)).exists():
                self._check_sealed(file.path)

    def _check_sealed(self, path: str) -> None:
        if self._identity is None:
            self._compare(sealed_path(path), self._index()[path], INDEX)
            self.unreadable.append(path)
            return
        try:
            self._opened(path)
        except UnreadableError:
            self.unreadable.append(path)

    def _compare(self, path: str, expected: File, where: str) -> None:
        full = _located(self.path, path)
        with full.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
        if full.stat().st_size != expected.size or hex32(digest) != expected.sha256:
            raise ArtefactError(f"{path} differs from its SHA-256 in {where}", path)

    def _opened(self, path: str) -> bytes:
        name, index = sealed_path(path), self._index()
        raw = read_file(self.path, name)
        if path not in index:
            raise ArtefactError(f"{name} is not in {INDEX}", name)
        if listed(path, raw) != index[path]:
            raise ArtefactError(f"{name} differs from its SHA-256 in {INDEX}", name)
        if self._identity is None:
            raise UnreadableError(f"{path} is sealed, and no identity was given", path)
        try:
            plain = self._identity.open(raw)
        except SealError:
            raise UnreadableError(f"{path} is sealed to others", path) from None
        if listed(path, plain) != self._files[path]:
            raise ArtefactError(f"{name} holds other bytes than the manifest lists", name)
        return plain

    def _is_sealed(self, path: str) -> bool:
        """Whether there is no plain file but a sealed one. A round that is just being opened may
        have both; then the plain one counts."""
        plain = self.path / path
        return (
            is_private(path)
            and not plain.is_symlink()
            and not plain.exists()
            and (self.path / sealed_path(path)).exists()
        )

    def _index(self) -> dict[str, File]:
        """What is sealed here, by plain path; read once, and again by `check`."""
        if self._sealed is None:
            found = self._read_index()
            self._sealed = {} if found is None else {file.path: file for file in found.files}
        return self._sealed

    def _read_index(self) -> SealedIndex | None:
        if not (self.path / SEALED).exists():
            return None
        try:
            return parse_index(read_file(self.path, INDEX))
        except ManifestError as error:
            raise ArtefactError(str(error), INDEX) from None

    def _refuse_others(self) -> None:
        for path in self._hashed():
            if path not in self._files:
                raise ArtefactError(f"{path} is not in the manifest", path)
        sealed = {INDEX, *(sealed_path(path) for path in self._index() if path in self._files)}
        for path in self._under(SEALED):
            if path not in sealed:
                raise ArtefactError(f"{path} is not in {INDEX} or not in the manifest", path)

    def _hashed(self) -> Iterator[str]:
        for top in HASHED_FOLDERS:
            yield from self._under(top)

    def _under(self, top: str) -> Iterator[str]:
        """Everything but folders under ``top``, links to folders included."""
        if (self.path / top).is_symlink():
            yield top.removesuffix("/")
        for found in (self.path / top).rglob("*"):
            if found.is_symlink() or not found.is_dir():
                yield found.relative_to(self.path).as_posix()


def remove_tree(folder: Path) -> None:
    """Removes ``folder`` if it is there, at once for readers: under another name first."""
    doomed = folder.with_name(f".{folder.name}.gone")
    shutil.rmtree(doomed, ignore_errors=True)
    with suppress(FileNotFoundError):
        os.rename(folder, doomed)
    shutil.rmtree(doomed, ignore_errors=True)
