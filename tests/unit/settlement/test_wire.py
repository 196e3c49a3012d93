"""Messages between operators and submitters: what goes out comes back, anything else is refused."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.typed_data import Card, Commit, Domain, Submission, Targets, recover
from oracle.settlement.wire import (
    MAX_SEQUENCE,
    AttestationMessage,
    CardMessage,
    ReceiptMessage,
    ReceiptsFile,
    SubmissionMessage,
    TargetsMessage,
    attestation_message,
    card_message,
    payload,
    receipt_message,
    receipt_of,
    split_payload,
    submission_message,
    targets_message,
    unhex,
)

hashes = st.binary(min_size=32, max_size=32)
signatures = st.binary(min_size=65, max_size=65)
counts = st.integers(0, MAX_SEQUENCE)
addresses = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
keys = st.builds(Submission, counts, counts, hashes, counts)
commits = st.builds(
    Commit,
    pool=addresses,
    tournament=counts,
    round=counts,
    epoch=counts,
    announce_hash=hashes,
    close_block_hash=hashes,
    chain_head=hashes,
    at_risk=st.integers(0, 2**256 - 1),
    words=counts,
    manifest=hashes,
    meta_root=hashes,
)


@given(commits, signatures)
def test_attestation__any_commit__round_trip_through_json(commit: Commit, signature: bytes) -> None:
    text = attestation_message(commit, signature).model_dump_json()
    found = AttestationMessage.model_validate_json(text).attestation()
    assert (found.commit, found.signature) == (commit, signature)


@given(keys, signatures, st.lists(st.tuples(addresses, counts, signatures), max_size=3))
def test_submission__any__round_trip_through_json(
    key: Submission, signature: bytes, parts: list[tuple[str, int, bytes]]
) -> None:
    receipts = [SignedReceipt(key, *part) for part in parts]
    sent = submission_message(key, signature, receipts)
    found = SubmissionMessage.model_validate_json(sent.model_dump_json())
    assert found.key() == key
    assert unhex(found.signature) == signature
    assert [receipt.stored(key) for receipt in found.receipts] == receipts


@given(keys, counts)
def test_structs__any_key__carry_its_fields(key: Submission, received: int) -> None:
    submission, receipt = key, receipt_of(key, received)
    for struct in (submission, receipt):
        assert (struct.round, struct.model) == (key.round, key.model)
        assert (struct.sha256, struct.sequence) == (key.sha256, key.sequence)
    assert receipt.received == received


COMMIT = Commit(
    "0x" + "11" * 20, 8, 7, 1, *[bytes([i]) * 32 for i in range(3)], 5, 2, b"\4" * 32, b"\5" * 32
)
ATTESTATION = attestation_message(COMMIT, bytes(65)).model_dump()
KEY = Submission(7, 5, b"\1" * 32, 9)
RECEIPT = receipt_message(SignedReceipt(KEY, "0x" + "11" * 20, 3, bytes(65))).model_dump()
SUBMISSION = submission_message(KEY, bytes(65), []).model_dump()
CARD = card_message(Card("0x" + "11" * 20, "http://a:1", "age1" + "q" * 58, 5), bytes(65))
TARGETS = targets_message(Targets(7, b"\1" * 32, 9), bytes(65))
FILE = ReceiptsFile(chain_id=1, pool=COMMIT.pool, submission=SubmissionMessage(**SUBMISSION))
_RECIPIENTS = ("", "age1", "AGE1" + "Q" * 58, "age1" + "q" * 57, "age1" + "q" * 58 + "\n", None)
_URLS = ("", "a:1", "ftp://a", "http://", "http://a b", "http://" + "a" * 201, None)
_HASHES = ("0x" + "11" * 31, "11" * 32, "0x" + "AA" * 32, "0x" + "zz" * 32, "", 5, None)
_SIGNATURES = ("0x" + "11" * 64, "0x" + "11" * 66, "0x" + "11" * 65 + "\n", "11" * 65, None)
_COUNTS = (-1, MAX_SEQUENCE + 1, 0.5, "x", None)
_AT_RISK = ("-1", "01", "1.0", "1e3", " 1", "1\n", "9" * 79, "", None, 5)
_ADDRESSES = ("0x11", "11" * 20, "0x" + "11" * 20 + "\n", None)


@pytest.mark.parametrize(
    ("kind", "usual", "name", "value"),
    [
        *((AttestationMessage, ATTESTATION, "pool", v) for v in _ADDRESSES),
        *((AttestationMessage, ATTESTATION, "round", v) for v in _COUNTS),
        *((AttestationMessage, ATTESTATION, "manifest", v) for v in _HASHES),
        *((AttestationMessage, ATTESTATION, "at_risk", v) for v in _AT_RISK),
        *((AttestationMessage, ATTESTATION, "signature", v) for v in _SIGNATURES),
        (AttestationMessage, ATTESTATION, "more", 1),
        *((SubmissionMessage, SUBMISSION, "sha256", v) for v in _HASHES),
        *((SubmissionMessage, SUBMISSION, "sequence", v) for v in _COUNTS),
        *((SubmissionMessage, SUBMISSION, "signature", v) for v in _SIGNATURES),
        *((SubmissionMessage, SUBMISSION, "receipts", v) for v in (None, {}, [5], [{}])),
        (SubmissionMessage, SUBMISSION, "more", 1),
        *((ReceiptMessage, RECEIPT, "operator", v) for v in _ADDRESSES),
        *((ReceiptMessage, RECEIPT, "received", v) for v in _COUNTS),
        *((ReceiptMessage, RECEIPT, "signature", v) for v in _SIGNATURES),
        (ReceiptMessage, RECEIPT, "more", 1),
        *((CardMessage, CARD.model_dump(), "operator", v) for v in _ADDRESSES),
        *((CardMessage, CARD.model_dump(), "url", v) for v in _URLS),
        *((CardMessage, CARD.model_dump(), "recipient", v) for v in _RECIPIENTS),
        *((CardMessage, CARD.model_dump(), "issued", v) for v in _COUNTS),
        *((TargetsMessage, TARGETS.model_dump(), "sha256", v) for v in _HASHES),
        *((TargetsMessage, TARGETS.model_dump(), "release_at", v) for v in _COUNTS),
        *((ReceiptsFile, FILE.model_dump(by_alias=True), "pool", v) for v in _ADDRESSES),
        *((ReceiptsFile, FILE.model_dump(by_alias=True), "chain_id", v) for v in _COUNTS),
        (ReceiptsFile, FILE.model_dump(by_alias=True), "schema", "assay/receipts/2"),
        (ReceiptsFile, FILE.model_dump(by_alias=True), "more", 1),
    ],
)
def test_message__malformed_field__refused_by_name(
    kind: type, usual: dict[str, object], name: str, value: object
) -> None:
    kind.model_validate(usual)
    with pytest.raises(ValidationError, match=name):
        kind.model_validate({**usual, name: value})


def test_attestation__at_risk_no_contract_could_hold__nobody_signed_it() -> None:
    """It passes as text; what matters is that reading it stops nobody's work."""
    found = AttestationMessage.model_validate({**ATTESTATION, "at_risk": "9" * 78}).attestation()
    assert found.commit == replace(COMMIT, at_risk=int("9" * 78))
    assert recover(found.commit, Domain(1, COMMIT.pool), b"\1" * 64 + b"\x1b") is None


