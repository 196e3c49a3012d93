"""The journal: one digest a round, whatever crashes or races; a repeated upload changes nothing."""

import multiprocessing
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from oracle.store.journal import (
    Journal,
    JournalError,
    SignedReceipt,
    StoredSubmission,
    Submission,
)

KEY = Submission(round=7, model=5, sha256=b"\x01" * 32, sequence=9)
ITEM = StoredSubmission(KEY, signature=b"\x02" * 65, raw=b"id,prediction\n")
RECEIPT = SignedReceipt(KEY, operator="0x" + "11" * 20, received=100, signature=b"\x03" * 65)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "journal.sqlite"


# ---------------------------------------------------------------------- signing


def test_reserve_digest__second_digest__refused_and_the_first_stays(path: Path) -> None:
    journal = Journal(path)
    journal.reserve_digest(7, "commit", b"\xaa" * 32)
    with pytest.raises(JournalError, match=r"round 7: .* already signed digest 0xaaaa.*0xbbbb"):
        journal.reserve_digest(7, "commit", b"\xbb" * 32)
    assert journal.signed_digest(7, "commit") == b"\xaa" * 32


def test_reserve_digest__same_again_or_other_round__fine(path: Path) -> None:
    journal = Journal(path)
    for number, phase, digest in [(7, "commit", b"a"), (7, "commit", b"a"), (8, "commit", b"b")]:
        journal.reserve_digest(number, phase, digest * 32)
    journal.reserve_digest(7, "confirm", b"c" * 32)
    assert journal.signed_digest(7, "commit") == b"a" * 32
    assert journal.signed_digest(8, "commit") == b"b" * 32
    assert journal.signed_digest(9, "commit") is None


def test_reserve_digest__opened_anew__still_refuses_another(path: Path) -> None:
    first = Journal(path)
    first.reserve_digest(7, "commit", b"\xaa" * 32)
    first.close()
    second = Journal(path)
    second.reserve_digest(7, "commit", b"\xaa" * 32)
    with pytest.raises(JournalError):
        second.reserve_digest(7, "commit", b"\xbb" * 32)


def _race(path: Path, start: object, digests: list[bytes], won: object) -> None:
    """Opens the same database as another process at the same time and reserves its digests."""
    start.wait()
    journal = Journal(path)
    for number, digest in enumerate(digests):
        try:
            journal.reserve_digest(number, "commit", digest)
            won.put((number, digest))
        except JournalError:
            pass
    won.put(None)


def test_reserve_digest__two_processes_race__one_digest_a_round_wins(path: Path) -> None:
    rounds = 20
    context = multiprocessing.get_context("spawn")
    start, won = context.Barrier(2), context.Queue()
    racers = [
        context.Process(target=_race, args=(path, start, [mark * 32] * rounds, won), daemon=True)
        for mark in (b"a", b"b")
    ]
    for racer in racers:
        racer.start()
    winners: list[tuple[int, bytes]] = []
    for _ in racers:
        while (found := won.get(timeout=30)) is not None:
            winners.append(found)
    for racer in racers:
        racer.join(60)
        assert racer.exitcode == 0
    journal = Journal(path)
    assert sorted(winners) == [(n, journal.signed_digest(n, "commit")) for n in range(rounds)]


def _reserve_and_die(path: Path) -> None:
    import os
    import signal

    Journal(path).reserve_digest(7, "commit", b"\xaa" * 32)
    os.kill(os.getpid(), signal.SIGKILL)


def test_reserve_digest__killed_right_after__is_written_down(path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_reserve_and_die, args=(path,))
    process.start()
    process.join(60)
    assert process.exitcode == -9
    assert Journal(path).signed_digest(7, "commit") == b"\xaa" * 32


def test_journal__every_connection__is_durable(path: Path) -> None:
    journal = Journal(path)
    with journal._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL


# ---------------------------------------------------------------------- submissions


def test_add__new__kept_with_its_receipt(path: Path) -> None:
    journal = Journal(path)
    assert journal.add(ITEM, RECEIPT) == RECEIPT
    assert journal.has(KEY)
    assert list(journal.submissions(7)) == [ITEM]
    assert list(journal.receipts(7)) == [RECEIPT]
    assert journal.find(7, KEY.sha256) == ITEM
    assert list(journal.submissions(8)) == list(journal.receipts(8)) == []


def test_add__repeated_upload__answers_with_the_first_receipt(path: Path) -> None:
    """So that nobody can turn an on-time submission into a late one, or the other way round."""
    journal = Journal(path)
    journal.add(ITEM, RECEIPT)
    later = replace(RECEIPT, received=200, signature=b"\x04" * 65)
    assert journal.add(ITEM, later) == RECEIPT
    assert list(journal.receipts(7)) == [RECEIPT]
    assert list(journal.submissions(7)) == [ITEM]


@pytest.mark.parametrize("order", [(100, 200), (200, 100)])
def test_add__two_receipts_of_one_operator__the_earlier_stays_in_any_order(
    path: Path, order: tuple[int, int]
) -> None:
    """An operator that gives two receipts cannot split the others by what they see first."""
    journal = Journal(path)
    for received in order:
        journal.add(ITEM, replace(RECEIPT, received=received))
    assert list(journal.receipts(7)) == [RECEIPT]


