"""A week in a data scientist's life, by the unmodified client: each day a round opens and calls the
model, data come down, predictions go up, the stake is raised or lowered, scores are read; rounds
overlap, are scored day by day, and pay in the end."""

import io
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import cases
import numpy as np
import pandas as pd
from cases import Known, equal
from examined_cases import corr
from score_cases import committed, moved
from server_world import Sent
from steps import UPLOAD, VERSION, Step
from tournaments import HORIZON_DAYS, publish

from oracle.evaluation.evaluate import Entry
from oracle.gateway.intaking import datasets_of, intake_of
from oracle.intake.rows import Status
from oracle.scoring.limits import SCALE
from oracle.settlement.units import UNITS_PER_NMR
from oracle.settlement.wire import ReceiptsFile
from oracle.store.artefacts import write_file
from oracle.tournaments.universe import targets_bytes

if TYPE_CHECKING:
    from conformance import Result, Scene

DAYS = 5
WEEK = "week: "
"""How names of its results begin."""

_DAY = 86_400
_WINDOW = 3_000
_LIVE = f"{VERSION}/live-of-the-day.parquet"
_CLOSE = 2e-6


class Week:
    """What happens around the client, and what it must see of it."""

    def __init__(self, made: "Scene", number: int) -> None:
        self.made, self.known = made, made.known[number]
        self.world, self.alpha = self.known.history.world, self.known.history.alpha
        self.rounds: list[int] = []
        self.values: dict[tuple[int, int], np.ndarray] = {}
        self.results: list[Result] = []

    def client(self, *steps: Step) -> None:
        """Steps of the client, once the server has seen all that happened."""
        self.made.catch_up()
        found = self.made.run(self.known.tournament, steps)
        self.results += [replace(one, name=WEEK + one.name) for one in found]

    # ------------------------------------------------------------------ the world

    def finish(self, number: int) -> None:
        """The round's end, with what was sent for it through the server."""
        history = self.made.server.services.part(intake_of).history
        for row in history.of_models(self.known.tournament, [self.alpha], [number]):
            if row.status != Status.ACCEPTED:
                continue
            assert row.sequence is not None
            assert row.signature is not None
            proof = ReceiptsFile.model_validate_json(row.receipts).submission
            raw = (self.known.folder / f"{number}.csv").read_bytes()
            entry = Entry(
                self.alpha, row.sha256, row.sequence, not row.late, row.signature, len(raw)
            )
            receipts = [receipt.stored(proof.key()) for receipt in proof.receipts]
            self.world.sent.setdefault(number, []).append(Sent(raw, entry, receipts))
        self.world.close(number)  # what was queued for it: rounds are worked off one by one
        self.world.commit(number)
        self.world.settle(number)

    def begin(self) -> None:
        """The round that is open is played to its end; from then on rounds take days."""
        number = self.known.history.open
        sent = (self.known.folder / UPLOAD).read_bytes()
        (self.known.folder / f"{number}.csv").write_bytes(sent)
        self.world.chain.advance_to(self.world.announced(number).closes)
        self.finish(number)
        self.world.horizon = HORIZON_DAYS * _DAY

    def open(self) -> int:
        """A new round with data for it; the server has called the model."""
        number = self.world.announce(window=_WINDOW).round
        self.rounds.append(number)
        self.known.history = replace(self.known.history, open=number)
        files = self.world.files[number]
        dice = np.random.default_rng(number)
        feature = files.target + dice.integers(0, 2 * SCALE, len(files.ids))
        frame = pd.DataFrame({"feature": feature}, pd.Index(files.ids, name="id"))
        frame.to_parquet(buffer := io.BytesIO())
        folder = self.made.server.services.config.tournaments[0].datasets
        assert folder is not None
        publish(folder, f"rounds/{number}/{_LIVE}", buffer.getvalue())
        self.world.submit(number, self.known.history.beta, files.predictions(2))
        self.made.catch_up()
        datasets = self.made.server.services.part(datasets_of)
        self.made.wait(lambda: _LIVE in datasets.list(8, number), "no live data")
        self.made.wait(lambda: self._call(number) is not None, "the model was not called")
        self.known.said["trigger"] = self._call(number)
        return number

    def _call(self, number: int) -> str | None:
        bodies = self.known.receiver.bodies()
        found = [one for one in bodies if (one["event"], one["roundNumber"]) == ("opened", number)]
        return found[0]["triggerId"] if found else None

    def score_days(self) -> None:
        """A day later: what targets of each round are so far, or the end of it."""
        for number in self.rounds:
            day = self.day(number)
            if (number, day) in self.values or day == 0:
                continue
            if day >= HORIZON_DAYS:
                if number not in self.world.results:
                    self.finish(number)
                continue
            files = self.world.files[number]
            self.values[number, day] = np.roll(files.target, day)
            raw = targets_bytes(files.ids, self.values[number, day])
            write_file(self.world.provider / str(number) / "daily" / f"{day}.csv", raw)
        self.made.catch_up()
        self.made.after(f"score days {self.known.tournament}")

    def day(self, number: int) -> int:
        """Whole days since the round's close."""
        return max(0, (self.world.now - self.world.announced(number).closes) // _DAY)

    # ------------------------------------------------------------------ the scientist

    def predict(self, known: Known, found: Any) -> None:
        """From the file that was downloaded, which is the one that was published."""
        frame = pd.read_parquet(known.folder / found)
        number = known.history.open
        equal(list(frame.index), self.world.files[number].ids, "ids")
        ranked = frame["feature"].rank(pct=True, method="first")
        raw = ranked.round(9).rename("prediction").to_csv().encode()
        (known.folder / UPLOAD).write_bytes(raw)
        (known.folder / f"{number}.csv").write_bytes(raw)

    def sent(self, known: Known, found: Any) -> None:
        cases.kept("upload_predictions")(known, found)
        known.sent[known.history.open] = found

    def listed(self, known: Known, found: Any) -> None:
        equal({one["round_num"] for one in found} & {*self.rounds}, {*self.rounds})
        equal({one["tournament"] for one in found}, {known.tournament})

    def scored(self, known: Known, found: Any) -> None:
        """Every day of every round so far: CORR as numpy has it, final scores as committed."""
        told: dict[tuple[int, int], dict[str, float]] = defaultdict(dict)
        for one in found:
            if one["roundNumber"] in self.rounds:
                told[one["roundNumber"], one["day"]][one["displayName"]] = one["value"]
                equal(one["submissionId"], known.sent[one["roundNumber"]], "submissionId")
        final = [number for number in self.rounds if number in self.world.results]
        equal(set(told), {*self.values, *((n, HORIZON_DAYS) for n in final)}, "days")
        for number in final:
            expected = committed(known, number)[self.alpha]
            values = {name: value / 10**9 for name, value in expected.items()}
            equal(told[number, HORIZON_DAYS], values, f"round {number}")
        for (number, day), target in self.values.items():
            mine = pd.read_csv(known.folder / f"{number}.csv", index_col="id")["prediction"]
            expected_corr = corr(mine.reindex(self.world.files[number].ids), target / SCALE)
            if abs(told[number, day]["corr"] - expected_corr) > _CLOSE:
                raise AssertionError(
                    f"round {number}, day {day}: {told[number, day]}, not {expected_corr}"
                )

    def paid(self, known: Known, found: Any) -> None:
        """What is settled is the pool's; what is pending adds up to what scores are told with."""
        for kind in ("actual", "pending"):
            told = {one["roundNumber"]: one["payoutNmr"] for one in found[kind]}
            known.said[kind] = {n: v for n, v in told.items() if n in self.rounds}
        settled = {
            n: Decimal(moved(known, n, self.alpha)[1]) / UNITS_PER_NMR
            for n in self.rounds
            if n in self.world.results
        }
        equal(known.said["actual"], settled, "actual")
        under_way = {n for n in self.rounds if n not in settled and (n, 1) in self.values}
        equal(set(known.said["pending"]), under_way, "pending")

    def performed(self, known: Known, found: Any) -> None:
        mine = {one["roundNumber"]: one for one in found if one["roundNumber"] in self.rounds}
        for kind, field in (("actual", "payoutSettled"), ("pending", "payoutPending")):
            for number, value in known.said[kind].items():
                rows = mine[number]["submissionScores"]
                last = max(row["day"] for row in rows)
                parts = [row[field] or Decimal(0) for row in rows if row["day"] == last]
                equal(sum(parts), value, f"round {number}: {field}")


def week(made: "Scene", number: int) -> "list[Result]":
    """All of it; the outcomes of its steps."""
    one = Week(made, number)
    model = {"model_id": one.known.uuid}
    hook = f"{one.known.receiver.url}/week"
    one.client(Step("set_submission_webhook", {**model, "webhook": hook}, cases.the(True)))
    one.begin()
    for day in range(DAYS):
        opened = one.open()
        one.client(
            Step("get_current_round", {}, cases.the(opened)),
            Step("list_datasets", {}, lambda _, found: equal(_LIVE in found, True)),
            Step("download_dataset", _download(opened), one.predict),
        )
        one.client(
            Step("upload_predictions", {"file_path": UPLOAD, **model}, one.sent),
            Step("get_submission_filenames", model, one.listed),
        )
        one.client(*_staking(day, model))
        one.client(Step("stake_get", {"username": "alpha"}, cases.stake_value))
        one.world.chain.advance_to(one.world.announced(opened).closes + _DAY)
        one.score_days()
        one.client(*_reading(one, model))
    while len(one.world.results.keys() & set(one.rounds)) < DAYS:
        one.world.chain.advance_to(one.world.now + _DAY)
        one.score_days()
        one.client(*_reading(one, model))
    one.client(
        Step("wallet_transactions", {}, cases.transfers),
        Step("stake_get", {"username": "alpha"}, cases.stake_value),
    )
    return one.results


def _download(number: int) -> dict[str, Any]:
    return {"filename": _LIVE, "dest_path": f"live-{number}.parquet"}


def _staking(day: int, model: dict[str, Any]) -> Sequence[Step]:
    """Raised on the first day and every other, lowered in between."""
    if day % 2:
        return [Step("stake_decrease", {"nmr": "0.5", **model}, cases.changed("decrease", "0.5"))]
    return [Step("stake_increase", {"nmr": "2", **model}, cases.changed("increase", "2"))]


def _reading(one: Week, model: dict[str, Any]) -> Sequence[Step]:
    return [
        Step("submission_scores", model, one.scored),
        Step("pending_model_payouts", {}, one.paid),
        Step("round_model_performances_v2", model, one.performed),
    ]
