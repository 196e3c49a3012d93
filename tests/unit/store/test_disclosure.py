"""Who can read what of a round: before its commit is final, and in each mode after it."""

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import sealed_round as rounds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oracle.settlement.manifest import TARGETS
from oracle.settlement.specs import Disclosure
from oracle.store import artefacts, disclosure
from oracle.store.artefacts import ArtefactError, RoundFolder, UnreadableError
from oracle.store.sealing import Identity

OPEN, VERIFIERS, OWNERS = Disclosure
PRIVATE = sorted(rounds.private())
MINE = rounds.owners_path()
READERS = {
    "nobody": None,
    "stranger": rounds.STRANGER,
    "owner": rounds.OWNER,
    "verifier": rounds.VERIFIER,
    "operator": rounds.OPERATORS[1],
}
CAN_READ: dict[tuple[Disclosure | None, str], list[str]] = {
    **{(None, who): [] for who in READERS},
    **{(OPEN, who): PRIVATE for who in READERS},
    **{(mode, who): [] for mode in (VERIFIERS, OWNERS) for who in ("nobody", "stranger")},
    **{(mode, "owner"): [MINE] for mode in (VERIFIERS, OWNERS)},
    (VERIFIERS, "verifier"): PRIVATE,
    (OWNERS, "verifier"): [],
    **{(mode, "operator"): PRIVATE for mode in (None, VERIFIERS, OWNERS)},
}
"""The table of docs/formats.md, section 9: None is before the disclosure."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[Disclosure | None, Path]:
    """The round in each state; a test that alters a folder puts it back."""
    root = tmp_path_factory.mktemp("rounds")
    made: dict[Disclosure | None, Path] = {None: rounds.write(root / "sealed", VERIFIERS)}
    for mode in Disclosure:
        made[mode] = rounds.disclosed(rounds.write(root / mode, mode), mode)
    return made


@pytest.fixture(params=[None, *Disclosure], ids=str)
def state(request: pytest.FixtureRequest) -> Disclosure | None:
    return request.param


# ---------------------------------------------------------------------- who reads what


@pytest.mark.parametrize("who", READERS)
def test_read__each_reader_in_each_state__as_documented(
    folders: dict[Disclosure | None, Path], state: Disclosure | None, who: str
) -> None:
    folder = RoundFolder(folders[state], READERS[who])
    folder.check()
    readable = CAN_READ[state, who]
    assert folder.unreadable == [path for path in PRIVATE if path not in readable]
    plain = rounds.private()
    for path in PRIVATE:
        if path in readable:
            assert folder.read(path) == plain[path]
        else:
            with pytest.raises(UnreadableError, match=path) as caught:
                folder.read(path)
            assert caught.value.path == path
    mode = VERIFIERS if state is None else state
    for path, raw in rounds.result(mode).files.items():
        assert folder.read(path) == raw


def test_disclose__not_open__no_row_of_a_submission_or_target_anywhere(
    folders: dict[Disclosure | None, Path], state: Disclosure | None
) -> None:
    found = rounds.everything(folders[state])
    rows = {row for raw in rounds.private().values() for row in rounds.rows_of(raw)}
    assert len(rows) > 500
    shown = any(row in raw for raw in found.values() for row in rows)
    assert shown == (state is OPEN)


def test_disclosed__each_state__says_to_whom(
    folders: dict[Disclosure | None, Path], state: Disclosure | None
) -> None:
    assert RoundFolder(folders[state]).disclosed() is state


def test_disclose__open__nothing_sealed_is_left(folders: dict[Disclosure | None, Path]) -> None:
    found = rounds.everything(folders[OPEN])
    assert {path: raw for path, raw in found.items() if path in PRIVATE} == rounds.private()
    assert not [path for path in found if path.startswith(("sealed", "."))]


@pytest.mark.parametrize("mode", Disclosure)
def test_disclose__again_and_by_another_operator__changes_nothing(
    folders: dict[Disclosure | None, Path], mode: Disclosure
) -> None:
    before = rounds.everything(folders[mode])
    rounds.disclosed(folders[mode], mode, rounds.OPERATORS[1])
    assert rounds.everything(folders[mode]) == before


def test_disclose__other_specification_than_announced__refused(tmp_path: Path) -> None:
    folder = rounds.write(tmp_path / "7", OWNERS)
    before = rounds.everything(folder)
    with pytest.raises(ArtefactError, match="specification is assay/scoring/1/owner, not"):
        rounds.disclosed(folder, OPEN)
    assert rounds.everything(folder) == before


@pytest.mark.parametrize("mode", Disclosure)
def test_disclose__by_somebody_who_cannot_open__refused_and_nothing_opened(
    tmp_path: Path, mode: Disclosure
) -> None:
    folder = rounds.write(tmp_path / "7", mode)
    before = rounds.everything(folder)
    with pytest.raises(UnreadableError):
        rounds.disclosed(folder, mode, rounds.STRANGER)
    after = {p: raw for p, raw in rounds.everything(folder).items() if not p.startswith(".")}
    assert after == before


# ---------------------------------------------------------------------- one byte


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_check__any_byte_of_any_file_in_any_state__named(
    folders: dict[Disclosure | None, Path], state: Disclosure | None, data: st.DataObject
) -> None:
    """Also what a reader cannot open, and whoever it is that looks."""
    hashed = ("inputs/", "outputs/", "sealed/", "manifest.json")
    folder = folders[state]
    found = {p: raw for p, raw in rounds.everything(folder).items() if p.startswith(hashed)}
    path = data.draw(st.sampled_from(sorted(found)))
    raw = bytearray(found[path])
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    identity = data.draw(st.sampled_from(list(READERS.values())))
    (folder / path).write_bytes(raw)
    try:
        if path == "manifest.json":
            assert _digest(folder) != _digest_of(found[path])
        else:
            with pytest.raises(ArtefactError, match=path):
                RoundFolder(folder, identity).check()
    finally:
        (folder / path).write_bytes(found[path])


def _digest(folder: Path) -> Any:
    """The digest that a commit is compared with, or None for no manifest at all."""
    try:
        return RoundFolder(folder).manifest().digest()
    except ArtefactError:
        return None


def _digest_of(raw: bytes) -> bytes:
    return hashlib.sha256(raw).digest()


@pytest.mark.parametrize("name", ["sealed/x", "sealed/inputs/targets.csv", "sealed/.hidden"])
def test_check__added_to_what_is_sealed__named(tmp_path: Path, name: str) -> None:
    folder = rounds.write(tmp_path / "7", OWNERS)
    (folder / name).write_bytes(b"id,target\n")
    with pytest.raises(ArtefactError, match=f"^{name} is not in sealed/files.json"):
        RoundFolder(folder).check()


@pytest.mark.parametrize("name", [f"sealed/{TARGETS}.age", "sealed/files.json"])
def test_check__sealed_file_removed__named(tmp_path: Path, name: str) -> None:
    folder = rounds.write(tmp_path / "7", OWNERS)
    (folder / name).unlink()
    with pytest.raises(
        ArtefactError, match=rf"{name.removeprefix('sealed/').removesuffix('.age')}"
    ):
        RoundFolder(folder).check()


def test_check__sealed_other_bytes_with_a_right_index__named_to_who_opens_it(
    tmp_path: Path,
) -> None:
    """An operator that seals rubbish: only those it is sealed to can tell."""
    folder = rounds.write(tmp_path / "7", VERIFIERS)
    shutil.rmtree(folder / "sealed")
    wrong = {**rounds.private(), TARGETS: b"id,target\nn0,0.5\n"}
    recipients = [one.recipient for one in rounds.OPERATORS]
    artefacts.write_sealed(
        folder, "operators", [(p, disclosure.seal(raw, recipients)) for p, raw in wrong.items()]
    )
    RoundFolder(folder, rounds.STRANGER).check()
    with pytest.raises(ArtefactError, match=f"sealed/{TARGETS}.age holds other bytes"):
        RoundFolder(folder, rounds.OPERATORS[0]).check()


# ---------------------------------------------------------------------- crashes


class Killed(BaseException):
    """What no code catches on its way out."""


@pytest.mark.slow
@pytest.mark.parametrize("mode", Disclosure)
def test_disclose__killed_at_any_step__the_next_run_ends_it(
    tmp_path: Path, mode: Disclosure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before each rename and each write a process ends without cleaning up."""
    at, finished = 0, False
    while not finished:
        folder = rounds.write(tmp_path / str(at), mode)
        steps = _kill_before(monkeypatch, at)
        try:
            rounds.disclosed(folder, mode)
            finished = True
        except Killed:
            assert RoundFolder(folder).disclosed() in (None, mode)
        monkeypatch.undo()
        rounds.disclosed(folder, mode, rounds.OPERATORS[1])
        checked = RoundFolder(folder, rounds.OPERATORS[0])
        checked.check()
        assert checked.unreadable == []
        assert checked.disclosed() is mode
        assert not [p for p in rounds.everything(folder) if p.startswith(".")]
        shutil.rmtree(folder)
        at += 1
    assert at > 10
    assert steps


