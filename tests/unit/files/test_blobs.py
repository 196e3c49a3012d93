"""Files on disk and in a bucket (moto's server over HTTP): kept whole, once, within bounds."""

import hashlib
import itertools
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from s3_server import CREDENTIALS, REGION, new_bucket, s3_server

from oracle.errors import EnvironmentLacksError
from oracle.files.blobs import (
    Blobs,
    LocalBlobs,
    MissingBlobError,
    Stored,
    TakenError,
    TooLargeError,
    read_whole,
)
from oracle.files.bucket import S3Blobs

KEY, RAW = "uploads/0a1b", bytes(range(256)) * 3000
_numbers = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as url:
        yield url


def _bucket(url: str, monkeypatch: pytest.MonkeyPatch, *, direct: bool = True) -> S3Blobs:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    name = f"files-{next(_numbers)}"
    new_bucket(url, name)
    return S3Blobs(name, "server", url, REGION, direct=direct)


@pytest.fixture(params=["disk", "bucket"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch) -> Blobs:
    if request.param == "disk":
        return LocalBlobs(tmp_path / "files")
    return _bucket(request.getfixturevalue("server"), monkeypatch)


def _pieces(raw: bytes = RAW, size: int = 7001) -> list[bytes]:
    return [raw[at : at + size] for at in range(0, len(raw), size)]


def test_put__then_open__same_bytes_size_and_hash(blobs: Blobs) -> None:
    assert blobs.stat(KEY) is None
    stored = blobs.put(KEY, _pieces(), most=len(RAW))
    assert stored == Stored(hashlib.sha256(RAW).digest(), len(RAW))
    assert (b"".join(blobs.open(KEY)), blobs.stat(KEY)) == (RAW, len(RAW))
    assert read_whole(blobs, KEY, len(RAW)) == RAW


def test_put__empty_file__is_a_file(blobs: Blobs) -> None:
    assert blobs.put(KEY, [], most=0).size == 0
    assert (blobs.stat(KEY), b"".join(blobs.open(KEY))) == (0, b"")


@pytest.mark.parametrize(("first", "last"), [(0, 0), (5, 9), (len(RAW) - 3, None), (0, None)])
def test_open__part_of_a_file__these_bytes(blobs: Blobs, first: int, last: int | None) -> None:
    blobs.put(KEY, [RAW], most=len(RAW))
    expected = RAW[first:] if last is None else RAW[first : last + 1]
    assert b"".join(blobs.open(KEY, first, last)) == expected


def test_put__one_byte_too_many__nothing_is_kept(blobs: Blobs) -> None:
    with pytest.raises(TooLargeError, match=f"larger than {len(RAW) - 1} bytes"):
        blobs.put(KEY, _pieces(), most=len(RAW) - 1)
    assert blobs.stat(KEY) is None


def test_put__pieces_end_with_an_error__nothing_is_kept(blobs: Blobs) -> None:
    def broken() -> Iterator[bytes]:
        yield RAW
        raise RuntimeError

    with pytest.raises(RuntimeError):
        blobs.put(KEY, broken(), most=2 * len(RAW))
    assert blobs.stat(KEY) is None


def test_put__twice__the_first_stays(blobs: Blobs) -> None:
    blobs.put(KEY, [b"first"], most=10)
    with pytest.raises(TakenError):
        blobs.put(KEY, [b"second"], most=10)
    assert b"".join(blobs.open(KEY)) == b"first"


def test_remove__then_open__missing_and_removing_again_is_no_error(blobs: Blobs) -> None:
    blobs.put(KEY, [RAW], most=len(RAW))
    blobs.remove(KEY)
    blobs.remove(KEY)
    with pytest.raises(MissingBlobError):
        next(iter(blobs.open(KEY)))


def test_read_whole__longer_than_allowed__refused(blobs: Blobs) -> None:
    blobs.put(KEY, [RAW], most=len(RAW))
    with pytest.raises(TooLargeError):
        read_whole(blobs, KEY, len(RAW) - 1)


@pytest.mark.parametrize(
    "key", ["../x", "/etc/passwd", "a/../b", "a//b", "", "A", "a/.b", "a\0", "a\n", "x" * 161]
)
def test_any_call__key_that_is_not_the_servers__never_leaves_the_store(
    blobs: Blobs, key: str
) -> None:
    for call in (blobs.stat, blobs.remove, blobs.path, lambda k: list(blobs.open(k))):
        if isinstance(blobs, S3Blobs) and call == blobs.path:
            continue
        with pytest.raises(ValueError, match="is not a key"):
            call(key)
    with pytest.raises(ValueError, match="is not a key"):
        blobs.put(key, [b""], most=1)


# ---------------------------------------------------------------------- on disk


def test_put__twenty_at_once_on_disk__one_wins_and_nothing_else_is_left(tmp_path: Path) -> None:
    blobs, won = LocalBlobs(tmp_path), []
    barrier = threading.Barrier(20)

    def put(number: int) -> None:
        barrier.wait()
        try:
            blobs.put(KEY, [b"%d" % number], most=10)
            won.append(b"%d" % number)
        except TakenError:
            pass

    threads = [threading.Thread(target=put, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [b"".join(blobs.open(KEY))] == won
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["0a1b"]


def test_put__folder_cannot_be_written__said_without_a_trace(tmp_path: Path) -> None:
    (tmp_path / "uploads").write_text("a file where the folder should be")
    with pytest.raises(EnvironmentLacksError, match=r"File exists|Not a directory"):
        LocalBlobs(tmp_path).put(KEY, [b""], most=1)


def test_adopt__file_on_the_same_disk__same_bytes_without_a_copy(tmp_path: Path) -> None:
    blobs, source = LocalBlobs(tmp_path / "files"), tmp_path / "live.parquet"
    source.write_bytes(RAW)
    blobs.adopt(KEY, source)
    path = blobs.path(KEY)
    assert path is not None
    assert path.samefile(source)
    with pytest.raises(TakenError):
        blobs.adopt(KEY, source)
    source.unlink()
    assert b"".join(blobs.open(KEY)) == RAW


# ---------------------------------------------------------------------- in a bucket


def test_addresses__of_a_bucket__plain_http_puts_and_gets(server: str, monkeypatch) -> None:
    blobs = _bucket(server, monkeypatch)
    where = blobs.upload_address(KEY, seconds=60)
    assert where is not None
    assert httpx.put(where, content=RAW, headers={"x_compute_id": ""}).status_code == 200
    assert read_whole(blobs, KEY, len(RAW)) == RAW
    to = blobs.download_address(KEY, "a b.csv", seconds=60)
    assert to is not None
    whole = httpx.get(to)
    assert (whole.status_code, whole.content) == (200, RAW)
    part = httpx.get(to, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, RAW[10:20])


def test_addresses__of_a_bucket_behind_the_server__downloads_only(server, monkeypatch) -> None:
    blobs = _bucket(server, monkeypatch, direct=False)
    assert blobs.upload_address(KEY, seconds=60) is None
    assert blobs.download_address(KEY, "a", seconds=60) is not None


def test_addresses__on_disk__the_server_serves_them(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path)
    assert blobs.upload_address(KEY, seconds=60) is None
    assert blobs.download_address(KEY, "a", seconds=60) is None
