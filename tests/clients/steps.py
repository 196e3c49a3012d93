"""A data scientist's way through all of numerapi, in an order in which each step finds what it
needs. Steps of one group are made by one client; between groups the server catches up."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import board_cases
import cases
import examined_cases
import pyarrow as pa
import pyarrow.parquet as pq
import score_cases
from cases import Check, Known, equal, kept, the
from clients import Call

APIS = {8: "NumerAPI", 11: "SignalsAPI", 12: "CryptoAPI"}
UPLOAD, PICKLE, PAST = "predictions.csv", "model.pkl", "past.csv"
VERSION = "v1.0"
DATASET = f"{VERSION}/features.json"
TICKERS = f"signals/{VERSION}/live.parquet"
"""Where the client looks for Signals' universe."""
_BIO = "Ridge, mostly."
_TOURNAMENTS = [
    {"name": name, "tournament": number}
    for name, number in (("classic", 8), ("signals", 11), ("crypto", 12))
]


def tickers() -> bytes:
    """A universe of two."""
    pq.write_table(pa.table({"numerai_ticker": ["AAPL US", "MSFT US"]}), buffer := io.BytesIO())
    return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class Step:
    """``arguments`` are worked out when it is its turn, all variables the model's id. ``error``:
    what the message says where the call must end with one."""

    method: str
    arguments: dict[str, Any]
    check: Check
    error: str = ""

    def call(self, known: Known) -> Call:
        found = {k: v(known) if callable(v) else v for k, v in self.arguments.items()}
        if "variables" in found:
            found["variables"] = dict.fromkeys(found["variables"], known.uuid)
        return Call(APIS[known.tournament], self.method, found)


def _alpha(known: Known) -> str:
    return known.uuid


def _sent(known: Known) -> str:
    return str(known.said.get("upload_predictions"))


def _file(known: Known, name: str) -> bytes:
    return Path(known.folder, name).read_bytes()


def _names(known: Known, found: Any) -> None:
    names = {f"{VERSION}/{path.name}" for path in known.data.iterdir()}
    equal(found, sorted(names | ({TICKERS} if known.tournament == 11 else set())))


def _downloaded(known: Known, found: Any) -> None:
    equal(_file(known, found), _file(known, UPLOAD), "content")


def _data(known: Known, found: Any) -> None:
    equal(_file(known, found), (known.data / "features.json").read_bytes(), "content")


def _ids(known: Known, found: Any) -> None:
    """The client turns times only where it gets one thing, so these stay texts."""
    equal([one["id"] for one in found], [_sent(known)])


def _filenames(known: Known, found: Any) -> None:
    equal(
        [(one["round_num"], one["tournament"]) for one in found],
        [(known.history.open, known.tournament)],
    )


def _bio(known: Known, found: Any) -> None:
    equal(found, True)
    known.said["bio"] = _BIO


_ONE = {"model_id": _alpha}

_STAKE = Step("stake_get", {"username": "alpha"}, cases.stake_value)


def _first_round(known: Known) -> int | str:
    """By its number alone where the first tournament is meant, which clients do not name."""
    number = known.history.settled[0]
    return number if known.tournament == 8 else f"{known.tournament}-{number}"


def _open_round(known: Known) -> str:
    return f"{known.tournament}-{known.history.open}"


def _examined(known: Known) -> str:
    return str(known.said.get("upload_diagnostics"))


def _hook(known: Known) -> str:
    return f"{known.receiver.url}/{known.tournament}"


_TRIGGER = "mutation ($modelId: String!) { triggerModelWebhook(modelId: $modelId) }"
_TRIGGERED = """query ($modelId: String!) {
  submissions(modelId: $modelId) { round { number tournament } triggerId insertedAt } }"""


def _wallet(known: Known) -> str:
    return known.wallet


