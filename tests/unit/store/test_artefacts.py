"""Round folders: whole or absent, sealed where they must be, and nothing altered goes unnoticed."""

import errno
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from oracle.settlement.manifest import (
    BatchChain,
    CloseBlock,
    Manifest,
    Totals,
    canonical,
    list_files,
)
from oracle.settlement.specs import SPECS
from oracle.store import artefacts
from oracle.store.artefacts import (
    ArtefactError,
    RoundFolder,
    read_file,
    read_manifest,
    round_path,
    write_file,
    write_round,
)
from oracle.store.disclosure import disclose
from oracle.store.sealing import Identity, seal

HASH = "0x" + "ab" * 32
PLAIN = {"inputs/universe.csv": b"id\na\n", "outputs/scores.csv": b"model\n"}
SUBMISSION = b"id,prediction\na,0.5\n"
PRIVATE = {
    "inputs/submissions/" + hashlib.sha256(SUBMISSION).hexdigest(): SUBMISSION,
    "inputs/targets.csv": b"id,target\na,0.25\n",
}
FILES = {**PLAIN, **PRIVATE}
OPERATOR, OTHER = Identity.new(), Identity.new()


def manifest_of(files: dict[str, bytes], round_number: int = 7) -> Manifest:
    return Manifest(
        spec="assay/scoring/1",
        chain_id=731371,
        pool="0x" + "11" * 20,
        oracle="0x" + "22" * 20,
        tournament=8,
        round=round_number,
        announce_hash=HASH,
        close_block=CloseBlock(number=9, hash=HASH, timestamp=1_800_000_000),
        files=list_files(files),
        batch_chain=BatchChain(head=HASH, words=2, batches=1),
        meta_root=HASH,
        at_risk="0",
        totals=Totals(accepted=0, on_time=0, rejected=0),
        saturated=[],
    )


MANIFEST = manifest_of(FILES)


def sealed(files: dict[str, bytes] = PRIVATE) -> list[tuple[str, bytes]]:
    return [(path, seal(raw, [OPERATOR.recipient])) for path, raw in files.items()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A round's folder as it is first written: sealed to an operator."""
    path = round_path(tmp_path, 731371, "0x" + "AB" * 20, 7)
    write_round(path, MANIFEST, PLAIN, sealed())
    return path


@pytest.fixture
def opened(folder: Path) -> Path:
    """The same once it is open to all."""
    disclose(folder, SPECS["assay/scoring/1"], OPERATOR, [], [], {})
    return folder


def _everything(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_round_path__pool_in_any_case__one_folder(tmp_path: Path) -> None:
    path = round_path(tmp_path, 5, "0xABcd", 3)
    assert (
        path == tmp_path / "rounds" / "5" / "0xabcd" / "3" == round_path(tmp_path, 5, "0xabcD", 3)
    )


# ---------------------------------------------------------------------- write_file


def test_write_file__new_and_again__holds_the_last_bytes_readable_by_all(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.json"
    for raw in (b"one", b"two"):
        write_file(path, raw)
        assert path.read_bytes() == raw
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("failing", ["fsync", "chmod", "replace"])
def test_write_file__disk_fails__old_bytes_stay_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    path = tmp_path / "b.json"
    write_file(path, b"old")

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(OSError, match="No space"):
        write_file(path, b"new")
    monkeypatch.undo()
    assert _everything(tmp_path) == {"b.json": b"old"}


# ---------------------------------------------------------------------- write_round


def test_write_round__new__everything_and_nothing_private_in_plain(folder: Path) -> None:
    found = _everything(folder)
    names = {f"sealed/{path}.age" for path in PRIVATE}
    assert set(found) == {*PLAIN, *names, "sealed/files.json", "manifest.json"}
    assert {path: found[path] for path in PLAIN} == PLAIN
    assert found["manifest.json"] == MANIFEST.to_bytes()
    assert read_manifest(folder) == MANIFEST
    for raw in found.values():
        assert b"a,0." not in raw


@pytest.mark.parametrize("at", range(len(FILES) + 2))
def test_write_round__fails_at_any_file__leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    written: list[Path] = []
    write_plain = artefacts.write_plain

    def failing(path: Path, raw: bytes) -> None:
        if len(written) == at:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(path)
        write_plain(path, raw)

    monkeypatch.setattr(artefacts, "write_plain", failing)
    with pytest.raises(OSError, match="No space"):
        write_round(tmp_path / "7", MANIFEST, PLAIN, sealed())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("failing", ["rename", "fsync"])
def test_write_round__interrupted__leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, failing, interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_round(tmp_path / "7", MANIFEST, PLAIN, sealed())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({**PLAIN, "outputs/scores.csv": b"other\n"}, "outputs/scores.csv"),
        ({**PLAIN, "outputs/more.csv": b""}, "outputs/more.csv"),
        ({k: v for k, v in PLAIN.items() if "universe" not in k}, "inputs/universe.csv"),
        (FILES, "must be sealed"),
    ],
)
def test_write_round__files_are_not_the_manifests__refused_and_nothing_left(
    tmp_path: Path, files: dict[str, bytes], named: str
) -> None:
    with pytest.raises(ArtefactError, match=named):
        write_round(tmp_path / "7", MANIFEST, files, sealed())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", sorted(PRIVATE))
def test_write_round__sealed_file_left_out__refused_and_nothing_left(
    tmp_path: Path, path: str
) -> None:
    rest = [item for item in sealed() if item[0] != path]
    with pytest.raises(ArtefactError, match=f"^{path} is missing"):
        write_round(tmp_path / "7", MANIFEST, PLAIN, rest)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["inputs/universe.csv", "inputs/submissions/" + "5" * 64])
