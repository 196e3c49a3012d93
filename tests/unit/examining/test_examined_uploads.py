"""Uploads that are examined by the server's own process, asked for over REST and GraphQL."""

import io
from itertools import count
from typing import Any

import pandas as pd
import pytest
from examined_data import ExaminedData
from examined_uploads import Owner
from graphql_calls import asker

from oracle.examining.examiner import MOST_WAITING
from oracle.examining.rows import Status

pytestmark = [pytest.mark.slow, pytest.mark.chain, pytest.mark.xdist_group("examining")]

CREATE = """mutation($filename: String!, $modelId: String) {
  createDiagnostics(filename: $filename, tournament: 8, modelId: $modelId) { id } }"""
AUTH = """query($filename: String!, $modelId: String) {
  diagnosticsUploadAuth(filename: $filename, tournament: 8, modelId: $modelId) { filename url } }"""
ASK = """query($id: String, $modelId: String!) { diagnostics(id: $id, modelId: $modelId) {
  id status message trainedOnVal erasAcceptedCount validationCorrMean validationMmcSharpe
  validationMaxDrawdown validationCorrPlusMmcSharpe validationCorrPlusMmcSharpeDiff
  examplePredsCorrMean validationFeatureCorrMax validationApy
  perEraDiagnostics { era validationCorr validationMmc validationFeatureCorrMax examplePredsCorr
    validationBmc validationAlpha } } }"""


def close(left: float, right: float) -> bool:
    return abs(left - right) < 1e-12


def test_upload__examined__found_is_what_the_command_finds(
    owner: Owner, published: ExaminedData
) -> None:
    told = owner.examined(published.raw)
    assert (told["status"], told["message"]) == ("done", "")
    assert told["model"] == owner.model.uuid
    expected = published.expected()
    [model] = expected.pop("models")
    found = told["found"]
    assert {name: found[name] for name in expected} == expected
    assert found["scores"] == model["scores"]
    assert found["exposures"] == model["exposures"]
    assert found["levels"] == model["levels"]
    assert len(found["eras"]) == found["scores"]["corr"]["eras"] > 3


def test_upload__by_graphql__same_numbers_by_the_clients_names(
    owner: Owner, published: ExaminedData
) -> None:
    asking = asker(owner.serving, owner.wallet)
    named = {"filename": "past.csv", "modelId": owner.model.uuid}
    told = asking.ask(AUTH, **named)
    assert owner.serving.client.put(told["url"], content=published.raw).status_code == 200
    made = asking.ask(CREATE, filename=told["filename"], modelId=owner.model.uuid)["id"]
    waiting = asking.ask(ASK, id=made, modelId=owner.model.uuid)
    assert (waiting["status"], waiting["perEraDiagnostics"]) == ("pending", [])
    owner.work()
    found = asking.ask(ASK, modelId=owner.model.uuid)
    expected = published.expected()
    scores = expected["models"][0]["scores"]
    assert (found["id"], found["status"], found["message"]) == (made, "done", None)
    assert found["trainedOnVal"] is None
    assert found["erasAcceptedCount"] == scores["corr"]["eras"]
    assert found["validationCorrMean"] == scores["corr"]["mean"]
    assert found["validationMmcSharpe"] == scores["mmc"]["sharpe"]
    assert found["validationMaxDrawdown"] == -scores["corr"]["max_drawdown"]
    assert found["examplePredsCorrMean"] == scores["example_correlation"]["mean"]
    assert found["validationFeatureCorrMax"] == scores["max_exposure"]["mean"]
    assert found["validationApy"] is None
    sums = pd.Series(scores["corr"]["by_era"]) + pd.Series(scores["mmc"]["by_era"])
    sharpe = sums.mean() / sums.std(ddof=0)
    assert close(found["validationCorrPlusMmcSharpe"], sharpe)
    assert close(found["validationCorrPlusMmcSharpeDiff"], sharpe - scores["corr"]["sharpe"])
    assert [one["era"] for one in found["perEraDiagnostics"]] == list(map(int, expected["eras"]))
    for place, one in enumerate(found["perEraDiagnostics"]):
        assert one["validationCorr"] == scores["corr"]["by_era"][place]
        assert one["validationMmc"] == scores["mmc"]["by_era"][place]
        assert one["validationBmc"] == scores["bmc"]["by_era"][place]
        assert one["validationFeatureCorrMax"] == scores["max_exposure"]["by_era"][place]
        assert one["examplePredsCorr"] == scores["example_correlation"]["by_era"][place]
        assert one["validationAlpha"] is None


def test_upload__some_eras_only__others_have_no_score_and_a_reason(
    owner: Owner, published: ExaminedData
) -> None:
    frame = pd.read_csv(io.BytesIO(published.raw), dtype=str)
    kept = sorted(frame["era"].unique())[:4]
    raw = frame[frame["era"].isin(kept)].to_csv(index=False).encode()
    found = owner.examined(raw)["found"]
    assert found["scores"]["corr"]["eras"] == len(kept)
    assert found["scores"]["corr"]["missing"]["no_predictions"] == len(found["eras"]) - len(kept)


