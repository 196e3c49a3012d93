"""What a submitter's client and a provider's do, against operators' real HTTP servers."""

import contextlib
import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ingest_world import (
    CHAIN_ID,
    CLOSES,
    DOMAIN,
    DUE,
    MODEL,
    OPENS,
    OPERATORS,
    OWNER,
    PROVIDER,
    RAW,
    ROUND,
    SELF,
    SIGNERS,
    STRANGER,
    TARGETS_RAW,
    TIMES,
    ChainStandIn,
    kept,
    key_of,
    new_ingest,
    plain_files,
    served,
    signed,
)
from synthetic_round import INVALID, POOL

from oracle.chain.signing import LocalSigner, sign
from oracle.errors import InputError, RefusedError, UnreachableError
from oracle.operator import client
from oracle.operator.client import history, put_targets, submit, vaults
from oracle.operator.ingest import MAX_BYTES, Ingest
from oracle.operator.limits import Limits
from oracle.operator.peers import Peer
from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.typed_data import Card, recover
from oracle.settlement.wire import ReceiptsFile, card_message, receipt_of, unhex
from oracle.store.sealing import Identity

NOBODY = "http://127.0.0.1:9"
BY_OWNER = LocalSigner(OWNER)


@pytest.fixture
def chain() -> ChainStandIn:
    return ChainStandIn()


@pytest.fixture
def three(tmp_path: Path, chain: ChainStandIn) -> Iterator[dict[str, Ingest]]:
    """Three operators by URL."""
    ingests = [new_ingest(tmp_path, chain, account) for account in OPERATORS]
    with ExitStack() as stack:
        yield {stack.enter_context(served(ingest)): ingest for ingest in ingests}


def send(urls, needed: int = 2, raw: bytes = RAW, **more):
    return submit(raw, ROUND, MODEL, BY_OWNER, DOMAIN, list(urls), needed, SIGNERS, TIMES, **more)


def test_submit__to_all__each_keeps_the_file_and_signs(three):
    recipient = Identity.new().recipient
    sent = send(three, recipient=recipient)
    assert (set(sent.receipts), sent.failures) == (set(three), {})
    for ingest in three.values():
        assert plain_files(ingest) == {sent.key: RAW}
        assert [item.recipient for item in ingest.journal.listed(ROUND)] == [recipient]


def test_submit__receipts_file__holds_what_proves_the_submission(three):
    sent = send(three)
    raw = sent.file(DOMAIN).to_bytes()
    assert json.loads(raw)["schema"] == "assay/receipts/1"
    file = ReceiptsFile.model_validate_json(raw)
    assert (file.chain_id, file.pool) == (CHAIN_ID, POOL)
    key = file.submission.key()
    assert key == sent.key
    assert recover(key, DOMAIN, unhex(file.submission.signature)) == OWNER.address
    found = [
        recover(receipt_of(key, r.received), DOMAIN, unhex(r.signature))
        for r in file.submission.receipts
    ]
    assert set(found) == SIGNERS


def test_submit__operators_at_work_for_others__waits_for_its_turn(chain, tmp_path):
    """Slow clients have all places of two operators, and let go after a while."""
    ingests = [new_ingest(tmp_path, chain, account) for account in OPERATORS]
    few = replace(Limits(), uploads=2)
    with ExitStack() as stack:
        urls = [stack.enter_context(served(ingest, few)) for ingest in ingests]
        held = [_slow_upload(url) for url in urls[:2] for _ in range(few.uploads)]
        time.sleep(0.2)  # until the operators have read their heads
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(send, urls, 3)
            time.sleep(0.5)
            assert not sending.done()
            for one in held:
                one.close()
            sent = sending.result(30)
    assert (set(sent.receipts), sent.failures) == (set(urls), {})