def test_count__submissions_of_a_model__in_that_round_only(path: Path) -> None:
    journal = Journal(path)
    for key in (KEY, replace(KEY, sequence=10), replace(KEY, round=8), replace(KEY, model=6)):
        journal.add(replace(ITEM, key=key), replace(RECEIPT, key=key))
    assert journal.count(7, KEY.model) == 2
    assert journal.count(9, KEY.model) == 0


def test_add__other_operators_receipt__kept_beside_the_first(path: Path) -> None:
    journal = Journal(path)
    other = replace(RECEIPT, operator="0x" + "22" * 20, received=90)
    assert [journal.add(ITEM, RECEIPT), journal.add(ITEM, other)] == [RECEIPT, other]
    assert set(journal.receipts(7)) == {RECEIPT, other}
    assert list(journal.submissions(7)) == [ITEM]


def test_add__two_signatures_of_one_submission__the_smaller_stays_in_any_order(
    tmp_path: Path,
) -> None:
    """An owner can sign the same submission twice. Operators that got different signatures hold
    the same one after they exchange what they have, or their artefacts would differ."""
    one, two = replace(ITEM, signature=b"\x05" * 65), replace(ITEM, signature=b"\x06" * 65)
    other = replace(RECEIPT, operator="0x" + "22" * 20)
    kept = []
    for name, order in (("a", (one, two)), ("b", (two, one))):
        journal = Journal(tmp_path / name)
        journal.add(order[0], RECEIPT)
        journal.add(order[1], other)
        kept.append(list(journal.submissions(7)))
        assert journal.find(7, KEY.sha256) == one
    assert kept == [[one], [one]]


def test_add__receipt_cannot_be_stored__submission_is_not_kept_either(path: Path) -> None:
    journal = Journal(path)
    with pytest.raises(Exception, match="NOT NULL"):
        journal.add(ITEM, replace(RECEIPT, signature=None))
    assert not journal.has(KEY)
    assert list(journal.receipts(7)) == []


@pytest.mark.parametrize(
    "change",
    [{"round": 8}, {"model": 6}, {"sha256": b"\x09" * 32}, {"sequence": 10}],
    ids=lambda change: next(iter(change)),
)
def test_has__one_field_differs__is_another_submission(
    path: Path, change: dict[str, object]
) -> None:
    journal = Journal(path)
    journal.add(ITEM, RECEIPT)
    other = replace(KEY, **change)
    assert not journal.has(other)
    journal.add(replace(ITEM, key=other), replace(RECEIPT, key=other))
    assert journal.has(KEY)
    assert journal.has(other)


def test_submissions__added_in_any_order__come_by_model_sequence_and_hash(path: Path) -> None:
    journal = Journal(path)
    keys = [
        Submission(7, model, bytes([mark]) * 32, sequence)
        for model in (2, 10, 1)
        for sequence in (2, 10, 1)
        for mark in (9, 200, 8)
    ]
    for key in keys:
        journal.add(replace(ITEM, key=key), replace(RECEIPT, key=key))
    expected = sorted(keys, key=lambda k: (k.model, k.sequence, k.sha256))
    assert [item.key for item in journal.submissions(7)] == expected
    assert [receipt.key for receipt in journal.receipts(7)] == expected


def test_find__same_bytes_in_several_rounds__the_rounds_own(path: Path) -> None:
    """Whether the bytes may be shared is told from its round, so it must not be left to chance."""
    journal = Journal(path)
    for number, model in ((9, 1), (7, 5), (7, 3), (8, 0)):
        key = Submission(number, model, KEY.sha256, 1)
        journal.add(replace(ITEM, key=key), replace(RECEIPT, key=key))
    for number, model in ((7, 3), (8, 0), (9, 1)):
        found = journal.find(number, KEY.sha256)
        assert found is not None
        assert (found.key.round, found.key.model) == (number, model)
    assert journal.find(10, KEY.sha256) is None


def test_find__unknown_bytes__none(path: Path) -> None:
    assert Journal(path).find(7, b"\x01" * 32) is None


def test_journal__reopened__holds_everything(path: Path) -> None:
    journal = Journal(path)
    journal.add(ITEM, RECEIPT)
    journal.close()
    again = Journal(path)
    assert list(again.submissions(7)) == [ITEM]
    assert list(again.receipts(7)) == [RECEIPT]


def test_journal__largest_numbers__fit(path: Path) -> None:
    journal = Journal(path)
    key = Submission(2**32 - 1, 2**53 - 1, b"\xff" * 32, 2**53 - 1)
    journal.add(replace(ITEM, key=key), replace(RECEIPT, key=key, received=2**53 - 1))
    assert [item.key for item in journal.submissions(key.round)] == [key]


def test_journal__is_a_plain_sqlite_file(path: Path) -> None:
    """An operator can look into it with any SQLite tool."""
    journal = Journal(path)
    journal.add(ITEM, RECEIPT)
    journal.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT round, model FROM submissions").fetchall() == [(7, 5)]
