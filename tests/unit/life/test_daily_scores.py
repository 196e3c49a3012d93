"""Days of a round that are scored before its result: on a chain, with operators' real ingests, and
files that their owners sent through the server. Both databases."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graphql_calls import Asker, asker
from server_databases import server, where
from server_operators import Operators, allow, serving_operators
from server_people import EIGHT, Person, close, next_round
from server_world import TIMING, Sent, ServerWorld, Serving, server_world

from oracle.evaluation.evaluate import Entry, evaluate
from oracle.records.schema.life import daily_rounds, daily_scores
from oracle.settlement.wire import ReceiptsFile
from oracle.store.artefacts import write_file
from oracle.tournaments.universe import targets_bytes

__all__ = ["server", "where"]
pytestmark = [pytest.mark.slow, pytest.mark.chain, pytest.mark.xdist_group("daily")]

DAYS = 3
HORIZON = DAYS * 86_400
NAMES = ("corr", "mmc", "tc")
PERFORMANCES = """query($modelId: String!) {
  v2RoundModelPerformances(modelId: $modelId, tournament: 8) {
    roundNumber roundResolved atRisk
    submissionScores { date day displayName payoutPending payoutSettled percentile value }
    intraRoundSubmissionScores { day displayName payoutPending payoutSettled value } } }"""
SCORES = """query($modelId: ID!, $day: Int) { submissionScores(modelId: $modelId, day: $day) {
  roundNumber day displayName value percentile date resolved submissionId } }"""
PENDING = """query { pendingModelPayouts(tournament: 8) {
  actual { roundNumber payoutNmr } pending { roundNumber payoutNmr } } }"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerWorld]:
    timing = TIMING.model_copy(update={"max_horizon": HORIZON})
    with server_world(tmp_path_factory.mktemp("world"), timing) as made:
        made.horizon = HORIZON
        for number in range(3):
            made.register(f"model {number}")
        yield made


@pytest.fixture(scope="module")
def operators(world: ServerWorld, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operators]:
    with serving_operators(world, tmp_path_factory.mktemp("operators")) as running:
        yield running


@pytest.fixture
def serving(
    world: ServerWorld, operators: Operators, where: str, tmp_path: Path
) -> Iterator[Serving]:
    with world.serving(where, tmp_path / "home", **operators.config(tmp_path)) as made:
        yield made


@dataclass
class Scene:
    """A closed round that three people sent files to, the last of them too late."""

    world: ServerWorld
    serving: Serving
    number: int
    people: list[Person]

    def folder(self) -> Path:
        return self.world.provider / str(self.number) / "daily"

    def targets(self, day: int, content: bytes) -> None:
        write_file(self.folder() / f"{day}.csv", content)

    def noise(self, seed: int) -> bytes:
        """Targets that predictions know nothing of."""
        files = self.world.files[self.number]
        return targets_bytes(files.ids, np.random.default_rng(seed).permutation(files.target))

    def score(self) -> None:
        self.serving.run("score days")

    def outcome(self) -> str:
        """Class of the error that a run of the task ends with."""
        runner = self.serving.server.runner
        [task] = [task for task in runner.tasks if task.name == "score days 8"]
        return runner.once(task)

    def expected(self, targets: bytes) -> dict[int, dict[str, int]]:
        """Scores by model, of what the operators' code makes of the chain's stakes and owners."""
        files = self.world.files[self.number]
        kept, files.targets = files.targets, targets
        try:
            inputs = self.world._inputs(self.world.announced(self.number))
        finally:
            files.targets = kept
        raws = {sent.entry.sha256: sent.raw for sent in self.world.sent[self.number]}
        text = evaluate(inputs, raws.__getitem__).files["outputs/scores.csv"].decode()
        header, *rows = (line.split(",") for line in text.splitlines())
        found = [dict(zip(header, map(int, row), strict=True)) for row in rows]
        return {row["model"]: {name: row[name] for name in NAMES} for row in found}

    def shown(self, person: Person, day: int | None = None) -> dict[int, dict[str, int]]:
        """Scores by day, as GraphQL tells them, of this round."""
        rows = asker(self.serving).ask(SCORES, modelId=person.model.uuid, day=day)
        found: dict[int, dict[str, int]] = {}
        for row in rows:
            if row["roundNumber"] == self.number:
                value = round(row["value"] * 10**9)
                found.setdefault(row["day"], {})[row["displayName"]] = value
        return found

    def rest(self, person: Person) -> list[dict[str, Any]]:
        answer = self.serving.client.get(
            f"/v1/models/{person.model.uuid}/daily", params={"round": self.number}
        )
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    def asker(self, person: Person) -> Asker:
        return asker(self.serving, person.wallet)


