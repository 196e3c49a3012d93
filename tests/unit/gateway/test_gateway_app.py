"""The application over HTTP: signing in, tokens, health, bounds, errors."""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from eth_account.signers.local import LocalAccount
from fastapi import APIRouter
from server_world import SITE_URL, ServerWorld, Serving, server_world
from starlette.testclient import TestClient
from wallets import message, signed, wallet

from oracle.gateway.app import build
from oracle.gateway.guard import Bounds

pytestmark = [pytest.mark.slow, pytest.mark.chain, pytest.mark.xdist_group("gateway")]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerWorld]:
    with server_world(tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.fixture
def serving(world: ServerWorld, where: str, tmp_path: Path) -> Iterator[Serving]:
    with world.serving(where, tmp_path / "home", rates={"refused": "5/minute"}) as made:
        yield made


@pytest.fixture
def client(serving: Serving) -> TestClient:
    return serving.client


def sign_in(client: TestClient, account: LocalAccount) -> dict[str, str]:
    """Headers of a session."""
    terms = client.get("/v1/sign-in").json()
    shown = {"domain": terms["domain"], "uri": terms["uri"], "chain_id": terms["chain_ids"][0]}
    text = message(terms["nonce"], time.time(), account, **shown)
    body = {"message": text, "signature": signed(text, account)}
    answer = client.post("/v1/sign-in", json=body)
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['session']}"}


def new_token(client: TestClient, session: dict[str, str], *scopes: str) -> dict[str, str]:
    """Headers of a token, as numerapi sends them."""
    wish = {"name": "numerapi", "scopes": list(scopes)}
    answer = client.post("/v1/tokens", json=wish, headers=session)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    return {"Authorization": f"Token {made['public_id']}${made['secret']}"}


# ---------------------------------------------------------------------- people


def test_sign_in__then_a_token__opens_the_same_account(client: TestClient) -> None:
    session = sign_in(client, wallet())
    token = new_token(client, session, "read_user_info")
    account = client.get("/v1/account", headers=token).json()
    assert account == client.get("/v1/account", headers=session).json()
    assert account["address"] == wallet().address
    assert account["inserted_at"].endswith("Z")


def test_token__without_the_scope__403_naming_it(client: TestClient) -> None:
    token = new_token(client, sign_in(client, wallet()), "stake")
    answer = client.get("/v1/account", headers=token)
    assert answer.status_code == 403
    assert answer.json()["error"] == {
        "code": "missing_scope",
        "message": "Insufficient permission for read_user_info",
        "fix": "make a token with the scope read_user_info",
    }


def test_token__asked_to_make_another__refused(client: TestClient) -> None:
    token = new_token(client, sign_in(client, wallet()), "stake")
    wish = {"name": "more", "scopes": ["delete"]}
    assert client.post("/v1/tokens", json=wish, headers=token).status_code == 401
    assert client.get("/v1/tokens", headers=token).status_code == 401


def test_token__listed_and_revoked__no_secret_shown_and_it_ends(client: TestClient) -> None:
    session = sign_in(client, wallet())
    token = new_token(client, session, "read_user_info")
    [listed] = client.get("/v1/tokens", headers=session).json()
    assert "secret" not in listed
    answer = client.delete(f"/v1/tokens/{listed['public_id']}", headers=session)
    assert answer.status_code == 204
    assert client.get("/v1/account", headers=token).status_code == 401


def test_sign_out__session__is_over(client: TestClient) -> None:
    session = sign_in(client, wallet())
    assert client.delete("/v1/sign-in", headers=session).status_code == 204
    assert client.get("/v1/account", headers=session).status_code == 401


def test_account__renamed__keeps_it_and_nobody_else_gets_the_name(client: TestClient) -> None:
    first, second = sign_in(client, wallet(10)), sign_in(client, wallet(11))
    answer = client.patch("/v1/account", json={"username": "quant"}, headers=first)
    assert answer.json()["username"] == "quant"
    answer = client.patch("/v1/account", json={"username": "quant"}, headers=second)
    assert answer.status_code == 409


