"""An operator's HTTP face, over a real database; only the chain's answers are given."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient
from ingest_world import (
    CLOSES,
    DOMAIN,
    DUE,
    IDENTITIES,
    MODEL,
    OPENS,
    OWNER,
    PEER,
    PROVIDER,
    RAW,
    ROUND,
    SELF,
    STRANGER,
    TARGETS_RAW,
    ChainStandIn,
    NoResults,
    kept,
    key_of,
    new_ingest,
    signed,
    signed_targets,
    to_operators,
)
from synthetic_round import INVALID, csv, predictions

from oracle.errors import UnreachableError
from oracle.operator.cards import is_genuine
from oracle.operator.ingest import MAX_BYTES, Ingest
from oracle.operator.server import build
from oracle.operator.wrapping import MAX_BODY
from oracle.settlement.agreement import NIL
from oracle.settlement.typed_data import Commit, HistoryRequest, Vote, recover
from oracle.settlement.wire import (
    CardMessage,
    ReceiptMessage,
    TargetsMessage,
    attestation_message,
    receipt_of,
    unhex,
    vote_message,
)
from oracle.store.sealing import Identity, SealError


@pytest.fixture
def chain() -> ChainStandIn:
    return ChainStandIn()


@pytest.fixture
def ingest(tmp_path: Path, chain: ChainStandIn) -> Ingest:
    return new_ingest(tmp_path, chain)


@pytest.fixture
def results() -> NoResults:
    return NoResults()


@pytest.fixture
def client(ingest: Ingest, results: NoResults) -> Iterator[TestClient]:
    with TestClient(build(ingest, results)) as opened:
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
    return client.post("/submissions", params=sent, content=to_operators(raw))


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
    status, text = refused(post(client, bytes(MAX_BYTES + 1)))
    assert (status, text) == (422, f"the file is larger than {MAX_BYTES} bytes")
    assert kept(ingest) == []


def test_post__body_of_10_mb__422_by_its_announced_length_alone(client, ingest):
    answer = client.post(
        "/submissions",
        params={"round": ROUND, "model": MODEL, "sequence": 1, "signature": "0x" + "ab" * 65},
        content=bytes(10_000_000),
    )
    assert refused(answer) == (422, f"the body is larger than {MAX_BODY} bytes")
    assert kept(ingest) == []


def test_post__plain_file__422_naming_the_card(client, ingest):
    sequence, signature = 1, "0x" + signed(key_of(), OWNER).hex()
    query = {"round": ROUND, "model": MODEL, "sequence": sequence, "signature": signature}
    answer = client.post("/submissions", params=query, content=RAW)
    assert refused(answer) == (422, "the file is not encrypted (age, to this operator)")
    assert "/card" in answer.json()["error"]["fix"]
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


def test_get__from_the_close_on__list_with_receipts_and_sealed_files(client, chain):
    receipt = post(client).json()
    other = csv(predictions(MODEL, version=1))
    post(client, other, sequence=2)
    chain.now = CLOSES
    listed = client.get(f"/rounds/{ROUND}/submissions").json()
    assert [item["sequence"] for item in listed] == [1, 2]
    assert listed[0]["receipts"] == [receipt]
    for item, raw in zip(listed, (RAW, other), strict=True):
        sealed = client.get(f"/rounds/{ROUND}/submissions/{item['sha256'][2:]}").content
        assert IDENTITIES[SELF.address].open(sealed) == raw


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


def test_get__attestation__404_until_signed_then_the_signed_one(client, results):
    assert client.get(f"/rounds/{ROUND}/attestation").status_code == 404
    commit = Commit(
        DOMAIN.contract, 8, ROUND, 1, *[b"\x01" * 32] * 3, 5, 6, b"\x02" * 32, b"\x03" * 32
    )
    shown = attestation_message(commit, b"\x04" * 65)
    results.own_attestation = {ROUND: shown}.get
    assert client.get(f"/rounds/{ROUND}/attestation").json() == shown.model_dump()


def test_get__attestations_of_an_operator__all_that_is_known(client, results):
    commit = Commit(
        DOMAIN.contract, 8, ROUND, 1, *[b"\x01" * 32] * 3, 5, 6, b"\x02" * 32, b"\x03" * 32
    )
    shown = attestation_message(commit, b"\x04" * 65)
    known = {(ROUND, PEER.address.lower()): [shown, shown]}
    results.attestations_of = lambda *key: known.get(key, [])
    path = f"/rounds/{ROUND}/attestations"
    assert client.get(f"{path}/{PEER.address.lower()}").json() == [shown.model_dump()] * 2
    assert client.get(f"{path}/{SELF.address.lower()}").json() == []


@pytest.mark.parametrize("path", ["confirmation", "card/x", f"drafts/{'05' * 32}"])
def test_get__nothing_evaluated__404(client, path):
    assert client.get(f"/rounds/{ROUND}/{path}").status_code == 404


def test_get__votes__of_the_round_or_of_a_challenge(client, results):
    vote = vote_message(Vote(ROUND, NIL, 2, 1, b"\x05" * 32), bytes(65))
    results.votes = lambda number, challenge: [vote] if challenge == NIL else []
    (shown,) = client.get(f"/rounds/{ROUND}/votes").json()
    assert (shown["view"], shown["step"], shown["value"]) == (2, 1, "0x" + "05" * 32)
    path = f"/rounds/{ROUND}/votes?challenge=0x{'06' * 32}"
    assert client.get(path).json() == []


def test_get__draft__page_by_page(client, results):
    pages = {0: b"[1]", 1: b"[2]"}
    results.draft = lambda number, digest, page: pages.get(page)
    path = f"/rounds/{ROUND}/drafts/{'05' * 32}"
    answers = [client.get(path, params={"page": page}) for page in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 404]
    assert answers[1].content == b"[2]"


@pytest.mark.parametrize(
    "path",
    ["votes?challenge=0x12", "votes?challenge=x", "drafts/05", f"drafts/{'05' * 32}?page=-1"],
)
def test_get__malformed_question_on_votes__422(client, path):
    assert client.get(f"/rounds/{ROUND}/{path}").status_code == 422


def test_get__health__names_the_operator_and_no_cycle_yet(client):
    shown = client.get("/healthz").json()
    assert (shown["operator"], shown["cycles"], shown["error"]) == (SELF.address, 0, "")
    assert client.get("/readyz").status_code == 503
    assert "assay_rpc_healthy" in client.get("/metrics").text


# ---------------------------------------------------------------------- artefacts and evidence


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "artefacts" / "7"
    (path / "outputs").mkdir(parents=True)
    (path / "manifest.json").write_bytes(b"{}")
    (path / "outputs" / "scores.csv").write_bytes(b"model\n")
    (path / ".disclosing").mkdir()
    (path / ".disclosing" / "targets.csv").write_bytes(b"secret")
    (path.parent / "beside").write_bytes(b"secret")
    (path / "link").symlink_to(path.parent / "beside")
    return path


def test_artefacts__before_the_commit__404(client, folder):
    assert client.get(f"/rounds/{ROUND}/artefacts/manifest.json").status_code == 404


def test_artefacts__from_the_commit_on__files_and_parts_of_files(client, results, folder):
    results.folder = folder
    where = f"/rounds/{ROUND}/artefacts"
    assert client.get(f"{where}/outputs/scores.csv").content == b"model\n"
    part = client.get(f"{where}/outputs/scores.csv", headers={"range": "bytes=2-"})
    assert (part.status_code, part.content) == (206, b"del\n")


@pytest.mark.parametrize(
    "path",
    [
        "outputs",
        "outputs/none.csv",
        "link",
        ".disclosing/targets.csv",
        "..%2fbeside",
        "outputs%2f..%2f..%2fbeside",
        "%2fetc%2fpasswd",
        "outputs%2f%2fscores.csv",
        "manifest.json%00",
        "",
    ],
)
def test_artefacts__anything_but_a_file_of_the_folder__404(client, results, folder, path):
    results.folder = folder
    answer = client.get(f"/rounds/{ROUND}/artefacts/{path}")
    assert answer.status_code == 404
    assert b"secret" not in answer.content


class EvidenceStandIn:
    """Keeps whatever it is given."""

    def __init__(self) -> None:
        self.had: dict[bytes, bytes] = {}

    def accept(self, number: int, raw: bytes) -> bytes:
        self.had[bytes([number]) * 32] = raw
        return bytes([number]) * 32

    def all(self, number: int) -> list[bytes]:
        return list(self.had.values())

    def find(self, number: int, sha256: bytes) -> bytes | None:
        return self.had.get(sha256)


def test_evidence__posted__is_shown_in_the_list_and_by_hash_byte_for_byte(client, results):
    results.evidence = EvidenceStandIn()
    answer = client.post(f"/rounds/{ROUND}/evidence", content=b'{"kind":"late"}')
    assert (answer.status_code, answer.json()) == (201, {"sha256": "0x" + "07" * 32})
    assert client.get(f"/rounds/{ROUND}/evidence").json() == [{"kind": "late"}]
    assert client.get(f"/rounds/{ROUND}/evidence/{'07' * 32}").content == b'{"kind":"late"}'
    assert client.get(f"/rounds/{ROUND}/evidence/{'08' * 32}").status_code == 404


# ---------------------------------------------------------------------- cards


def test_get__card__signed_by_the_operator_over_its_recipient(client, chain):
    card = CardMessage.model_validate_json(client.get("/card").content)
    assert is_genuine(card, DOMAIN, chain.operators())
    assert card.recipient == IDENTITIES[SELF.address].recipient


# ---------------------------------------------------------------------- targets


def put_targets(client: TestClient, raw: bytes = TARGETS_RAW, by=PROVIDER, **changed):
    said = signed_targets(raw, changed.get("release_at", DUE))
    query = {"release_at": said.release_at, "signature": "0x" + signed(said, by).hex()}
    body = changed.get("body", to_operators(raw))
    return client.post(f"/rounds/{ROUND}/targets", params=query, content=body)


def test_targets__of_the_provider__kept_until_their_time(client, chain, ingest):
    answer = put_targets(client)
    assert answer.status_code == 201
    shown = client.get(f"/rounds/{ROUND}/targets")
    assert answer.json() == shown.json()
    assert TargetsMessage.model_validate(shown.json()).targets() == signed_targets()
    chain.now = DUE - 1
    assert (ingest.data.has_targets(ROUND), ingest.data.targets(ROUND)) == (False, None)
    chain.now = DUE
    assert (ingest.data.has_targets(ROUND), ingest.data.targets(ROUND)) == (True, TARGETS_RAW)


def test_targets__shared__only_operators_can_open_them(tmp_path, chain, client, ingest):
    other = new_ingest(tmp_path, chain, PEER)
    ingest.cards.take(other.cards.own, chain.operators())
    put_targets(client)
    sealed = client.get(f"/rounds/{ROUND}/targets/{signed_targets().sha256.hex()}").content
    assert IDENTITIES[PEER.address].open(sealed) == TARGETS_RAW
    with pytest.raises(SealError):
        Identity.new().open(sealed)


@pytest.mark.parametrize(
    ("change", "status", "why"),
    [
        ({"by": STRANGER}, 409, "not signed by a data provider"),
        ({"by": SELF}, 409, "not signed by a data provider"),
        ({"body": TARGETS_RAW}, 422, "not encrypted"),
        ({"body": to_operators(TARGETS_RAW, PEER)}, 422, "sealed to others"),
        ({"body": to_operators(TARGETS_RAW + b"\n")}, 409, "not signed by a data provider"),
        ({"raw": TARGETS_RAW[:-1]}, 422, "does not end with a line feed"),
        ({"raw": TARGETS_RAW.replace(b"0.25", b"nan", 1)}, 422, "not a canonical decimal"),
        ({"raw": b"id,target\n"}, 422, "0 targets for a universe of 50 ids"),
        ({"release_at": CLOSES - 1}, 422, "cannot be released before it closes"),
    ],
    ids=lambda value: "",
)
def test_targets__anything_else__refused_and_no_trace(client, change, status, why):
    found, text = refused(put_targets(client, **change))
    assert found == status
    assert why in text
    assert client.get(f"/rounds/{ROUND}/targets").status_code == 404
    assert client.get(f"/rounds/{ROUND}/targets/{'00' * 32}").status_code == 404


def test_targets__signed_for_another_round__refused(client, chain):
    chain.rounds[ROUND + 1] = chain.rounds[ROUND]
    query = {"release_at": DUE, "signature": "0x" + signed(signed_targets(), PROVIDER).hex()}
    body = to_operators(TARGETS_RAW)
    answer = client.post(f"/rounds/{ROUND + 1}/targets", params=query, content=body)
    assert answer.status_code == 409


# ---------------------------------------------------------------------- diagnostics


def ask(client: TestClient, by=OWNER, asked_at: int = OPENS, recipient: str | None = None):
    identity = Identity.new()
    request = HistoryRequest(MODEL, recipient or identity.recipient, asked_at)
    query = {
        "recipient": request.recipient,
        "asked_at": asked_at,
        "signature": "0x" + signed(request, by).hex(),
    }
    return identity, client.get(f"/models/{MODEL}/diagnostics", params=query)


def test_diagnostics__two_files__rows_and_churn_sealed_to_whom_the_owner_names(client):
    post(client)
    post(client, csv(predictions(MODEL, version=1)), sequence=2)
    identity, answer = ask(client)
    assert RAW not in answer.content
    first, second = json.loads(identity.open(answer.content))
    assert (first["sequence"], first["rows"], first["previous"]) == (1, 50, None)
    assert (second["previous"]["sequence"], second["previous"]["reason"]) == (1, "")
    assert 0 < second["previous"]["churn"] <= 2 * 10**9
    assert 0 < second["previous"]["turnover"] <= 10**9


def test_diagnostics__same_predictions_again__no_churn(client):
    post(client)
    post(client, sequence=2)
    identity, answer = ask(client)
    previous = json.loads(identity.open(answer.content))[1]["previous"]
    assert (previous["churn"], previous["turnover"]) == (0, 0)


def test_diagnostics__ids_outside_the_universe__counted_and_named(client):
    post(client, RAW + b"foreign,0.5\n")
    identity, answer = ask(client)
    [entry] = json.loads(identity.open(answer.content))
    assert (entry["ignored_ids"], entry["first_ignored_ids"]) == (1, ["foreign"])


@pytest.mark.parametrize(
    ("change", "status", "why"),
    [
        ({"by": STRANGER}, 409, "not signed by the owner"),
        ({"by": SELF}, 409, "not signed by the owner"),
        ({"asked_at": OPENS - 301}, 409, "the newest block of"),
        ({"asked_at": OPENS + 301}, 409, "the newest block of"),
        ({"recipient": "age1nobody"}, 422, "not an age recipient"),
    ],
    ids=lambda value: "",
)
def test_diagnostics__anybody_elses_or_an_old_request__refused(client, change, status, why):
    post(client)
    found, text = refused(ask(client, **change)[1])
    assert found == status
    assert why in text


def test_diagnostics__signed_for_another_recipient__refused(client):
    identity = Identity.new()
    signature = signed(HistoryRequest(MODEL, identity.recipient, OPENS), OWNER)
    query = {
        "recipient": Identity.new().recipient,
        "asked_at": OPENS,
        "signature": "0x" + signature.hex(),
    }
    answer = client.get(f"/models/{MODEL}/diagnostics", params=query)
    assert answer.status_code == 409
