"""A round's folder: what it says was signed, and its replacement by a confirmed result."""

from pathlib import Path

import pytest
from sealed_round import result, write

from oracle.operator.failpoints import Failpoint
from oracle.operator.folders import (
    candidate,
    commit_in,
    manifest_digest,
    move_aside,
    replace_by,
    replaced,
)
from oracle.settlement.specs import Disclosure
from oracle.settlement.typed_data import Domain, digest

DOMAIN = Domain(731371, "0x" + "bB" * 20)
CHALLENGE = bytes(range(32))


class Killed(BaseException):
    """The process ended."""


def folder_of(root: Path, mode: Disclosure = Disclosure.OPEN) -> Path:
    (root / "rounds").mkdir(exist_ok=True)
    return write(root / "rounds" / "7", mode)


def test_commit_in__a_written_folder__what_the_evaluation_signs(tmp_path: Path) -> None:
    found = commit_in(folder_of(tmp_path))
    assert found is not None
    assert digest(found, DOMAIN) == digest(result(Disclosure.OPEN).commit, DOMAIN)


def test_commit_in__damaged_or_missing__none(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    (folder / "outputs" / "scores.csv").write_bytes(b"model\n")
    assert commit_in(folder) is None
    assert commit_in(tmp_path / "nowhere") is None
    assert manifest_digest(tmp_path / "nowhere") is None


@pytest.mark.parametrize("place", [None, Failpoint.OLD_RESULT_MOVED, Failpoint.RESULT_REPLACED])
def test_replace_by__killed_on_the_way__ends_with_the_confirmed_result(
    tmp_path: Path, place: Failpoint | None
) -> None:
    folder = folder_of(tmp_path)
    old = manifest_digest(folder)
    beside = candidate(folder, CHALLENGE)
    write(beside, Disclosure.OWNER)
    new = manifest_digest(beside)
    assert old != new

    def die(at: str) -> None:
        if at == place:
            raise Killed

    try:
        replace_by(folder, beside, die)
    except Killed:
        if beside.exists():  # as the next look does
            replace_by(folder, beside, lambda _: None)
    assert manifest_digest(folder) == new
    assert manifest_digest(replaced(folder)) == old
    assert not beside.exists()


def test_move_aside__again_and_again__leaves_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        folder = folder_of(tmp_path)
        move_aside(folder)
        assert list(folder.parent.iterdir()) == []
    move_aside(folder)
