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

from oracle.operator.ingest import Ingest
from oracle.operator.sharing import Sharing
from oracle.operator.turns import Turns
from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.typed_data import Submission
from oracle.settlement.wire import SubmissionMessage, receipt_of, submission_message

RECEIPTS_NEEDED = 2


class ListOf:
    """A peer that shows ``items`` and has every file."""

    url = "http://peer"

    def __init__(self, *items: SubmissionMessage) -> None:
        self.items = list(items)
        self.fetched = 0

    def submissions(self, number: int) -> list[SubmissionMessage]:
        return self.items

    def sealed_submission(self, number: int, sha256: bytes, limit: int) -> bytes:
        self.fetched += 1
        return to_operators(RAW)


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


def exchange(ingest: Ingest, *peers: ListOf) -> None:
    context: Any = SimpleNamespace(
        ingest=ingest,
        journal=ingest.journal,
        peers=peers,
        turns=Turns(1.0),
        patience=0.0,
        terms=lambda number: SimpleNamespace(receipts_needed=RECEIPTS_NEEDED),
        at=lambda place: None,
    )
    assert Sharing(context).synchronise(ROUND, "test")


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
