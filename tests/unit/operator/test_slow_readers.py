"""Readers that take their time, against an operator's real HTTP server."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from ingest_world import CLOSES, ROUND, ChainStandIn, new_ingest, served

from oracle.operator.ingest import Ingest
from oracle.operator.limits import Limits

SIZE = 2**23
LIMITS = Limits(requests=8, sending=0.5, rate=2**30, held=SIZE)
PATH = f"/rounds/{ROUND}/submissions/{'07' * 32}"
FILE = bytes(range(256)) * (SIZE // 256)


@pytest.fixture
def ingest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ingest:
    monkeypatch.setattr(Ingest, "shared", lambda *_: FILE)
    return new_ingest(tmp_path, ChainStandIn(now=CLOSES))


@contextmanager
def reader(url: str) -> Iterator[socket.socket]:
    """A connection that has asked for the file, with little room for it on this side."""
    parts = httpx.URL(url)
    with socket.socket() as asking:
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**14)
        asking.settimeout(20)
        asking.connect((parts.host, parts.port))
        asking.sendall(b"GET %b HTTP/1.1\r\nhost: x\r\n\r\n" % PATH.encode())
        yield asking


def once_there_is_room(url: str) -> bytes:
    """The file, asked for again while too much is at work."""
    for _ in range(400):
        answer = httpx.get(url + PATH)
        if answer.status_code != 429:
            break
        time.sleep(0.05)
    return answer.content


def read_all(asking: socket.socket) -> bytes:
    """What comes before the connection ends, however it ends."""
    found = b""
    try:
        while piece := asking.recv(2**16):
            found += piece
    except ConnectionResetError:
        pass
    return found


def test_answer__too_much_at_work__others_are_told_to_wait(ingest):
    with served(ingest, replace(LIMITS, sending=600.0)) as url, reader(url) as asking:
        assert asking.recv(1)
        busy = httpx.get(url + PATH)
        assert busy.status_code == 429
        assert "too many answers at work" in busy.json()["error"]["message"]
        assert httpx.get(url + "/healthz").status_code == 200


def test_answer__nobody_reads_it__the_connection_is_cut_and_its_memory_free(ingest, caplog):
    with served(ingest, LIMITS) as url, reader(url) as asking:
        assert asking.recv(1)
        assert once_there_is_room(url) == FILE
        assert len(read_all(asking)) < SIZE
    assert "ASGI" not in caplog.text


def test_answer__read_slowly_but_fast_enough__comes_whole(ingest):
    with served(ingest, replace(LIMITS, rate=2**17)) as url, reader(url) as asking:
        found = b""
        while not found.endswith(FILE[-256:]) or len(found) < SIZE:
            found += asking.recv(2**17)
            time.sleep(0.01)
        assert found.endswith(FILE)


def test_answers__as_many_as_may_be_at_work__are_given_back_when_they_are_read(ingest):
    with (
        served(ingest, replace(LIMITS, sending=600.0, held=4 * SIZE)) as url,
        ThreadPoolExecutor(4) as pool,
    ):
        for _ in range(3):
            answers = list(pool.map(httpx.get, [url + PATH] * 4))
            assert {answer.status_code for answer in answers} == {200}
            assert all(answer.content == FILE for answer in answers)


def test_answer__reader_hangs_up_in_the_middle__its_memory_is_free(ingest, caplog):
    with served(ingest, replace(LIMITS, sending=600.0)) as url:
        with reader(url) as asking:
            assert asking.recv(1)
            assert httpx.get(url + PATH).status_code == 429
        assert once_there_is_room(url) == FILE
    assert "ASGI" not in caplog.text
