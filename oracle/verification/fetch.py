"""Bringing a round's artefacts here from wherever somebody keeps them, without trusting him.

A source is a folder, an operator's address, or any web address under which an object store shows
the same files. Nothing is taken that the committed manifest does not name with its size and
SHA-256; what was fetched before stays and is not fetched again; and nothing is written outside the
round's folder. The manifest comes last, so a folder that has one has all that was asked for.
"""

import hashlib
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from oracle.errors import AssayError, DifferenceError, InputError, RefusedError, UnreachableError
from oracle.settlement.manifest import File, Manifest, ManifestError, hex32, is_private, parse
from oracle.settlement.round_receipts import RECEIPTS
from oracle.store.artefacts import MANIFEST, remove_tree, round_path, write_file
from oracle.store.sealed_index import INDEX, SEALED, parse_index, sealed_path
from oracle.store.sealing import largest_sealed
from oracle.verification.web import Web

MAX_ROUND = 4 * 2**30
"""Bytes of one round's files at most, unless the caller says otherwise."""

_MAX_MANIFEST = 64 * 2**20
_MAX_ATTESTATION = 2**16
_MAX_RECEIPTS = 256 * 2**20
_DOWNLOADS = 4


class MissingError(UnreachableError):
    """The source answers, and does not have it (yet)."""


@dataclass(frozen=True, slots=True)
class RoundKey:
    """Which round of which pool."""

    chain_id: int
    pool: str
    number: int

    def path(self) -> str:
        """Where folders and object stores keep it."""
        return round_path(Path(), self.chain_id, self.pool, self.number).as_posix()


class Source(Protocol):
    """Somebody's copy of the rounds."""

    @property
    def name(self) -> str:
        """For people; holds no secret."""
        ...

    def bring(self, key: RoundKey, wanted: "Wanted") -> Path:
        """A local folder of the round. Raises ``MissingError`` or another ``UnreachableError``
        where it cannot be had, ``DifferenceError`` where it is not what was committed."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a round, and where to put it.

    ``manifest`` is the committed digest; None takes any. ``only`` names the files that are needed,
    None all. ``operators`` are those whose signatures to look for.
    """

    cache: Path
    manifest: bytes | None = None
    only: Collection[str] | None = None
    operators: Collection[str] = ()
    most: int = MAX_ROUND


def open_source(text: str) -> Source:
    """A source from what a person names: a folder, or http(s)://..."""
    if "://" not in text:
        return FolderSource(Path(text))
    return WebSource(Web(text))


# ---------------------------------------------------------------------- folders


@dataclass(frozen=True, slots=True)
class FolderSource:
    """A round's folder, or one that holds ``rounds/<chain id>/<pool>/<round>/``; used in place."""

    root: Path

    @property
    def name(self) -> str:
        return str(self.root)

    def bring(self, key: RoundKey, wanted: Wanted) -> Path:
        if not self.root.is_dir():
            raise InputError(f"{self.root} is not a folder", "name the folder of the artefacts")
        below = round_path(self.root, key.chain_id, key.pool, key.number)
        for folder in (below, self.root):
            if (folder / MANIFEST).is_file():
                raw = (folder / MANIFEST).read_bytes()
                manifest = _parsed(raw, self.name)
                if (manifest.chain_id, manifest.pool, manifest.round) == _place(key):
                    _require_committed(raw, wanted, self.name)
                    return folder
        raise MissingError(f"{self.root} does not hold round {key.number}")


# ---------------------------------------------------------------------- the web