@pytest.mark.parametrize(("text", "raw"), [("0x00ff", b"\x00\xff"), ("00ff", b"\x00\xff")])
def test_unhex__with_or_without_prefix__the_bytes(text: str, raw: bytes) -> None:
    assert unhex(text) == raw


def test_messages__cards_targets_receipts__round_trip_through_json() -> None:
    for kind, sent in ((CardMessage, CARD), (TargetsMessage, TARGETS)):
        assert kind.model_validate_json(sent.model_dump_json()) == sent
    assert CARD.card() == Card("0x" + "11" * 20, "http://a:1", "age1" + "q" * 58, 5)
    assert TARGETS.targets() == Targets(7, b"\1" * 32, 9)
    assert ReceiptsFile.model_validate_json(FILE.to_bytes()) == FILE


@given(st.binary(max_size=200))
def test_payload__any_file_with_or_without_a_recipient__comes_apart_again(raw: bytes) -> None:
    recipient = "age1" + "q" * 58
    assert split_payload(payload(raw, recipient)) == (raw, recipient)
    assert split_payload(payload(raw)) == (raw, "")


@pytest.mark.parametrize("recipient", ["", "age1", "age1" + "q" * 59, "age1" + "Q" * 58])
def test_split_payload__line_that_names_no_recipient__refused(recipient: str) -> None:
    with pytest.raises(ValueError, match="not an age recipient"):
        split_payload(f"assay-recipient: {recipient}\nid,prediction\n".encode())
