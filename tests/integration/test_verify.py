"""``assay verify`` on a real round: it passes untouched and names what was tampered with."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from unit.test_package import build_wheel, install_into_empty_environment

from oracle.errors import DifferenceError, UnreachableError
from oracle.evaluation.evaluate import evaluate
from oracle.evaluation.published import inputs_of
from oracle.settlement.manifest import TARGETS, Manifest, canonical, submission_path
from oracle.store.artefacts import RoundFolder
from oracle.verification.verify import verify

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.xdist_group("played")]


def rewrite(folder: Path, path: str, raw: bytes) -> None:
    """Replaces a file and makes the manifest agree with it, as a liar with care would."""
    (folder / path).write_bytes(raw)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    for file in manifest["files"]:
        if file["path"] == path:
            file["sha256"] = "0x" + hashlib.sha256(raw).hexdigest()
            file["size"] = len(raw)
    (folder / "manifest.json").write_bytes(canonical(manifest))


def read_round(folder: Path) -> tuple[Manifest, dict[str, bytes]]:
    published = RoundFolder(folder)
    manifest = published.manifest()
    return manifest, {file.path: published.read(file.path) for file in manifest.files}


def rewrite_everything(folder: Path, manifest: Manifest, files: dict[str, bytes]) -> None:
    """The whole round anew from changed inputs, consistent in itself."""
    inputs = inputs_of(manifest, files.__getitem__, files[TARGETS])
    result = evaluate(inputs, lambda sha256: files[submission_path(sha256)])
    for path, raw in {**result.files, TARGETS: files[TARGETS]}.items():
        (folder / path).write_bytes(raw)
    (folder / "manifest.json").write_bytes(result.manifest.to_bytes())


def test_verify__untouched_copy__passes_every_step(played, copy):
    names = [step.name for step in verify(copy, played.rpc)]
    assert names == [
        "files",
        "scores",
        "announcement",
        "close block",
        "stakes",
        "submissions",
        "commit",
        "signatures",
        "settlement",
    ]


def test_verify__command__prints_one_json_object_and_exits_zero(played, copy, tmp_path):
    command = [sys.executable, "-m", "oracle", "verify", str(copy), "--rpc", played.rpc, "--json"]
    done = subprocess.run(command, capture_output=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    envelope = json.loads(done.stdout)
    assert envelope["ok"] is True
    assert len(envelope["result"]["steps"]) == 9


def test_verify__installed_wheel_alone__verifies_from_folder_and_rpc(played, copy, tmp_path):
    """A stranger has the package, the folder and an RPC address; no checkout, no compiler."""
    wheel = build_wheel(tmp_path / "wheel")
    binaries = install_into_empty_environment(wheel, tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    command = [str(binaries / "assay"), "verify", str(copy), "--rpc", played.rpc]
    # All kernels are compiled anew: minutes, where the machine is busy.
    done = subprocess.run(command, capture_output=True, cwd=empty, timeout=600, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("verified\n")


def test_verify__pool_named_by_the_caller__must_be_the_rounds(played, copy):
    pool = played.demo.reader.addresses.pool
    assert len(verify(copy, played.rpc, pool)) == 9
    with pytest.raises(DifferenceError, match="belongs to pool"):
        verify(copy, played.rpc, played.demo.reader.addresses.oracle)


def test_verify__one_byte_flipped__exits_with_the_file_named(played, copy, tmp_path):
    scores = copy / "outputs" / "scores.csv"
    raw = bytearray(scores.read_bytes())
    raw[-3] ^= 1
    scores.write_bytes(raw)
    command = [sys.executable, "-m", "oracle", "verify", str(copy), "--rpc", played.rpc]
    done = subprocess.run(command, capture_output=True, cwd=tmp_path, timeout=120, text=True)
    assert done.returncode == 5
    assert "outputs/scores.csv differs from its SHA-256" in done.stderr
    assert "Traceback" not in done.stderr


def test_verify__one_score_changed_and_rehashed__names_the_line(played, copy):
    lines = (copy / "outputs" / "scores.csv").read_bytes().splitlines(keepends=True)
    fields = lines[1].split(b",")
    fields[3] = str(int(fields[3]) + 1).encode()
    lines[1] = b",".join(fields)
    rewrite(copy, "outputs/scores.csv", b"".join(lines))
    with pytest.raises(DifferenceError, match=r"outputs/scores\.csv: line 2"):
        verify(copy, played.rpc)


def test_verify__one_score_word_changed_and_rehashed__is_found(played, copy):
    batches = json.loads((copy / "outputs" / "batches.json").read_bytes())
    word = int(batches[0]["words"][0], 16) ^ 1
    batches[0]["words"][0] = f"0x{word:064x}"
    rewrite(copy, "outputs/batches.json", canonical(batches))
    with pytest.raises(DifferenceError, match=r"outputs/batches\.json"):
        verify(copy, played.rpc)


def test_verify__a_targets_file_of_ones_own__does_not_match_the_commit(played, copy):
    """Everything recomputed consistently from other targets still is not what was signed."""
    manifest, files = read_round(copy)
    lines = files["inputs/targets.csv"].split(b"\n")
    rows = [line.split(b",") for line in lines[1:-1]]
    changed = next(row for row in rows if row[1] != b"0.5")
    changed[1] = b"0.5"
    files["inputs/targets.csv"] = b"\n".join([lines[0], *map(b",".join, rows), b""])
    rewrite_everything(copy, manifest, files)
    with pytest.raises(DifferenceError, match=r"commit: the committed (chain_head|manifest) is"):
        verify(copy, played.rpc)


def test_verify__a_stake_changed_consistently__differs_from_the_chain(played, copy):
    manifest, files = read_round(copy)
    stakes = json.loads(files["inputs/stakes.json"])
    stakes["stakes"]["0"] = str(int(stakes["stakes"]["0"]) + 1)
    files["inputs/stakes.json"] = canonical(stakes)
    rewrite_everything(copy, manifest, files)
    with pytest.raises(DifferenceError, match=r"stakes: .*not the pool's state at the close block"):
        verify(copy, played.rpc)


def test_verify__an_owner_changed_consistently__differs_from_the_chain(played, copy):
    """Owners decide on accounts, and so on hardening."""
    manifest, files = read_round(copy)
    stakes = json.loads(files["inputs/stakes.json"])
    first, second = list(stakes["owners"])[:2]
    stakes["owners"][first] = stakes["owners"][second]
    files["inputs/stakes.json"] = canonical(stakes)
    rewrite_everything(copy, manifest, files)
    with pytest.raises(DifferenceError, match=r"stakes: .*not the pool's state"):
        verify(copy, played.rpc)


def test_verify__one_signature_changed__names_the_operator(played, copy):
    path = sorted((copy / "attest").glob("*.json"))[0]
    shown = json.loads(path.read_bytes())
    digit = "0" if shown["signature"][10] != "0" else "1"
    shown["signature"] = shown["signature"][:10] + digit + shown["signature"][11:]
    path.write_text(json.dumps(shown))
    with pytest.raises(DifferenceError, match=f"attest/{path.name}"):
        verify(copy, played.rpc)


def test_verify__too_few_signatures__says_how_many(played, copy):
    for path in sorted((copy / "attest").glob("*.json"))[2:]:
        path.unlink()
    with pytest.raises(DifferenceError, match="2 operators signed, 3 are needed"):
        verify(copy, played.rpc)


def test_verify__an_added_file__is_named(played, copy):
    (copy / "inputs" / "extra.csv").write_text("id\n")
    with pytest.raises(DifferenceError, match=r"inputs/extra\.csv is not in the manifest"):
        verify(copy, played.rpc)


def test_verify__a_submission_replaced__is_named(played, copy):
    path = sorted((copy / "inputs" / "submissions").iterdir())[0]
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(DifferenceError, match=f"inputs/submissions/{path.name}"):
        verify(copy, played.rpc)


def test_verify__nothing_listens_at_the_rpc__says_so(copy):
    with pytest.raises(UnreachableError, match=r"no answer from http://127\.0\.0\.1:1"):
        verify(copy, "http://127.0.0.1:1")
