"""Taking in peers' lists of submissions: what honest ones show, and what liars do."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount
from ingest_world import (
    OPENS,
    OTHER_PEER,
    OWNER,
    PEER,
    RAW,
    ROUND,
    SELF,
    ChainStandIn,
    key_of,
    new_ingest,
    signed,
    to_operators,
)

from oracle.operator import exchange as exchanging
from oracle.operator.ingest import Ingest
from oracle.operator.paging import place, position
from oracle.operator.sharing import Sharing
from oracle.operator.turns import Turns
from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.typed_data import Submission
from oracle.settlement.wire import SubmissionMessage, receipt_of, submission_message
from oracle.store.journal import Journal

RECEIPTS_NEEDED = 2


class ListOf:
    """A peer that shows ``items`` and has every file."""

    url = "http://peer"

    def __init__(self, *items: SubmissionMessage) -> None:
        self.items = list(items)
        self.fetched = self.asked = 0
        self.answers = self.has_files = True

    hesitates = False

    def submissions_after(
        self, number: int, after: Submission | None
    ) -> list[SubmissionMessage] | None:
        self.asked += 1
        if not self.answers:
            return None
        at = None if after is None else position(after)
        behind = [item for item in self.items if at is None or place(item) > at]
        return behind[: exchanging.PAGE]

    def sealed_submission(self, number: int, sha256: bytes, limit: int) -> bytes | None:
        self.fetched += 1
        return to_operators(RAW) if self.has_files else None


@pytest.fixture
def ingest(tmp_path: Path) -> Iterator[Ingest]:
    made = new_ingest(tmp_path, ChainStandIn())
    yield made
    made.journal.database.close()


def item(sequence: int, *by: LocalAccount, received: int = OPENS) -> SubmissionMessage:
    key = key_of(sequence=sequence)
    receipts = [
        SignedReceipt(key, who.address, received, signed(receipt_of(key, received), who))
        for who in by
    ]
    return submission_message(key, signed(key, OWNER), receipts)


def sharing(ingest: Ingest, *peers: ListOf, patience: float = 0.0) -> Sharing:
    now = SimpleNamespace(seconds=0.0)
    context: Any = SimpleNamespace(
        now=now,
        ingest=ingest,
        journal=ingest.journal,
        peers=peers,
        turns=Turns(1.0, clock=lambda: now.seconds),
        patience=patience,
        terms=lambda number: SimpleNamespace(receipts_needed=RECEIPTS_NEEDED),
        at=lambda place: None,
    )
    return Sharing(context)


def exchange(ingest: Ingest, *peers: ListOf) -> None:
    assert sharing(ingest, *peers).synchronise(ROUND, "test")


def kept(ingest: Ingest) -> list[Submission]:
    return [found.key for found in ingest.journal.listed(ROUND)]


def test_synchronise__receipts_at_two_peers__counts_and_is_taken(ingest):
    exchange(ingest, ListOf(item(1, PEER)), ListOf(item(1, OTHER_PEER)))
    assert kept(ingest) == [key_of(sequence=1)]
    assert {found.operator for found in ingest.journal.receipts(ROUND)} == {
        PEER.address,
        OTHER_PEER.address,
    }


def test_synchronise__one_operators_receipts_for_all_and_everything__nothing_is_kept(ingest):
    liar = ListOf(*(item(sequence, PEER) for sequence in range(30)))
    exchange(ingest, liar)
    assert kept(ingest) == []
    assert liar.fetched == 0


def test_synchronise__own_submission_that_does_not_count_yet__takes_a_peers_receipt(ingest):
    ingest.accept(to_operators(RAW), ROUND, key_of().model, 1, signed(key_of(), OWNER))
    exchange(ingest, ListOf(item(1, PEER)))
    assert {found.operator for found in ingest.journal.receipts(ROUND)} == {
        SELF.address,
        PEER.address,
    }


def test_synchronise__file_comes_while_the_receipts_are_read__nothing_stops(ingest, monkeypatch):
    read = Journal.signatures

    def and_then_one_comes(journal: Journal, number: int) -> dict[Submission, bytes]:
        found = read(journal, number)
        if not found:
            key = key_of()
            ingest.accept(to_operators(RAW), ROUND, key.model, 1, signed(key, OWNER))
        return found

    monkeypatch.setattr(Journal, "signatures", and_then_one_comes)
    exchange(ingest, ListOf(item(1, PEER)))
    assert {found.operator for found in ingest.journal.receipts(ROUND)} >= {SELF.address}


def _lies() -> dict[str, list[SubmissionMessage]]:
    good = item(1, PEER, OTHER_PEER)
    forged = good.receipts[0].model_copy(update={"received": OPENS + 1})
    return {
        "a receipt nobody signed": [
            good.model_copy(update={"receipts": [forged, good.receipts[1]]})
        ],
        "two receipts of one operator": [
            good.model_copy(
                update={"receipts": [*good.receipts, *item(1, PEER, received=OPENS + 1).receipts]}
            )
        ],
        "one submission twice": [good, item(1, PEER, OTHER_PEER, received=OPENS + 1)],
        "of another round": [good.model_copy(update={"round": ROUND + 1})],
    }


@pytest.mark.parametrize("lie", _lies().values(), ids=_lies().keys())
def test_synchronise__list_that_no_honest_peer_shows__the_rest_of_it_is_not_read(ingest, lie):
    honest = ListOf(item(3, PEER, OTHER_PEER))
    exchange(ingest, ListOf(*lie, item(2, PEER, OTHER_PEER)), honest)
    assert key_of(sequence=2) not in kept(ingest)
    assert key_of(sequence=3) in kept(ingest)


# ---------------------------------------------------------------------- lists of many pages


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchanging, "PAGE", 2)


def by(first: int, last: int, *operators: LocalAccount) -> list[SubmissionMessage]:
    return [item(sequence, *operators) for sequence in range(first, last)]


def sequences(ingest: Ingest) -> list[int]:
    return [key.sequence for key in kept(ingest)]


def test_synchronise__receipts_of_one_file_on_different_pages_of_two_lists__counts(
    ingest, small_pages
):
    ahead = ListOf(*by(1, 8, PEER, OTHER_PEER), item(9, PEER))
    behind = ListOf(item(9, OTHER_PEER))
    exchange(ingest, ahead, behind)
    assert sequences(ingest) == [1, 2, 3, 4, 5, 6, 7, 9]


@pytest.mark.parametrize("count", [3, 4, 5])
def test_synchronise__lists_of_several_pages__every_submission_is_taken(ingest, small_pages, count):
    exchange(ingest, ListOf(*by(1, count, PEER, OTHER_PEER)), ListOf(*by(2, 9, PEER, OTHER_PEER)))
    assert sequences(ingest) == list(range(1, 9))


def test_synchronise__list_turns_bad_on_a_later_page__the_honest_one_is_read_on(
    ingest, small_pages
):
    forged = item(4, PEER, OTHER_PEER)
    forged = forged.model_copy(update={"receipts": item(4, PEER, received=OPENS + 1).receipts * 2})
    liar = ListOf(*by(1, 4, PEER, OTHER_PEER), forged, item(8, PEER, OTHER_PEER))
    exchange(ingest, liar, ListOf(*by(5, 8, PEER, OTHER_PEER)))
    assert sequences(ingest) in ([1, 2, 5, 6, 7], [1, 2, 3, 5, 6, 7])


class Endless(ListOf):
    """Goes on for ever, with receipts of its own for all and everything."""

    def submissions_after(self, number, after):
        self.asked += 1
        first = 1 if after is None else after.sequence + 1
        return by(first, first + exchanging.PAGE, PEER)


def test_synchronise__a_list_without_end__is_given_up_and_the_others_are_whole(
    ingest, small_pages, monkeypatch
):
    monkeypatch.setattr(exchanging, "MAX_LISTED", 20)
    liar = Endless()
    exchange(ingest, liar, ListOf(*by(100, 107, PEER, OTHER_PEER)))
    assert sequences(ingest) == list(range(100, 107))
    assert liar.asked <= 11


def test_synchronise__a_list_that_takes_too_long__is_not_whole(ingest, small_pages, monkeypatch):
    monkeypatch.setattr(exchanging, "_WAITED", -1.0)
    shared = sharing(ingest, ListOf(*by(1, 9, PEER, OTHER_PEER)), patience=10.0)
    assert not shared.synchronise(ROUND, "test")


def test_synchronise__peer_has_no_file_at_the_moment__is_asked_again(ingest):
    peer = ListOf(item(1, PEER, OTHER_PEER))
    peer.has_files = False
    shared = sharing(ingest, peer, patience=10.0)
    assert not shared.synchronise(ROUND, "test")
    peer.has_files = True
    shared.context.now.seconds += 1.0
    assert shared.synchronise(ROUND, "test")
    assert sequences(ingest) == [1]


# ---------------------------------------------------------------------- from the close on


def test_share__all_lists_taken_in__nobody_is_asked_any_more(ingest, small_pages):
    peer = ListOf(*by(1, 8, PEER, OTHER_PEER))
    shared = sharing(ingest, peer)
    assert not shared.share(ROUND)
    assert shared.is_shared(ROUND)
    assert sequences(ingest) == list(range(1, 8))
    shared.forget_before(ROUND)
    assert shared.is_shared(ROUND)
    shared.forget_before(ROUND + 1)
    assert not shared.is_shared(ROUND)


def test_share__longer_than_a_cycle_may_take__goes_on_in_the_next_where_it_was(ingest, small_pages):
    peer = ListOf(*by(1, 8, PEER, OTHER_PEER))
    shared = sharing(ingest, peer)
    shared.context.turns.clock = lambda: shared.context.now.seconds
    shared.context.at = lambda place: setattr(
        shared.context.now, "seconds", shared.context.now.seconds + 1.0
    )
    kept_after = []
    while shared.share(ROUND):
        kept_after.append(len(sequences(ingest)))
    assert kept_after == [1, 2, 3, 4, 5, 6, 7]
    assert sequences(ingest) == list(range(1, 8))
    assert peer.asked == 4
    assert peer.fetched == 1  # all of them are the same file


def test_share__a_peer_is_silent__is_asked_ever_more_seldom_and_not_for_ever(ingest):
    silent = ListOf()
    silent.answers = False
    shared = sharing(ingest, ListOf(item(1, PEER, OTHER_PEER)), silent)
    cycles = 0
    while shared.share(ROUND):
        shared.context.now.seconds += 1.0
        cycles += 1
    assert 500 < cycles < 700
    assert silent.asked < 80
    assert shared.is_shared(ROUND)
    assert sequences(ingest) == [1]


def test_share__an_operator_was_down_and_comes_back__its_list_is_taken_in(ingest):
    silent = ListOf(item(2, PEER, OTHER_PEER))
    silent.answers = False
    shared = sharing(ingest, silent)
    assert shared.share(ROUND)
    silent.answers = True
    shared.context.now.seconds += 20.0
    assert not shared.share(ROUND)
    assert sequences(ingest) == [2]
