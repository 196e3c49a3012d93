"""Files through GraphQL as numerapi sends them: asked for, put, taken in; real operators behind."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from graphql_calls import Asker, asker
from played_rounds import History
from server_operators import Operators, allow, serving_operators
from server_world import Serving

from oracle.accounts.caller import Scope
from oracle.settlement.intents import StakeAction, StakeIntent
from oracle.settlement.typed_data import Domain, digest

pytestmark = [pytest.mark.slow, pytest.mark.chain, pytest.mark.xdist_group("graphql")]

AUTH = """query($filename: String!, $tournament: Int!, $modelId: String) {
  submission_upload_auth(filename: $filename, tournament: $tournament, modelId: $modelId) {
    filename url } }"""
CREATE = """mutation($filename: String!, $tournament: Int!, $modelId: String, $triggerId: String,
  $dataDatestamp: Int) {
  create_submission(filename: $filename, tournament: $tournament, modelId: $modelId,
    triggerId: $triggerId, source: "numerapi", dataDatestamp: $dataDatestamp) { id status } }"""
LIST = """query($modelId: String) { submissions(modelId: $modelId) {
  id filename selected insertedAt triggerId status reason round { tournament number } } }"""
PICKLE_AUTH = """query($filename: String!, $modelId: String) {
  computePickleUploadAuth(filename: $filename, modelId: $modelId) { filename url } }"""
PICKLE_CREATE = """mutation($filename: String!, $tournament: Int!, $modelId: String) {
  createComputePickleUpload(filename: $filename, tournament: $tournament, modelId: $modelId) {
    id status reason } }"""


@dataclass(frozen=True, slots=True)
class Desk:
    """The owner of ``alpha`` at a server whose operators take files."""

    serving: Serving
    history: History
    owner: Asker
    alpha: str

    def upload(self, raw: bytes) -> str:
        """The name of a file that was put where the server said."""
        told = self.owner.ask(AUTH, filename="predictions.csv", tournament=8, modelId=self.alpha)
        path = told["url"].removeprefix(str(self.owner.client.base_url))
        assert self.owner.client.put(path, content=raw).status_code == 200
        return str(told["filename"])

    def predictions(self, skill: int = 3) -> bytes:
        return self.history.world.files[self.history.open].predictions(skill)


@pytest.fixture(scope="module")
def operators(history: History, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operators]:
    with serving_operators(history.world, tmp_path_factory.mktemp("operators")) as running:
        yield running


@pytest.fixture
def desk(
    where: str, history: History, operators: Operators, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    home = tmp_path_factory.mktemp("home")
    with history.world.serving(where, home, **operators.config(home)) as running:
        running.follow()
        wallet = history.world.owner(history.alpha)
        allow(running, history.world, wallet)
        [row] = running.services.models.by_id(8, [history.alpha])
        yield Desk(running, history, asker(running, wallet), row.uuid)


def test_submission__uploaded__then_it_is_listed_and_can_be_had_back(desk: Desk) -> None:
    raw = desk.predictions()
    filename = desk.upload(raw)
    variables = {"filename": filename, "tournament": 8, "modelId": desk.alpha}
    made = desk.owner.ask(CREATE, **variables, triggerId="trigger-1", dataDatestamp=None)
    assert made["status"] == "accepted"
    [found] = desk.owner.ask(LIST, modelId=desk.alpha)
    assert (found["id"], found["filename"]) == (made["id"], filename)
    assert (found["triggerId"], found["reason"]) == ("trigger-1", None)
    assert found["selected"] is True
    assert found["round"] == {"tournament": 8, "number": desk.history.open}
    assert found["insertedAt"].endswith("Z")
    auth = desk.owner.ask(
        "query($id: String) { submissionDownloadAuth(id: $id) { filename url } }", id=made["id"]
    )
    path = auth["url"].removeprefix(str(desk.owner.client.base_url))
    answer = desk.owner.client.get(path)
    assert answer.content == raw
    assert answer.headers["content-length"] == str(len(raw))
    part = desk.owner.client.get(path, headers={"Range": "bytes=3-9"})
    assert (part.status_code, part.content) == (206, raw[3:10])


def test_v3_auth__for_a_submission__then_the_owner_can_sign_what_it_says(desk: Desk) -> None:
    filename, world = desk.upload(desk.predictions()), desk.history.world
    made = desk.owner.ask(CREATE, filename=filename, tournament=8, modelId=desk.alpha)
    query = """query($submissionId: ID!, $staker: String!, $maxAmount: String!) {
      v3StakeAuth(submissionId: $submissionId, staker: $staker, maxAmount: $maxAmount) {
        authorizationSigner authorizationDigest chainId deadline maxAmount modelId nmrAddress nonce
        roundId signature staker stakingAddress submissionId submissionHash tournamentId } }"""
    wallet = world.owner(desk.history.alpha).address
    found = desk.owner.ask(query, submissionId=made["id"], staker=wallet, maxAmount="2.5")
    intent = StakeIntent(
        pool=world.reader.addresses.pool,
        model=desk.history.alpha,
        action=int(StakeAction.DEPOSIT),
        amount=25 * 10**17,
        max_round=desk.history.open,
        nonce=int(found["nonce"]),
        deadline=int(found["deadline"]),
    )
    where = world.reader.addresses
    expected = digest(intent, Domain(where.chain_id, where.relay))
    assert found["authorizationDigest"] == "0x" + expected.hex()
    assert found["nonce"] == str(world.reader.nonce_of(desk.history.alpha))
    assert (found["roundId"], found["signature"]) == (f"8-{desk.history.open}", None)


def test_submission__sent_twice__then_the_second_counts(desk: Desk) -> None:
    for skill in (1, 9):
        filename = desk.upload(desk.predictions(skill))
        desk.owner.ask(CREATE, filename=filename, tournament=8, modelId=desk.alpha)
    second, first = desk.owner.ask(LIST, modelId=desk.alpha)
    assert (first["selected"], second["selected"]) == (False, True)
    assert second["filename"] == filename


def test_submission__refused_by_the_rules__then_the_error_and_the_history_say_why(
    desk: Desk,
) -> None:
    filename = desk.upload(b"id,prediction\n")
    told = desk.owner.refused(CREATE, filename=filename, tournament=8, modelId=desk.alpha)
    assert told.startswith("invalid_submission_")
    [found] = desk.owner.ask(LIST, modelId=desk.alpha)
    assert (found["status"], found["selected"]) == ("refused", False)
    assert found["reason"] in told


def test_submission__nothing_was_put__then_creating_it_is_refused(desk: Desk) -> None:
    told = desk.owner.ask(AUTH, filename="predictions.csv", tournament=8, modelId=desk.alpha)
    variables = {"filename": told["filename"], "tournament": 8, "modelId": desk.alpha}
    assert desk.owner.refused(CREATE, **variables)
    assert desk.owner.ask(LIST, modelId=desk.alpha) == []


def test_submission__by_somebody_else__then_it_is_refused(desk: Desk) -> None:
    filename = desk.upload(desk.predictions())
    other = asker(desk.serving, desk.history.world.owner(desk.history.beta))
    variables = {"filename": filename, "tournament": 8, "modelId": desk.alpha}
    assert other.refused(CREATE, **variables).startswith("this model is not yours")
    assert other.refused(LIST, modelId=desk.alpha).startswith("this model is not yours")


def test_submission__without_the_scope__then_no_address_is_given(desk: Desk) -> None:
    wallet = desk.history.world.owner(desk.history.alpha)
    reader = asker(desk.serving, wallet, Scope.READ_SUBMISSION_INFO)
    told = reader.refused(AUTH, filename="p.csv", tournament=8, modelId=desk.alpha)
    assert told == "Insufficient permission for upload_submission"
    assert reader.ask(LIST, modelId=desk.alpha) == []


def test_submission__to_another_tournament__then_it_is_said(desk: Desk) -> None:
    told = desk.owner.refused(AUTH, filename="p.csv", tournament=11, modelId=desk.alpha)
    assert told.startswith("there is no tournament 11 here")


def test_pickle__uploaded__then_it_waits_and_says_why(desk: Desk) -> None:
    told = desk.owner.ask(PICKLE_AUTH, filename="model.pkl", modelId=desk.alpha)
    path = told["url"].removeprefix(str(desk.owner.client.base_url))
    assert desk.owner.client.put(path, content=b"\x80\x04N.").status_code == 200
    variables = {"filename": told["filename"], "tournament": 8, "modelId": desk.alpha}
    made = desk.owner.ask(PICKLE_CREATE, **variables)
    assert made["status"] == "pending"
    assert "runs no uploaded models" in made["reason"]
    listed = desk.owner.ask(
        "query($m: String) { computePickles(modelId: $m) { id status filename } }", m=desk.alpha
    )
    assert [(one["id"], one["status"]) for one in listed] == [(made["id"], "pending")]
    assert desk.owner.ask("{ computePickleDataVersions { id name } }") == []
    assert desk.owner.ask("{ computePickleDockerImages { id name } }") == []


def test_datasets__none_published__then_the_list_is_empty(desk: Desk) -> None:
    query = "query($t: Int, $r: Int) { listDatasets(tournament: $t, round: $r) }"
    assert asker(desk.serving).ask(query, t=8) == []
    missing = asker(desk.serving).refused('{ dataset(filename: "live.parquet", tournament: 8) }')
    assert "no file 'live.parquet'" in missing


def test_datasets__published__then_everybody_may_download_them(desk: Desk) -> None:
    datasets = desk.serving.services.config.tournaments[0].datasets
    assert datasets is not None
    (datasets / "v1.0").mkdir(parents=True)
    file = datasets / "v1.0" / "features.json"
    file.write_bytes(b'{"targets": []}')
    os.utime(file, (1, 1))
    for _ in range(2):  # a file is taken once it has stopped growing
        desk.serving.run("publish")
    nobody = asker(desk.serving)
    assert nobody.ask("{ listDatasets(tournament: 8) }") == ["v1.0/features.json"]
    url = nobody.ask('{ dataset(filename: "v1.0/features.json", tournament: 8) }')
    answer = nobody.client.get(url.removeprefix(str(nobody.client.base_url)))
    assert answer.content == b'{"targets": []}'
