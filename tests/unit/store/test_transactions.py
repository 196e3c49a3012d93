"""The table of sent transactions, in both kinds of database."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from oracle.store.database import Database
from oracle.store.spending import mined_since
from oracle.store.transactions import (
    FAILED,
    FINAL,
    MINED,
    PENDING,
    REPLACED,
    NonceTakenError,
    Sent,
    TransactionStore,
)

ME, OTHER = "0x" + "11" * 20, "0x" + "22" * 20
TO = "0x" + "33" * 20


def sent(nonce: int, data: bytes = b"\x01", fee: int = 100, account: str = ME) -> Sent:
    return Sent(
        hash=bytes([nonce, *data[:1], fee % 251, account == ME]).ljust(32, b"\x07"),
        account=account,
        nonce=nonce,
        call="settle",
        to=TO,
        data=data,
        gas=21_000,
        max_fee=fee,
        tip=1,
        raw=b"\x02raw",
        sent_at=1_800_000_000,
        block_number=5,
    )


@pytest.fixture
def store(database: Database) -> TransactionStore:
    return TransactionStore(database)


def statuses(store: TransactionStore) -> dict[int, list[tuple[int, str]]]:
    groups = store.open(ME).items()
    return {nonce: [(one.max_fee, one.status) for one in group] for nonce, group in groups}


def test_add__reopened_database__all_fields_as_they_were(
    where: str, open_database: Callable[..., Database]
) -> None:
    huge = replace(sent(0), max_fee=2**90, tip=2**80, raw=bytes(range(256)) * 400)
    TransactionStore(open_database(where)).add(huge)
    assert TransactionStore(open_database(where)).open(ME) == {0: [huge]}


def test_add__twice__one_row(store: TransactionStore) -> None:
    store.add(sent(0))
    store.add(sent(0))
    assert statuses(store) == {0: [(100, PENDING)]}


def test_add__replacement__current_one_is_last(store: TransactionStore) -> None:
    for fee in (100, 1_000, 113):
        store.add(sent(0, fee=fee))
    assert [one.max_fee for one in store.of_nonce(ME, 0)] == [100, 113, 1_000]
    assert statuses(store)[0][0] == (100, REPLACED)


def test_add__nonce_of_another_open_call__refused_and_nothing_kept(
    store: TransactionStore,
) -> None:
    store.add(sent(0))
    with pytest.raises(NonceTakenError):
        store.add(sent(0, b"\x02"))
    assert statuses(store) == {0: [(100, PENDING)]}
    store.add(sent(0, b"\x02", account=OTHER))


def test_add__nonce_of_a_failed_call__taken_over(store: TransactionStore) -> None:
    store.add(sent(0))
    store.failed(sent(0))
    store.add(sent(0, b"\x02"))
    assert [one.data for one in store.open(ME)[0]] == [b"\x02"]
    assert [one.data for one in store.of_nonce(ME, 0)] == [b"\x02"]


def test_waiting__same_call__only_while_it_is_pending(store: TransactionStore) -> None:
    store.add(sent(0))
    assert store.waiting(ME, TO, b"\x01") == sent(0)
    assert store.waiting(ME, TO, b"\x02") is None
    assert store.waiting(OTHER, TO, b"\x01") is None
    store.mined(sent(0), 9, b"\xbb" * 32)
    assert store.waiting(ME, TO, b"\x01") is None


def test_mined__a_replaced_one__the_others_no_longer_wait(store: TransactionStore) -> None:
    store.add(sent(0))
    store.add(sent(0, fee=113))
    store.mined(sent(0), 9, b"\xbb" * 32)
    assert statuses(store) == {0: [(100, MINED), (113, REPLACED)]}
    [first, _] = store.open(ME)[0]
    assert (first.block_number, first.block_hash) == (9, b"\xbb" * 32)


def test_reopened__after_a_reorganisation__dearest_waits_again(store: TransactionStore) -> None:
    store.add(sent(0))
    store.add(sent(0, fee=113))
    store.mined(sent(0), 9, b"\xbb" * 32)
    current = store.reopened(store.open(ME)[0], 12)
    assert (current.max_fee, current.block_number, current.block_hash) == (113, 12, None)
    assert statuses(store) == {0: [(100, REPLACED), (113, PENDING)]}
    assert store.open(ME)[0][-1] == current


@pytest.mark.parametrize("status", [FINAL, FAILED])
def test_mined__closed__not_open_but_still_found_by_nonce(
    store: TransactionStore, status: str
) -> None:
    store.add(sent(3))
    store.add(sent(4, b"\x02"))
    store.mined(sent(3), 9, b"\xbb" * 32, status)
    assert list(store.open(ME)) == [4]
    assert [one.status for one in store.of_nonce(ME, 3)] == [status]


def test_failed__with_replacements__none_of_them_counts(store: TransactionStore) -> None:
    store.add(sent(0))
    store.add(sent(0, fee=113))
    store.failed(sent(0, fee=113))
    assert store.open(ME) == {}
    assert store.of_nonce(ME, 0) == []


def test_add__given_up_and_signed_again_alike__waits_again(store: TransactionStore) -> None:
    """Nonce and fees being the same, so is the hash: a node that did not take it once may now."""
    store.add(sent(0))
    store.failed(sent(0))
    again = replace(sent(0), block_number=8)
    store.add(again)
    assert store.waiting(ME, TO, b"\x01") == again
    assert statuses(store) == {0: [(100, PENDING)]}


def test_add__repeated_after_it_was_mined__stays_mined(store: TransactionStore) -> None:
    store.add(sent(0))
    store.mined(sent(0), 9, b"\xbb" * 32)
    store.add(sent(0))
    assert statuses(store) == {0: [(100, MINED)]}


def test_add__new_one_with_the_nonce_of_the_same_call__refused(store: TransactionStore) -> None:
    """Two processes make one call at once: the second must find the first's, not replace it."""
    store.add(sent(0), new=True)
    with pytest.raises(NonceTakenError):
        store.add(sent(0, fee=101), new=True)
    store.add(sent(0), new=True)  # the same once more, as after a lost answer
    assert statuses(store) == {0: [(100, PENDING)]}


