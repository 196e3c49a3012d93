"""A second place for artefacts: a folder, or a bucket of any S3 service.

Paths are relative, of parts divided by ``/``. A file that was put is there whole, or not at all.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, Protocol, TypeVar

from oracle.errors import EnvironmentLacksError, InputError, UnreachableError
from oracle.store.artefacts import MAX_FILE

_CHUNK = 2**20
_T = TypeVar("_T")


class ObjectError(UnreachableError):
    """The place does not take or give a file; the text names both."""


class MissingObjectError(ObjectError):
    """There is no such file."""


class TooLongError(ObjectError):
    """The file is longer than it may be; it was not read to its end."""


class ObjectStore(Protocol):
    """Where files are put and found again; every call may raise ``ObjectError``."""

    def put(self, path: str, source: Path) -> None:
        """Copies a file there, over one of that name."""

    def get(self, path: str, to: Path, limit: int = MAX_FILE) -> None:
        """Copies a file of at most ``limit`` bytes from there; ``to`` is whole or absent.
        ``MissingObjectError``, ``TooLongError``."""

    def list(self, prefix: str) -> Iterator[str]:
        """Paths that begin with ``prefix``, in no order."""

    def remove(self, path: str) -> None:
        """Removes a file; that there is none is no error."""

    def verify(self, path: str, sha256: bytes) -> None:
        """Reads a file back; an error if it is not of this SHA-256. ``MissingObjectError``."""


class FolderObjects:
    """Files in a folder, on another disk or machine as a rule."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, path: str, source: Path) -> None:
        with self._told(path):
            to = self._located(path)
            to.parent.mkdir(parents=True, exist_ok=True)
            with source.open("rb") as file:
                _write_whole(to, lambda target: shutil.copyfileobj(file, target, _CHUNK))

    def get(self, path: str, to: Path, limit: int = MAX_FILE) -> None:
        with self._told(path), self._located(path).open("rb") as file:
            chunks = iter(lambda: file.read(_CHUNK), b"")
            _write_whole(to, lambda target: target.writelines(_up_to(limit, chunks, path)))

    def list(self, prefix: str) -> Iterator[str]:
        with self._told(prefix):
            # A prefix may end inside a name; what is above its last slash is a folder.
            for folder, _, names in os.walk(self.root / prefix.rpartition("/")[0]):
                for name in names:
                    path = (Path(folder) / name).relative_to(self.root).as_posix()
                    if path.startswith(prefix) and not name.startswith("."):
                        yield path

    def remove(self, path: str) -> None:
        with self._told(path):
            self._located(path).unlink(missing_ok=True)

    def verify(self, path: str, sha256: bytes) -> None:
        with self._told(path), self._located(path).open("rb") as file:
            _require(hashlib.file_digest(file, "sha256").digest() == sha256, path, self.root)

    def _located(self, path: str) -> Path:
        return self.root / safe(path)

    @contextmanager
    def _told(self, path: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise MissingObjectError(f"{self.root} has no {path}") from None
        except OSError as error:
            raise ObjectError(
                f"{self.root}: {path}: {error.strerror}", "see the folder's rights and its disk"
            ) from None


class S3Objects:
    """Objects in a bucket, their names beginning with ``prefix``.

    Credentials are boto3's own: environment, ``~/.aws``, or the machine's role.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        endpoint_url: str | None = None,
        region: str | None = None,
    ) -> None:
        try:
            import boto3.session
            import botocore.config
            import botocore.exceptions
        except ImportError:
            raise EnvironmentLacksError(
                "S3 needs the package boto3", "pip install 'assay[aws]'"
            ) from None
        self.bucket, self.prefix = bucket, f"{prefix.strip('/')}/".lstrip("/")
        self._failures = (
            botocore.exceptions.BotoCoreError,
            botocore.exceptions.ClientError,
        )
        settings = botocore.config.Config(
            connect_timeout=5,
            read_timeout=30,
            retries={"mode": "standard", "max_attempts": 4},
        )
        try:
            # A session of its own: boto3's common one keeps the credentials it found first.
            self._client = boto3.session.Session().client(
                "s3", endpoint_url=endpoint_url, region_name=region, config=settings
            )
        except (ValueError, *self._failures):
            raise InputError(
                "the S3 endpoint or region is not one", "endpoint_url = 'https://host', region"
            ) from None

    def put(self, path: str, source: Path) -> None:
        with source.open("rb") as file:
            self._told(path, lambda: self._client.put_object(**self._at(path), Body=file))

    def get(self, path: str, to: Path, limit: int = MAX_FILE) -> None:
        chunks = _up_to(limit, self._chunks(path), path)
        _write_whole(to, lambda target: target.writelines(chunks))

    def list(self, prefix: str) -> Iterator[str]:
        token: dict[str, str] = {}
        while True:
            page = self._told(
                prefix,
                lambda: self._client.list_objects_v2(
                    Bucket=self.bucket,
                    Prefix=self.prefix + prefix,
                    **token,  # noqa: B023 - called at once
                ),
            )
            for item in page.get("Contents", []):
                yield item["Key"].removeprefix(self.prefix)
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def remove(self, path: str) -> None:
        self._told(path, lambda: self._client.delete_object(**self._at(path)))

    def verify(self, path: str, sha256: bytes) -> None:
        found = hashlib.sha256()
        for chunk in _up_to(MAX_FILE, self._chunks(path), path):
            found.update(chunk)
        _require(found.digest() == sha256, path, f"s3://{self.bucket}")

    def _chunks(self, path: str) -> Iterator[bytes]:
        body = self._told(path, lambda: self._client.get_object(**self._at(path)))["Body"]
        chunks = body.iter_chunks(_CHUNK)
        while chunk := self._told(path, lambda: next(chunks, b"")):
            yield chunk

    def _at(self, path: str) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": self.prefix + str(safe(path))}

    def _told(self, path: str, call: Callable[[], _T]) -> _T:
        try:
            return call()
        except self._failures as error:
            answer: dict[str, Any] = getattr(error, "response", {}).get("Error", {})
            where, code = f"s3://{self.bucket}/{self.prefix}{path}", answer.get("Code", "")
            if code in {"NoSuchKey", "404"}:
                raise MissingObjectError(f"{where} is not there") from None
            # Without an answer the error's name says it; its text may hold addresses with keys.
            raise ObjectError(
                f"{where}: {code or type(error).__name__}",
                "see the bucket's name and region, the endpoint, and the credentials' rights",
            ) from None


def safe(path: str) -> PurePosixPath:
    """A path that stays where it belongs; what a bucket lists may come from anyone."""
    parts = path.split("/")
    if any(part in {"", ".", ".."} or "\\" in part or "\0" in part for part in parts):
        raise ObjectError(f"{path!r} is not a path of an artefact")
    return PurePosixPath(path)


def _up_to(limit: int, chunks: Iterable[bytes], path: str) -> Iterator[bytes]:
    """What a place gives is as long as it likes."""
    left = limit
    for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            raise TooLongError(f"{path} is longer than {limit} bytes")
        yield chunk


def _require(same: bool, path: str, where: object) -> None:
    if not same:
        raise ObjectError(
            f"{where}: {path} is not what was put there", "put the round there again; see the disk"
        )


def _write_whole(to: Path, write: Callable[[IO[bytes]], object]) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=to.parent, prefix=f".{to.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # mkstemp made it private
        os.replace(temporary, to)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
