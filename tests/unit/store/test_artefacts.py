"""Round folders: whole or absent, and nothing altered goes unnoticed."""

import errno
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
from oracle.store import artefacts
from oracle.store.artefacts import (
    ArtefactError,
    check_files,
    read_file,
    read_manifest,
    round_path,
    write_file,
    write_round,
)

HASH = "0x" + "ab" * 32
FILES = {
    "inputs/universe.csv": b"id\na\n",
    "inputs/submissions/" + "0" * 64: b"id,prediction\na,0.5\n",
    "outputs/scores.csv": b"model\n",
}


def manifest_of(files: dict[str, bytes], round_number: int = 7) -> Manifest:
    return Manifest(
        code_version="0.1.0",
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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = round_path(tmp_path, 731371, "0x" + "AB" * 20, 7)
    write_round(path, MANIFEST, FILES)
    return path


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


def test_write_round__new__all_files_and_the_manifest(folder: Path) -> None:
    assert _everything(folder) == {**FILES, "manifest.json": MANIFEST.to_bytes()}
    assert read_manifest(folder) == MANIFEST
    assert check_files(folder, MANIFEST) == FILES


@pytest.mark.parametrize("at", range(len(FILES) + 1))
def test_write_round__fails_at_any_file__leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    written: list[Path] = []

    def failing(path: Path, raw: bytes) -> None:
        if len(written) == at:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(path)
        write_file(path, raw)

    monkeypatch.setattr(artefacts, "write_file", failing)
    with pytest.raises(OSError, match="No space"):
        write_round(tmp_path / "7", MANIFEST, FILES)
    assert list(tmp_path.iterdir()) == []


def test_write_round__interrupted__leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_round(tmp_path / "7", MANIFEST, FILES)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({**FILES, "outputs/scores.csv": b"other\n"}, "outputs/scores.csv"),
        ({**FILES, "outputs/more.csv": b""}, "outputs/more.csv"),
        ({k: v for k, v in FILES.items() if "universe" not in k}, "inputs/universe.csv"),
    ],
)
def test_write_round__files_are_not_the_manifests__refused_and_nothing_left(
    tmp_path: Path, files: dict[str, bytes], named: str
) -> None:
    with pytest.raises(ArtefactError, match=named):
        write_round(tmp_path / "7", MANIFEST, files)
    assert list(tmp_path.iterdir()) == []


