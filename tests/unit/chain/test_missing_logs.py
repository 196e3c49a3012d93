"""An endpoint that leaves out logs: the index notices by the contracts' state, and asks anew."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from announced_rounds import URL, AnnouncedRounds, announced_rounds
from in_process_rpc import InProcessProvider
from web3 import Web3

from oracle.chain.consistency import missing
from oracle.chain.index import ChainIndex
from oracle.chain.logs import IndexedLogs
from oracle.chain.reader import PoolReader
from oracle.store.database import Database
from oracle.store.event_index import EventStore

pytestmark = pytest.mark.chain


class Forgetful(InProcessProvider):
    """Leaves out the logs that ``hides`` says yes to."""

    hides: Callable[[dict[str, Any]], bool] = staticmethod(lambda _: False)

    def eth_getLogs(self, wanted: dict[str, Any]) -> list[Any]:  # noqa: N802
        return [log for log in super().eth_getLogs(wanted) if not self.hides(log)]


@dataclass
class World:
    rounds: AnnouncedRounds
    provider: Forgetful
    reader: PoolReader
    store: EventStore
    seconds: float = 0.0
    index: ChainIndex = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """What the process remembered is gone."""
        self.index = ChainIndex(self.reader, self.store, clock=lambda: self.seconds)

    def update(self) -> None:
        self.index.update(self.reader.finalized())

    def lacks(self) -> list[str]:
        return missing(self.reader, self.store, self.reader.finalized())

    def hide(self, event: Any) -> None:
        topic = event().topic.removeprefix("0x")
        self.provider.hides = lambda log: log["topics"][0].removeprefix("0x") == topic

    def show_all(self) -> None:
        self.provider.hides = lambda _: False


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with announced_rounds(tmp_path) as rounds:
        provider = Forgetful(rounds.chain)
        database = Database.open(tmp_path / "operator.sqlite")
        store = EventStore(database)
        reader = PoolReader(Web3(provider), URL, rounds.pool, IndexedLogs(store))
        yield World(rounds, provider, reader, store)
        database.close()


def test_missing__whole_index__nothing_through_a_rounds_life(world: World) -> None:
    world.update()
    assert world.lacks() == []
    closes = world.rounds.announce(1)
    world.update()
    assert world.lacks() == []
    world.rounds.end_void(1, closes)
    world.rounds.chain.advance_to(closes + 6_000)
    world.rounds.writer(0).skip(2)
    world.rounds.chain.finalize()
    world.update()
    assert world.lacks() == []
    world.rounds.writer(0).end_void(2)
    world.rounds.chain.finalize()
    world.update()
    assert world.lacks() == []
    assert world.index.gaps == 0


@pytest.mark.parametrize(
    ("event", "lacking"),
    [
        ("oracle.Announced", "rounds announced: 0 of 1"),
        ("pool.RoundScheduled", "rounds scheduled: 0 of 1"),
        ("pool.RoundVoided", "rounds ended: 0 of 1"),
        ("oracle.SignerAdded", "operators added: 0 of 4"),
    ],
)
def test_missing__logs_of_one_event_left_out__named(world: World, event: str, lacking: str) -> None:
    contract, name = event.split(".")
    world.hide(getattr(getattr(world.reader, contract).events, name))
    world.rounds.end_void(1, world.rounds.announce(1))
    world.update()
    assert world.lacks() == [lacking]


def test_update__logs_left_out_once__taken_anew_with_the_next_events(world: World) -> None:
    world.update()
    world.hide(world.reader.oracle.events.Announced)
    world.rounds.announce(1)
    world.update()
    assert world.reader.announced(1) is None
    world.show_all()
    world.seconds += 60
    world.rounds.chain.mine()
    world.update()
    assert world.lacks() == []
    assert world.index.gaps == 2
    assert world.reader.announced(1) is not None


def test_update__whole_block_left_out__noticed_in_minutes(world: World) -> None:
    world.update()
    world.provider.hides = lambda _: True
    closes = world.rounds.announce(1)
    world.update()
    world.show_all()
    assert (world.store.count_of(*_announced(world)), world.index.gaps) == (0, 0)
    world.rounds.chain.advance_to(closes + 300)
    world.update()
    assert (world.store.count_of(*_announced(world)), world.index.gaps) == (1, 1)
    assert world.lacks() == []


def test_update__left_out_before_the_process_began__index_is_built_anew(world: World) -> None:
    world.hide(world.reader.oracle.events.SignerAdded)
    world.update()
    assert world.lacks() == ["operators added: 0 of 4"]
    world.show_all()
    world.restart()
    world.rounds.chain.mine()
    world.update()
    assert world.lacks() == []


def test_update__endpoint_goes_on_leaving_out__asked_ever_more_seldom(world: World) -> None:
    world.hide(world.reader.oracle.events.SignerAdded)
    asked = []
    for _ in range(40):
        world.seconds += 30
        world.rounds.chain.mine()
        world.update()
        asked.append(world.index.gaps)
    assert [gaps for gaps in range(1, 6) if gaps in asked] == [1, 2, 3, 4, 5]
    times = [asked.index(gaps) for gaps in (1, 2, 3, 4, 5)]
    assert [b - a for a, b in pairwise(times)] == [2, 4, 8, 16]
    world.show_all()
    world.seconds += 3600
    world.rounds.chain.mine()
    world.update()
    assert world.lacks() == []


def test_update__whole_before__only_what_came_since_is_asked_for_again(world: World) -> None:
    world.update()
    kept = world.reader.finalized().number
    world.hide(world.reader.oracle.events.Announced)
    spans = []
    answer = world.provider.eth_getLogs

    def noted(wanted: dict[str, Any]) -> list[Any]:
        spans.append(int(wanted["fromBlock"], 16))
        return answer(wanted)

    world.provider.eth_getLogs = noted  # type: ignore[method-assign]
    world.rounds.announce(1)
    world.update()
    assert spans == [kept + 1, kept + 1]


def _announced(world: World) -> tuple[str, bytes]:
    event = world.reader.oracle.events.Announced()
    return event.address, bytes.fromhex(event.topic.removeprefix("0x"))
