"""Tools over HTTP with the official client: the real application on a tournament with history."""

import asyncio
import csv
import io
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx2
import pytest
from graphql import parse, validate
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from server_databases import server
from server_history import SKILLS, history_world
from server_http import served
from server_operators import token
from server_world import ServerWorld

from oracle.gateway.graphql.schema import build_schema
from oracle.gateway.mcp import tools
from oracle.gateway.run import Server
from oracle.records.rows import model_uuid

__all__ = ["history_world", "server"]
pytestmark = [pytest.mark.slow, pytest.mark.chain, pytest.mark.xdist_group("mcp")]
TOOLS = {
    "check_api_credentials",
    "create_model",
    "upload_model",
    "get_model_profile",
    "get_model_performance",
    "get_leaderboard",
    "get_tournaments",
    "get_current_round",
    "list_datasets",
    "run_diagnostics",
    "graphql_query",
}
_T = TypeVar("_T")


@pytest.fixture(scope="module")
def running(history_world: ServerWorld, tmp_path_factory: pytest.TempPathFactory):
    home = tmp_path_factory.mktemp("home")
    with served(history_world, str(home / "server.sqlite"), home) as made:
        deadline = time.monotonic() + 60
        while made.services.health.lacks():
            assert time.monotonic() < deadline, made.services.health.report()
            time.sleep(0.05)
        yield made


def talk(
    running: Server, work: Callable[[Client], Awaitable[_T]], headers: dict[str, str] | None = None
) -> _T:
    """What ``work`` does with a client that is connected and shows these headers."""

    async def all_of_it() -> _T:
        async with httpx2.AsyncClient(headers=headers or {}, timeout=60) as http:
            url = f"{running.config.url}/mcp"
            async with Client(streamable_http_client(url, http_client=http)) as client:
                return await work(client)

    return asyncio.run(all_of_it())


def call(
    running: Server, tool: str, headers: dict[str, str] | None = None, **arguments: Any
) -> Any:
    async def work(client: Client) -> Any:
        return await client.call_tool(tool, arguments)

    result = talk(running, work, headers)
    assert not result.is_error, result.content[0].text
    return json.loads(result.content[0].text)


def refused(
    running: Server, tool: str, headers: dict[str, str] | None = None, **arguments: Any
) -> str:
    async def work(client: Client) -> Any:
        return await client.call_tool(tool, arguments)

    result = talk(running, work, headers)
    assert result.is_error
    return str(result.content[0].text)


def signed_in(running: Server, world: ServerWorld, model: int, *scopes: str) -> dict[str, str]:
    class _Serving:
        services = running.services

    return token(_Serving, world.owner(model), *scopes)  # type: ignore[arg-type]


def uuid(world: ServerWorld, model: int) -> str:
    where = world.reader.addresses
    return model_uuid(where.chain_id, where.pool, model)


def test_tools__listed__are_all_there_with_descriptions(running: Server) -> None:
    async def work(client: Client) -> Any:
        return await client.list_tools()

    found = {tool.name: tool for tool in talk(running, work).tools}
    assert set(found) == TOOLS
    assert all(tool.description for tool in found.values())


def test_credentials__with_and_without_a_token__said_truly(
    running: Server, history_world: ServerWorld
) -> None:
    nobody = call(running, "check_api_credentials")
    assert (nobody["signed_in"], nobody["scopes"]) == (False, [])
    headers = signed_in(running, history_world, 0, "stake")
    shown = call(running, "check_api_credentials", headers)
    assert shown["address"] == history_world.owner(0).address
    assert shown["scopes"] == ["stake"]
    wrong = {"Authorization": "Token A$B"}
    assert "Invalid API credentials" in refused(running, "check_api_credentials", wrong)


def test_round_and_tournaments__are_the_chains(running: Server, history_world: ServerWorld) -> None:
    assert call(running, "get_tournaments")["tournaments"] == [{"name": "classic", "tournament": 8}]
    shown = call(running, "get_current_round", tournament=8)["round"]
    assert (shown["number"], shown["status"]) == (2, "OPEN")
    assert "no tournament 11" in refused(running, "get_current_round", tournament=11)