def test_write_round__same_again__changes_nothing(folder: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*")}
    write_round(folder, MANIFEST, FILES)
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*")} == before


def test_write_round__another_result__refused_and_the_first_stays(folder: Path) -> None:
    other = {**FILES, "outputs/scores.csv": b"other\n"}
    with pytest.raises(ArtefactError, match="already holds another result"):
        write_round(folder, manifest_of(other), other)
    assert _everything(folder) == {**FILES, "manifest.json": MANIFEST.to_bytes()}


def test_write_round__folder_without_manifest__refused(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    with pytest.raises(ArtefactError, match=r"manifest\.json is missing"):
        write_round(tmp_path / "7", MANIFEST, FILES)


def test_write_round__remains_of_a_killed_run__do_not_matter(tmp_path: Path) -> None:
    remains = tmp_path / f".7.{os.getpid()}"
    remains.mkdir()
    (remains / "inputs").write_text("half")
    write_round(tmp_path / "7", MANIFEST, FILES)
    assert check_files(tmp_path / "7", MANIFEST) == FILES


# ---------------------------------------------------------------------- reading


@pytest.mark.parametrize("path", sorted(FILES))
def test_check_files__any_byte_altered__named(folder: Path, path: str) -> None:
    for place in range(len(FILES[path])):
        raw = bytearray(FILES[path])
        raw[place] ^= 1 << place % 8
        (folder / path).write_bytes(raw)
        with pytest.raises(ArtefactError, match=f"^{path} differs from its SHA-256"):
            check_files(folder, MANIFEST)


@pytest.mark.parametrize("change", [lambda raw: raw[:-1], lambda raw: raw + b"\n", lambda _: b""])
@pytest.mark.parametrize("path", sorted(FILES))
def test_check_files__other_length__named(folder: Path, path: str, change: Any) -> None:
    (folder / path).write_bytes(change(FILES[path]))
    with pytest.raises(ArtefactError, match=f"^{path} differs"):
        check_files(folder, MANIFEST)


@pytest.mark.parametrize("path", sorted(FILES))
def test_check_files__missing__named(folder: Path, path: str) -> None:
    (folder / path).unlink()
    with pytest.raises(ArtefactError, match=f"^{path} is missing"):
        check_files(folder, MANIFEST)


@pytest.mark.parametrize(
    "path", ["inputs/extra", "outputs/.hidden", "inputs/submissions/x", "inputs/new/deep.csv"]
)
def test_check_files__extra__named(folder: Path, path: str) -> None:
    (folder / path).parent.mkdir(exist_ok=True)
    (folder / path).write_bytes(b"")
    with pytest.raises(ArtefactError, match=f"^{path} is not in the manifest"):
        check_files(folder, MANIFEST)


def test_check_files__signatures_and_receipts_beside_them__are_free(folder: Path) -> None:
    for name in ("attest/0xabc.json", "chain/commit.json"):
        write_file(folder / name, b"{}")
    assert check_files(folder, MANIFEST) == FILES


@pytest.mark.parametrize("path", sorted(FILES))
def test_check_files__link_to_the_same_bytes__refused(folder: Path, path: str) -> None:
    outside = folder.parent / "outside"
    outside.write_bytes(FILES[path])
    (folder / path).unlink()
    (folder / path).symlink_to(outside)
    with pytest.raises(ArtefactError, match=path):
        check_files(folder, MANIFEST)


@pytest.mark.parametrize("path", ["inputs", "inputs/submissions", "outputs"])
def test_check_files__linked_folder_with_the_same_bytes__refused(folder: Path, path: str) -> None:
    outside = folder.parent / "outside"
    (folder / path).rename(outside)
    (folder / path).symlink_to(outside, target_is_directory=True)
    with pytest.raises(ArtefactError, match=path):
        check_files(folder, MANIFEST)


def test_check_files__extra_link_to_a_folder__named(folder: Path) -> None:
    (folder / "outputs" / "more").symlink_to(folder.parent, target_is_directory=True)
    with pytest.raises(ArtefactError, match=r"^outputs/more is not in the manifest"):
        check_files(folder, MANIFEST)


def test_check_files__pipe_in_place_of_a_file__refused_without_waiting(folder: Path) -> None:
    (folder / "outputs/scores.csv").unlink()
    os.mkfifo(folder / "outputs/scores.csv")
    with pytest.raises(ArtefactError, match=r"^outputs/scores\.csv is missing"):
        check_files(folder, MANIFEST)


def test_check_files__folder_in_place_of_a_file__refused(folder: Path) -> None:
    (folder / "outputs/scores.csv").unlink()
    (folder / "outputs/scores.csv").mkdir()
    with pytest.raises(ArtefactError, match=r"^outputs/scores\.csv is missing"):
        check_files(folder, MANIFEST)


def test_read_file__reached_through_a_linked_parent__is_read(folder: Path, tmp_path: Path) -> None:
    """Only links inside the round's folder are refused: people keep data behind links."""
    (tmp_path / "short").symlink_to(folder, target_is_directory=True)
    assert read_file(tmp_path / "short", "inputs/universe.csv") == FILES["inputs/universe.csv"]


def test_read_file__too_large__refused_before_reading(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artefacts, "MAX_FILE", 5)
    assert read_file(folder, "inputs/universe.csv") == b"id\na\n"
    with pytest.raises(ArtefactError, match=r"outputs/scores\.csv is larger than 5 bytes"):
        read_file(folder, "outputs/scores.csv")


@pytest.mark.parametrize("make", [Path.touch, lambda path: None])
def test_read_manifest__no_folder__says_which_to_name(tmp_path: Path, make: Any) -> None:
    make(tmp_path / "7")
    with pytest.raises(ArtefactError, match=r"is not a folder; name the folder that holds"):
        read_manifest(tmp_path / "7")


def test_read_manifest__altered__names_the_file(folder: Path) -> None:
    (folder / "manifest.json").write_bytes(MANIFEST.to_bytes() + b"\n")
    with pytest.raises(ArtefactError, match=r"^manifest\.json is not canonical JSON"):
        read_manifest(folder)


def test_read_manifest__path_out_of_the_folder__refused(folder: Path) -> None:
    value = MANIFEST.model_dump(by_alias=True)
    value["files"][0]["path"] = "inputs/../../../secret"
    (folder / "manifest.json").write_bytes(canonical(value))
    with pytest.raises(ArtefactError, match="not a path of an artefact"):
        read_manifest(folder)
