"""Operators' cards are asked for once in a while, not for every file; real operators."""

from collections import Counter
from typing import Any

import pytest
from server_people import Person

from oracle.errors import UnreachableError
from oracle.operator import client
from oracle.operator.known_cards import KnownCards


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each path was asked for."""
    counted: Counter[str] = Counter()
    real = client._request

    def request(url: str, method: str, path: str, *args: Any, **more: Any) -> Any:
        counted[path] += 1
        return real(url, method, path, *args, **more)

    monkeypatch.setattr(client, "_request", request)
    return counted


def test_send__many_files__cards_asked_for_once(
    person: Person, number: int, asked: Counter[str]
) -> None:
    files = person.world.files[number]
    for skill in range(4):
        assert person.send(files.predictions(skill)).status == "accepted"
    operators = len(person.intake.desks[8].operators)
    assert asked == {"/card": operators, "/submissions": 4 * operators}


def test_send__operator_did_not_take_a_file__its_card_is_asked_for_again(
    person: Person, number: int, asked: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files, desk = person.world.files[number], person.intake.desks[8]
    person.send(files.predictions(1))
    one, real = desk.operators[0], client._post

    def post(url: str, *args: Any) -> Any:
        if url == one:
            raise UnreachableError(f"{url} does not answer")
        return real(url, *args)

    with monkeypatch.context() as patch:
        patch.setattr(client, "_post", post)
        person.send(files.predictions(2))
    person.send(files.predictions(3))
    assert asked["/card"] == len(desk.operators) + 1


def _card(who: str) -> Any:
    return who


def test_get__known_for_long__asked_anew() -> None:
    now = [0.0]
    cards, answers = KnownCards(30, lambda: now[0]), iter("abc")
    ask: Any = lambda _: next(answers)  # noqa: E731
    assert [cards.get("x", ask), cards.get("x", ask), cards.get("y", ask)] == ["a", "a", "b"]
    now[0] = 29.9
    assert cards.get("x", ask) == "a"
    now[0] = 30
    assert cards.get("x", ask) == "c"


def test_get__not_answered__not_remembered() -> None:
    cards = KnownCards()

    def refuse(url: str) -> Any:
        raise UnreachableError(url)

    with pytest.raises(UnreachableError):
        cards.get("x", refuse)
    assert cards.get("x", _card) == "x"
