"""Input that no client sends: told as an error of the input, kept by nobody."""

import time

import pytest
from eth_account import Account as Wallets
from server_databases import database, server, where
from server_history import history_serving, history_world
from server_operators import token
from server_world import Serving
from wallets import WHERE, message, signed

from oracle.errors import InputError

__all__ = ["database", "history_serving", "history_world", "server", "where"]
pytestmark = [pytest.mark.slow, pytest.mark.chain, pytest.mark.xdist_group("rest")]

WALLET = Wallets.from_key(bytes([31]) * 32)


def test_token__expires_after_the_year_9999__refused_and_none_is_made(
    history_serving: Serving,
) -> None:
    client, config = history_serving.client, history_serving.services.config
    accounts, chain_id = history_serving.services.accounts, config.tournaments[0].chain_id
    named = {"domain": config.domain, "uri": config.url, "chain_id": chain_id}
    text = message(accounts.nonce(WHERE), time.time(), WALLET, **named)
    session = accounts.sign_in(text, signed(text, WALLET), WHERE).secret
    headers = {"Authorization": f"Bearer {session}"}
    body = {"name": "x", "scopes": ["read_user_info"], "expires_at": 2**53 - 1}
    answer = client.post("/v1/tokens", json=body, headers=headers)
    assert answer.status_code == 422, answer.text
    assert client.get("/v1/tokens", headers=headers).json() == []
    body["expires_at"] = 2**37 - 1
    assert client.post("/v1/tokens", json=body, headers=headers).status_code == 201
    assert len(client.get("/v1/tokens", headers=headers).json()) == 1


@pytest.mark.parametrize(
    "name", ["\u00b2", "model-\u00b2", "9" * 5_000, "model-" + "9" * 5_000], ids=lambda n: n[:9]
)
def test_models__name_of_odd_digits__none_has_it(history_serving: Serving, name: str) -> None:
    path = "/v1/tournaments/8/models"
    answer = history_serving.client.get(path, params={"name": name})
    assert answer.status_code in {200, 422}, answer.text
    assert answer.json().get("items", []) == []


def test_name__digits_alone__can_be_said_and_a_models_number_cannot(
    history_serving: Serving,
) -> None:
    models = history_serving.services.models
    assert len(models.say("2024")) == 32
    for taken in ("model-0", "model-1234567"):
        with pytest.raises(InputError, match="is no name for a model"):
            models.say(taken)


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_submission_key__tournament_that_fits_no_integer__bad_input(
    history_serving: Serving, method: str
) -> None:
    headers = token(history_serving, WALLET)
    body = {"first_round": 1, "last_round": 2, "signature": "0x" + "11" * 65}
    answer = history_serving.client.request(
        method, f"/v1/tournaments/{'9' * 20}/submission-key", json=body, headers=headers
    )
    assert answer.status_code == 422, answer.text
