"""An operator that takes connections and never answers: files go to the others, and whoever asks
something else meanwhile is answered."""

import threading
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from server_operators import Operators, allow, token
from server_people import Person, next_round
from server_world import ServerWorld, Serving
from silent_operator import silent_operator

from oracle.gateway.services import Outside

_CREATE = """mutation($f: String!, $m: String) {
  create_submission(filename: $f, tournament: 8, modelId: $m) { id } }"""


def person_at(world: ServerWorld, serving: Serving) -> Person:
    next_round(world, serving)
    made = Person(world, serving)
    allow(serving, world, made.wallet)
    return made


def test_create__one_operator_is_silent__accepted_by_the_others(
    world: ServerWorld, operators: Operators, where: str, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        silent = stack.enter_context(silent_operator())
        config = operators.config(tmp_path, operators=[silent.url, *operators.ingests])
        serving = stack.enter_context(world.serving(where, tmp_path / "home", **config))
        person = person_at(world, serving)
        number = world.reader.state()["last_announced"]
        for skill in range(3):
            made = person.send(world.files[number].predictions(skill))
            assert made.status == "accepted"
        assert len(operators.files(number, 0)[0]) == 3


@pytest.mark.parametrize("kind", list(Outside))
def test_read__every_thread_waits_for_others__answered_meanwhile(
    kind: Outside, world: ServerWorld, operators: Operators, where: str, tmp_path: Path
) -> None:
    config = operators.config(tmp_path)
    going, end = threading.Event(), threading.Event()

    def wait() -> None:
        going.set()
        end.wait()

    with world.serving(where, tmp_path / "home", workers=1, waiting=1, **config) as serving:
        serving.follow()
        portal = serving.client.portal
        assert portal is not None
        held = [portal.start_task_soon(serving.services.outside, kind, wait) for _ in range(3)]
        try:
            assert going.wait(30)
            assert serving.client.get("/v1/tournaments").status_code == 200
        finally:
            end.set()
            for one in held:
                one.result(30)


def test_create__only_silent_operators__others_are_answered_meanwhile(
    world: ServerWorld, operators: Operators, where: str, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        silent = stack.enter_context(silent_operator())
        config = operators.config(tmp_path, operators=[silent.url])
        serving = stack.enter_context(world.serving(where, tmp_path / "home", workers=1, **config))
        person = person_at(world, serving)
        raw = world.files[world.reader.state()["last_announced"]].predictions(1)
        asked = {"f": person.put(raw).filename, "m": person.model.uuid}
        headers, answers = token(serving, person.wallet), list[httpx.Response]()

        def create() -> None:
            body = {"query": _CREATE, "variables": asked}
            answers.append(serving.client.post("/", json=body, headers=headers))

        creating = threading.Thread(target=create)
        creating.start()
        stack.callback(creating.join)
        assert silent.asked.wait(30)
        assert serving.client.get("/v1/tournaments").status_code == 200
        assert answers == []
