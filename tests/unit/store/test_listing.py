"""A round's list page by page, and dropping its files, on both databases."""

from dataclasses import replace

import pytest

from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.typed_data import Submission
from oracle.store.database import Database
from oracle.store.journal import Journal, StoredSubmission
from oracle.store.listing import listed_after
from oracle.store.pruning import DROPPED, drop_files, rounds_with_files

OPERATORS = ["0x" + "11" * 20, "0x" + "22" * 20]


@pytest.fixture
def journal(database: Database) -> Journal:
    return Journal(database)


def fill(journal: Journal, number: int = 7, copies: int = 1) -> list[Submission]:
    """Submissions in an order that is not theirs, each with the receipts of two operators."""
    keys = [
        Submission(number, model, bytes([mark, copy]) * 16, sequence)
        for model in (2, 10, 1)
        for sequence in (2, 10, 1)
        for mark in (9, 200, 8)
        for copy in range(copies)
    ]
    journal.add_all(
        (
            StoredSubmission(key, bytes([key.model]) * 65, b"sealed", 6),
            [SignedReceipt(key, who, 100, bytes(65)) for who in OPERATORS],
        )
        for key in keys
    )
    return sorted(keys, key=lambda k: (k.model, k.sequence, k.sha256))


@pytest.mark.parametrize("limit", [1, 2, 5, 27, 28])
def test_listed_after__page_after_page__the_whole_round_in_order(
    journal: Journal, limit: int
) -> None:
    keys = fill(journal)
    fill(journal, 8)
    found, after = [], None
    while page := list(listed_after(journal.database, 7, after, limit)):
        assert len(page) <= limit
        found += page
        last = page[-1][0]
        after = last.model, last.sequence, last.sha256
    assert [key for key, _, _ in found] == keys
    assert [signature for _, signature, _ in found] == [bytes([k.model]) * 65 for k in keys]
    assert [r for _, _, given in found for r in given] == list(journal.receipts(7))


def test_listed_after__nothing_kept__nothing(journal: Journal) -> None:
    assert list(listed_after(journal.database, 7, None, 5)) == []


def test_drop_files__more_than_one_chunk__all_files_of_the_round_and_nothing_else(
    journal: Journal,
) -> None:
    keys, others = fill(journal, 7, copies=5), fill(journal, 8)
    database = journal.database
    before = list(listed_after(database, 7, None, 1000))
    assert rounds_with_files(database, 9) == [7, 8]
    assert rounds_with_files(database, 8) == [7]
    dropped = []
    while count := drop_files(database, 7):
        dropped.append(count)
    assert sum(dropped) == len(keys) == 135
    assert len(dropped) == 2
    assert rounds_with_files(database, 9) == [8]
    assert {journal.sealed(7, key.sha256) for key in keys} == {DROPPED}
    assert {journal.sealed(8, key.sha256) for key in others} == {b"sealed"}
    assert list(listed_after(database, 7, None, 1000)) == before
    assert journal.count(7) == 135


def test_drop_files__same_file_sent_again_afterwards__stays_dropped(journal: Journal) -> None:
    [key, *_] = fill(journal)
    while drop_files(journal.database, 7):
        pass
    again = StoredSubmission(key, bytes([key.model]) * 65, b"sealed", 6)
    journal.add_all([(again, [SignedReceipt(key, OPERATORS[0], 99, bytes(65))])])
    assert rounds_with_files(journal.database, 8) == []
    assert replace(again, sealed=DROPPED) == journal.find(7, key.sha256, key)