@dataclass(frozen=True, slots=True)
class WebSource:
    """An operator (``/rounds/{n}/artefacts/..``), or a store that shows
    ``rounds/<chain id>/<pool>/<round>/..`` below its address."""

    web: Web

    @property
    def name(self) -> str:
        return self.web.name

    def bring(self, key: RoundKey, wanted: Wanted) -> Path:
        for prefix in (f"rounds/{key.number}/artefacts", key.path()):
            raw = self.web.small(f"{prefix}/{MANIFEST}", _MAX_MANIFEST)
            if raw is not None:
                break
        else:
            raise MissingError(f"{self.name} does not have round {key.number}")
        _require_committed(raw, wanted, self.name)
        manifest = _parsed(raw, self.name)
        if (manifest.chain_id, manifest.pool, manifest.round) != _place(key):
            raise DifferenceError(f"{self.name} shows another round as round {key.number}")
        _require_small(manifest, wanted, self.name)
        # A confirmed result may replace the committed one: their files stay apart, and so do a few
        # of a round's files and all of them.
        name = manifest.digest().hex()[:16] + ("" if wanted.only is None else "-some")
        folder = wanted.cache / key.path() / name
        self._files(prefix, folder, manifest, wanted)
        if wanted.only is None:
            self._unlisted(prefix, folder, wanted)
        write_file(inside(folder, MANIFEST), raw)
        return folder

    def _files(self, prefix: str, folder: Path, manifest: Manifest, wanted: Wanted) -> None:
        files = [f for f in manifest.files if wanted.only is None or f.path in wanted.only]
        index = self._index(prefix, folder) if any(is_private(f.path) for f in files) else {}
        for file in files:
            if file.path in index:
                require_sealed_size(file, index[file.path], self.name)
        here = [
            (sealed_path(file.path), index[file.path]) if file.path in index else (file.path, file)
            for file in files
        ]
        with ThreadPoolExecutor(_DOWNLOADS) as pool:
            # In order, so that of several errors the first file's is told.
            for _ in pool.map(lambda one: self._file(prefix, folder, *one), here):
                pass

    def _index(self, prefix: str, folder: Path) -> dict[str, File]:
        """What is sealed at the source, by plain path; nothing in a round that is open to all."""
        raw = self.web.small(f"{prefix}/{INDEX}", _MAX_MANIFEST)
        if raw is None:
            remove_tree(folder / SEALED)
            return {}
        try:
            index = parse_index(raw)
        except ManifestError as error:
            raise DifferenceError(f"{self.name}: {error}") from None
        if index.to == "operators":
            raise MissingError(f"{self.name} has not disclosed the round yet", "try again later")
        write_file(inside(folder, INDEX), raw)
        return {file.path: file for file in index.files}

    def _file(self, prefix: str, folder: Path, path: str, file: File) -> None:
        to = inside(folder, path)
        if holds(to, file):
            return
        part = to.with_name(f".{to.name}.part")
        went_on = part.is_file()
        if not self.web.download(f"{prefix}/{path}", part, file.size):
            raise MissingError(f"{self.name} does not have {path}")
        if holds(part, file):
            part.replace(to)
            return
        part.unlink()
        if not went_on:
            raise DifferenceError(f"{self.name}: {path} differs from its SHA-256")
        self._file(prefix, folder, path, file)  # what an earlier try had left may be at fault

    def _unlisted(self, prefix: str, folder: Path, wanted: Wanted) -> None:
        """Signatures and receipts: they speak for themselves, and one that is absent is no error
        here."""
        limits = {RECEIPTS: _MAX_RECEIPTS}
        for operator in wanted.operators:
            for name in (operator.lower(), f"{operator.lower()}-second"):
                limits[f"attest/{name}.json"] = _MAX_ATTESTATION
        for path, limit in limits.items():
            raw = self.web.small(f"{prefix}/{path}", limit)
            if raw is not None:
                write_file(inside(folder, path), raw)


# ---------------------------------------------------------------------- shared


def inside(folder: Path, path: str) -> Path:
    """``folder / path`` with its parents made; refuses a way out, through links too."""
    full = folder / path
    direct = not Path(path).is_absolute() and ".." not in Path(path).parts
    if not direct or full.parent.resolve() != (folder.resolve() / path).parent or full.is_symlink():
        raise RefusedError(f"{path} leads out of {folder}", "fetch into an empty folder")
    full.parent.mkdir(parents=True, exist_ok=True)
    return full


def holds(path: Path, file: File) -> bool:
    """Whether the file there is the one listed."""
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    return _sha256(path) == file.sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hex32(hashlib.file_digest(file, "sha256").digest())


def _place(key: RoundKey) -> tuple[int, str, int]:
    return (key.chain_id, key.pool.lower(), key.number)


def _parsed(raw: bytes, name: str) -> Manifest:
    try:
        return parse(raw)
    except ManifestError as error:
        raise DifferenceError(f"{name}: {error}") from None


def _require_committed(raw: bytes, wanted: Wanted, name: str) -> None:
    if wanted.manifest is not None and hashlib.sha256(raw).digest() != wanted.manifest:
        raise DifferenceError(
            f"{name} shows another result than the committed one", "ask another operator"
        )


def _require_small(manifest: Manifest, wanted: Wanted, name: str) -> None:
    size = sum(file.size for file in manifest.files)
    if size > wanted.most:
        raise RefusedError(
            f"{name}: the round has {size:,} bytes, at most {wanted.most:,} are taken",
            "allow more with --max-size",
        )


def require_sealed_size(plain: File, sealed: File, name: str) -> None:
    """Nobody signs the index of sealed files: it must not decide how much is taken."""
    if sealed.size > largest_sealed(plain.size):
        raise DifferenceError(
            f"{name}: {INDEX}: {plain.path} is larger than sealing makes {plain.size:,} bytes"
        )


def bring(sources: Collection[Source], key: RoundKey, wanted: Wanted) -> Path:
    """The round's folder from the first source that has it; raises what the last ones said."""
    said: list[AssayError] = []
    for source in sources:
        try:
            return source.bring(key, wanted)
        except (UnreachableError, DifferenceError) as error:
            said.append(error)
    everyone = "; ".join(error.message for error in said)
    if said and all(isinstance(error, DifferenceError) for error in said):
        raise DifferenceError(everyone, "ask another operator for the committed result")
    raise UnreachableError(everyone or "no source of artefacts", "name more sources of artefacts")