# ---------------------------------------------------------------------- what is long done


def rows(store: TransactionStore) -> list[Sent]:
    return [one for nonce in range(10) for one in store.of_nonce(ME, nonce)]


def test_prune__closed_and_old__bodies_go_and_costs_can_still_be_reckoned(
    store: TransactionStore, database: Database
) -> None:
    for nonce, status in ((0, FINAL), (1, FAILED)):
        store.add(sent(nonce))
        store.add(sent(nonce, fee=113))
        store.mined(sent(nonce, fee=113), 9, bytes(32), status)
    store.add(sent(2))
    store.failed(sent(2))
    before = mined_since(database, 0)
    assert store.prune(ME, sent(0).sent_at + 1) == 5
    assert mined_since(database, 0) == before
    assert len(before) == 2
    assert [(one.nonce, one.max_fee, one.data, one.raw) for one in rows(store)] == [
        (0, 113, b"", b""),
        (1, 113, b"", b""),
    ]
    assert store.prune(ME, sent(0).sent_at + 1) == 0


def test_prune__open_or_young_or_anothers__left_alone(store: TransactionStore) -> None:
    store.add(sent(0))
    store.add(sent(1))
    store.add(sent(1, fee=113))
    store.mined(sent(1, fee=113), 9, bytes(32), MINED)
    store.add(replace(sent(2), sent_at=sent(0).sent_at + 100))
    store.failed(sent(2))
    store.add(sent(3, account=OTHER))
    store.failed(sent(3, account=OTHER))
    assert store.prune(ME, sent(0).sent_at + 1) == 0
    assert statuses(store) == {0: [(100, PENDING)], 1: [(100, REPLACED), (113, MINED)]}
    assert store.prune(OTHER, sent(0).sent_at + 1) == 1


def test_store__of_two_chains__the_same_nonce_is_free_on_each(
    database: Database, store: TransactionStore
) -> None:
    other = TransactionStore(database, 1)
    here, there = sent(0), sent(0, data=b"\x02")
    store.add(here, new=True)
    other.add(there, new=True)
    assert (store.open(ME), other.open(ME)) == ({0: [here]}, {0: [there]})
    assert other.waiting(ME, TO, here.data) is None
    assert other.of_nonce(ME, 0) == [there]
    store.failed(here)
    assert other.open(ME) == {0: [there]}


def test_store__of_another_chain__costs_and_pruning_are_its_own(
    database: Database, store: TransactionStore
) -> None:
    other = TransactionStore(database, 1)
    there = sent(0)
    other.add(there)
    other.mined(there, 6, b"\x09" * 32, FINAL)
    assert mined_since(database, 0) == []
    assert store.prune(ME, there.sent_at + 1) == 0
    assert other.prune(ME, there.sent_at + 1) == 1
