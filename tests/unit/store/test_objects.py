"""Round folders in a second place, a folder or a bucket behind real HTTP: whole and read back."""

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import s3_server
from synthetic_round import ENTRIES, inputs, private_files, read

from oracle.evaluation.evaluate import evaluate
from oracle.settlement.manifest import TARGETS
from oracle.settlement.specs import SPECS, Disclosure
from oracle.store.artefacts import (
    MANIFEST,
    ArtefactError,
    RoundFolder,
    write_round,
    write_sealed,
)
from oracle.store.disclosure import disclose
from oracle.store.mirror import get_round, mirror_round, round_key
from oracle.store.objects import (
    FolderObjects,
    MissingObjectError,
    ObjectError,
    ObjectStore,
    S3Objects,
    TooLongError,
)
from oracle.store.sealed_index import SEALED
from oracle.store.sealing import Identity, seal

KEY = round_key(731371, "0x" + "aA" * 20, 7)
IDENTITY = Identity.new()
OPEN = SPECS["assay/scoring/1"]
_numbers = count()


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    with s3_server.s3_server() as url:
        yield url


@pytest.fixture(params=["folder", "s3"])
def objects(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ObjectStore:
    if request.param == "folder":
        return FolderObjects(tmp_path / "mirror")
    url, bucket = request.getfixturevalue("s3"), f"bucket-{next(_numbers)}"
    for name, value in s3_server.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    s3_server.new_bucket(url, bucket)
    return S3Objects(bucket, "operator-1", url, s3_server.REGION)


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A round as it is before its commit is final: submissions and targets sealed."""
    given = inputs(entries=ENTRIES[:4])
    result = evaluate(given, read)
    folder = tmp_path_factory.mktemp("published") / "7"
    private = private_files(given)
    write_round(
        folder,
        result.manifest,
        {path: raw for path, raw in result.files.items() if path != TARGETS},
        ((path, seal(raw, [IDENTITY.recipient])) for path, raw in private.items()),
        {"receipts/receipts.json": b"{}"},
    )
    return folder


@pytest.fixture
def folder(published: Path, tmp_path: Path) -> Path:
    return shutil.copytree(published, tmp_path / "own" / "7")


def _everything(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def _sha256(raw: bytes) -> bytes:
    return hashlib.sha256(raw).digest()


class Recorded:
    """Passes everything on and writes down what is put; ``fail_after`` calls of put it fails."""

    def __init__(self, objects: ObjectStore, fail_after: int = 10**9) -> None:
        self._objects, self._left = objects, fail_after
        self.put_paths: list[str] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._objects, name)

    def put(self, path: str, source: Path) -> None:
        self._left -= 1
        if self._left < 0:
            raise ObjectError("the place went away")
        self._objects.put(path, source)
        self.put_paths.append(path.removeprefix(f"{KEY}/"))


# ---------------------------------------------------------------------- single files


def test_put__then_get_list_verify__the_same_bytes(objects: ObjectStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    for raw in (b"first", b"second", bytes(3 * 2**20)):
        source.write_bytes(raw)
        objects.put("rounds/1/a", source)
        objects.get("rounds/1/a", tmp_path / "deep" / "got")
        assert (tmp_path / "deep" / "got").read_bytes() == raw
        objects.verify("rounds/1/a", _sha256(raw))
    objects.put("rounds/10/b", source)
    assert set(objects.list("rounds/1")) == {"rounds/1/a", "rounds/10/b"}
    assert set(objects.list("rounds/1/")) == {"rounds/1/a"}
    assert list(objects.list("other")) == []


def test_verify__other_bytes__said_so(objects: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"one")
    objects.put("a", tmp_path / "source")
    with pytest.raises(ObjectError, match="a is not what was put there"):
        objects.verify("a", _sha256(b"two"))


def test_get__missing__said_so_and_nothing_written(objects: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(MissingObjectError, match="rounds/1/a"):
        objects.get("rounds/1/a", tmp_path / "got")
    with pytest.raises(MissingObjectError):
        objects.verify("rounds/1/a", bytes(32))
    assert not (tmp_path / "got").exists()


def test_remove__there_or_not__is_gone(objects: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"one")
    objects.put("a", tmp_path / "source")
    for _ in range(2):
        objects.remove("a")
    assert list(objects.list("")) == []


@pytest.mark.parametrize("path", ["../a", "a/../../b", "/etc/passwd", "a//b", "", "a\\b"])
def test_put__path_that_leaves_the_place__refused(
    objects: ObjectStore, tmp_path: Path, path: str
) -> None:
    (tmp_path / "source").write_bytes(b"one")
    with pytest.raises(ObjectError, match="not a path of an artefact"):
        objects.put(path, tmp_path / "source")


def test_list__more_than_one_page__all(objects: ObjectStore, tmp_path: Path) -> None:
    if isinstance(objects, S3Objects):
        listing = objects._client.list_objects_v2
        objects._client.list_objects_v2 = lambda **given: listing(**given, MaxKeys=2)
    (tmp_path / "source").write_bytes(b"one")
    names = {f"a/{n}" for n in range(5)}
    for name in names:
        objects.put(name, tmp_path / "source")
    assert set(objects.list("a/")) == names


# ---------------------------------------------------------------------- errors of S3


def test_s3__no_such_bucket__named(
    s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_server.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "source").write_bytes(b"one")
    with pytest.raises(ObjectError, match="s3://nowhere-at-all/a: NoSuchBucket"):
        S3Objects("nowhere-at-all", "", s3, s3_server.REGION).put("a", tmp_path / "source")


def test_s3__no_credentials__said_so(
    s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*s3_server.CREDENTIALS, "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (tmp_path / "source").write_bytes(b"one")
    with pytest.raises(ObjectError, match="NoCredentialsError"):
        S3Objects("bucket", "", s3, s3_server.REGION).put("a", tmp_path / "source")


def test_s3__nobody_answers__said_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_server.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ObjectError, match="EndpointConnectionError") as caught:
        list(S3Objects("b", "", "http://user:secret@127.0.0.1:1", s3_server.REGION).list("a"))
    assert "secret" not in caught.value.message


# ---------------------------------------------------------------------- rounds


def test_mirror_round__then_get_round__the_same_folder(
    objects: ObjectStore, folder: Path, tmp_path: Path
) -> None:
    mirror_round(folder, objects, KEY)
    got = tmp_path / "got" / "7"
    assert get_round(objects, KEY, got)
    assert _everything(got) == _everything(folder)
    assert len(_everything(got)) > 10


def test_mirror_round__interrupted__is_no_round_until_repeated(
    objects: ObjectStore, folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(ObjectError, match="went away"):
        mirror_round(folder, Recorded(objects, fail_after=5), KEY)
    assert not get_round(objects, KEY, tmp_path / "7")
    assert not (tmp_path / "7").exists()
    mirror_round(folder, objects, KEY)
    assert get_round(objects, KEY, tmp_path / "7")


def test_mirror_round__manifest__is_put_last(objects: ObjectStore, folder: Path) -> None:
    recorded = Recorded(objects)
    mirror_round(folder, recorded, KEY)
    assert recorded.put_paths[-1] == MANIFEST
    assert set(recorded.put_paths) == set(_everything(folder))


def test_mirror_round__not_what_was_put__noticed(objects: ObjectStore, folder: Path) -> None:
    damaged = folder.parent / "damaged"
    damaged.write_bytes(b"damaged")

    class Damaging(Recorded):
        def put(self, path: str, source: Path) -> None:
            super().put(path, damaged if path.endswith("scores.csv") else source)

    with pytest.raises(ObjectError, match=r"scores\.csv is not what was put there"):
        mirror_round(folder, Damaging(objects), KEY)


def test_mirror_round__again_after_disclosure__opens_the_copy_too(
    objects: ObjectStore, folder: Path, tmp_path: Path
) -> None:
    mirror_round(folder, objects, KEY)
    disclose(folder, OPEN, IDENTITY, [IDENTITY.recipient], [], {})
    recorded = Recorded(objects)
    mirror_round(folder, recorded, KEY)
    assert get_round(objects, KEY, tmp_path / "7")
    assert _everything(tmp_path / "7") == _everything(folder)
    assert RoundFolder(tmp_path / "7").disclosed() is Disclosure.OPEN
    assert "outputs/scores.csv" not in recorded.put_paths


def test_mirror_round__another_result__replaces_every_file(
    objects: ObjectStore, folder: Path, tmp_path: Path
) -> None:
    """What lies there under the same name is of the other result."""
    mirror_round(folder, objects, KEY)
    other = evaluate(inputs(entries=[replace(ENTRIES[0], on_time=False)]), read)
    again = tmp_path / "other" / "7"
    private = private_files(inputs(entries=ENTRIES[:1]))
    write_round(
        again,
        other.manifest,
        {path: raw for path, raw in other.files.items() if path != TARGETS},
        ((path, seal(raw, [IDENTITY.recipient])) for path, raw in private.items()),
    )
    recorded = Recorded(objects)
    mirror_round(again, recorded, KEY)
    assert set(recorded.put_paths) == set(_everything(again))


def test_mirror_round__again_with_nothing_new__puts_nothing(
    objects: ObjectStore, folder: Path
) -> None:
    mirror_round(folder, objects, KEY)
    recorded = Recorded(objects)
    mirror_round(folder, recorded, KEY)
    assert recorded.put_paths == []


def test_mirror_round__more_signatures__puts_them_only(objects: ObjectStore, folder: Path) -> None:
    mirror_round(folder, objects, KEY)
    (folder / "receipts" / "receipts.json").write_bytes(b"[]")
    recorded = Recorded(objects)
    mirror_round(folder, recorded, KEY)
    assert recorded.put_paths == ["receipts/receipts.json"]


def test_mirror_round__sealed_anew_and_interrupted__puts_the_rest_when_repeated(
    objects: ObjectStore, folder: Path, tmp_path: Path
) -> None:
    """The index of sealed files must not be there before the files that it lists."""
    mirror_round(folder, objects, KEY)
    shutil.rmtree(folder / SEALED)
    private = private_files(inputs(entries=ENTRIES[:4]))
    to = [IDENTITY.recipient, Identity.new().recipient]
    write_sealed(folder, "verifiers", ((path, seal(raw, to)) for path, raw in private.items()))
    with pytest.raises(ObjectError, match="went away"):
        mirror_round(folder, Recorded(objects, fail_after=2), KEY)
    mirror_round(folder, objects, KEY)
    assert get_round(objects, KEY, tmp_path / "7")
    assert _everything(tmp_path / "7") == _everything(folder)


@pytest.mark.parametrize("path", ["outputs/scores.csv", "sealed/inputs/targets.csv.age"])
def test_get_round__file_longer_than_listed__refused_before_it_is_read(
    objects: ObjectStore, folder: Path, tmp_path: Path, path: str
) -> None:
    mirror_round(folder, objects, KEY)
    (tmp_path / "long").write_bytes((folder / path).read_bytes() + bytes(1))
    objects.put(f"{KEY}/{path}", tmp_path / "long")
    with pytest.raises(ArtefactError, match=r"is longer than \d+ bytes"):
        get_round(objects, KEY, tmp_path / "got" / "7")
    assert list((tmp_path / "got").iterdir()) == []


@pytest.mark.parametrize("path", ["outputs/other.csv", "sealed/outputs/other.csv.age"])
def test_get_round__file_that_nothing_lists__refused(
    objects: ObjectStore, folder: Path, tmp_path: Path, path: str
) -> None:
    mirror_round(folder, objects, KEY)
    (tmp_path / "other").write_bytes(b"other")
    objects.put(f"{KEY}/{path}", tmp_path / "other")
    with pytest.raises(ArtefactError, match=r"other\.csv(\.age)? is not in"):
        get_round(objects, KEY, tmp_path / "got" / "7")


def test_get_round__files_without_an_end__refused(folder: Path, tmp_path: Path) -> None:
    objects = FolderObjects(tmp_path / "mirror")
    mirror_round(folder, objects, KEY)

    class Endless(Recorded):
        def list(self, prefix: str) -> Iterator[str]:
            return (f"{prefix}receipts/{n}" for n in count())

    with pytest.raises(ArtefactError, match="has more than"):
        get_round(Endless(objects), KEY, tmp_path / "got" / "7")


@pytest.mark.parametrize("limit", [0, 2, 3])
def test_get__longer_than_the_limit__refused_and_nothing_written(
    objects: ObjectStore, tmp_path: Path, limit: int
) -> None:
    (tmp_path / "source").write_bytes(b"one")
    objects.put("a", tmp_path / "source")
    if limit >= 3:
        objects.get("a", tmp_path / "got", limit)
        assert (tmp_path / "got").read_bytes() == b"one"
        return
    with pytest.raises(TooLongError, match=f"a is longer than {limit} bytes"):
        objects.get("a", tmp_path / "got", limit)
    assert [p.name for p in tmp_path.iterdir() if "got" in p.name] == []


def test_get_round__altered_there__refused_and_nothing_left(
    objects: ObjectStore, folder: Path, tmp_path: Path
) -> None:
    mirror_round(folder, objects, KEY)
    (tmp_path / "altered").write_bytes(b"model\n")
    objects.put(f"{KEY}/outputs/scores.csv", tmp_path / "altered")
    with pytest.raises(ArtefactError, match=r"outputs/scores\.csv differs"):
        get_round(objects, KEY, tmp_path / "got" / "7")
    assert list((tmp_path / "got").iterdir()) == []


def test_get_round__folder_is_there__left_alone(objects: ObjectStore, folder: Path) -> None:
    with pytest.raises(FileExistsError):
        get_round(objects, KEY, folder)
    assert RoundFolder(folder).manifest()
