"""The journal: one digest a round, whatever crashes or races; a repeated upload changes nothing."""

import hashlib
import multiprocessing
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from oracle.store.database import Database
from oracle.store.journal import (
    BLOCKED,
    Evidence,
    Journal,
    JournalError,
    Listed,
    SignedReceipt,
    StoredSubmission,
    Submission,
)

KEY = Submission(round=7, model=5, sha256=b"\x01" * 32, sequence=9)
ITEM = StoredSubmission(KEY, signature=b"\x02" * 65, sealed=b"id,prediction\n", size=14)
LISTED = Listed(KEY, ITEM.signature, ITEM.size, ITEM.recipient)
RECEIPT = SignedReceipt(KEY, operator="0x" + "11" * 20, received=100, signature=b"\x03" * 65)


@pytest.fixture
def journal(database: Database) -> Journal:
    return Journal(database)


# ---------------------------------------------------------------------- signing


def test_reserve_digest__second_digest__refused_and_the_first_stays(journal: Journal) -> None:
    journal.reserve_digest(7, "commit", b"\xaa" * 32)
    with pytest.raises(JournalError, match=r"round 7: .* already signed digest 0xaaaa.*0xbbbb"):
        journal.reserve_digest(7, "commit", b"\xbb" * 32)
    assert journal.signed_digest(7, "commit") == b"\xaa" * 32


def test_reserve_digest__same_again_or_other_round__fine(journal: Journal) -> None:
    for number, phase, digest in [(7, "commit", b"a"), (7, "commit", b"a"), (8, "commit", b"b")]:
        journal.reserve_digest(number, phase, digest * 32)
    journal.reserve_digest(7, "confirm", b"c" * 32)
    assert journal.signed_digest(7, "commit") == b"a" * 32
    assert journal.signed_digest(8, "commit") == b"b" * 32
    assert journal.signed_digest(9, "commit") is None


def test_reserve_digest__opened_anew__still_refuses_another(
    where: str, open_database: Callable[[str], Database]
) -> None:
    first = Journal(open_database(where))
    first.reserve_digest(7, "commit", b"\xaa" * 32)
    first.database.close()
    second = Journal(open_database(where))
    second.reserve_digest(7, "commit", b"\xaa" * 32)
    with pytest.raises(JournalError):
        second.reserve_digest(7, "commit", b"\xbb" * 32)


def _race(where: str, start: object, digests: list[bytes], won: object) -> None:
    """Opens the same database as another process at the same time and reserves its digests."""
    start.wait()
    journal = Journal(Database.open(where))
    for number, digest in enumerate(digests):
        try:
            journal.reserve_digest(number, "commit", digest)
            won.put((number, digest))
        except JournalError:
            pass
    won.put(None)


def test_reserve_digest__two_processes_race__one_digest_a_round_wins(
    where: str, open_database: Callable[[str], Database]
) -> None:
    rounds = 20
    context = multiprocessing.get_context("spawn")
    start, won = context.Barrier(2), context.Queue()
    racers = [
        context.Process(target=_race, args=(where, start, [mark * 32] * rounds, won), daemon=True)
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
    journal = Journal(open_database(where))
    assert sorted(winners) == [(n, journal.signed_digest(n, "commit")) for n in range(rounds)]


def _reserve_and_die(where: str) -> None:
    import os
    import signal

    Journal(Database.open(where)).reserve_digest(7, "commit", b"\xaa" * 32)
    os.kill(os.getpid(), signal.SIGKILL)


def test_reserve_digest__killed_right_after__is_written_down(
    where: str, open_database: Callable[[str], Database]
) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_reserve_and_die, args=(where,))
    process.start()
    process.join(60)
    assert process.exitcode == -9
    assert Journal(open_database(where)).signed_digest(7, "commit") == b"\xaa" * 32


def test_block__rounds_up_to_it__sign_nothing_new_in_any_phase(journal: Journal) -> None:
    journal.block(8)
    for number in (1, 7, 8):
        for phase in ("commit", "confirm:0x01"):
            with pytest.raises(JournalError, match=f"round {number} was due when"):
                journal.reserve_digest(number, phase, b"\xaa" * 32)
            assert journal.signed_digest(number, phase) == BLOCKED
    journal.reserve_digest(9, "commit", b"\xaa" * 32)
    assert journal.signed_rounds() == {(9, "commit"): b"\xaa" * 32}


