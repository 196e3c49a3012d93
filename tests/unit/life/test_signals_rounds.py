"""A Signals tournament: its days are scored on its own scores, and its gate is told as advice."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql_calls import asker
from other_tournaments import SIGNALS
from server_databases import server, where
from server_operators import Operators, allow, serving_operators, token
from server_people import Person, close, next_round
from server_world import TIMING, ServerWorld, Serving, server_world

from oracle.store.artefacts import write_file

__all__ = ["server", "where"]
pytestmark = [pytest.mark.slow, pytest.mark.chain, pytest.mark.xdist_group("daily")]

BOARD = """{ signalsLeaderboard { rank prevRank username nmrStaked sharpe today alphaRep alphaRank
  mpcRep mpcRank icRep tcRep } }"""


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerWorld]:
    timing = TIMING.model_copy(update={"max_horizon": 2 * 86_400})
    with server_world(tmp_path_factory.mktemp("world"), timing, SIGNALS) as made:
        made.horizon = 2 * 86_400
        made.register("one")
        made.register("two")
        yield made


@pytest.fixture
def operators(world: ServerWorld, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operators]:
    with serving_operators(world, tmp_path_factory.mktemp("operators")) as running:
        yield running


@pytest.fixture
def serving(
    world: ServerWorld, operators: Operators, where: str, tmp_path: Path
) -> Iterator[Serving]:
    with world.serving(where, tmp_path / "home", **operators.config(tmp_path)) as made:
        yield made


def test_days__of_signals__have_alpha_and_mpc__and_the_gate_compares_with_the_round_before(
    world: ServerWorld, serving: Serving
) -> None:
    first = next_round(world, serving)
    people = [Person(world, serving, model) for model in range(2)]
    for person in people:
        allow(serving, world, person.wallet)
    for person, skill in zip(people, (9, 1), strict=True):
        world.stake(person.model.model, 3)
        person.send(world.files[first].predictions(skill))
    close(world, serving, first)
    write_file(world.provider / str(first) / "daily" / "1.csv", world.files[first].targets)
    serving.run("score days")
    path = f"/v1/models/{people[0].model.uuid}"
    days = serving.client.get(f"{path}/daily", params={"round": first}).json()["items"]
    assert [(one["day"], one["score"], one["final"]) for one in days] == [
        (1, "alpha", False),
        (1, "mpc", False),
    ]
    assert all(one["value"] for one in days)
    mine = token(serving, people[0].wallet)
    alone = serving.client.get(f"{path}/gate", headers=mine).json()
    assert (alone["round"], alone["compared"], alone["passes"]) == (first, 0, False)

    serving.run("make boards")
    board = asker(serving).ask(BOARD)
    assert {row["username"] for row in board} == {"model-0", "model-1"}
    assert all(row["alphaRep"] is None and row["nmrStaked"] > 0 for row in board)

    second = next_round(world, serving)
    # The same file for another round of the same names.
    people[0].send(world.files[first].predictions(9))
    again = serving.client.get(f"{path}/gate", headers=mine).json()
    assert (again["round"], again["compared"], again["passes"]) == (second, 1, True)
    assert (again["churn"], again["turnover"], again["reasons"]) == (0, 0, [])
    people[0].send(world.files[second].predictions(2))
    other = serving.client.get(f"{path}/gate", headers=mine).json()
    assert other["churn"] > other["most_churn"]
    assert not other["passes"]

    assert serving.client.get(f"{path}/gate").status_code == 401
    theirs = token(serving, people[1].wallet)
    assert serving.client.get(f"{path}/gate", headers=theirs).status_code == 422
