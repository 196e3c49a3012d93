"""Webhooks of models: called when a round opens or an owner asks, by a real server's tasks."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from server_operators import Operators, allow, serving_operators, token
from server_people import Person, next_round
from server_world import ServerWorld, Serving, server_world
from webhook_receiver import Receiver, receiving

from oracle.gateway.calling import webhooks_of
from oracle.life.webhooks import FAILED, SENT, WAITING, Delivery, Webhooks

pytestmark = [pytest.mark.slow, pytest.mark.chain]
EIGHT = 8


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerWorld]:
    with server_world(tmp_path_factory.mktemp("world")) as made:
        for number in range(4):
            made.register(f"model {number}")
        made.chain.finalize()
        yield made


@pytest.fixture
def operators(world: ServerWorld, tmp_path: Path) -> Iterator[Operators]:
    with serving_operators(world, tmp_path) as running:
        yield running


@pytest.fixture
def serving(
    world: ServerWorld, operators: Operators, where: str, tmp_path: Path
) -> Iterator[Serving]:
    config = operators.config(tmp_path)
    hooks = {"allow_private": True, "attempts": 3}
    with world.serving(where, tmp_path / "home", webhooks=hooks, **config) as made:
        made.follow()
        yield made


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def webhooks(serving: Serving) -> Webhooks:
    return serving.services.part(webhooks_of)


class Owner:
    """A model's owner, by the routes and by GraphQL."""

    def __init__(self, world: ServerWorld, serving: Serving, model: int) -> None:
        self.serving = serving
        [self.model] = serving.services.models.by_id(EIGHT, [model])
        self.headers = token(serving, world.owner(model))
        self.path = f"/v1/models/{self.model.uuid}/webhook"

    def put(self, url: str | None, **more: Any) -> dict[str, Any]:
        answer = self.serving.client.put(self.path, json={"url": url, **more}, headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def get(self) -> dict[str, Any]:
        answer = self.serving.client.get(self.path, headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def trigger(self) -> dict[str, Any]:
        text = "mutation ($id: String!) { triggerModelWebhook(modelId: $id) }"
        sent = {"query": text, "variables": {"id": self.model.uuid}}
        return self.serving.client.post("/", json=sent, headers=self.headers).json()


def _shift(webhooks: Webhooks, seconds: float) -> None:
    """The wall's clock moves on, for calls that wait for it."""
    before = webhooks.clock
    object.__setattr__(webhooks, "clock", lambda: before() + seconds)


def _all(webhooks: Webhooks, model: int) -> list[Delivery]:
    return webhooks.of_model(EIGHT, model)


def test_round_opens__models_with_a_webhook__called_once_and_signed(
    world: ServerWorld, serving: Serving, receiver: Receiver
) -> None:
    first, second = Owner(world, serving, 0), Owner(world, serving, 1)
    secret = first.put(f"{receiver.url}/a?b=c")["secret"]
    second.put(f"{receiver.url}/other")
    second.put(None)
    number = next_round(world, serving)
    serving.run("call webhooks")
    serving.run("call webhooks")
    [(path, headers, _)] = receiver.calls
    [body] = receiver.bodies()
    assert (path, headers["Content-Type"]) == ("/a?b=c", "application/json")
    assert body == {
        "triggerId": headers["webhook-id"],
        "modelId": first.model.uuid,
        "modelName": first.model.name,
        "tournament": EIGHT,
        "roundNumber": number,
        "event": "opened",
    }
    assert receiver.is_signed(0, secret)
    assert not receiver.is_signed(0, "whsec_AAAA")
    [told] = first.get()["deliveries"]
    assert (told["trigger_id"], told["status"]) == (body["triggerId"], SENT)
    assert (told["attempts"], told["answer"]) == (1, "status 200")
    assert second.get() == {"url": None, "secret": None, "deliveries": []}


def test_round_opens__webhook_set_afterwards__waits_for_the_next_one(
    world: ServerWorld, serving: Serving, receiver: Receiver
) -> None:
    number = next_round(world, serving)
    serving.run("call webhooks")
    Owner(world, serving, 0).put(receiver.url)
    serving.run("call webhooks")
    assert receiver.calls == []
    later = next_round(world, serving)
    serving.run("call webhooks")
    assert [body["roundNumber"] for body in receiver.bodies()] == [later] != [number]


def test_call__not_taken__again_after_pauses_that_grow_with_the_same_id(
    world: ServerWorld, serving: Serving, receiver: Receiver, webhooks: Webhooks
) -> None:
    receiver.answers = [500, 302, 204]
    Owner(world, serving, 0).put(receiver.url)
    next_round(world, serving)
    serving.run("call webhooks")
    [row] = _all(webhooks, 0)
    assert (row.status, row.attempts, row.answer) == (WAITING, 1, "status 500")
    assert row.next_at - row.created_at in range(15, 45)
    serving.run("call webhooks")
    assert len(receiver.calls) == 1  # not due yet
    _shift(webhooks, 60)
    serving.run("call webhooks")
    [row] = _all(webhooks, 0)
    assert (row.attempts, row.answer) == (2, "status 302: redirects are not followed")
    _shift(webhooks, 120)
    serving.run("call webhooks")
    [row] = _all(webhooks, 0)
    assert (row.status, row.attempts) == (SENT, 3)
    assert {headers["webhook-id"] for _, headers, _ in receiver.calls} == {row.trigger_id}
    assert [path for path, _, _ in receiver.calls] == ["/"] * 3


def test_call__never_taken__failed_after_the_last_try(
    world: ServerWorld, serving: Serving, receiver: Receiver, webhooks: Webhooks
) -> None:
    receiver.answers = [503]
    Owner(world, serving, 0).put(receiver.url)
    next_round(world, serving)
    for _ in range(5):
        serving.run("call webhooks")
        _shift(webhooks, 10_000)
    [row] = _all(webhooks, 0)
    assert (row.status, row.attempts, len(receiver.calls)) == (FAILED, 3, 3)


def test_call__round_is_over_before_it_is_taken__given_up(
    world: ServerWorld, serving: Serving, receiver: Receiver, webhooks: Webhooks
) -> None:
    receiver.answers = [500]
    owner = Owner(world, serving, 0)
    owner.put(receiver.url)
    number = next_round(world, serving)
    serving.run("call webhooks")
    world.close(number)
    serving.follow()
    _shift(webhooks, 60)
    serving.run("call webhooks")
    [row] = _all(webhooks, 0)
    assert (row.status, row.attempts, row.answer) == (FAILED, 1, "status 500")
    assert len(receiver.calls) == 1


def test_round_opens__a_month_later__old_calls_are_forgotten(
    world: ServerWorld, serving: Serving, receiver: Receiver, webhooks: Webhooks
) -> None:
    Owner(world, serving, 0).put(receiver.url)
    next_round(world, serving)
    serving.run("call webhooks")
    _shift(webhooks, 31 * 86_400)
    later = next_round(world, serving)
    serving.run("call webhooks")
    assert [one.round for one in _all(webhooks, 0)] == [later]


def test_call__server_started_anew__what_waits_is_called(
    world: ServerWorld, operators: Operators, where: str, tmp_path: Path, receiver: Receiver
) -> None:
    receiver.answers = [500, 200]
    config = {**operators.config(tmp_path), "webhooks": {"allow_private": True}}
    with world.serving(where, tmp_path / "home", **config) as first:
        first.follow()
        Owner(world, first, 0).put(receiver.url)
        next_round(world, first)
        first.run("call webhooks")
    with world.serving(where, tmp_path / "home", **config) as again:
        _shift(again.services.part(webhooks_of), 60)
        again.services.tournaments[EIGHT].ledger.is_whole = False  # as if tables were filled anew
        again.run("call webhooks")
        assert [one.status for one in _all(again.services.part(webhooks_of), 0)] == [WAITING]
        again.follow()
        again.run("call webhooks")
        assert [body["event"] for body in receiver.bodies()] == ["opened"] * 2
        assert [one.status for one in _all(again.services.part(webhooks_of), 0)] == [SENT]


def test_call__private_address_and_not_allowed__failed_and_nothing_sent(
    world: ServerWorld, operators: Operators, where: str, tmp_path: Path, receiver: Receiver
) -> None:
    with world.serving(where, tmp_path / "home", **operators.config(tmp_path)) as made:
        made.follow()
        owner = Owner(world, made, 0)
        owner.put(receiver.url)
        next_round(world, made)
        made.run("call webhooks")
        [row] = owner.get()["deliveries"]
        assert (row["status"], row["attempts"]) == (FAILED, 1)
        assert "private network" in row["answer"]
        assert "private network" in owner.trigger()["errors"][0]["message"]
    assert receiver.calls == []


def test_trigger__taken__its_id_goes_into_the_submission(
    world: ServerWorld, serving: Serving, receiver: Receiver, webhooks: Webhooks
) -> None:
    number = next_round(world, serving)
    person, owner = Person(world, serving), Owner(world, serving, 0)
    allow(serving, world, person.wallet)
    owner.put(receiver.url)
    trigger = owner.trigger()["data"]["triggerModelWebhook"]
    [body] = receiver.bodies()
    assert (body["triggerId"], body["event"]) == (trigger, "asked")
    assert (body["roundNumber"], str(uuid.UUID(trigger))) == (number, trigger)
    put = person.put(world.files[number].predictions(3))
    person.create(put.filename, trigger_id=body["triggerId"])
    query = f'{{ submissions(modelId: "{owner.model.uuid}") {{ triggerId round {{ number }} }} }}'
    found = serving.client.post("/", json={"query": query}, headers=owner.headers).json()
    [shown] = found["data"]["submissions"]
    assert shown == {"triggerId": trigger, "round": {"number": number}}
    assert [one.trigger_id for one in _all(webhooks, 0)] == [trigger]


def test_trigger__not_taken_or_none_set__said_so_and_not_tried_again(
    world: ServerWorld, serving: Serving, receiver: Receiver, webhooks: Webhooks
) -> None:
    serving.run("call webhooks")  # the opening of the round at hand is told
    owner = Owner(world, serving, 0)
    assert "has no webhook" in owner.trigger()["errors"][0]["message"]
    receiver.answers = [500]
    owner.put(receiver.url)
    assert "did not take the call: status 500" in owner.trigger()["errors"][0]["message"]
    _shift(webhooks, 10_000)
    serving.run("call webhooks")
    assert len(receiver.calls) == 1
    assert [one.status for one in _all(webhooks, 0)] == [FAILED]


def test_trigger__too_often__refused_before_anything_is_sent(
    world: ServerWorld, operators: Operators, where: str, tmp_path: Path, receiver: Receiver
) -> None:
    config = {**operators.config(tmp_path), "webhooks": {"allow_private": True}}
    rates = {"webhook": "2/minute"}
    with world.serving(where, tmp_path / "home", rates=rates, **config) as made:
        made.follow()
        owner = Owner(world, made, 0)
        owner.put(receiver.url)
        answers = [owner.trigger() for _ in range(3)]
    assert ["data" in one and one["data"] is not None for one in answers][:2] == [True, True]
    assert "too many requests" in answers[2]["errors"][0]["message"]
    assert len(receiver.calls) == 2


def test_webhook__somebody_else_or_without_the_scope__refused(
    world: ServerWorld, serving: Serving
) -> None:
    owner, other = Owner(world, serving, 0), Owner(world, serving, 1)
    answer = serving.client.get(owner.path, headers=other.headers)
    assert (answer.status_code, "not yours" in answer.text) == (422, True)
    weak = token(serving, world.owner(0), "upload_submission")
    assert serving.client.get(owner.path, headers=weak).status_code == 403
    assert serving.client.get(owner.path).status_code == 401
    for url in ("file:///etc/passwd", "http://a\r\nX: y/", "javascript:alert(1)", ""):
        put = serving.client.put(owner.path, json={"url": url}, headers=owner.headers)
        assert put.status_code == 422 or not url, put.text


def test_webhook__new_secret__calls_bear_it(
    world: ServerWorld, serving: Serving, receiver: Receiver
) -> None:
    owner = Owner(world, serving, 0)
    before = owner.put(receiver.url)["secret"]
    assert owner.put(receiver.url)["secret"] == before
    after = owner.put(receiver.url, new_secret=True)["secret"]
    owner.trigger()
    assert receiver.is_signed(0, after)
    assert not receiver.is_signed(0, before)
