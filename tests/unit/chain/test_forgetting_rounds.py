"""What a reader remembers of rounds, and that it lets go of those that have ended."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from announced_rounds import AnnouncedRounds, announced_rounds

from oracle.chain.reader import PoolReader

pytestmark = pytest.mark.chain


@pytest.fixture
def world(tmp_path: Path) -> Iterator[AnnouncedRounds]:
    with announced_rounds(tmp_path) as made:
        yield made


def play(world: AnnouncedRounds, count: int) -> PoolReader:
    """So many rounds have closed, and the reader has seen each of them and its close block."""
    reader = world.reader()
    for number in range(1, count + 1):
        world.chain.advance_to(world.announce(number))
        announced = reader.announced(number)
        assert announced is not None
        reader.close_block(announced.closes)
    return reader


def remembered(reader: PoolReader) -> tuple[set[int], int]:
    return set(reader._announced), len(reader._close_blocks)


def asked(reader: PoolReader) -> int:
    return sum(reader.web3.provider.requests.values())


def test_forget_before__rounds_ended__nothing_of_them_is_left(world: AnnouncedRounds) -> None:
    reader = play(world, 3)
    assert remembered(reader) == ({1, 2, 3}, 3)
    reader.forget_before(3)
    assert remembered(reader) == ({3}, 1)
    before = asked(reader)
    kept = reader.announced(3)
    assert kept is not None
    reader.close_block(kept.closes)
    assert asked(reader) == before


def test_forget_before__old_round_asked_for_again__is_read_as_before(
    world: AnnouncedRounds,
) -> None:
    reader = play(world, 2)
    first = reader.announced(1)
    assert first is not None
    close = reader.close_block(first.closes)
    reader.forget_before(2)
    before = asked(reader)
    assert reader.announced(1) == first
    assert reader.close_block(first.closes) == close
    assert asked(reader) > before
    reader.forget_before(2)
    assert remembered(reader) == ({2}, 1)


def test_forget_before__close_whose_round_is_not_remembered__goes_with_the_next(
    world: AnnouncedRounds,
) -> None:
    reader = play(world, 2)
    first = reader.announced(1)
    assert first is not None
    reader.forget_before(2)
    reader.close_block(first.closes)  # by a server that knew the round from before
    reader.forget_before(3)
    assert remembered(reader) == (set(), 0)


class _Forgotten(dict[Any, Any]):
    """What another thread forgets just after it was seen to be there."""

    def __contains__(self, key: object) -> bool:
        found = super().__contains__(key)
        self.pop(key, None)
        return found


def test_announced__forgotten_while_it_is_asked_for__is_read(world: AnnouncedRounds) -> None:
    reader = play(world, 1)
    reader._announced = _Forgotten(reader._announced)
    reader._close_blocks = _Forgotten(reader._close_blocks)
    announced = reader.announced(1)
    assert announced is not None
    assert reader.close_block(announced.closes).timestamp < announced.closes