def _kill_before(monkeypatch: pytest.MonkeyPatch, number: int) -> list[str]:
    """Ends the run before step ``number``; returns the steps as they are taken."""
    taken: list[str] = []

    def counted(module: Any, name: str) -> None:
        usual = getattr(module, name)

        def step(*arguments: Any, **options: Any) -> Any:
            if len(taken) >= number:
                raise Killed
            taken.append(name)
            return usual(*arguments, **options)

        monkeypatch.setattr(module, name, step)

    for module, name in (
        (os, "rename"),
        (shutil, "rmtree"),
        (artefacts, "write_plain"),
        (disclosure, "write_plain"),
        (disclosure, "sync_tree"),
    ):
        counted(module, name)
    return taken


@settings(max_examples=10)
@given(mode=st.sampled_from(list(Disclosure)), data=st.data())
def test_disclose__any_mode_and_recipients__only_those_meant_open_it(
    tmp_path_factory: pytest.TempPathFactory, mode: Disclosure, data: st.DataObject
) -> None:
    folder = rounds.write(tmp_path_factory.mktemp("any") / "7", mode)
    people = [rounds.VERIFIER, rounds.OWNER, rounds.STRANGER]
    verifiers = data.draw(st.sets(st.sampled_from(range(3))))
    owners = {
        path: data.draw(st.sets(st.sampled_from(range(3))))
        for path in data.draw(st.sets(st.sampled_from(PRIVATE[:3])))
        if path != TARGETS
    }
    disclosure.disclose(
        folder,
        rounds.SPEC[mode],
        rounds.OPERATORS[0],
        [one.recipient for one in rounds.OPERATORS],
        [people[i].recipient for i in verifiers],
        {
            bytes.fromhex(path.rsplit("/", 1)[1]): [people[i].recipient for i in who]
            for path, who in owners.items()
        },
    )
    for number, person in enumerate(people):
        checked = RoundFolder(folder, person)
        checked.check()
        meant = {path for path, who in owners.items() if number in who}
        if mode is OPEN or (mode is VERIFIERS and number in verifiers):
            meant = set(PRIVATE)
        assert set(checked.unreadable) == set(PRIVATE) - meant


def test_round_folder__identity__is_not_shown() -> None:
    secret = Identity.new()
    assert "AGE-SECRET" not in repr(vars(RoundFolder(Path("x"), secret)))