def test_block__what_was_signed_before__stays_and_may_be_signed_again(journal: Journal) -> None:
    journal.reserve_digest(7, "commit", b"\xaa" * 32)
    journal.block(8)
    journal.reserve_digest(7, "commit", b"\xaa" * 32)
    with pytest.raises(JournalError, match="already signed"):
        journal.reserve_digest(7, "commit", b"\xbb" * 32)


def test_block__again_with_a_lower_round__the_highest_counts(journal: Journal) -> None:
    for up_to in (8, 5):
        journal.block(up_to)
    assert journal.blocked_up_to() == 8
    with pytest.raises(JournalError):
        journal.reserve_digest(8, "commit", b"\xaa" * 32)


def test_blocked_up_to__new_or_none_blocked__told_apart(journal: Journal) -> None:
    assert journal.blocked_up_to() == -1
    journal.block(0)
    assert journal.blocked_up_to() == 0
    journal.reserve_digest(1, "commit", b"\xaa" * 32)


def test_learn_digest__blocked_round__the_same_may_be_signed_again(journal: Journal) -> None:
    journal.block(8)
    assert journal.learn_digest(7, "commit", b"\xaa" * 32)
    assert journal.learn_digest(7, "commit", b"\xaa" * 32)
    assert not journal.learn_digest(7, "commit", b"\xbb" * 32)
    journal.reserve_digest(7, "commit", b"\xaa" * 32)
    assert journal.own_digest(7, "commit") == b"\xaa" * 32
    assert journal.own_digest(8, "commit") is None


# ---------------------------------------------------------------------- submissions


def test_add__new__kept_with_its_receipt(journal: Journal) -> None:
    assert journal.add(ITEM, RECEIPT) == RECEIPT
    assert journal.has(KEY)
    assert list(journal.listed(7)) == [LISTED]
    assert list(journal.receipts(7)) == [RECEIPT]
    assert journal.find(7, KEY.sha256) == ITEM
    assert list(journal.listed(8)) == list(journal.receipts(8)) == []


def test_add__repeated_upload__answers_with_the_first_receipt(journal: Journal) -> None:
    """So that nobody can turn an on-time submission into a late one, or the other way round."""
    journal.add(ITEM, RECEIPT)
    later = replace(RECEIPT, received=200, signature=b"\x04" * 65)
    assert journal.add(ITEM, later) == RECEIPT
    assert list(journal.receipts(7)) == [RECEIPT]
    assert list(journal.listed(7)) == [LISTED]


@pytest.mark.parametrize("order", [(100, 200), (200, 100)])
def test_add__two_receipts_of_one_operator__the_earlier_stays_in_any_order(
    journal: Journal, order: tuple[int, int]
) -> None:
    """An operator that gives two receipts cannot split the others by what they see first."""
    for received in order:
        journal.add(ITEM, replace(RECEIPT, received=received))
    assert list(journal.receipts(7)) == [RECEIPT]


def test_count__submissions_of_a_model__in_that_round_only(journal: Journal) -> None:
    for key in (KEY, replace(KEY, sequence=10), replace(KEY, round=8), replace(KEY, model=6)):
        journal.add(replace(ITEM, key=key), replace(RECEIPT, key=key))
    assert journal.count(7, KEY.model) == 2
    assert journal.count(9, KEY.model) == 0


def test_add__other_operators_receipt__kept_beside_the_first(journal: Journal) -> None:
    other = replace(RECEIPT, operator="0x" + "22" * 20, received=90)
    assert [journal.add(ITEM, RECEIPT), journal.add(ITEM, other)] == [RECEIPT, other]
    assert set(journal.receipts(7)) == {RECEIPT, other}
    assert list(journal.listed(7)) == [LISTED]


def test_add__two_signatures_of_one_submission__the_smaller_stays_in_any_order(
    tmp_path: Path, open_database: Callable[[str], Database]
) -> None:
    """An owner can sign the same submission twice. Operators that got different signatures hold
    the same one after they exchange what they have, or their artefacts would differ."""
    one, two = replace(ITEM, signature=b"\x05" * 65), replace(ITEM, signature=b"\x06" * 65)
    other = replace(RECEIPT, operator="0x" + "22" * 20)
    kept = []
    for name, order in (("a", (one, two)), ("b", (two, one))):
        journal = Journal(open_database(str(tmp_path / name)))
        journal.add(order[0], RECEIPT)
        journal.add(order[1], other)
        kept.append(journal.signatures(7))
        assert journal.find(7, KEY.sha256) == one
    assert kept == [{KEY: one.signature}] * 2