@pytest.mark.parametrize(
    ("filename", "raw", "words"),
    [
        ("past.csv", b"", "needs a column id"),
        ("past.csv", b"id,prediction\nx,2\n", "line 2: the prediction"),
        ("past.csv", b"id,prediction\nx,0.5\n", "none of its 1 ids is in validation.parquet"),
        ("past.parquet", b"PAR1" + b"\xff" * 400 + b"PAR1", "cannot be read as Parquet"),
        ("past.csv", b"\x00\xff" * 5_000, "past-"),
    ],
    ids=["empty", "outside", "unknown", "broken-parquet", "bytes"],
)
def test_upload__cannot_be_examined__failed_with_what_is_wrong(
    owner: Owner, filename: str, raw: bytes, words: str
) -> None:
    told = owner.examined(raw, filename)
    assert (told["status"], told["found"]) == ("failed", None)
    assert words in told["message"]
    assert str(owner.serving.services.config.home) not in told["message"]
    assert "/" not in told["message"].replace("n/a", "")
    message = asker(owner.serving, owner.wallet).ask(ASK, modelId=owner.model.uuid)["message"]
    assert message == told["message"]


def test_upload__examined__file_and_folders_are_gone(owner: Owner, published: ExaminedData) -> None:
    upload = owner.send(published.raw)
    row = owner.examiner.by_id(upload)
    assert owner.examiner.uploads.blobs.stat(row.key) == len(published.raw)
    owner.work()
    assert owner.examiner.uploads.blobs.stat(row.key) is None
    assert list((owner.serving.services.config.home / "examining").iterdir()) == []


def test_upload__asked_for_twice__one_row(owner: Owner, published: ExaminedData) -> None:
    wish = {"filename": owner.put(published.raw)}
    path = f"/models/{owner.model.uuid}/diagnostics"
    assert owner.post(path, wish)["id"] == owner.post(path, wish)["id"]
    assert len(owner.get(path)) == 1


def test_upload__nothing_was_put__refused_and_can_be_put_yet(
    owner: Owner, published: ExaminedData
) -> None:
    wish = {"filename": "past.csv", "purpose": "diagnostics"}
    made = owner.post(f"/models/{owner.model.uuid}/uploads", wish)
    path, named = f"/models/{owner.model.uuid}/diagnostics", {"filename": made["filename"]}
    assert "nothing was put" in owner.post(path, named, 422)["error"]["message"]
    assert owner.serving.client.put(made["url"], content=published.raw).status_code == 200
    assert owner.post(path, named)["status"] == "pending"


def test_upload__of_somebody_elses_model__refused(owner: Owner, published: ExaminedData) -> None:
    upload = owner.send(published.raw)
    other = Owner(owner.world, owner.serving, 1)
    wish: dict[str, Any] = {"filename": owner.put(published.raw)}
    path = f"/models/{owner.model.uuid}/diagnostics"
    assert other.post(path, wish, 422)["error"]["message"] == "this model is not yours"
    assert "no diagnostics of yours" in other.get(f"/diagnostics/{upload}", 422)["error"]["message"]
    assert other.get(path, 422)["error"]["message"] == "this model is not yours"
    mine = f"/models/{other.model.uuid}/diagnostics"
    assert "there is no upload" in other.post(mine, wish, 422)["error"]["message"]


def test_uploads__of_two_accounts__take_turns(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, seconds = Owner(owner.world, owner.serving, 1), count(owner.examiner.uploads.now())
    monkeypatch.setattr(owner.examiner.uploads, "_clock", lambda: next(seconds))
    first, second = owner.send(b"id,prediction\n"), owner.send(b"id,prediction\n")
    theirs = other.send(b"id,prediction\n")
    order = []
    while (waiting := owner.examiner.next()) is not None:
        order.append(waiting.id)
        owner.examiner.end(waiting.id, Status.FAILED)
    assert order == [first, theirs, second]


def test_uploads__more_than_may_wait__refused_until_one_is_done(owner: Owner) -> None:
    for _ in range(MOST_WAITING):
        owner.send(b"id,prediction\n")
    wish = {"filename": owner.put(b"id,prediction\n")}
    path = f"/models/{owner.model.uuid}/diagnostics"
    assert "wait to be examined" in owner.post(path, wish, 409)["error"]["message"]
    assert owner.queue.step()
    while (at_work := owner.queue.at_work) is not None:
        at_work.wait(600)
        owner.queue.step()
    assert owner.post(path, wish)["status"] == "pending"
    assert {one["status"] for one in owner.get(path)} == {"pending", "failed"}
