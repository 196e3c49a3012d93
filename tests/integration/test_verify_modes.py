"""``assay verify`` on rounds of every mode on a real chain: what each reader can check, and that
one byte changed anywhere is named."""

import hashlib
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from committed_rounds import (
    OPERATOR,
    OWNER,
    STRANGER,
    VERIFIER,
    Rounds,
    committed_rounds,
)

from oracle.errors import AssayError, DifferenceError
from oracle.settlement.manifest import canonical
from oracle.settlement.round_receipts import RECEIPTS, parse_receipts, receipts_bytes
from oracle.settlement.specs import Disclosure
from oracle.store.sealing import Identity
from oracle.verification.verify import Step, verify

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.xdist_group("verify-modes")]

OPEN, VERIFIERS, OWNERS = Disclosure
READERS = {"nobody": None, "stranger": STRANGER, "owner": OWNER, "verifier": VERIFIER}
READERS["operator"] = OPERATOR
SCORES_ANEW = {(OPEN, who) for who in READERS} | {
    (VERIFIERS, "verifier"),
    (VERIFIERS, "operator"),
    (OWNERS, "operator"),
}
"""Who sees enough to score the round anew; all others check what follows from the scores."""

NAMES = [
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


@pytest.fixture(scope="module")
def rounds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rounds]:
    with committed_rounds(tmp_path_factory.mktemp("rounds")) as made:
        yield made


def _step(steps: list[Step], name: str) -> Step:
    return next(step for step in steps if step.name == name)


@pytest.mark.parametrize("who", READERS)
@pytest.mark.parametrize("mode", Disclosure)
def test_verify__each_reader_of_each_mode__checks_what_is_documented(
    rounds: Rounds, mode: Disclosure, who: str
) -> None:
    steps = verify(rounds.rounds[mode].disclosed, rounds.url, None, READERS[who])
    assert [step.name for step in steps] == NAMES
    anew = (mode, who) in SCORES_ANEW
    assert ("scored anew" in _step(steps, "scores").shown) == anew
    unchecked = [step.name for step in steps if step.unchecked]
    assert unchecked == ([] if anew else ["files", "scores"])
    settled = "not settled yet" if mode is OWNERS else "every lane as the reference model says"
    assert settled in _step(steps, "settlement").shown


@pytest.mark.parametrize("mode", Disclosure)
def test_verify__before_the_disclosure__only_operators_score_anew(
    rounds: Rounds, mode: Disclosure
) -> None:
    folder = rounds.rounds[mode].sealed
    for who, identity in READERS.items():
        steps = verify(folder, rounds.url, None, identity)
        assert bool(_step(steps, "scores").unchecked) == (who != "operator")
        assert ("only operators can open" in _step(steps, "files").unchecked) == (who != "operator")


def test_verify__command__says_what_was_not_checked_and_can_insist(
    rounds: Rounds, tmp_path: Path
) -> None:
    identity = tmp_path / "identity.age"
    VERIFIER.save(identity)
    folder = str(rounds.rounds[VERIFIERS].disclosed)
    command = [sys.executable, "-m", "oracle", "verify", folder, "--rpc", rounds.url, "--json"]

    def run(*options: str) -> tuple[int, dict[str, object]]:
        done = subprocess.run([*command, *options], capture_output=True, timeout=120)
        return done.returncode, json.loads(done.stdout)

    code, shown = run()
    assert (code, shown["ok"]) == (0, True)
    assert [item["step"] for item in shown["result"]["unchecked"]] == ["files", "scores"]
    assert [item["step"] for item in shown["result"]["steps"]] == NAMES
    code, shown = run("--complete")
    assert (code, shown["error"]["code"]) == (5, "different")
    code, shown = run("--complete", "--identity", str(identity))
    assert (code, shown["result"]["unchecked"]) == (0, [])


# ---------------------------------------------------------------------- one byte