def test_performance__of_a_model__its_committed_scores_and_payout(
    running: Server, history_world: ServerWorld
) -> None:
    shown = call(running, "get_model_performance", model_id=uuid(history_world, 2))
    raw = history_world.results[1].files["outputs/scores.csv"].decode()
    expected = {int(row["model"]): row for row in csv.DictReader(io.StringIO(raw))}
    assert set(expected) == set(SKILLS)
    for one in shown["scores"]:
        assert round(one["value"] * 10**9) == int(expected[2][one["name"]])
    assert [r["status"] for r in shown["results"]] == ["scored"]
    assert shown["payouts"][0]["stake"] == "2.5"
    other = "00000000-0000-0000-0000-000000000000"
    assert "no model" in refused(running, "get_model_performance", model_id=other)


def test_profile__by_name__has_the_stake(running: Server, history_world: ServerWorld) -> None:
    shown = call(running, "get_model_profile", name="model-3", tournament=8)["model"]
    assert shown["id"] == uuid(history_world, 3)
    assert float(shown["stakeValue"]) > 2


def test_create_model__in_the_owners_name__gives_the_transactions(
    running: Server, history_world: ServerWorld
) -> None:
    headers = signed_in(running, history_world, 1)
    made = call(running, "create_model", headers, name="by a machine")
    assert [one["call"] for one in made["calls"]][-1] == "register"
    assert "must be authenticated" in refused(running, "create_model", name="x")
    scopeless = signed_in(running, history_world, 1, "stake")
    assert "Insufficient permission" in refused(running, "create_model", scopeless, name="x")


def test_graphql__any_query__answered_with_its_errors(running: Server) -> None:
    found = call(running, "graphql_query", query="{ tournaments { tournament } }")
    assert found == {"data": {"tournaments": [{"tournament": 8}]}}
    wrong = call(running, "graphql_query", query="{ nothing }")
    assert "nothing" in wrong["errors"][0]["message"]


def test_upload_model__in_two_calls__is_pending(
    running: Server, history_world: ServerWorld
) -> None:
    headers, model = signed_in(running, history_world, 0), uuid(history_world, 0)
    auth = call(running, "upload_model", headers, model_id=model, filename="model.pkl")["upload"]
    put = httpx2.put(auth["url"], content=b"a pickle")
    assert put.status_code == 200
    done = call(
        running, "upload_model", headers, model_id=model, filename=auth["filename"], uploaded=True
    )["upload"]
    assert done["status"].lower() == "pending"
    assert done["reason"]


def test_list_datasets__of_the_open_round__a_list(running: Server) -> None:
    assert call(running, "list_datasets", tournament=8) == {"listDatasets": []}


def test_arguments__of_another_type__refused_without_a_trace(running: Server) -> None:
    said = refused(running, "get_current_round", tournament="x")
    assert "Traceback" not in said
    assert "tournament" in said


def test_arguments__with_what_databases_refuse__refused(running: Server) -> None:
    assert "U+0000" in refused(running, "get_model_profile", name="a\0b")
    query = '{ v3UserProfile(modelName: "\\u0000") { id } }'
    assert "U+0000" in refused(running, "graphql_query", query=query)
    said = refused(running, "get_model_performance", model_id="a\0")
    assert "internal" not in said


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Host": "evil.example"}, 421), ({"Origin": "https://evil.example"}, 403)],
)
def test_mcp__page_of_another_site__refused(
    running: Server, headers: dict[str, str], status: int
) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    accept = {"Accept": "application/json, text/event-stream"}
    answer = httpx2.post(f"{running.config.url}/mcp", json=body, headers={**accept, **headers})
    assert answer.status_code == status


def test_queries__of_the_tools__fit_the_schema() -> None:
    schema = build_schema()._schema
    boards = [f"query($limit: Int, $offset: Int) {{ {text} }}" for text in tools._LEADERS.values()]
    names = [name for name in vars(tools) if name.isupper() and name not in ("_LEADERS", "_ABOUT")]
    texts = [text for name in names if isinstance(text := getattr(tools, name), str)]
    assert len(texts) == 7
    for text in (*texts, *boards):
        assert validate(schema, parse(text)) == [], text