def _sent(scene: Scene, person: Person, raw: bytes) -> None:
    """The file through the server, and noted as operators have it."""
    made = person.send(raw)
    assert made.signature is not None
    assert made.sequence is not None
    proof = ReceiptsFile.model_validate_json(made.receipts).submission
    model = person.model.model
    entry = Entry(model, made.sha256, made.sequence, not made.late, made.signature, len(raw))
    receipts = [receipt.stored(proof.key()) for receipt in proof.receipts]
    scene.world.sent.setdefault(scene.number, []).append(Sent(raw, entry, receipts))


@pytest.fixture
def scene(world: ServerWorld, serving: Serving) -> Scene:
    number = next_round(world, serving)
    people = [Person(world, serving, model) for model in range(3)]
    made = Scene(world, serving, number, people)
    files = world.files[number]
    for person, skill in zip(people, (9, 0, 5), strict=True):
        allow(serving, world, person.wallet)
        world.stake(person.model.model, 5)
        if person is not people[2]:
            _sent(made, person, files.predictions(skill))
    world.chain.finalize()
    close(world, serving, number)
    _sent(made, people[2], files.predictions(5))
    return made


def _end(scene: Scene) -> None:
    """Commit and settle, which the next round's stakes wait for."""
    scene.world.commit(scene.number)
    scene.world.chain.finalize()
    scene.serving.follow()


def test_days__scored_one_by_one__then_the_last_is_the_committed_result(scene: Scene) -> None:
    world, noise = scene.world, scene.noise(1)
    scene.targets(1, noise)
    scene.score()
    scene.targets(2, world.files[scene.number].targets)
    scene.score()
    first, second = scene.expected(noise), scene.expected(world.files[scene.number].targets)
    assert first != second
    for person in scene.people:
        model = person.model.model
        assert scene.shown(person) == {1: first[model], 2: second[model]}
        assert scene.shown(person, day=1) == {1: first[model]}
        assert not any(row["final"] for row in scene.rest(person))
    _end(scene)
    for person in scene.people:
        model = person.model.model
        # The same files, stakes and targets: what was told on the second day is what is paid on.
        assert scene.shown(person) == {1: first[model], 2: second[model], 3: second[model]}
        rest = scene.rest(person)
        assert [(row["day"], row["final"]) for row in rest] == [
            (day, day == DAYS) for day in (3, 2, 1) for _ in NAMES
        ]
        dates = {row["day"]: row["date"] for row in rest}
        assert sorted(dates.values()) == [dates[1], dates[2], dates[3]]
    world.settle(scene.number)


