"""`assay submit`, `assay targets` and `assay history` against operators' real HTTP servers; only
the chain's answers are given."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest
from command import Ran
from ingest_world import (
    CLOSES,
    DUE,
    MODEL,
    OPERATORS,
    OWNER,
    PROVIDER,
    RAW,
    ROUND,
    SIGNERS,
    STRANGER,
    TARGETS_RAW,
    ChainStandIn,
    kept,
    new_ingest,
    served,
)
from synthetic_round import INVALID

from oracle.chain.signing import LocalSigner
from oracle.cli import options
from oracle.errors import Exit
from oracle.operator.ingest import Ingest
from oracle.settlement.wire import ReceiptsFile


class CommandChain(ChainStandIn):
    """What the commands read besides; ``signer`` is who runs them."""

    url = "http://chain"
    signer = LocalSigner(OWNER)

    def target(self) -> int:
        return ROUND

    def receipts_needed(self, _: int) -> int:
        return 2


@pytest.fixture
def chain(monkeypatch: pytest.MonkeyPatch) -> CommandChain:
    chain = CommandChain()
    monkeypatch.setattr(options, "_reader", lambda *_: chain)
    monkeypatch.setattr(options, "_signer", lambda *_: chain.signer)
    monkeypatch.setattr(options, "Sender", lambda *_: None)
    monkeypatch.setattr(
        options,
        "PoolWriter",
        lambda *_: SimpleNamespace(reader=chain, sender=SimpleNamespace(signer=chain.signer)),
    )
    chain.web3 = None
    return chain


@pytest.fixture
def three(tmp_path: Path, chain: CommandChain) -> Iterator[dict[str, Ingest]]:
    ingests = [new_ingest(tmp_path, chain, account) for account in OPERATORS]
    with ExitStack() as stack:
        yield {stack.enter_context(served(ingest)): ingest for ingest in ingests}


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    path = tmp_path / "predictions.csv"
    path.write_bytes(RAW)
    return path


def to(urls) -> list[str]:
    return [part for url in urls for part in ("--operator", url)]


def test_submit__taken__receipts_are_saved_beside_the_file(assay, chain, three, predictions):
    result = assay("submit", predictions, "--model", MODEL, *to(three), "--json").result()
    saved = Path(result["receipts_file"])
    assert saved == predictions.with_name(f"predictions.csv.{ROUND}-{MODEL}.receipts.json")
    file = ReceiptsFile.model_validate_json(saved.read_bytes())
    assert {receipt.operator for receipt in file.submission.receipts} == SIGNERS
    assert file.submission.sha256 == result["sha256"]
    assert [path.name for path in predictions.parent.glob("*.receipts*")] == [saved.name]


def test_submit__for_people__each_receipt_and_where_they_are(assay, chain, three, predictions):
    out = assay("submit", predictions, "--model", MODEL, *to(three)).out
    assert out.count("signed a receipt: on time") == len(three)
    assert f"predictions.csv.{ROUND}-{MODEL}.receipts.json" in out.replace("\n", "")


def test_submit__after_the_close__said_to_be_late(assay, chain, three, predictions):
    chain.now = CLOSES
    out = assay("submit", predictions, "--model", MODEL, *to(three)).out
    assert out.count("late, not at risk") == len(three)


def test_submit__refused__no_receipts_file(assay, chain, three, predictions):
    predictions.write_bytes(INVALID)
    ran = assay("submit", predictions, "--model", MODEL, *to(three), "--json")
    assert ran.error()["code"] == "bad_input"
    assert list(predictions.parent.glob("*.receipts*")) == []


def test_submit__receipts_cannot_be_saved__says_so(assay, chain, three, predictions):
    predictions.with_name(f"predictions.csv.{ROUND}-{MODEL}.receipts.json").mkdir()
    error = assay("submit", predictions, "--model", MODEL, *to(three), "--json").error()
    assert (error["code"], error["exit"]) == ("environment", Exit.ENVIRONMENT)
    assert "the operators took the file" in error["message"]
    assert all(len(kept(ingest)) == 1 for ingest in three.values())


# ---------------------------------------------------------------------- targets


@pytest.fixture
def targets(tmp_path: Path) -> Path:
    path = tmp_path / "targets.csv"
    path.write_bytes(TARGETS_RAW)
    return path


def test_targets__put__released_at_the_horizons_end_and_shown(assay, chain, three, targets):
    chain.signer = LocalSigner(PROVIDER)
    put = assay("targets", "put", targets, "--round", ROUND, *to(three), "--json").result()
    assert {vault["release_at"] for vault in put["vaults"].values()} == {DUE}
    shown = assay("targets", "show", "--round", ROUND, *to(three), "--json").result()
    assert shown["vaults"] == put["vaults"]
    assert "released" not in assay("targets", "show", "--round", ROUND, *to(three)).out
    chain.now = DUE
    assert "released" in assay("targets", "show", "--round", ROUND, *to(three)).out


def test_targets__put_again_earlier__told_that_others_are_kept(assay, chain, three, targets):
    chain.signer = LocalSigner(PROVIDER)
    assay("targets", "put", targets, "--round", ROUND, *to(three))
    targets.write_bytes(TARGETS_RAW.replace(b",0.25\n", b",0.75\n"))
    put = ("targets", "put", targets, "--round", ROUND, "--release-at", CLOSES, *to(three))
    assert assay(*put).out.count("has others") == len(three)


def test_targets__put_by_anybody_else__refused(assay, chain, three, targets):
    chain.signer = LocalSigner(STRANGER)
    ran = assay("targets", "put", targets, "--round", ROUND, *to(three), "--json")
    assert ran.error()["exit"] == Exit.REFUSED
    shown = assay("targets", "show", "--round", ROUND, *to(three), "--json").result()
    assert set(shown["vaults"].values()) == {None}


def test_targets__no_operator_answers__unreachable(assay, chain):
    ran = assay("targets", "show", "--round", ROUND, "--operator", "http://127.0.0.1:9", "--json")
    assert ran.error()["exit"] == Exit.UNREACHABLE


# ---------------------------------------------------------------------- history


def test_history__owner__his_submissions_from_the_first_that_answers(
    assay: Callable[..., Ran], chain, three, predictions
):
    for _ in range(2):
        assay("submit", predictions, "--model", MODEL, *to(three))
    urls = ["http://127.0.0.1:9", *three]
    out = assay("history", "--model", MODEL, *to(urls)).out
    assert out.count(f"round {ROUND}: 50 rows, 0 ids ignored") == 2
    assert "churn 0.0000, turnover 0.0000" in out.replace("\n", " ")
    found = assay("history", "--model", MODEL, *to(three), "--json").result()
    assert [entry["previous"] is None for entry in found["submissions"]] == [True, False]
    assert json.dumps(found).count("reason") == 1


def test_history__anybody_else__refused(assay, chain, three, predictions):
    assay("submit", predictions, "--model", MODEL, *to(three))
    chain.signer = LocalSigner(STRANGER)
    ran = assay("history", "--model", MODEL, *to(three), "--json")
    assert ran.error()["exit"] == Exit.REFUSED
