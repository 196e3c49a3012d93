"""What a process finds to be done for rounds that ended while nobody was there."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sealed_round import disclosed, write
from synthetic_round import ANNOUNCEMENT

from oracle.chain.rpc import Block
from oracle.errors import RefusedError
from oracle.operator.disclosing import Disclosing
from oracle.operator.folders import candidate, copied, manifest_digest
from oracle.operator.left_over import LeftOver
from oracle.settlement.specs import Disclosure
from oracle.store.artefacts import write_file

ROUND = ANNOUNCEMENT.round
HEAD = ROUND + 1


def disclosing(tmp_path: Path, *, mirrors: bool = False) -> Disclosing:
    context: Any = SimpleNamespace(folder=lambda number: tmp_path / str(number))
    return Disclosing(context, mirror=(lambda folder, number: None) if mirrors else None)


def test_left_over__still_sealed__is_found_once_its_round_has_ended(tmp_path: Path) -> None:
    write(tmp_path / str(ROUND), Disclosure.OPEN)
    assert disclosing(tmp_path).left_over(0, HEAD) == [ROUND]
    assert disclosing(tmp_path).left_over(0, ROUND) == []


def test_left_over__open_and_nothing_to_copy__nothing(tmp_path: Path) -> None:
    disclosed(write(tmp_path / str(ROUND), Disclosure.OPEN), Disclosure.OPEN)
    assert disclosing(tmp_path).left_over(0, HEAD) == []


def test_left_over__open_but_not_copied__until_the_copy_is_of_this_result(tmp_path: Path) -> None:
    folder = disclosed(write(tmp_path / str(ROUND), Disclosure.OPEN), Disclosure.OPEN)
    made = disclosing(tmp_path, mirrors=True)
    assert made.left_over(0, HEAD) == [ROUND]
    write_file(copied(folder), bytes(32))
    assert made.left_over(0, HEAD) == [ROUND]
    write_file(copied(folder), manifest_digest(folder) or b"")
    assert made.left_over(0, HEAD) == []


def test_left_over__killed_between_the_renames__the_answer_is_found_without_a_folder(
    tmp_path: Path,
) -> None:
    write(candidate(tmp_path / str(ROUND), b"\x07" * 32), Disclosure.OPEN)
    assert not (tmp_path / str(ROUND)).exists()
    assert disclosing(tmp_path).left_over(0, HEAD) == [ROUND]


def test_left_over__of_before_the_last_look__is_not_looked_at_again(tmp_path: Path) -> None:
    write(tmp_path / str(ROUND), Disclosure.OPEN)
    write(candidate(tmp_path / str(ROUND), b"\x07" * 32), Disclosure.OPEN)
    assert disclosing(tmp_path).left_over(HEAD, HEAD + 1) == []


class Ended:
    """Rounds left over, in place of `Disclosing`; the ones in ``broken`` cannot be opened."""

    def __init__(self, *rounds: int) -> None:
        self.rounds, self.broken, self.opened = list(rounds), set[int](), list[int]()

    def left_over(self, since: int, before: int) -> list[int]:
        return [number for number in self.rounds if since <= number < before]

    def disclose(self, number: int, manifest: bytes) -> None:
        if number in self.broken:
            raise RefusedError("the bucket is away")
        self.opened.append(number)


def made_up(tmp_path: Path, ended: Any) -> LeftOver:
    committed = SimpleNamespace(manifest=manifest_digest(tmp_path / "none"))
    reader = SimpleNamespace(committed=lambda number, block: committed)
    context: Any = SimpleNamespace(reader=reader, folder=lambda number: tmp_path / "none")
    return LeftOver(context, SimpleNamespace(), ended)  # type: ignore[arg-type]


BLOCK = Block(7, "0x" + bytes(32).hex(), 1_000)


def test_make_up__many_rounds__newest_first_and_one_a_look(tmp_path: Path) -> None:
    ended = Ended(3, 4, 5)
    left = made_up(tmp_path, ended)
    assert [left.make_up(9, BLOCK) for _ in range(4)] == [True, True, False, False]
    assert ended.opened == [5, 4, 3]


def test_make_up__one_fails__holds_none_up_and_is_tried_again(tmp_path: Path) -> None:
    ended = Ended(3, 4)
    ended.broken = {4}
    left = made_up(tmp_path, ended)
    with pytest.raises(RefusedError):
        left.make_up(9, BLOCK)
    assert left.make_up(9, BLOCK)
    assert ended.opened == [3]
    ended.broken = set()
    assert not left.make_up(9, BLOCK)
    assert ended.opened == [3, 4]


def test_make_up__another_round_ended__goes_before_what_is_left(tmp_path: Path) -> None:
    ended = Ended(3, 4, 9)
    left = made_up(tmp_path, ended)
    left.make_up(9, BLOCK)
    left.make_up(10, BLOCK)
    assert ended.opened == [4, 9]
