"""What a query may cost: rows are counted before it is run, values as they are made."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql_calls import Asker, asker
from server_world import ServerWorld, Serving, server_world

from oracle.gateway.graphql import cost, rounds
from oracle.gateway.graphql.cost import Spent
from oracle.gateway.graphql.limits import MAX_PAGE

pytestmark = [pytest.mark.slow, pytest.mark.chain, pytest.mark.xdist_group("graphql")]

_ROUNDS = 5
_NUMBERS = "{ rounds(tournament: 8) { number } }"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerWorld]:
    with server_world(tmp_path_factory.mktemp("world")) as made:
        made.register("alpha")
        for _ in range(_ROUNDS):
            made.close(made.announce().round)
        made.chain.finalize()
        yield made


@pytest.fixture
def serving(world: ServerWorld, tmp_path: Path) -> Iterator[Serving]:
    rates = {"values": "400000/minute"}
    with world.serving("server.sqlite", tmp_path, rates=rates) as running:
        running.follow()
        yield running


@pytest.fixture
def nobody(serving: Serving) -> Asker:
    return asker(serving)


def aliases(field: str, count: int) -> str:
    return " ".join(f"a{n}: {field}" for n in range(count))


@pytest.mark.parametrize(
    "query",
    [
        "{ " + aliases("v2Leaderboard(limit: 5001) { rank }", 2) + " }",
        "query($limit: Int) { " + aliases("v2Leaderboard(limit: $limit) { rank }", 2) + " }",
        "query($n: Int = 5001) { " + aliases("rounds(tournament: 8, limit: $n) { id }", 2) + " }",
        "{ ...a ...b } fragment a on Query { rounds(tournament: 8, limit: 5001) { id } }"
        " fragment b on Query { b: rounds(tournament: 8, limit: 5001) { id } }",
        "{ rounds(tournament: 8, limit: " + "9" * 5_000 + ") { id } }",
    ],
    ids=["aliases", "variable", "default", "fragments", "long number"],
)
def test_query__more_rows_in_all_than_a_page__refused_before_it_is_run(
    nobody: Asker, query: str
) -> None:
    assert f"at most {MAX_PAGE} rows" in nobody.refused(query, limit=5_001)


def test_query__half_a_page_twice__answered(nobody: Asker) -> None:
    query = "{ " + aliases("rounds(tournament: 8, limit: 5000) { number }", 2) + " }"
    assert {len(rows) for rows in nobody.ask(query).values()} == {_ROUNDS}


def test_query__more_values_than_an_answer_may_have__refused(
    nobody: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    per_alias = _ROUNDS * 2
    monkeypatch.setattr(Spent.__init__, "__defaults__", (3 * per_alias,))
    fields = "rounds(tournament: 8) { number status }"
    assert len(nobody.ask("{ " + aliases(fields, 3) + " }")) == 3
    found = nobody.send("{ " + aliases(fields, 4) + " }")
    assert found["data"] is None
    assert "more than 30 values" in found["errors"][0]["message"]
    inner = "rounds(tournament: 8) { number roundScoreConfigs { id scoreConfigId displayName } }"
    found = nobody.send("{ " + inner + " }")
    assert "more than 30 values" in found["errors"][0]["message"]


def test_query__answers_of_a_minute_are_enough__429_in_the_errors(
    nobody: Asker, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost, "MAX_VALUES", 399_990)
    for _ in range(3):
        assert len(nobody.ask(_NUMBERS)) == _ROUNDS
    assert "too many requests: at most 400000" in nobody.refused(_NUMBERS)


def test_query__list_of_many_rows__others_run_between_its_pieces_and_order_is_kept(
    nobody: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = []
    real = asyncio.sleep

    async def sleep(seconds: float, *rest: object) -> None:
        pauses.append(seconds)
        await real(seconds)

    monkeypatch.setattr(cost, "_PIECE", 2)
    monkeypatch.setattr(cost.asyncio, "sleep", sleep)
    assert [row["number"] for row in nobody.ask(_NUMBERS)] == [5, 4, 3, 2, 1]
    assert pauses.count(0) >= 3


def test_query__error_in_a_later_piece__its_path_is_that_of_the_row(
    nobody: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = rounds.configs_of

    def configs(row):
        if row.number == 1:
            raise ValueError(row)
        return real(row)

    monkeypatch.setattr(cost, "_PIECE", 2)
    monkeypatch.setattr(rounds, "configs_of", configs)
    found = nobody.send("{ rounds(tournament: 8) { number roundScoreConfigs { id } } }")
    assert found["errors"][0]["path"] == ["rounds", 4, "roundScoreConfigs"]