def test_account__nobody_signed_in__401_with_what_to_do(client: TestClient) -> None:
    answer = client.get("/v1/account")
    assert answer.status_code == 401
    assert "Authorization: Token" in answer.json()["error"]["fix"]


def test_credentials__wrong_too_often__429_even_for_right_ones(client: TestClient) -> None:
    session = sign_in(client, wallet())
    wrong = {"Authorization": "Token A$B"}
    codes = [client.get("/v1/account", headers=wrong).status_code for _ in range(7)]
    assert codes == [401] * 5 + [429] * 2
    assert client.get("/v1/account", headers=session).status_code == 429


# ---------------------------------------------------------------------- health


def test_health__before_and_after_the_chain_was_followed__told_apart(serving: Serving) -> None:
    client = serving.client
    assert client.get("/healthz").status_code == 200
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["reasons"] == [
        "the tables of tournament 8 are being filled",
        "follow 8 has not been done yet",
    ]
    serving.follow()
    assert client.get("/readyz").json() == {"ready": True, "reasons": []}
    metrics = client.get("/metrics").text
    assert 'assay_server_task_runs_total{outcome="ok",task="follow 8"} 1.0' in metrics


def test_health__task_fails__not_ready_and_says_no_more_than_the_class(serving: Serving) -> None:
    serving.follow()
    [follow] = [task for task in serving.server.runner.tasks if task.name == "follow 8"]
    ledger = serving.services.tournament(8).ledger
    ledger.reader = None  # type: ignore[assignment]
    assert serving.server.runner.once(follow) == "AttributeError"
    answer = serving.client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["reasons"] == ["follow 8 failed (AttributeError); see the log"]


# ---------------------------------------------------------------------- bounds and errors


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"message": 5}', b'{"message": "a", "signature": "\\ud800"}']
)
def test_route__ill_formed_body__422_in_the_one_form(client: TestClient, body: bytes) -> None:
    answer = client.post("/v1/sign-in", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert set(answer.json()["error"]) == {"code", "message", "fix"}


def test_route__unknown__404_in_the_one_form(client: TestClient) -> None:
    answer = client.get("/v1/nothing")
    assert answer.status_code == 404
    assert set(answer.json()["error"]) == {"code", "message", "fix"}


def test_body__too_large__413_before_a_route_sees_it(client: TestClient) -> None:
    big = b"x" * (2**20 + 1)
    answer = client.post("/v1/sign-in", content=big)
    assert answer.status_code == 413

    def pieces() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * 2**16

    assert client.post("/v1/sign-in", content=pieces()).status_code == 413


def test_route__fails_in_a_way_nobody_expected__500_with_a_number_and_no_trace(
    serving: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    router = APIRouter()

    @router.get("/broken")
    def broken() -> None:
        raise ValueError("a secret")

    app = build(serving.services, [router])
    with TestClient(app, base_url=SITE_URL, raise_server_exceptions=False) as client:
        answer = client.get("/broken")
    assert answer.status_code == 500
    error = answer.json()["error"]
    assert error["code"] == "internal"
    assert "secret" not in answer.text
    assert error["message"] in caplog.text


def test_requests__more_than_can_be_at_work__503_and_others_served(serving: Serving) -> None:
    app = build(serving.services, [], Bounds(requests=0))
    with TestClient(app, base_url=SITE_URL) as client:
        answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "busy"


def test_openapi__describes_every_route_of_v1(client: TestClient) -> None:
    paths = client.get("/v1/openapi.json").json()["paths"]
    assert {"/v1/sign-in", "/v1/account", "/v1/tokens", "/v1/tokens/{public_id}"} <= set(paths)
    with suppress(KeyError):
        assert "/healthz" not in paths