def test_add__receipt_cannot_be_stored__submission_is_not_kept_either(journal: Journal) -> None:
    with pytest.raises(Exception, match=r"(?i)not.null"):
        journal.add(ITEM, replace(RECEIPT, signature=None))
    assert not journal.has(KEY)
    assert list(journal.receipts(7)) == []


@pytest.mark.parametrize(
    "change",
    [{"round": 8}, {"model": 6}, {"sha256": b"\x09" * 32}, {"sequence": 10}],
    ids=lambda change: next(iter(change)),
)
def test_has__one_field_differs__is_another_submission(
    journal: Journal, change: dict[str, object]
) -> None:
    journal.add(ITEM, RECEIPT)
    other = replace(KEY, **change)
    assert not journal.has(other)
    journal.add(replace(ITEM, key=other), replace(RECEIPT, key=other))
    assert journal.has(KEY)
    assert journal.has(other)


def test_submissions__added_in_any_order__come_by_model_sequence_and_hash(journal: Journal) -> None:
    keys = [
        Submission(7, model, bytes([mark]) * 32, sequence)
        for model in (2, 10, 1)
        for sequence in (2, 10, 1)
        for mark in (9, 200, 8)
    ]
    for key in keys:
        journal.add(replace(ITEM, key=key), replace(RECEIPT, key=key))
    expected = sorted(keys, key=lambda k: (k.model, k.sequence, k.sha256))
    assert [item.key for item in journal.listed(7)] == expected
    assert [receipt.key for receipt in journal.receipts(7)] == expected


def test_find__same_bytes_in_several_rounds__the_rounds_own(journal: Journal) -> None:
    """Whether the bytes may be shared is told from its round, so it must not be left to chance."""
    for number, model in ((9, 1), (7, 5), (7, 3), (8, 0)):
        key = Submission(number, model, KEY.sha256, 1)
        journal.add(replace(ITEM, key=key), replace(RECEIPT, key=key))
    for number, model in ((7, 3), (8, 0), (9, 1)):
        found = journal.find(number, KEY.sha256)
        assert found is not None
        assert (found.key.round, found.key.model) == (number, model)
    assert journal.find(10, KEY.sha256) is None


def test_find__unknown_bytes__none(journal: Journal) -> None:
    assert journal.find(7, b"\x01" * 32) is None


def test_sealed__by_hash__the_file_as_it_came_first(journal: Journal) -> None:
    """Sealing anew gives other bytes, and another recipient may be somebody else's wish."""
    journal.add(replace(ITEM, recipient="age1first"), RECEIPT)
    journal.add(replace(ITEM, sealed=b"again", recipient="age1second"), RECEIPT)
    assert journal.sealed(7, KEY.sha256) == ITEM.sealed
    assert [item.recipient for item in journal.listed(7)] == ["age1first"]
    with pytest.raises(KeyError, match="round 8: no submission 0x0101"):
        journal.sealed(8, KEY.sha256)


def test_journal__reopened__holds_everything(
    where: str, open_database: Callable[[str], Database]
) -> None:
    first = Journal(open_database(where))
    first.add(ITEM, RECEIPT)
    first.database.close()
    again = Journal(open_database(where))
    assert list(again.listed(7)) == [LISTED]
    assert again.sealed(7, KEY.sha256) == ITEM.sealed
    assert list(again.receipts(7)) == [RECEIPT]


def test_journal__largest_numbers__fit(journal: Journal) -> None:
    key = Submission(2**32 - 1, 2**53 - 1, b"\xff" * 32, 2**53 - 1)
    journal.add(replace(ITEM, key=key), replace(RECEIPT, key=key, received=2**53 - 1))
    assert [item.key for item in journal.listed(key.round)] == [key]


# ---------------------------------------------------------------------- faults of operators


def test_add_evidence__twice__kept_once_under_its_hash(journal: Journal) -> None:
    content = b'{"schema":"assay/evidence/1"}'
    sha256 = journal.add_evidence(7, "equivocation", RECEIPT.operator, content)
    assert sha256 == hashlib.sha256(content).digest()
    assert journal.add_evidence(7, "equivocation", RECEIPT.operator, content) == sha256
    assert journal.evidence(7) == [Evidence(sha256, 7, "equivocation", RECEIPT.operator, content)]
    assert journal.evidence(8) == []
