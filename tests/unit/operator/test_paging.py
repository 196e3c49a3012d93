"""Cutting lists into pages, and showing a round's list in pages from a real database."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from ingest_world import (
    CLOSES,
    OPENS,
    PEER,
    ROUND,
    SELF,
    ChainStandIn,
    NoResults,
    new_ingest,
)
from pydantic import TypeAdapter

from oracle.operator.ingest import Ingest
from oracle.operator.paging import (
    MAX_PAGE,
    PAGE,
    cursor,
    goes_on,
    page_bytes,
    parse_cursor,
    place,
    position,
)
from oracle.operator.server import build
from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.typed_data import Submission
from oracle.settlement.wire import ReceiptMessage, SubmissionMessage, submission_message
from oracle.store.journal import StoredSubmission

LIST = TypeAdapter(list[SubmissionMessage])
MOST_OPERATORS = 16

keys = st.builds(
    Submission,
    st.just(ROUND),
    st.integers(0, 3),
    st.binary(min_size=32, max_size=32),
    st.integers(0, 3),
)
lists = st.sets(keys, max_size=20).map(
    lambda found: [submission_message(key, bytes(65), []) for key in sorted(found, key=position)]
)


@given(lists, lists)
def test_goes_on__lists_in_order__only_behind_the_cursor(items, others):
    after = place(others[-1]) if others else None
    assert goes_on(items, after) == all(after is None or place(item) > after for item in items)
    assert len(items) < 2 or not goes_on(items[::-1], None)


@given(keys)
def test_cursor__any_position__is_read_back(key):
    assert parse_cursor(cursor(position(key))) == position(key)


def test_page_bytes__full_page_of_the_most_operators__within_what_a_client_reads():
    receipt = ReceiptMessage(
        operator="0x" + "ab" * 20, received=2**53 - 1, signature="0x" + "ab" * 65
    )
    key = Submission(2**32 - 1, 2**20 - 1, b"\xab" * 32, 2**53 - 1)
    item = submission_message(key, b"\xab" * 65, [])
    item = item.model_copy(update={"receipts": [receipt] * MOST_OPERATORS})
    assert len(page_bytes([item] * PAGE)) <= MAX_PAGE


# ---------------------------------------------------------------------- over HTTP


@pytest.fixture
def ingest(tmp_path: Path) -> Ingest:
    return new_ingest(tmp_path, ChainStandIn(now=CLOSES))


@pytest.fixture
def client(ingest: Ingest) -> Iterator[TestClient]:
    with TestClient(build(ingest, NoResults())) as opened:
        yield opened


def fill(ingest: Ingest, count: int) -> list[Submission]:
    """So many submissions of a few models, in an order of their own, with two receipts each."""
    made = []
    for n in range(count):
        sha256 = hashlib.sha256(bytes([n % 256, n // 256])).digest()
        key = Submission(ROUND, n % 5, sha256, n // 7)
        receipts = [
            SignedReceipt(key, who.address, OPENS + n, bytes([n % 256]) * 65)
            for who in (SELF, PEER)
        ]
        stored = StoredSubmission(key, bytes([n % 256]) * 65, b"sealed", 6)
        made.append((stored, receipts))
    other = Submission(ROUND + 1, 2, bytes(32), 1)
    made.append(
        (
            StoredSubmission(other, bytes(65), b"sealed", 6),
            [SignedReceipt(other, SELF.address, OPENS, bytes(65))],
        )
    )
    ingest.journal.add_all(made)
    return sorted((stored.key for stored, _ in made[:-1]), key=position)


@pytest.mark.parametrize("limit", [1, 3, 64, PAGE])
def test_get__submissions_in_pages__the_same_as_the_journal_has(client, ingest, limit):
    expected = fill(ingest, 100)
    found: list[SubmissionMessage] = []
    query: dict[str, str | int] = {"limit": limit}
    while True:
        answer = client.get(f"/rounds/{ROUND}/submissions", params=query)
        page = LIST.validate_json(answer.content)
        found += page
        if len(page) < limit:
            break
        query["after"] = cursor(place(page[-1]))
    assert [item.key() for item in found] == expected
    shown = [receipt.stored(item.key()) for item in found for receipt in item.receipts]
    assert shown == list(ingest.journal.receipts(ROUND))
    assert {item.key(): bytes.fromhex(item.signature[2:]) for item in found} == (
        ingest.journal.signatures(ROUND)
    )


def test_get__more_than_a_page__no_more_than_a_page(client, ingest):
    expected = fill(ingest, PAGE + 1)
    page = LIST.validate_json(client.get(f"/rounds/{ROUND}/submissions").content)
    assert [item.key() for item in page] == expected[:PAGE]


@pytest.mark.parametrize(
    "query",
    [
        {"after": "1,2"},
        {"after": "1,2," + "0" * 63},
        {"after": "-1,2," + "0" * 64},
        {"after": "1,2," + "A" * 64},
        {"after": "99999999,2," + "0" * 64},
        {"limit": "0"},
        {"limit": str(PAGE + 1)},
        {"limit": "x"},
    ],
    ids=lambda query: "-".join(next(iter(query.items())))[:20],
)
def test_get__no_cursor_or_limit__422(client, query):
    assert client.get(f"/rounds/{ROUND}/submissions", params=query).status_code == 422


def test_get__cursor_behind_everything__an_empty_page(client, ingest):
    fill(ingest, 3)
    behind = {"after": "9999999,9999999999999999," + "f" * 64}
    assert client.get(f"/rounds/{ROUND}/submissions", params=behind).json() == []
