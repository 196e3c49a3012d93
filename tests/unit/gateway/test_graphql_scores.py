"""Scores and payouts as clients read them, against committed results and the pool itself."""

from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path

import postgres
import pytest
from graphql_calls import asker
from played_rounds import History
from server_world import HORIZON, ServerWorld, Serving, server_world

pytestmark = [pytest.mark.slow, pytest.mark.chain, pytest.mark.xdist_group("graphql")]
SCORES = """query($modelId: ID!, $displayName: String, $version: String, $day: Int,
  $resolved: Boolean, $tournament: Int, $lastNRounds: Int, $distinctOnRound: Boolean) {
  submissionScores(modelId: $modelId, displayName: $displayName, version: $version, day: $day,
    resolved: $resolved, tournament: $tournament, lastNRounds: $lastNRounds,
    distinctOnRound: $distinctOnRound) {
    roundId submissionId roundNumber roundResolveTime roundScoreTime roundCloseStakingTime value
    percentile displayName version date day resolveDate resolved } }"""
ROUNDS = """query($modelId: String!, $tournament: Int!) {
  v2RoundModelPerformances(modelId: $modelId, tournament: $tournament) {
    atRisk payoutMultipliers { id scoreConfigId name version displayName multiplier }
    roundPayoutFactor roundNumber roundOpenTime roundResolveTime roundResolved roundTarget
    submissionScores { date day displayName payoutPending payoutSettled percentile value }
    intraRoundSubmissionScores { displayName value payoutSettled } } }"""
PAYOUTS = """query($tournament: Int!) { pendingModelPayouts(tournament: $tournament) {
  actual { roundId roundNumber modelId modelName payoutNmr payoutValue currencySymbol }
  pending { roundId roundNumber modelId modelName payoutNmr payoutValue currencySymbol } } }"""


def _uuid(serving: Serving, model: int) -> str:
    return serving.services.models.by_id(8, [model])[0].uuid


def _committed(world: ServerWorld, number: int, model: int) -> dict[str, float]:
    """Scores as the folder has them."""
    text = world.results[number].files["outputs/scores.csv"].decode().splitlines()
    header = text[0].split(",")
    [row] = [line for line in text[1:] if line.split(",")[0] == str(model)]
    found = dict(zip(header, row.split(","), strict=True))
    return {name: int(found[name]) / 10**9 for name in ("corr", "mmc", "tc")}


def test_scores__of_settled_rounds__then_they_are_the_committed_ones(
    serving: Serving, history: History
) -> None:
    found = asker(serving).ask(SCORES, modelId=_uuid(serving, history.alpha), tournament=8)
    assert [(one["roundNumber"], one["displayName"]) for one in found] == [
        (number, name) for number in reversed(history.settled) for name in ("corr", "mmc", "tc")
    ]
    for number in history.settled:
        mine = {one["displayName"]: one for one in found if one["roundNumber"] == number}
        expected = _committed(history.world, number, history.alpha)
        assert {name: one["value"] for name, one in mine.items()} == expected
        assert all(one["resolved"] and one["roundId"] == f"8-{number}" for one in mine.values())
        assert all(one["day"] == 1 and one["submissionId"] is None for one in mine.values())


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"displayName": "mmc"}, [(2, "mmc"), (1, "mmc")]),
        ({"lastNRounds": 1, "displayName": "corr"}, [(2, "corr")]),
        ({"distinctOnRound": True}, [(2, "corr"), (1, "corr")]),
        ({"distinctOnRound": True, "lastNRounds": 1}, [(2, "corr")]),
        ({"resolved": False}, []),
        ({"day": 2}, []),
        ({"version": "none such"}, []),
        ({"lastNRounds": 0}, []),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_scores__filtered__then_only_what_fits(
    serving: Serving, history: History, asked: dict[str, object], expected: list[object]
) -> None:
    uuid = _uuid(serving, history.alpha)
    found = asker(serving).ask(SCORES, modelId=uuid, tournament=8, **asked)
    assert [(one["roundNumber"], one["displayName"]) for one in found] == expected


def test_scores__of_the_best_model__then_it_is_ahead_of_most(
    serving: Serving, history: History
) -> None:
    of = {
        model: asker(serving).ask(SCORES, modelId=_uuid(serving, model), displayName="corr")
        for model in (history.alpha, history.beta)
    }
    first = {model: rows[-1]["percentile"] for model, rows in of.items()}
    assert 0 <= first[history.beta] < first[history.alpha] <= 1


def test_scores__unknown_model__then_it_is_said(serving: Serving) -> None:
    assert "no model with this id" in asker(serving).refused(SCORES, modelId="x")


