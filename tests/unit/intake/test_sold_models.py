"""A model that changed hands: what its owner kept at the server is not the next one's."""

from uuid import uuid4

import pytest
from server_operators import caller, token
from server_people import EIGHT, Person

from oracle.errors import InputError
from oracle.gateway.calling import webhooks_of

_RECEIVER = "https://first.example/run?key=SECRET"
_SUBMISSIONS = "{ account { models { id submissions { filename } } } }"


def test_model__sold__next_owner_sees_nothing_of_the_first(person: Person, number: int) -> None:
    world, serving = person.world, person.serving
    # The chain is one for both databases.
    model = world.register(f"to be sold {uuid4()}", person.wallet)
    world.chain.finalize()
    serving.follow()
    [person.model] = serving.services.models.by_id(EIGHT, [model])
    sent = person.send(world.files[number].predictions(1))
    path = f"/v1/models/{person.model.uuid}"
    mine = token(serving, person.wallet)
    first = serving.client.put(path + "/webhook", json={"url": _RECEIVER}, headers=mine).json()
    assert first["url"] == _RECEIVER

    buyer = world.stakers[1]
    world.writer(person.wallet).offer(model, buyer.address)
    world.chain.advance_to(world.reader.offer_of(model)[1])
    world.writer(buyer).accept(model, world.reader.version_of(model))
    world.chain.finalize()
    serving.follow()
    [sold] = serving.services.models.by_id(EIGHT, [model])
    assert sold.owner == buyer.address

    theirs = token(serving, buyer)
    shown = serving.client.get(path + "/webhook", headers=theirs).json()
    assert shown == {"url": None, "secret": None, "deliveries": []}
    with pytest.raises(InputError, match="has no webhook"):
        serving.services.part(webhooks_of).trigger(sold)
    assert serving.client.get(path + "/submissions", headers=theirs).json() == []
    answer = serving.client.post("/", json={"query": _SUBMISSIONS}, headers=theirs).json()
    [found] = [one for one in answer["data"]["account"]["models"] if one["id"] == sold.uuid]
    assert found["submissions"] == []
    again = serving.client.put(
        path + "/webhook", json={"url": "https://second.example/"}, headers=theirs
    ).json()
    assert again["secret"] != first["secret"]

    assert [row.id for row in person.intake.submissions(person.caller, [sold])] == [sent.id]
    assert person.intake.submissions(caller(serving, buyer), [sold]) == []


def test_account__token_without_the_scope__sees_no_submissions(person: Person) -> None:
    headers = token(person.serving, person.wallet, "read_user_info")
    answer = person.serving.client.post("/", json={"query": _SUBMISSIONS}, headers=headers).json()
    [error] = answer["errors"]
    assert error["message"] == "Insufficient permission for read_submission_info"
