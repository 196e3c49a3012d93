"""The index of events when two processes keep one up, in both kinds of database."""

from dataclasses import replace

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


def test_stop__where_indexing_stopped__told(store: EventStore) -> None:
    store.append([log(3)], block(5), None)
    assert store.stop(5) == block(5)
    assert store.stop(4) is None


def test_after__pages__whole_blocks_in_order(store: EventStore) -> None:
    found = [replace(log(number), log_index=i) for number in (3, 4, 6) for i in range(3)]
    store.append(found, block(9), None)
    assert store.after(-1, 9, 100) == found
    assert store.after(-1, 9, 4) == found[:6], "a block is never cut in two"
    assert store.after(4, 9, 4) == found[6:]
    assert store.after(3, 5, 100) == found[3:6]
    assert store.after(6, 9, 1) == []
