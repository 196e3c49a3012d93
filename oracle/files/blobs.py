"""Where files of people lie: each under a key of the server's, written once and never changed."""

import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from oracle.errors import EnvironmentLacksError, InputError, RefusedError
from oracle.files.names import require_key

_PIECE = 2**18


class MissingBlobError(RefusedError):
    """There is no such file (any more)."""


class TakenError(RefusedError):
    """There is such a file already."""


class TooLargeError(InputError):
    """The file is longer than it may be."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that was kept: its SHA-256 and its size in bytes."""

    sha256: bytes
    size: int


class Blobs(Protocol):
    """A store of files. Every call may raise an ``AssayError``."""

    def put(self, key: str, pieces: Iterable[bytes], *, most: int) -> Stored:
        """Keeps at most ``most`` bytes whole, or nothing. ``TakenError``, ``TooLargeError``."""

    def open(self, key: str, first: int = 0, last: int | None = None) -> Iterator[bytes]:
        """The file's bytes from ``first`` to ``last``, both included. ``MissingBlobError``."""

    def stat(self, key: str) -> int | None:
        """The file's size, None where there is none."""

    def remove(self, key: str) -> None:
        """Removes a file; that there is none is no error."""

    def path(self, key: str) -> Path | None:
        """Where it lies on this machine's disk; None where it does not."""

    def upload_address(self, key: str, *, seconds: int) -> str | None:
        """Where anyone may put this one file, for a while; None where the server takes it."""

    def download_address(self, key: str, filename: str, *, seconds: int) -> str | None:
        """Where anyone may get this one file, for a while; None where the server gives it."""


class LocalBlobs:
    """Files in a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, key: str, pieces: Iterable[bytes], *, most: int) -> Stored:
        to = self._at(key)
        with _told(self.folder), _unfinished(to) as (temporary, file):
            stored = copied(pieces, file, most)
            file.flush()
            os.fsync(file.fileno())
            _kept(temporary, to, key)
            return stored

    def adopt(self, key: str, source: Path) -> None:
        """A file that is on this disk already, without a copy where the disk can do that. Whoever
        wrote it must not write to it any more. ``TakenError``."""
        to = self._at(key)
        with _told(self.folder):
            to.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(source, to)
            except FileExistsError:
                raise TakenError(f"there is a file {key} already") from None
            except OSError:  # another disk, or one without links
                with source.open("rb") as file:
                    self.put(key, _pieces(file), most=2**63)

    def open(self, key: str, first: int = 0, last: int | None = None) -> Iterator[bytes]:
        path = self._at(key)
        if not path.is_file():
            raise MissingBlobError("this file is not kept here")
        return _range(path, first, last)

    def stat(self, key: str) -> int | None:
        try:
            return self._at(key).stat().st_size
        except FileNotFoundError:
            return None

    def remove(self, key: str) -> None:
        with _told(self.folder):
            self._at(key).unlink(missing_ok=True)

    def path(self, key: str) -> Path | None:
        path = self._at(key)
        return path if path.is_file() else None

    def upload_address(self, key: str, *, seconds: int) -> str | None:
        return None

    def download_address(
        self,
        key: str,
        filename: str,
        *,
        seconds: int,
    ) -> str | None:
        return None

    def _at(self, key: str) -> Path:
        return self.folder / require_key(key)


def read_whole(blobs: Blobs, key: str, most: int) -> bytes:
    """A small file's bytes. ``MissingBlobError``, ``TooLargeError``."""
    found = bytearray()
    for piece in blobs.open(key):
        found += piece
        if len(found) > most:
            raise _too_large(most)
    return bytes(found)


def copied(pieces: Iterable[bytes], file: IO[bytes], most: int) -> Stored:
    """Writes the pieces. ``TooLargeError`` before more than ``most`` bytes are written."""
    hashed, size = hashlib.sha256(), 0
    for piece in pieces:
        size += len(piece)
        if size > most:
            raise _too_large(most)
        hashed.update(piece)
        file.write(piece)
    return Stored(hashed.digest(), size)


def _too_large(most: int) -> TooLargeError:
    return TooLargeError(f"the file is larger than {most} bytes")


def _range(path: Path, first: int, last: int | None) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(first)
        left = 2**63 if last is None else last - first + 1
        while left > 0 and (piece := file.read(min(_PIECE, left))):
            left -= len(piece)
            yield piece


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        yield piece


@contextmanager
def _unfinished(to: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """A file beside ``to`` that goes when the block ends, under whatever name it was kept."""
    to.parent.mkdir(parents=True, exist_ok=True)
    temporary = to.with_name(f".{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            yield temporary, file
    finally:
        temporary.unlink(missing_ok=True)


def _kept(temporary: Path, to: Path, key: str) -> None:
    """A link, not a renaming: of two that write one key, the first one stays."""
    try:
        os.link(temporary, to)
    except FileExistsError:
        raise TakenError(f"there is a file {key} already") from None


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EnvironmentLacksError(
            f"{folder}: {error.strerror}", "see the folder's rights and its disk"
        ) from None
