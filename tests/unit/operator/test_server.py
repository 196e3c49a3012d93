"""An operator's HTTP face, over a real journal; only the chain's answers are given."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient
from synthetic_round import INVALID, csv, predictions
from test_ingest import (
    CLOSES,
    DOMAIN,
    DUE,
    MODEL,
    OPENS,
    OWNER,
    RAW,
    ROUND,
    SELF,
    STRANGER,
    ChainStandIn,
    kept,
    key_of,
    new_ingest,
    signed,
)

from oracle.chain.pool import PoolWriter
from oracle.errors import UnreachableError
from oracle.operator.ingest import MAX_BYTES, Ingest
from oracle.operator.server import build
from oracle.operator.worker import Worker
from oracle.settlement.typed_data import Commit, recover
from oracle.settlement.wire import (
    ReceiptMessage,
    attestation_message,
    receipt_of,
    unhex,
)


@pytest.fixture
def chain() -> ChainStandIn:
    return ChainStandIn()


@pytest.fixture
def ingest(tmp_path: Path, chain: ChainStandIn) -> Ingest:
    return new_ingest(tmp_path, chain)


@pytest.fixture
def worker(tmp_path: Path, chain: ChainStandIn, ingest: Ingest) -> Worker:
    return Worker(
        reader=chain,  # type: ignore[arg-type]
        writer=PoolWriter(chain, None),  # type: ignore[arg-type]
        journal=ingest.journal,
        data=ingest.data,
        account=SELF,
        ingest=ingest,
        peers=[],
        artefacts=tmp_path / "artefacts",
    )


@pytest.fixture
def client(ingest: Ingest, worker: Worker) -> Iterator[TestClient]:
    with TestClient(build(ingest, worker)) as opened:
        yield opened


def post(client: TestClient, raw: bytes = RAW, **changed: object) -> httpx.Response:
    """Posts ``raw`` as the model's owner would, with some query parameters changed."""
    sequence = changed.get("sequence", 1)
    key = key_of(raw, sequence=sequence if isinstance(sequence, int) else 1)
    query = {
        "round": ROUND,
        "model": MODEL,
        "sequence": sequence,
        "signature": "0x" + signed(key, OWNER).hex(),
        **changed,
    }
    sent = {name: str(value) for name, value in query.items() if value is not None}
    return client.post("/submissions", params=sent, content=raw)


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["message"]


# ---------------------------------------------------------------------- taking submissions


def test_post__valid__201_and_a_receipt_that_anyone_can_check(client, ingest):
    answer = post(client)
    assert answer.status_code == 201
    receipt = ReceiptMessage.model_validate_json(answer.content)
    assert receipt.received == OPENS
    signer = recover(receipt_of(key_of(), OPENS), DOMAIN, unhex(receipt.signature))
    assert signer == receipt.operator == SELF.address
    assert kept(ingest) == [(key_of(), SELF.address, OPENS)]


def test_post__repeated__same_receipt_and_one_row(client, chain, ingest):
    first = post(client).json()
    chain.now = CLOSES + 100
    assert post(client).json() == first
    assert len(kept(ingest)) == 1


def test_post__after_the_close__taken_with_its_time(client, chain):
    chain.now = CLOSES
    assert post(client).json()["received"] == CLOSES


@pytest.mark.parametrize(("now", "why"), [(OPENS - 1, "opens at"), (DUE, "is being scored")])
def test_post__round_not_open__409_and_no_trace(client, chain, ingest, now, why):
    chain.now = now
    status, text = refused(post(client))
    assert status == 409
    assert why in text
    assert kept(ingest) == []


def test_post__round_never_announced__409(client):
    assert refused(post(client, round=ROUND + 1)) == (409, f"round {ROUND + 1} is not announced")


def test_post__unknown_model__409_with_a_fix(client):
    answer = post(client, model=MODEL + 1)
    assert refused(answer) == (409, f"model {MODEL + 1} is not registered")
    assert answer.json()["error"]["fix"]


def test_post__signed_by_a_stranger__409_and_no_trace(client, ingest):
    answer = post(client, signature="0x" + signed(key_of(), STRANGER).hex())
    assert refused(answer) == (409, f"the submission is not signed by the owner of model {MODEL}")
    assert kept(ingest) == []


@pytest.mark.parametrize("signature", ["", "0x", "0x" + "zz" * 65, "0x" + "ab" * 66, "0xabc"])
def test_post__no_signature_in_hex__422(client, signature):
    status, text = refused(post(client, signature=signature))
    assert status == 422
    assert text.startswith("query.signature: ")


@pytest.mark.parametrize("name", ["round", "model", "sequence", "signature"])
def test_post__parameter_missing__422_naming_it(client, name):
    answer = post(client, **{name: None})
    status, text = refused(answer)
    assert status == 422
    assert text.startswith(f"query.{name}: ")


