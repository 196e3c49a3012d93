"""What a process finds to be done for rounds that ended while nobody was there."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sealed_round import disclosed, write
from synthetic_round import ANNOUNCEMENT

from oracle.operator.disclosing import Disclosing
from oracle.operator.folders import candidate, copied, manifest_digest
from oracle.settlement.specs import Disclosure
from oracle.store.artefacts import write_file

ROUND = ANNOUNCEMENT.round
HEAD = ROUND + 1


def disclosing(tmp_path: Path, *, mirrors: bool = False) -> Disclosing:
    context: Any = SimpleNamespace(folder=lambda number: tmp_path / str(number))
    return Disclosing(context, mirror=(lambda folder, number: None) if mirrors else None)


def test_left_over__still_sealed__is_found_once_its_round_has_ended(tmp_path: Path) -> None:
    write(tmp_path / str(ROUND), Disclosure.OPEN)
    assert disclosing(tmp_path).left_over(HEAD) == [ROUND]
    assert disclosing(tmp_path).left_over(ROUND) == []


def test_left_over__open_and_nothing_to_copy__nothing(tmp_path: Path) -> None:
    disclosed(write(tmp_path / str(ROUND), Disclosure.OPEN), Disclosure.OPEN)
    assert disclosing(tmp_path).left_over(HEAD) == []


def test_left_over__open_but_not_copied__until_the_copy_is_of_this_result(tmp_path: Path) -> None:
    folder = disclosed(write(tmp_path / str(ROUND), Disclosure.OPEN), Disclosure.OPEN)
    made = disclosing(tmp_path, mirrors=True)
    assert made.left_over(HEAD) == [ROUND]
    write_file(copied(folder), bytes(32))
    assert made.left_over(HEAD) == [ROUND]
    write_file(copied(folder), manifest_digest(folder) or b"")
    assert made.left_over(HEAD) == []


def test_left_over__killed_between_the_renames__the_answer_is_found_without_a_folder(
    tmp_path: Path,
) -> None:
    write(candidate(tmp_path / str(ROUND), b"\x07" * 32), Disclosure.OPEN)
    assert not (tmp_path / str(ROUND)).exists()
    assert disclosing(tmp_path).left_over(HEAD) == [ROUND]