def _slow_upload(url: str) -> socket.socket:
    """Announces a body and sends one byte of it."""
    host, port = url.removeprefix("http://").split(":")
    made = socket.create_connection((host, int(port)), timeout=30)
    path = f"/submissions?round=1&model=1&sequence=1&signature=0x{'00' * 65}"
    made.sendall(f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000\r\n\r\na".encode())
    return made


def test_submit__operators_stay_busy__refused_with_their_words(chain, tmp_path, monkeypatch):
    monkeypatch.setattr(client, "_BUSY_SECONDS", 0.5)
    ingest = new_ingest(tmp_path, chain, SELF)
    with (
        served(ingest, replace(Limits(), uploads=0)) as url,
        pytest.raises(RefusedError, match="too many requests at work"),
    ):
        send([url], 1)


def test_submit__one_operator_down__taken_by_the_others_and_named(three):
    sent = send([NOBODY, *three])
    assert set(sent.receipts) == set(three)
    assert "does not answer" in sent.failures[NOBODY].message


def test_submit__too_few_answer__refused_saying_why(three):
    url = next(iter(three))
    with pytest.raises(RefusedError, match=f"1 operators took the file, 2 must; {NOBODY}"):
        send([url, NOBODY])


def test_submit__no_operator_answers__its_error(three):
    with pytest.raises(UnreachableError, match="does not answer"):
        send([NOBODY])


def test_submit__invalid_file__the_operators_words(three):
    with pytest.raises(InputError, match="invalid_submission_values"):
        send(three, raw=INVALID)


def test_submit__file_too_large__refused_before_anything_is_sent():
    with pytest.raises(InputError, match=f"larger than {MAX_BYTES} bytes"):
        send([NOBODY], raw=bytes(MAX_BYTES + 1))


def test_submit__recipient_that_is_none__refused_before_anything_is_sent(three):
    with pytest.raises(InputError, match="not an age recipient"):
        send(three, recipient="age1mine")
    assert all(kept(ingest) == [] for ingest in three.values())


@pytest.mark.parametrize("who", ["stranger", "another operator", "another chain"])
def test_submit__card_not_signed_by_that_operator__gets_no_file(three, who):
    """Else whoever sits between submitter and operator could read every file."""
    url, ingest = next(iter(three.items()))
    true = ingest.cards.own.card()
    forged = replace(true, recipient=Identity.new().recipient)
    by, domain = LocalSigner(STRANGER), DOMAIN
    if who == "another chain":
        by, domain = LocalSigner(SELF), replace(DOMAIN, chain_id=1)
    elif who == "another operator":
        by = LocalSigner(OPERATORS[1])
    ingest.cards.own = card_message(forged, sign(by, forged, domain))
    sent = send(three)
    assert "a card that no operator of the round signed" in sent.failures[url].message
    assert kept(ingest) == []


def test_submit__revoked_operator__gets_no_file(three):
    url, ingest = next(iter(three.items()))
    signers = SIGNERS - {ingest.signer.address}
    sent = submit(RAW, ROUND, MODEL, BY_OWNER, DOMAIN, list(three), 2, signers, TIMES)
    assert set(sent.failures) == {url}
    assert kept(ingest) == []


# ---------------------------------------------------------------------- operators that lie


@pytest.mark.parametrize("received", [OPENS - 1, DUE, 2**50])
def test_submit__receipt_of_a_time_when_no_file_was_taken__does_not_count(
    three, received, monkeypatch
):
    """Such a receipt is no evidence: whoever relied on it could be left out."""
    (url, liar), (other, _), _ = three.items()

    honest = Ingest.accept

    def accept(self, raw: bytes, number: int, model: int, sequence: int, signature: bytes):
        if self is not liar:
            return honest(self, raw, number, model, sequence, signature)
        key = key_of(sequence=sequence)
        by_liar = signed(receipt_of(key, received), SELF)
        return SignedReceipt(key, SELF.address, received, by_liar)

    monkeypatch.setattr(Ingest, "accept", accept)
    with pytest.raises(RefusedError, match=f"1 operators took the file, 2 must; {url}"):
        send([url, other])
    assert "when the round took no files" in send(three).failures[url].message


def test_submit__one_operator_at_two_urls__its_receipt_counts_once(three):
    (url, ingest), (other, _), _ = three.items()
    with served(ingest) as again:
        with pytest.raises(RefusedError, match="1 operators took the file, 2 must"):
            send([url, again])
        sent = send([url, again, other])
    assert len(sent.failures) == 1
    receipts = sent.file(DOMAIN).submission.receipts
    assert len({receipt.operator for receipt in receipts}) == len(receipts) == 2


class Liar(BaseHTTPRequestHandler):
    """Answers without an end, at once or byte by byte, or with a packed card."""

    card = ""

    def do_GET(self) -> None:
        self.send_response(200)
        way = self.path.split("/")[1]
        packed = gzip.compress(self.card.encode())
        if way == "packed":
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(packed)))
        self.end_headers()
        with contextlib.suppress(OSError):
            if way == "packed":
                self.wfile.write(packed)
            while way == "large":
                self.wfile.write(bytes(2**16))
            while way == "slow":
                self.wfile.write(b" ")
                time.sleep(0.02)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def liar() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Liar)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_submit__answer_without_end__given_up_and_the_others_take_the_file(three, liar):
    sent = send([f"{liar}/large", *three])
    assert set(sent.receipts) == set(three)
    assert "its answer is too large" in sent.failures[f"{liar}/large"].message


def test_submit__answer_byte_by_byte__given_up_and_the_others_take_it(three, liar, monkeypatch):
    monkeypatch.setitem(client._SECONDS, "GET", 2.0)
    sent = send([f"{liar}/slow", *three])
    assert set(sent.receipts) == set(three)
    assert "does not answer" in sent.failures[f"{liar}/slow"].message


def test_submit__answer_packed_though_not_asked_for__is_not_unpacked(three, liar, monkeypatch):
    genuine = next(iter(three.values())).cards.own
    monkeypatch.setattr(Liar, "card", genuine.model_dump_json())
    asked = f"{liar}/packed"
    assert "answered with no card" in send([asked, *three]).failures[asked].message


# ---------------------------------------------------------------------- targets