@pytest.mark.parametrize("name", ["round", "model", "sequence"])
@pytest.mark.parametrize("value", ["seven", "1.5", "", "0x7", "9" * 5000], ids=len)
def test_post__parameter_is_no_number__422_naming_it(client, name, value):
    answer = post(client, **{name: value})
    status, text = refused(answer)
    assert status == 422
    assert text.startswith(f"query.{name}: ")


def test_post__sequence_beyond_json_integers__422(client):
    status, text = refused(post(client, sequence=2**53))
    assert status == 422
    assert text.startswith("query.sequence: ")


@pytest.mark.parametrize(
    ("name", "value"),
    [("model", -1), ("model", 2**20), ("model", 2**256), ("round", 0), ("round", 2**256)],
)
def test_post__number_no_contract_knows__422(client, name, value):
    assert post(client, **{name: value}).status_code == 422


def test_post__constant_predictions__422_with_the_documented_prefix(client, ingest):
    status, text = refused(post(client, INVALID))
    assert status == 422
    assert text.startswith("invalid_submission_values")
    assert kept(ingest) == []


def test_post__empty_body__422(client):
    status, text = refused(post(client, b""))
    assert status == 422
    assert text.startswith("invalid_submission_")


def test_post__one_byte_too_large__422_and_no_trace(client, ingest):
    answer = client.post(
        "/submissions",
        params={"round": ROUND, "model": MODEL, "sequence": 1, "signature": "0x" + "ab" * 65},
        content=bytes(MAX_BYTES + 1),
    )
    assert refused(answer) == (422, f"the file is larger than {MAX_BYTES} bytes")
    assert kept(ingest) == []


def test_post__chain_does_not_answer__error_in_the_body_not_a_stack_trace(
    client, chain, monkeypatch
):
    def broken() -> None:
        raise UnreachableError("no answer from http://127.0.0.1:1")

    monkeypatch.setattr(chain, "newest", broken)
    answer = post(client)
    assert answer.json()["error"]["code"] == "unreachable"
    assert "Traceback" not in answer.text


# ---------------------------------------------------------------------- showing what was taken


def test_get__before_the_close__neither_list_nor_bytes(client, chain):
    post(client)
    for now in (OPENS, CLOSES - 1):
        chain.now = now
        assert client.get(f"/rounds/{ROUND}/submissions").status_code == 403
        assert client.get(f"/rounds/{ROUND}/submissions/{key_of().sha256.hex()}").status_code == 403


def test_get__from_the_close_on__list_with_receipts_and_bytes(client, chain):
    receipt = post(client).json()
    other = csv(predictions(MODEL, version=1))
    post(client, other, sequence=2)
    chain.now = CLOSES
    listed = client.get(f"/rounds/{ROUND}/submissions").json()
    assert [item["sequence"] for item in listed] == [1, 2]
    assert listed[0]["receipts"] == [receipt]
    for item, raw in zip(listed, (RAW, other), strict=True):
        assert client.get(f"/rounds/{ROUND}/submissions/{item['sha256'][2:]}").content == raw


def test_get__round_never_announced__403(client):
    assert client.get(f"/rounds/{ROUND + 1}/submissions").status_code == 403


def test_get__unknown_bytes__404(client, chain):
    chain.now = CLOSES
    assert client.get(f"/rounds/{ROUND}/submissions/{'00' * 32}").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/rounds/7/submissions/..%2f..%2fetc%2fpasswd",
        "/rounds/7/submissions/" + "0" * 63,
        "/rounds/7/submissions/" + "A" * 64,
        "/rounds/7/submissions/0x" + "0" * 64,
        "/rounds/0/submissions",
        "/rounds/-1/attestation",
        f"/rounds/{2**32}/attestation",
        "/rounds/..%2f1/attestation",
        "/rounds/one/submissions",
    ],
)
def test_get__path_that_is_no_hash_or_round__404_or_422(client, path):
    assert client.get(path).status_code in (404, 422)


def test_get__attestation__404_until_signed_then_the_signed_one(client, worker):
    assert client.get(f"/rounds/{ROUND}/attestation").status_code == 404
    commit = Commit(
        DOMAIN.contract, 8, ROUND, 1, *[b"\x01" * 32] * 3, 5, 6, b"\x02" * 32, b"\x03" * 32
    )
    shown = attestation_message(commit, b"\x04" * 65)
    path = worker.folder(ROUND) / "attest" / f"{SELF.address.lower()}.json"
    path.parent.mkdir(parents=True)
    path.write_text(shown.model_dump_json())
    assert client.get(f"/rounds/{ROUND}/attestation").json() == shown.model_dump()


def test_get__health__names_the_operator_and_no_cycle_yet(client):
    assert client.get("/healthz").json() == {
        "operator": SELF.address,
        "seconds_since_cycle": None,
        "error": "",
    }
