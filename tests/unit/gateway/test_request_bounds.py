"""How often one address, and one account, may ask: tools and everything else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from server_operators import token
from server_world import ServerWorld, Serving, server_world
from starlette.testclient import TestClient
from wallets import wallet

from oracle.gateway.services import place

pytestmark = [pytest.mark.slow, pytest.mark.chain, pytest.mark.xdist_group("gateway")]
_LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
_ACCEPT = {"Accept": "application/json, text/event-stream"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerWorld]:
    with server_world(tmp_path_factory.mktemp("world")) as made:
        yield made


def serving_with(world: ServerWorld, home: Path, **rates: str) -> Any:
    return world.serving("server.sqlite", home, rates=rates)


def statuses(client: TestClient, count: int, headers: dict[str, str] | None = None) -> list[int]:
    return [client.get("/v1/tournaments", headers=headers).status_code for _ in range(count)]


def listed(serving: Serving, headers: dict[str, str] | None = None) -> int:
    shown = {**_ACCEPT, **(headers or {})}
    return serving.client.post("/mcp", json=_LIST, headers=shown).status_code


def test_mcp__any_method_but_post__405_and_no_stream(world: ServerWorld, tmp_path: Path) -> None:
    with serving_with(world, tmp_path) as serving:
        for method in ("GET", "DELETE", "PUT", "HEAD"):
            # With another Accept the stream that must not be there would never end.
            answer = serving.client.request(method, "/mcp", headers={"Accept": "text/plain"})
            assert answer.status_code == 405, method
        assert listed(serving) == 200


def test_mcp__asked_too_often__429_before_any_tool(world: ServerWorld, tmp_path: Path) -> None:
    with serving_with(world, tmp_path, anonymous="3/minute", signed_in="2/minute") as serving:
        assert [listed(serving) for _ in range(4)] == [200, 200, 200, 429]
        headers = token(serving, wallet())
        assert [listed(serving, headers) for _ in range(3)] == [200, 200, 429]


def test_mcp__tool_is_called__counted_once(world: ServerWorld, tmp_path: Path) -> None:
    call = {**_LIST, "method": "tools/call", "params": {"name": "check_api_credentials"}}
    with serving_with(world, tmp_path, anonymous="2/minute") as serving:
        answers = [serving.client.post("/mcp", json=call, headers=_ACCEPT) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[1].json()["result"]["structuredContent"]["signed_in"] is False


def test_request__many_accounts_of_one_address__counted_together(
    world: ServerWorld, tmp_path: Path
) -> None:
    with serving_with(world, tmp_path, address="5/minute") as serving:
        people = [token(serving, wallet(number)) for number in range(2)]
        assert statuses(serving.client, 3, people[0]) == [200] * 3
        assert statuses(serving.client, 2, people[1]) == [200] * 2
        assert statuses(serving.client, 1, people[1]) == [429]
        assert statuses(serving.client, 1) == [429]


@pytest.mark.parametrize(
    ("host", "counts_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
    ],
)
def test_place__each_kind_of_address__a_customer_counts_as_one(host: str, counts_as: str) -> None:
    assert place(host) == counts_as