def put(urls, release_at: int = DUE, raw: bytes = TARGETS_RAW, by=PROVIDER):
    return put_targets(raw, ROUND, release_at, LocalSigner(by), DOMAIN, list(urls), SIGNERS)


def test_targets__put_to_all__every_vault_shows_them(three):
    taken, failures = put(three)
    assert (set(taken), failures) == (set(three), {})
    assert vaults(ROUND, list(three)) == (taken, {})
    assert all(i.desk.vault.open(ROUND) == TARGETS_RAW for i in three.values())


def test_targets__put_to_one__the_others_fetch_them_sealed(three, chain):
    for ingest in three.values():
        ingest.cards.refresh([Peer(url) for url in three], chain)
    put(list(three)[:1])
    for ingest in three.values():
        ingest.desk.fetch([Peer(NOBODY), *map(Peer, three)], ROUND)
        assert ingest.data.targets(ROUND) is None
    chain.now = DUE
    assert all(ingest.data.targets(ROUND) == TARGETS_RAW for ingest in three.values())


def test_targets__fetched_from_an_operator_that_does_not_know_this_one__not_yet(three):
    put(list(three)[:1])
    other = list(three.values())[1]
    other.desk.fetch([Peer(next(iter(three)))], ROUND)
    assert other.desk.shown(ROUND) is None


def test_targets__two_of_one_round__all_end_up_with_the_later_release(three, chain):
    for ingest in three.values():
        ingest.cards.refresh([Peer(url) for url in three], chain)
    first, second, _ = three
    early = TARGETS_RAW.replace(b",0.25\n", b",0.75\n")
    put([first], raw=early, release_at=CLOSES)
    put([second], raw=TARGETS_RAW, release_at=CLOSES + 1)
    for _ in range(2):
        for ingest in three.values():
            ingest.desk.fetch([Peer(url) for url in three], ROUND, every=0)
    chain.now = DUE
    assert {ingest.data.targets(ROUND) for ingest in three.values()} == {TARGETS_RAW}


def test_targets__not_by_a_provider__every_operators_refusal(three):
    with pytest.raises(RefusedError, match="not signed by a data provider"):
        put(three, by=STRANGER)


def test_vaults__operator_down__named_beside_the_others(three):
    shown, failures = vaults(ROUND, [NOBODY, *three])
    assert shown == dict.fromkeys(three)
    assert set(failures) == {NOBODY}


# ---------------------------------------------------------------------- cards between operators


def test_refresh__peers_cards__files_are_sealed_to_them(three, chain):
    (first, mine), *others = three.items()
    mine.cards.refresh([Peer(url) for url, _ in others], chain)
    send([first], needed=1)
    [item] = mine.journal.listed(ROUND)
    sealed = mine.journal.sealed(ROUND, item.key.sha256)
    assert [other.identity.open(sealed) for _, other in others] == [RAW, RAW]


def test_take__older_card_of_the_same_operator__the_newer_stays(tmp_path, chain):
    cards = new_ingest(tmp_path, chain).cards
    by = LocalSigner(OPERATORS[1])

    def card(issued: int):
        struct = Card(by.address, "http://127.0.0.1:1", Identity.new().recipient, issued)
        return card_message(struct, sign(by, struct, DOMAIN))

    old, new = card(1), card(2)
    for one in (new, old):
        assert cards.take(one, SIGNERS)
    assert cards.book.all()[by.address] == new


def test_take__recipient_claimed_by_two__both_cards_are_kept(tmp_path, chain):
    """Else a liar who is first could keep an honest operator's card out."""
    cards = new_ingest(tmp_path, chain).cards
    for operator in OPERATORS[1:3]:
        by = LocalSigner(operator)
        struct = Card(by.address, "http://127.0.0.1:1", cards.recipient, 1)
        assert cards.take(card_message(struct, sign(by, struct, DOMAIN)), SIGNERS)
    assert {who for who, card in cards.book.all().items() if card.recipient == cards.recipient} >= {
        operator.address for operator in OPERATORS[1:3]
    }


def test_issue__nothing_changed__same_card_after_a_restart(tmp_path, chain):
    first = new_ingest(tmp_path, chain).cards.own
    assert new_ingest(tmp_path, chain).cards.own == first
    moved = new_ingest(tmp_path, chain, url="http://127.0.0.1:2").cards.own
    assert (moved.url, moved.issued > first.issued) == ("http://127.0.0.1:2", True)


# ---------------------------------------------------------------------- history


def test_history__survives_a_restart_on_the_same_database(three, tmp_path, chain):
    send(three)
    again = new_ingest(tmp_path, chain)
    with served(again) as url:
        [entry] = history(MODEL, BY_OWNER, DOMAIN, chain.now, url)
    assert entry["rows"] == 50


def test_history__not_the_owner__refused(three, chain):
    send(three)
    with pytest.raises(RefusedError, match="not signed by the owner"):
        history(MODEL, LocalSigner(STRANGER), DOMAIN, chain.now, next(iter(three)))