def test_days__of_a_staked_model__then_what_is_pending_is_what_settling_does(
    scene: Scene,
) -> None:
    best, _, late = scene.people
    assert scene.asker(best).ask(PENDING)["pending"] == []
    scene.targets(1, scene.noise(2))
    scene.targets(2, scene.world.files[scene.number].targets)
    scene.score()
    [row] = [
        row
        for row in scene.asker(best).ask(PERFORMANCES, modelId=best.model.uuid)
        if row["roundNumber"] == scene.number
    ]
    assert {one["day"] for one in row["submissionScores"]} == {2}
    assert {one["day"] for one in row["intraRoundSubmissionScores"]} == {1, 2}
    by_day = {
        day: sum(
            Decimal(one["payoutPending"] or 0)
            for one in row["intraRoundSubmissionScores"]
            if one["day"] == day
        )
        for day in (1, 2)
    }
    assert by_day[1] != by_day[2]
    [pending] = scene.asker(best).ask(PENDING)["pending"]
    assert Decimal(pending["payoutNmr"]) == by_day[2]
    [of_late] = [
        row
        for row in scene.asker(late).ask(PERFORMANCES, modelId=late.model.uuid)
        if row["roundNumber"] == scene.number
    ]
    assert of_late["atRisk"] == "0"
    assert {one["payoutPending"] for one in of_late["submissionScores"]} <= {"0", None}
    _end(scene)
    scene.world.settle(scene.number)
    scene.serving.follow()
    settled = scene.serving.services.stakes.settlements(EIGHT, models=[0], rounds=[scene.number])
    assert [Decimal(one.change) / 10**9 for one in settled] == [by_day[2]]
    found = scene.asker(best).ask(PENDING)
    assert found["pending"] == []
    assert Decimal(found["actual"][0]["payoutNmr"]) == by_day[2]
    rest = [row for row in scene.rest(best) if row["day"] == DAYS]
    assert sum(Decimal(row["payout"] or 0) for row in rest) == by_day[2]
    assert all(row["settled"] for row in rest)


def test_days__targets_that_stay__are_scored_once(scene: Scene) -> None:
    database = scene.serving.services.database

    def kept() -> list[tuple[Any, ...]]:
        with database.connect() as connection:
            query = daily_scores.select().order_by(*daily_scores.primary_key.columns)
            return [tuple(row) for row in connection.execute(query)]

    def when() -> list[int]:
        with database.connect() as connection:
            return [row.models for row in connection.execute(daily_rounds.select())]

    scene.targets(1, scene.noise(3))
    scene.score()
    with database.connect() as connection:
        scored_at = connection.execute(daily_rounds.select()).one().scored_at
    assert scored_at == scene.world.now
    before = kept()
    with database.begin() as connection:  # to see whether it is written again
        connection.execute(daily_rounds.update().values(models=77))
    scene.score()
    assert when() == [77]
    write_file(scene.folder() / "1.csv", scene.noise(3))  # the same bytes in a new file
    scene.score()
    assert when() == [77]
    assert kept() == before
    scene.targets(1, scene.noise(4))
    scene.score()
    assert when() == [3]
    assert kept() != before
    assert scene.shown(scene.people[0])[1] == (scene.expected(scene.noise(4))[0])
    _end(scene)
    scene.world.settle(scene.number)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("1.csv", b"id,target\nnobody,0.5\n", "1 targets for a universe of"),
        ("1.csv", b"\xff\xfe", ""),
        (f"{DAYS + 1}.csv", b"", f"the round has {DAYS} days, no day {DAYS + 1}"),
    ],
    ids=["other ids", "no text", "day too late"],
)
def test_days__a_broken_file__is_told_and_leaves_the_others_alone(
    scene: Scene, name: str, content: bytes, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    write_file(scene.folder() / name, content)
    scene.targets(2, scene.noise(5))
    with caplog.at_level(logging.WARNING):
        assert scene.outcome() == "InputError"
    [told] = [r.getMessage() for r in caplog.records if r.name == "assay.tasks"]
    assert f"round {scene.number}, daily/{name}" in told
    assert said in told
    assert set(scene.shown(scene.people[0])) == {2}
    report = scene.serving.client.get("/healthz").json()
    assert report["tasks"]["score days 8"]["error"] == "InputError"
    (scene.folder() / name).unlink()
    assert scene.outcome() == ""
    _end(scene)
    scene.world.settle(scene.number)


def test_days__names_that_are_no_days__are_passed_over(scene: Scene) -> None:
    for name in ("0.csv", "01.csv", "one.csv", "1.csv.tmp", "-1.csv"):
        write_file(scene.folder() / name, b"nothing")
    (scene.folder() / "notes").mkdir()
    scene.score()
    assert scene.shown(scene.people[0]) == {}
    _end(scene)
    scene.world.settle(scene.number)
