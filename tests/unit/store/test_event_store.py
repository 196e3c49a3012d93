"""The index of events when two processes keep one up, in both kinds of database."""

import pytest

from oracle.store.database import Database
from oracle.store.event_index import EventStore, IndexedBlock, StoredLog


def block(number: int, fork: int = 0) -> IndexedBlock:
    return IndexedBlock(number, bytes([number, fork] * 16), bytes([number - 1, fork] * 16), number)


def log(number: int) -> StoredLog:
    return StoredLog(
        block_number=number,
        log_index=0,
        block_hash=bytes([number, 0] * 16),
        transaction_hash=b"\x01" * 32,
        transaction_index=0,
        address="0x" + "11" * 20,
        topics=(b"\x02" * 32,),
        data=b"",
        round=None,
    )


@pytest.fixture
def store(database: Database) -> EventStore:
    return EventStore(database)


def test_append__on_the_head__kept(store: EventStore) -> None:
    assert store.append([log(3)], block(5), None)
    assert store.append([log(6)], block(7), block(5))
    assert [one.block_number for one in store.everything()] == [3, 6]


def test_append__another_process_was_first__nothing_is_kept(store: EventStore) -> None:
    store.append([log(3)], block(5), None)
    store.append([log(6)], block(8), block(5))
    assert not store.append([log(6)], block(7), block(5))
    assert not store.append([log(3)], block(5), None)
    assert store.head() == block(8)
    assert [one.block_number for one in store.everything()] == [3, 6]


def test_append__another_process_took_the_head_back__leaves_no_gap(store: EventStore) -> None:
    """Logs of blocks 5 to 8 would be missing for good, below a head that says they are there."""
    store.append([log(3)], block(4), None)
    store.append([log(6)], block(8), block(4))
    store.rewind(4)
    assert not store.append([log(9)], block(9), block(8))
    assert store.head() == block(4)