def test_performances__settled__then_shares_add_up_to_what_the_pool_did(
    serving: Serving, history: History
) -> None:
    for model in (history.alpha, history.beta):
        uuid = _uuid(serving, model)
        found = asker(serving).ask(ROUNDS, modelId=uuid, tournament=8)
        settled = serving.services.stakes.settlements(8, models=[model])
        assert [one["roundNumber"] for one in found] == [row.round for row in reversed(settled)]
        for one, row in zip(found, reversed(settled), strict=True):
            paid = [Decimal(s["payoutSettled"] or 0) for s in one["submissionScores"]]
            assert sum(paid) == Decimal(row.change) / 10**9
            assert row.change != 0
            assert Decimal(one["atRisk"]) == Decimal(row.stake) / 10**9
            assert all(s["payoutPending"] is None for s in one["submissionScores"])
            assert (one["roundResolved"], one["roundPayoutFactor"]) == (True, 1.0)
            template = history.world.announced(row.round).template
            assert [m["multiplier"] for m in one["payoutMultipliers"]] == [
                m / 10**6 for m in template.multipliers if m
            ]


def test_performances__late_file__then_scored_with_nothing_at_risk(
    serving: Serving, history: History
) -> None:
    found = asker(serving).ask(ROUNDS, modelId=_uuid(serving, history.gamma), tournament=8)
    [one] = found
    assert (one["roundNumber"], one["atRisk"]) == (history.settled[1], "0")
    assert [s["displayName"] for s in one["submissionScores"]] == ["corr", "mmc", "tc"]


def test_performances__of_another_tournament__then_none(serving: Serving, history: History) -> None:
    uuid = _uuid(serving, history.alpha)
    assert asker(serving).ask(ROUNDS, modelId=uuid, tournament=11) == []


def test_payouts__settled__then_they_are_actual_and_nothing_is_pending(
    serving: Serving, history: History
) -> None:
    owner = asker(serving, history.world.owner(history.alpha))
    found = owner.ask(PAYOUTS, tournament=8)
    settled = serving.services.stakes.settlements(8, models=[history.alpha])
    assert [(one["roundNumber"], one["payoutNmr"]) for one in found["actual"]] == [
        (row.round, str((Decimal(row.change) / 10**9).normalize())) for row in reversed(settled)
    ]
    assert {one["modelName"] for one in found["actual"]} == {"alpha"}
    assert {one["currencySymbol"] for one in found["actual"]} == {"NMR"}
    assert found["pending"] == []
    assert "authenticated" in asker(serving).refused(PAYOUTS, tournament=8)


@pytest.fixture(scope="module")
def unsettled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerWorld]:
    """A tournament whose first round is committed and not settled."""
    with server_world(tmp_path_factory.mktemp("unsettled")) as world:
        models = [world.register("alpha"), world.register("beta")]
        number = world.announce().round
        for model, skill in zip(models, (9, 0), strict=True):
            world.stake(model, 5)
            world.submit(number, model, world.files[number].predictions(skill))
        world.close(number)
        world.commit(number)
        world.chain.finalize()
        yield world


def test_payouts__committed_only__then_pending_is_what_settling_does(
    unsettled: ServerWorld, server: postgres.Server, tmp_path: Path
) -> None:
    places = ["server.sqlite", server.new_database("unsettled")]
    with ExitStack() as stack:
        serving = [
            stack.enter_context(unsettled.serving(where, tmp_path / str(place)))
            for place, where in enumerate(places)
        ]
        pending = []
        for running in serving:
            running.follow()
            owner = asker(running, unsettled.owner(0))
            found = owner.ask(PAYOUTS, tournament=8)
            assert found["actual"] == []
            [row] = owner.ask(ROUNDS, modelId=_uuid(running, 0), tournament=8)
            parts = [Decimal(one["payoutPending"] or 0) for one in row["submissionScores"]]
            assert sum(parts) == Decimal(found["pending"][0]["payoutNmr"]) != 0
            assert all(one["payoutSettled"] is None for one in row["submissionScores"])
            pending.append(found["pending"])
        unsettled.settle(1)
        for running, before in zip(serving, pending, strict=True):
            running.follow()
            after = asker(running, unsettled.owner(0)).ask(PAYOUTS, tournament=8)
            assert after == {"actual": before, "pending": []}


def test_round_configs__then_they_are_the_templates(serving: Serving, history: History) -> None:
    query = """query($n: Int) { rounds(tournament: 8, number: $n) { roundScoreConfigs {
      id scoreConfigId roundNumberStart roundNumberEnd name version displayName totalScoreDays
      returnsLagDays dataDelayDays universe isCanonScore isPayout scoringStart scoringEnd
      minMultiplier maxMultiplier defaultMultiplier clipThreshold stakeThreshold payoutFactor
      } } }"""
    number = history.settled[0]
    [row] = asker(serving).ask(query, n=number)
    template = history.world.announced(number).template
    found = {one["name"]: one for one in row["roundScoreConfigs"]}
    assert set(found) == {"corr", "mmc", "tc"}
    paid = [one["defaultMultiplier"] for one in row["roundScoreConfigs"] if one["isPayout"]]
    assert paid == [m / 10**6 for m in template.multipliers if m]
    assert found["corr"]["clipThreshold"] == template.clip_down / 10**12
    assert found["corr"]["totalScoreDays"] == 1  # a horizon of less than a day
    assert HORIZON < 86_400
    assert found["corr"]["universe"] == "classic"