@pytest.mark.parametrize(
    ("mode", "who"),
    [
        (OPEN, "nobody"),
        (VERIFIERS, "nobody"),
        (VERIFIERS, "verifier"),
        (OWNERS, "nobody"),
        (OWNERS, "operator"),
    ],
)
def test_verify__one_byte_of_any_file_flipped__named(
    rounds: Rounds, tmp_path: Path, mode: Disclosure, who: str
) -> None:
    """Every file, at a place of chance in each."""
    folder = shutil.copytree(rounds.rounds[mode].disclosed, tmp_path / "copied")
    dice, identity = random.Random(f"{mode} {who}"), READERS[who]
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name, raw = path.relative_to(folder).as_posix(), path.read_bytes()
        place, changed = dice.randrange(len(raw)), bytearray(raw)
        changed[place] ^= 1 << dice.randrange(8)
        path.write_bytes(changed)
        said = _complaint(folder, rounds.url, identity)
        assert name in said, f"{name}: {raw[place]} to {changed[place]} at {place}: {said!r}"
        path.write_bytes(raw)
    verify(folder, rounds.url, None, identity)


def _complaint(folder: Path, url: str, identity: Identity | None) -> str:
    """What is wrong with a folder, or nothing."""
    try:
        verify(folder, url, None, identity)
    except AssayError as error:
        return error.message
    return ""


# ---------------------------------------------------------------------- careful liars


@pytest.fixture
def hidden(rounds: Rounds, tmp_path: Path) -> Path:
    """A round whose predictions a stranger cannot see, to tamper with."""
    return shutil.copytree(rounds.rounds[OWNERS].disclosed, tmp_path / "hidden")


def _rewrite(folder: Path, path: str, raw: bytes) -> None:
    """Replaces a file and makes the manifest agree with it."""
    (folder / path).write_bytes(raw)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    for file in manifest["files"]:
        if file["path"] == path:
            file["sha256"] = "0x" + hashlib.sha256(raw).hexdigest()
            file["size"] = len(raw)
    (folder / "manifest.json").write_bytes(canonical(manifest))


def test_verify__score_changed_where_predictions_are_hidden__batches_do_not_follow(
    rounds: Rounds, hidden: Path
) -> None:
    lines = (hidden / "outputs/scores.csv").read_bytes().splitlines(keepends=True)
    fields = lines[1].split(b",")
    fields[3] = str(int(fields[3]) + 10**6).encode()
    _rewrite(hidden, "outputs/scores.csv", b"".join([lines[0], b",".join(fields), *lines[2:]]))
    with pytest.raises(DifferenceError, match=r"outputs/batches\.json: line 1") as caught:
        verify(hidden, rounds.url)
    assert caught.value.path == "outputs/batches.json"
    assert "manifest.json is not the committed one" in caught.value.message


def test_verify__accepted_marked_late_where_predictions_are_hidden__receipts_say_otherwise(
    rounds: Rounds, hidden: Path
) -> None:
    """Even if everything else is made to agree, which the commit would show in the end."""
    path = "inputs/submissions.json"
    listing = json.loads((hidden / path).read_bytes())
    listing["accepted"][0]["on_time"] = False
    _rewrite(hidden, path, canonical(listing))
    with pytest.raises(DifferenceError, match="outputs/"):
        verify(hidden, rounds.url)


def _with_receipts(folder: Path, keep: int) -> None:
    receipts = parse_receipts((folder / RECEIPTS).read_bytes())
    number = receipts[0].key.round
    first = receipts[0].key
    kept = [r for r in receipts if r.key != first][: len(receipts)]
    kept += [r for r in receipts if r.key == first][:keep]
    (folder / RECEIPTS).write_bytes(receipts_bytes(number, kept))


def test_verify__too_few_receipts_of_one_submission__named(rounds: Rounds, hidden: Path) -> None:
    _with_receipts(hidden, 2)
    verify(hidden, rounds.url)
    _with_receipts(hidden, 1)
    with pytest.raises(DifferenceError, match=r"receipts/receipts\.json: model 0, .*too few"):
        verify(hidden, rounds.url)


def test_verify__no_receipts_at_all__named(rounds: Rounds, hidden: Path) -> None:
    (hidden / RECEIPTS).unlink()
    with pytest.raises(DifferenceError, match=r"receipts/receipts\.json is missing"):
        verify(hidden, rounds.url)


def test_verify__receipts_of_a_submission_that_is_not_listed__named(
    rounds: Rounds, hidden: Path
) -> None:
    """The receipts that operators signed convict a round that leaves the file out."""
    path = "inputs/submissions.json"
    listing = json.loads((hidden / path).read_bytes())
    listing["accepted"].pop()
    _rewrite(hidden, path, canonical(listing))
    with pytest.raises(DifferenceError, match=r"submissions|outputs/scores\.csv"):
        verify(hidden, rounds.url)