READING: Sequence[Step] = (
    Step(
        "raw_query",
        {"query": "{ tournaments { name tournament } }"},
        the({"data": {"tournaments": _TOURNAMENTS}}),
    ),
    Step("set_global_data_dir", {"directory": "data"}, the(None)),
    Step("get_current_round", {}, lambda known, found: equal(found, known.history.open)),
    Step("check_round_open", {}, cases.is_open),
    Step("check_new_round", {"hours": 12}, the(True)),
    Step("get_competitions", {}, cases.competitions),
    Step("list_rounds", {}, cases.rounds),
    Step("list_datasets", {}, _names),
    Step("download_dataset", {"filename": DATASET, "dest_path": "features.json"}, _data),
    Step("get_models", {}, lambda known, found: equal(found, known.mine)),
    Step("get_account", {}, cases.account),
    Step("modelid_to_modelname", _ONE, the("alpha")),
    Step(
        "models_of_account",
        {"account": _wallet},
        lambda known, found: equal(found, known.mine),
    ),
    Step("public_user_profile", {"username": "alpha"}, cases.profile),
    Step("wallet_transactions", {}, cases.transfers),
    _STAKE,
    Step("submission_scores", _ONE, score_cases.scores),
    Step("round_model_performances", {"username": _alpha}, score_cases.performances),
    Step("round_model_performances_v2", _ONE, score_cases.performances),
    Step("intra_round_scores", _ONE, score_cases.performances),
    Step("pending_model_payouts", {}, score_cases.payouts),
)
BOARDS: Sequence[Step] = (
    Step("get_leaderboard", {}, board_cases.leaderboard),
    Step("get_account_leaderboard", {}, board_cases.accounts),
    Step("daily_model_performances", {"username": "alpha"}, board_cases.standings),
    Step("pipeline_status", {"date": board_cases.date_of_scores}, board_cases.pipeline),
    Step("upload_diagnostics", {"file_path": PAST, **_ONE}, kept("upload_diagnostics")),
)
EXAMINED: Sequence[Step] = (
    Step("diagnostics", _ONE, examined_cases.diagnostics),
    Step("diagnostics", {**_ONE, "diagnostics_id": _examined}, examined_cases.diagnostics),
)
WEBHOOK: Sequence[Step] = (
    Step("set_submission_webhook", {**_ONE, "webhook": _hook}, the(True)),
    Step(
        "raw_query",
        {"query": _TRIGGER, "variables": {"modelId": None}, "authorization": True},
        cases.called,
    ),
)

SENT: Sequence[Step] = (
    Step(
        "raw_query",
        {"query": _TRIGGERED, "variables": {"modelId": None}, "authorization": True},
        cases.triggered,
    ),
    Step("submission_ids", _ONE, _ids),
    Step("get_submission_filenames", _ONE, _filenames),
    Step("download_submission", {"submission_id": _sent, "dest_path": "back.csv"}, _downloaded),
    Step(
        "v3_stake_auth",
        {"submission_id": _sent, "staker": _wallet, "max_amount": "2.5"},
        cases.v3_auth,
    ),
    Step("v3_stake_config", {}, cases.v3_config),
    Step("v3_stake_round", {"round_id": _first_round}, cases.v3_round),
    Step("v3_stake_claim", {"round_id": _first_round, **_ONE, "staker": _wallet}, cases.v3_claim),
)
EDITING: Sequence[Step] = (
    Step("stake_get", {"username": "alpha"}, the(None)),
    Step("set_bio", {**_ONE, "bio": _BIO}, _bio),
    Step("set_link", {**_ONE, "link_text": "mine", "link": "https://a.example/"}, the(True)),
    Step("set_submission_webhook", {**_ONE, "webhook": ""}, the(True)),
    Step("public_user_profile", {"username": "alpha"}, cases.profile),
    Step("model_upload", {"file_path": PICKLE, **_ONE}, kept("model_upload")),
    Step("model_upload_data_versions", {}, the({})),
    Step("model_upload_docker_images", {}, the({})),
)

_NINE = Step("stake_get", {"username": "alpha"}, lambda _, found: equal(str(found), "9"))

GROUPS: Sequence[Sequence[Step]] = (
    READING,
    BOARDS,
    EXAMINED,
    WEBHOOK,
    (Step("upload_predictions", {"file_path": UPLOAD, **_ONE}, kept("upload_predictions")),),
    SENT,
    (Step("stake_increase", {"nmr": "1.25", **_ONE}, cases.changed("increase", "1.25")),),
    (_STAKE,),
    (Step("stake_decrease", {"nmr": 0.5, **_ONE}, cases.changed("decrease", "0.5")),),
    (_STAKE,),
    (
        Step(
            "stake_change",
            {"nmr": "0.25", "action": "increase", **_ONE},
            cases.changed("increase", "0.25"),
        ),
    ),
    (Step("stake_set", {"nmr": "9", **_ONE}, cases.changed("increase", None)),),
    (_NINE,),
    (Step("stake_drain", _ONE, cases.changed("decrease", "11000000")),),
    EDITING,
)

_CLASSIC = frozenset({"get_competitions", "get_submission_filenames", "stake_set"})
"""Methods of the first class alone; the third lacks ``daily_model_performances`` too."""


def groups(tournament: int) -> list[list[Step]]:
    """Steps of a tournament's class."""
    left_out = {8: frozenset(), 11: _CLASSIC, 12: _CLASSIC | {"daily_model_performances"}}
    found = [[one for one in group if one.method not in left_out[tournament]] for group in GROUPS]
    if tournament != 8:
        found = [group for group in found if group and group[0].check is not _NINE.check]
    not_yet = {"round_id": _open_round, **_ONE, "staker": _wallet}
    found.insert(
        5,
        [
            Step("v3_stake_round", {"round_id": _open_round}, cases.v3_open_round),
            Step("v3_stake_claim", not_yet, cases.the(None), error="is not settled yet"),
        ],
    )
    if tournament == 11:
        found.append([Step("ticker_universe", {}, the(["AAPL US", "MSFT US"]))])
    return found
