"""Streams of round stages over a real connection, while rounds open and close."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import httpx2
import pytest
from server_history import history_world
from server_http import served
from server_world import ServerWorld

from oracle.gateway import app
from oracle.gateway.rest.stages import stages_of
from oracle.gateway.run import Server
from oracle.operator.limits import Limits

__all__ = ["history_world"]
pytestmark = [pytest.mark.slow, pytest.mark.chain, pytest.mark.xdist_group("events")]


@pytest.fixture
def running(history_world: ServerWorld, tmp_path: Path) -> Iterator[Server]:
    with served(history_world, str(tmp_path / "server.sqlite"), tmp_path) as made:
        stages = made.services.part(stages_of)
        deadline = time.monotonic() + 60
        while not stages.under_way():
            assert time.monotonic() < deadline, made.services.health.report()
            time.sleep(0.05)
        yield made


def events(answer: httpx2.Response) -> Iterator[tuple[str, dict[str, object]]]:
    """Id and data of each event, as they come."""
    number = ""
    for line in answer.iter_lines():
        if line.startswith("id:"):
            number = line[3:].strip()
        elif line.startswith("data:"):
            yield number, json.loads(line[5:])


def test_events__round_closes_while_a_stream_is_open__told(
    running: Server, history_world: ServerWorld
) -> None:
    url = f"{running.config.url}/v1/events"
    number = history_world.reader.state()["last_announced"]
    with httpx2.stream("GET", url, params={"tournament": 8}, timeout=60) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        stream = events(answer)
        first, shown = next(stream)
        assert (shown["round"], shown["stage"]) == (number, "open")
        assert str(shown["at"]).endswith("Z")
        closing = threading.Thread(target=history_world.close, args=(number,))
        closing.start()
        second, shown = next(stream)
        closing.join()
    assert (shown["round"], shown["stage"]) == (number, "closed")
    with httpx2.stream("GET", url, headers={"Last-Event-ID": first}, timeout=60) as answer:
        assert next(events(answer)) == (second, shown)
    with httpx2.stream("GET", url, headers={"Last-Event-ID": "00-1"}, timeout=60) as answer:
        again, now = next(events(answer))
    assert (again, now["stage"]) == (second, "closed")


def test_events__more_streams_than_one_may_have__429_until_one_is_closed(
    running: Server,
) -> None:
    url, opened = f"{running.config.url}/v1/events", []
    with httpx2.Client(timeout=60) as client:
        for _ in range(8):
            request = client.build_request("GET", url)
            opened.append(client.send(request, stream=True))
            assert opened[-1].status_code == 200
        refused = client.get(url)
        assert refused.status_code == 429
        assert refused.json()["error"]["code"] == "too_many"
        for one in opened:
            one.close()


def test_events__nothing_happens_for_longer_than_an_answer_may_take__the_stream_lives_on(
    history_world: ServerWorld, tmp_path: Path
) -> None:
    """A reader that keeps up is not slow, however long a stream lasts."""
    slow_limits = Limits(sending=0.3, rate=2**14)
    number = history_world.announce().round
    history_world.chain.finalize()
    with (
        patch.object(app, "_LIMITS", slow_limits),
        served(history_world, str(tmp_path / "server.sqlite"), tmp_path) as running,
        httpx2.stream("GET", f"{running.config.url}/v1/events", timeout=60) as answer,
    ):
        stream = events(answer)
        while (found := next(stream)[1])["round"] != number:
            pass
        assert found["stage"] == "open"
        time.sleep(4 * slow_limits.sending)
        history_world.close(number)
        while (found := next(stream)[1])["round"] != number:
            pass
        assert found["stage"] == "closed"


def test_events__unknown_tournament__422(running: Server) -> None:
    answer = httpx2.get(f"{running.config.url}/v1/events", params={"tournament": 5})
    assert answer.status_code == 422