def test_write_round__sealed_what_must_not_be__refused_and_nothing_left(
    tmp_path: Path, path: str
) -> None:
    more = [*sealed(), (path, seal(b"x", [OPERATOR.recipient]))]
    with pytest.raises(ArtefactError, match=r"sealed/"):
        write_round(tmp_path / "7", MANIFEST, PLAIN, more)
    assert list(tmp_path.iterdir()) == []


def test_write_round__files_beside__are_written_and_not_listed(tmp_path: Path) -> None:
    beside = {"receipts/receipts.json": b"{}"}
    write_round(tmp_path / "7", MANIFEST, PLAIN, sealed(), beside)
    assert read_file(tmp_path / "7", "receipts/receipts.json") == b"{}"
    RoundFolder(tmp_path / "7").check()


def test_write_round__same_again__changes_nothing(folder: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*")}
    write_round(folder, MANIFEST, PLAIN, sealed())
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*")} == before


def test_write_round__another_result__refused_and_the_first_stays(folder: Path) -> None:
    before = _everything(folder)
    other = {**FILES, "outputs/scores.csv": b"other\n"}
    with pytest.raises(ArtefactError, match="already holds another result"):
        write_round(folder, manifest_of(other), other, [])
    assert _everything(folder) == before


def test_write_round__folder_without_manifest__refused(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    with pytest.raises(ArtefactError, match=r"manifest\.json is missing"):
        write_round(tmp_path / "7", MANIFEST, PLAIN, sealed())


def test_write_round__remains_of_a_killed_run__do_not_matter(tmp_path: Path) -> None:
    remains = tmp_path / f".7.{os.getpid()}"
    remains.mkdir()
    (remains / "inputs").write_text("half")
    write_round(tmp_path / "7", MANIFEST, PLAIN, sealed())
    RoundFolder(tmp_path / "7", OPERATOR).check()


# ---------------------------------------------------------------------- reading


@pytest.mark.parametrize("path", sorted(FILES))
def test_check__any_byte_altered__named(opened: Path, path: str) -> None:
    for place in range(len(FILES[path])):
        raw = bytearray(FILES[path])
        raw[place] ^= 1 << place % 8
        (opened / path).write_bytes(raw)
        with pytest.raises(ArtefactError, match=f"^{path} differs from its SHA-256"):
            RoundFolder(opened).check()


@pytest.mark.parametrize("change", [lambda raw: raw[:-1], lambda raw: raw + b"\n", lambda _: b""])
@pytest.mark.parametrize("path", sorted(FILES))
def test_check__other_length__named(opened: Path, path: str, change: Any) -> None:
    (opened / path).write_bytes(change(FILES[path]))
    with pytest.raises(ArtefactError, match=f"^{path} differs"):
        RoundFolder(opened).check()


@pytest.mark.parametrize("path", sorted(FILES))
def test_check__missing__named(opened: Path, path: str) -> None:
    (opened / path).unlink()
    with pytest.raises(ArtefactError, match=f"^{path} is missing"):
        RoundFolder(opened).check()


@pytest.mark.parametrize(
    "path", ["inputs/extra", "outputs/.hidden", "inputs/submissions/x", "inputs/new/deep.csv"]
)
def test_check__extra__named(opened: Path, path: str) -> None:
    (opened / path).parent.mkdir(exist_ok=True)
    (opened / path).write_bytes(b"")
    with pytest.raises(ArtefactError, match=f"^{path} is not in the manifest"):
        RoundFolder(opened).check()


def test_check__signatures_and_receipts_beside_them__are_free(opened: Path) -> None:
    for name in ("attest/0xabc.json", "chain/commit.json"):
        write_file(opened / name, b"{}")
    RoundFolder(opened).check()


@pytest.mark.parametrize("path", sorted(FILES))
def test_check__link_to_the_same_bytes__refused(opened: Path, path: str) -> None:
    outside = opened.parent / "outside"
    outside.write_bytes(FILES[path])
    (opened / path).unlink()
    (opened / path).symlink_to(outside)
    with pytest.raises(ArtefactError, match=path):
        RoundFolder(opened).check()


@pytest.mark.parametrize("path", ["inputs", "inputs/submissions", "outputs"])
def test_check__linked_folder_with_the_same_bytes__refused(opened: Path, path: str) -> None:
    outside = opened.parent / "outside"
    (opened / path).rename(outside)
    (opened / path).symlink_to(outside, target_is_directory=True)
    with pytest.raises(ArtefactError, match=path):
        RoundFolder(opened).check()


def test_check__extra_link_to_a_folder__named(opened: Path) -> None:
    (opened / "outputs" / "more").symlink_to(opened.parent, target_is_directory=True)
    with pytest.raises(ArtefactError, match=r"^outputs/more is not in the manifest"):
        RoundFolder(opened).check()


def test_check__pipe_in_place_of_a_file__refused_without_waiting(opened: Path) -> None:
    (opened / "outputs/scores.csv").unlink()
    os.mkfifo(opened / "outputs/scores.csv")
    with pytest.raises(ArtefactError, match=r"^outputs/scores\.csv is missing"):
        RoundFolder(opened).check()


def test_check__folder_in_place_of_a_file__refused(opened: Path) -> None:
    (opened / "outputs/scores.csv").unlink()
    (opened / "outputs/scores.csv").mkdir()
    with pytest.raises(ArtefactError, match=r"^outputs/scores\.csv is missing"):
        RoundFolder(opened).check()


def test_read_file__reached_through_a_linked_parent__is_read(opened: Path, tmp_path: Path) -> None:
    """Only links inside the round's folder are refused: people keep data behind links."""
    (tmp_path / "short").symlink_to(opened, target_is_directory=True)
    assert read_file(tmp_path / "short", "inputs/universe.csv") == FILES["inputs/universe.csv"]


def test_read_file__too_large__refused_before_reading(
    opened: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artefacts, "MAX_FILE", 5)
    assert read_file(opened, "inputs/universe.csv") == b"id\na\n"
    with pytest.raises(ArtefactError, match=r"outputs/scores\.csv is larger than 5 bytes"):
        read_file(opened, "outputs/scores.csv")


@pytest.mark.parametrize("make", [Path.touch, lambda path: None])
def test_read_manifest__no_folder__says_which_to_name(tmp_path: Path, make: Any) -> None:
    make(tmp_path / "7")
    with pytest.raises(ArtefactError, match=r"is not a folder; name the folder that holds"):
        read_manifest(tmp_path / "7")


def test_read_manifest__altered__names_the_file(opened: Path) -> None:
    (opened / "manifest.json").write_bytes(MANIFEST.to_bytes() + b"\n")
    with pytest.raises(ArtefactError, match=r"^manifest\.json is not canonical JSON"):
        read_manifest(opened)


def test_read_manifest__path_out_of_the_folder__refused(opened: Path) -> None:
    value = MANIFEST.model_dump(by_alias=True)
    value["files"][0]["path"] = "inputs/../../../secret"
    (opened / "manifest.json").write_bytes(canonical(value))
    with pytest.raises(ArtefactError, match="not a path of an artefact"):
        read_manifest(opened)


# ---------------------------------------------------------------------- a crash of the machine


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Path]]:
    """What is put in place and what is made durable, in order."""
    done, sync, replace = list[tuple[str, Path]](), os.fsync, os.replace

    def synced(descriptor: int) -> None:
        sync(descriptor)
        done.append(("sync", Path(os.readlink(f"/proc/self/fd/{descriptor}"))))

    def replaced(old: str, new: Path) -> None:
        replace(old, new)
        done.append(("put", Path(new)))

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    return done


def test_write_file__put_in_place__its_folder_is_synced_then(
    tmp_path: Path, order: list[tuple[str, Path]]
) -> None:
    """Else a crash of the machine may take the name away again, and with it what was promised."""
    write_file(tmp_path / "kept.json", b"1")
    assert [what for what, _ in order] == ["sync", "put", "sync"]
    assert order[1:] == [("put", tmp_path / "kept.json"), ("sync", tmp_path)]


def test_write_file__folders_are_new__they_are_synced_too(
    tmp_path: Path, order: list[tuple[str, Path]]
) -> None:
    write_file(tmp_path / "a" / "b" / "kept.json", b"1")
    assert [path for what, path in order[2:]] == [tmp_path / "a" / "b", tmp_path / "a", tmp_path]
