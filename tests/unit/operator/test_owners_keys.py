"""Submissions that a key of the owner's signed: taken by operators like his own, by real ingest,
real HTTP and real signatures; only the chain's answers are given."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from eth_account.signers.local import LocalAccount
from fastapi.testclient import TestClient
from ingest_world import (
    CHAIN_ID,
    DOMAIN,
    MODEL,
    OPENS,
    OPERATORS,
    OTHER_PEER,
    OWNER,
    PEER,
    PROVIDER,
    RAW,
    ROUND,
    SELF,
    SIGNERS,
    STRANGER,
    TIMES,
    ChainStandIn,
    NoResults,
    key_of,
    new_ingest,
    plain_files,
    served,
    signed,
    to_operators,
)

from oracle.chain.signing import LocalSigner
from oracle.errors import RefusedError
from oracle.operator.client import submit, vaults
from oracle.operator.ingest import Ingest
from oracle.operator.server import build
from oracle.settlement.evidence import ChainFacts, Omitted, check, parse, submission_evidence
from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.submitters import SubmissionKey, delegated
from oracle.settlement.wire import (
    ReceiptsFile,
    SubmissionMessage,
    receipt_message,
    receipt_of,
    submission_message,
    unhex,
)

KEY = PROVIDER
"""Any account that owns no model."""
ALLOWED = SubmissionKey(KEY.address, ROUND, ROUND + 50)


def by_key(
    allowed: SubmissionKey = ALLOWED, *, owner: LocalAccount = OWNER, sequence: int = 1
) -> bytes:
    return delegated(signed(key_of(sequence=sequence), KEY), allowed, signed(allowed, owner))


@pytest.fixture
def chain() -> ChainStandIn:
    return ChainStandIn()


@pytest.fixture
def ingest(tmp_path: Path, chain: ChainStandIn) -> Ingest:
    return new_ingest(tmp_path, chain)


@pytest.fixture
def three(tmp_path: Path, chain: ChainStandIn) -> Iterator[dict[str, Ingest]]:
    """Three operators by URL."""
    ingests = [new_ingest(tmp_path, chain, account) for account in OPERATORS]
    with ExitStack() as stack:
        yield {stack.enter_context(served(ingest)): ingest for ingest in ingests}


def test_accept__signed_by_the_owners_key__kept_with_both_signatures(ingest) -> None:
    ingest.accept(to_operators(RAW), ROUND, MODEL, 1, by_key())
    [stored] = ingest.journal.listed(ROUND)
    assert stored.signature == by_key()
    assert plain_files(ingest) == {key_of(): RAW}


@pytest.mark.parametrize(
    "signature",
    [
        by_key(owner=STRANGER),
        by_key(SubmissionKey(KEY.address, ROUND + 1, ROUND + 2)),
        by_key(SubmissionKey(STRANGER.address, ROUND, ROUND)),
        by_key()[:130],
        signed(key_of(), KEY),
    ],
    ids=["a stranger's key", "another round", "another key", "no rounds", "the key alone"],
)
def test_accept__key_without_the_owners_word__refused_and_no_trace(ingest, signature) -> None:
    with pytest.raises(RefusedError, match="not signed by the owner"):
        ingest.accept(to_operators(RAW), ROUND, MODEL, 1, signature)
    assert list(ingest.journal.listed(ROUND)) == []


def test_accept__model_sold__key_of_the_former_owner_is_refused(ingest, chain) -> None:
    chain.owners[MODEL], chain.former[MODEL] = STRANGER.address, {OWNER.address}
    with pytest.raises(RefusedError, match="not signed by the owner"):
        ingest.accept(to_operators(RAW), ROUND, MODEL, 1, by_key())


def _shared(signature: bytes, *by: LocalAccount) -> SubmissionMessage:
    key = key_of()
    receipts = [
        receipt_message(SignedReceipt(key, a.address, OPENS, signed(receipt_of(key, OPENS), a)))
        for a in by
    ]
    message = submission_message(key, signature, [])
    return message.model_copy(update={"receipts": receipts})


def test_adopt__signed_by_the_owners_key__taken_from_other_operators(ingest) -> None:
    item = _shared(by_key(), PEER, OTHER_PEER)
    again = SubmissionMessage.model_validate_json(item.model_dump_json())
    ingest.adopt(again, to_operators(RAW), ingest.new_receipts(again, ()))
    [stored] = ingest.journal.listed(ROUND)
    assert stored.signature == by_key()


@pytest.mark.parametrize("at_close", [OWNER, STRANGER], ids=["seller", "buyer"])
def test_adopt__sellers_key_and_buyer_signed_it__the_owner_at_the_close_goes_before(
    ingest, chain, at_close
) -> None:
    chain.owners[MODEL], chain.former[MODEL] = STRANGER.address, {OWNER.address}
    chain.at_close[MODEL] = at_close.address
    signatures = {OWNER: by_key(), STRANGER: signed(key_of(), STRANGER)}
    for operator, signature in ((PEER, by_key()), (OTHER_PEER, signatures[STRANGER])):
        item = _shared(signature, operator)
        ingest.adopt(item, to_operators(RAW), ingest.new_receipts(item, ()))
    [stored] = ingest.journal.listed(ROUND)
    assert stored.signature == signatures[at_close]


@pytest.mark.parametrize("spelling", [str.lower, str.upper])
def test_post__signed_by_the_owners_key__201_and_listed(ingest, chain, spelling) -> None:
    query = {"round": ROUND, "model": MODEL, "sequence": 1}
    with TestClient(build(ingest, NoResults())) as client:
        text = "0x" + spelling(by_key().hex())
        answer = client.post(
            "/submissions", params={**query, "signature": text}, content=to_operators(RAW)
        )
        assert answer.status_code == 201, answer.text
        chain.now = OPENS + 10**9
        [listed] = client.get(f"/rounds/{ROUND}/submissions").json()
    assert listed["signature"] == "0x" + by_key().hex()


def test_submit__with_the_owners_key__receipts_prove_it_in_a_dispute(three) -> None:
    sent = submit(
        RAW,
        ROUND,
        MODEL,
        LocalSigner(KEY),
        DOMAIN,
        list(three),
        3,
        SIGNERS,
        TIMES,
        allowed=(ALLOWED, signed(ALLOWED, OWNER)),
    )
    assert len(sent.signature) == 138
    file = ReceiptsFile.model_validate_json(sent.file(DOMAIN).to_bytes())
    message = file.submission
    evidence = submission_evidence(
        Omitted,
        DOMAIN,
        message.key(),
        unhex(message.signature),
        [r.stored(message.key()) for r in message.receipts],
    )
    facts = ChainFacts(
        chain_id=CHAIN_ID,
        pool=DOMAIN.contract,
        oracle=DOMAIN.contract,
        round=ROUND,
        opens=OPENS,
        closes=TIMES.stop - 1,
        due=TIMES.stop,
        members=SIGNERS,
        receipts_needed=3,
        manifest=None,
    )
    assert "3 operators signed receipts" in check(parse(evidence.to_bytes()), facts)
    assert plain_files(next(i for i in three.values() if i.signer.address == SELF.address)) == {
        sent.key: RAW
    }


def test_submit__key_allowed_for_another_round__no_operator_takes_it(three) -> None:
    elsewhere = replace(ALLOWED, first_round=ROUND + 1)
    with pytest.raises(RefusedError, match="not signed by the owner"):
        submit(
            RAW,
            ROUND,
            MODEL,
            LocalSigner(KEY),
            DOMAIN,
            list(three),
            2,
            SIGNERS,
            TIMES,
            allowed=(elsewhere, signed(elsewhere, OWNER)),
        )


def test_requests__operator_sets_a_cookie__it_never_comes_back() -> None:
    seen: list[str | None] = []

    class Operator(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers["Cookie"])
            self.send_response(404)
            self.send_header("Set-Cookie", "who=you; Path=/")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Operator) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for _ in range(2):
            found, failures = vaults(ROUND, [f"http://127.0.0.1:{server.server_port}"])
            assert (list(found.values()), failures) == ([None], {})
        server.shutdown()
    assert seen == [None, None]
