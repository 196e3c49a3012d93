"""What of a real round's events an index can lack, and that the contracts' state tells of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from committed_rounds import Rounds, committed_rounds
from sqlalchemy import delete

from oracle.chain.consistency import missing
from oracle.chain.index import ChainIndex
from oracle.chain.logs import IndexedLogs
from oracle.chain.reader import PoolReader
from oracle.store.database import Database
from oracle.store.event_index import EventStore
from oracle.store.schema import logs

pytestmark = [pytest.mark.chain, pytest.mark.slow]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rounds]:
    with committed_rounds(tmp_path_factory.mktemp("rounds")) as made:
        yield made


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(tmp_path / "operator.sqlite")
    yield opened
    opened.close()


def indexed(world: Rounds, database: Database) -> tuple[PoolReader, EventStore, ChainIndex]:
    store = EventStore(database)
    reader = PoolReader.open(world.url, world.reader.pool.address, logs=IndexedLogs(store))
    index = ChainIndex(reader, store)
    index.update(reader.finalized())
    return reader, store, index


@pytest.mark.parametrize(
    ("event", "lacking"),
    [
        ("oracle.Committed", ["round 3: the result"]),
        ("pool.RoundSettled", ["rounds ended: 0 of 2"]),
        ("registry.Registered", ["models registered: 0 of 6"]),
        ("pool.BatchSettled", []),  # of rounds that have ended, nobody asks
        ("pool.Deposited", []),  # the state tells the sum only
    ],
)
def test_missing__event_of_a_real_round_lost__named_and_brought_back(
    world: Rounds, database: Database, event: str, lacking: list[str]
) -> None:
    reader, store, index = indexed(world, database)
    whole = list(store.everything())
    assert (missing(reader, store, reader.finalized()), index.gaps) == ([], 0)
    contract, name = event.split(".")
    topic = getattr(getattr(reader, contract).events, name)().topic
    with database.begin() as connection:
        gone = connection.execute(
            delete(logs).where(logs.c.topic == bytes.fromhex(topic.removeprefix("0x")))
        )
        assert gone.rowcount > 0
    assert missing(reader, store, reader.finalized()) == lacking
    if not lacking:
        return
    world.anvil.mine(1)
    ChainIndex(reader, store).update(reader.finalized())
    assert list(store.everything()) == whole
