"""Files in a bucket of any S3 service, which gives them out and takes them in itself."""

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from oracle.files.blobs import MissingBlobError, Stored, TakenError, copied
from oracle.files.names import require_key
from oracle.store.objects import MissingObjectError, S3Objects


class S3Blobs:
    """Files under ``prefix`` in a bucket. ``direct``: clients put their files there themselves, by
    addresses that the service made; otherwise the server takes them in and passes them on."""

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        endpoint_url: str | None = None,
        region: str | None = None,
        *,
        direct: bool = True,
    ) -> None:
        self._objects = _Signing(bucket, prefix, endpoint_url, region)
        self._direct = direct

    def put(self, key: str, pieces: Iterable[bytes], *, most: int) -> Stored:
        require_key(key)
        if self.stat(key) is not None:
            raise TakenError(f"there is a file {key} already")
        with tempfile.TemporaryDirectory(prefix="assay-") as folder:
            whole = Path(folder) / "file"
            with whole.open("wb") as file:
                stored = copied(pieces, file, most)
            self._objects.put(key, whole)
            return stored

    def open(self, key: str, first: int = 0, last: int | None = None) -> Iterator[bytes]:
        try:
            return self._objects.pieces(require_key(key), first, last)
        except MissingObjectError:
            raise MissingBlobError("this file is not kept here") from None

    def stat(self, key: str) -> int | None:
        return self._objects.size(require_key(key))

    def remove(self, key: str) -> None:
        self._objects.remove(require_key(key))

    def path(self, key: str) -> Path | None:
        return None

    def upload_address(self, key: str, *, seconds: int) -> str | None:
        return (
            self._objects.address("put_object", require_key(key), seconds) if self._direct else None
        )

    def download_address(self, key: str, filename: str, *, seconds: int) -> str | None:
        shown = {"ResponseContentDisposition": f'attachment; filename="{filename}"'}
        return self._objects.address("get_object", require_key(key), seconds, **shown)


class _Signing(S3Objects):
    """A bucket that besides tells sizes, gives parts of files and signs addresses."""

    def size(self, path: str) -> int | None:
        try:
            found = self._told(path, lambda: self._client.head_object(**self._at(path)))
        except MissingObjectError:
            return None
        return int(found["ContentLength"])

    def pieces(self, path: str, first: int, last: int | None) -> Iterator[bytes]:
        part = {"Range": f"bytes={first}-{'' if last is None else last}"}
        asked = part if first or last is not None else {}
        found = self._told(path, lambda: self._client.get_object(**self._at(path), **asked))
        return self._read(path, found["Body"].iter_chunks(2**18))

    def _read(self, path: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
        while chunk := self._told(path, lambda: next(chunks, b"")):
            yield chunk

    def address(self, operation: str, path: str, seconds: int, **more: str) -> str:
        given = {**self._at(path), **more}
        signed = self._told(
            path,
            lambda: self._client.generate_presigned_url(operation, Params=given, ExpiresIn=seconds),
        )
        return str(signed)
