"""Tournaments and rounds as clients read them, against the chain itself."""

from datetime import UTC, datetime

import pytest
from graphql_calls import Asker, asker
from played_rounds import History
from server_world import HORIZON, Serving

pytestmark = [pytest.mark.slow, pytest.mark.chain, pytest.mark.xdist_group("graphql")]

ALL = """query($tournament: Int, $number: Int, $target: String, $status: RoundStatus, $limit: Int) {
  rounds(tournament: $tournament, number: $number, target: $target, status: $status,
         limit: $limit) {
    id tournament number target closeTime closeStakingTime openTime scoreTime resolveTime
    resolvedGeneral resolvedStaking payoutFactor stakeThreshold dataDatestamp
  } }"""


@pytest.fixture
def nobody(serving: Serving) -> Asker:
    return asker(serving)


def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def test_rounds__all__then_the_newest_is_first(history: History, nobody: Asker) -> None:
    found = nobody.ask(ALL, tournament=8)
    assert [one["number"] for one in found] == [history.open, *reversed(history.settled)]


def test_rounds__open__then_times_are_those_of_the_announcement(
    history: History, nobody: Asker
) -> None:
    announced = history.world.announced(history.open)
    [found] = nobody.ask(ALL, tournament=8, number=0)
    assert found["number"] == history.open
    assert _seconds(found["openTime"]) == announced.opens
    assert _seconds(found["closeTime"]) == announced.closes
    assert found["closeStakingTime"] == found["closeTime"]
    assert _seconds(found["resolveTime"]) == announced.closes + HORIZON
    assert (found["resolvedGeneral"], found["resolvedStaking"]) == (False, False)
    assert found["payoutFactor"] is None
    opened = datetime.fromtimestamp(announced.opens, UTC)
    assert found["dataDatestamp"] == int(f"{opened:%Y%m%d}")


def test_rounds__settled__then_factor_and_threshold_are_those_of_the_commit(
    history: History, nobody: Asker
) -> None:
    [found] = nobody.ask(ALL, tournament=8, number=history.settled[0])
    template = history.world.announced(history.settled[0]).template
    at_risk = history.world.results[history.settled[0]].commit.at_risk
    assert at_risk == 10 * 10**9
    assert template.threshold > at_risk
    assert found["payoutFactor"] == "1"
    assert found["stakeThreshold"] == str(template.threshold // 10**9)
    assert (found["resolvedGeneral"], found["resolvedStaking"]) == (True, True)


@pytest.mark.parametrize(
    ("status", "rounds"),
    [("OPEN", [3]), ("RESOLVED", [2, 1]), ("RESOLVING", []), ("UPCOMING", [])],
)
def test_rounds__by_status__then_only_those(nobody: Asker, status: str, rounds: list[int]) -> None:
    assert [one["number"] for one in nobody.ask(ALL, tournament=8, status=status)] == rounds


def test_rounds__limited__then_that_many_of_those_that_fit(nobody: Asker) -> None:
    found = nobody.ask(ALL, tournament=8, status="RESOLVED", limit=1)
    assert [one["number"] for one in found] == [2]
    assert nobody.ask(ALL, tournament=8, limit=0) == []


def test_rounds__target__then_rounds_of_another_are_left_out(nobody: Asker) -> None:
    assert len(nobody.ask(ALL, tournament=8, target="target")) == 3
    assert nobody.ask(ALL, tournament=8, target="target_other") == []


def test_rounds__number_of_none__then_the_list_is_empty(nobody: Asker) -> None:
    assert nobody.ask(ALL, tournament=8, number=77) == []
