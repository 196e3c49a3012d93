"""Who takes connections and says nothing keeps nobody out: a real server on a port."""

import http.client
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from server_http import served
from server_world import ServerWorld, server_world

from oracle.gateway import app
from oracle.gateway.connections import Lines

pytestmark = [pytest.mark.slow, pytest.mark.chain, pytest.mark.xdist_group("gateway")]
_MOST = 5


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerWorld]:
    with server_world(tmp_path_factory.mktemp("world")) as made:
        yield made


def serve(stack: ExitStack, world: ServerWorld, home: Path) -> tuple[str, int]:
    made = stack.enter_context(served(world, "server.sqlite", home, connections=_MOST))
    return "127.0.0.1", made.config.port


def status(where: tuple[str, int], path: str = "/v1/tournaments") -> int:
    line = http.client.HTTPConnection(*where, timeout=30)
    try:
        line.request("GET", path)
        return line.getresponse().status
    finally:
        line.close()


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET / HTTP/1.1\r\nHost: x\r\n", b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\nGET /"],
    ids=["nothing", "half a head", "half a head after a request"],
)
def test_connection__no_whole_head_in_time__closed(
    world: ServerWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(app, "_HEAD_SECONDS", 0.3)
    with ExitStack() as stack:
        line = stack.enter_context(socket.create_connection(serve(stack, world, tmp_path)))
        line.settimeout(60)
        line.sendall(sent)
        assert len(b"".join(iter(lambda: line.recv(2**16), b""))) < 2**20


def test_connection__request_lasts_longer_than_its_head_may__answered(
    world: ServerWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "_HEAD_SECONDS", 0.3)
    with ExitStack() as stack:
        line = stack.enter_context(socket.create_connection(serve(stack, world, tmp_path)))
        line.settimeout(60)
        line.sendall(b"GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
        got = line.recv(2**16)
        assert got.startswith(b"HTTP/1.1 200")
        line.settimeout(1.5)
        try:
            while more := line.recv(2**16):
                got += more
        except TimeoutError:
            return  # nothing came, and it is still open
        pytest.fail("the stream was cut off")


def test_connection__one_address_has_all_it_may__refused_until_one_is_closed(
    world: ServerWorld, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        where = serve(stack, world, tmp_path)
        idle = [socket.create_connection(where) for _ in range(_MOST)]
        for line in idle:
            stack.callback(line.close)
            line.sendall(b"GET /v1/tournaments HTTP/1.1\r\nHost: x\r\n\r\n")
            line.settimeout(30)
            assert line.recv(2**16).startswith(b"HTTP/1.1 200")
            line.sendall(b"G")  # the next one has begun, so that it stays
        with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
            status(where)
        for line in idle:
            line.close()
        answers = []
        while 200 not in answers:
            assert len(answers) < 500
            try:
                answers.append(status(where))
            except OSError:
                answers.append(0)


def test_lines__network_of_a_customer__counts_as_one_and_proxies_as_none() -> None:
    lines = Lines(2, 1.0, ["10.0.0.0/8"])
    assert [lines.begin(f"2001:db8:1:2::{n}") for n in range(3)] == ["2001:db8:1:2::/64"] * 2 + [
        None
    ]
    assert lines.begin("2001:db8:1:3::1") is not None
    assert [lines.begin("::ffff:192.0.2.7"), lines.begin("192.0.2.7")] == ["192.0.2.7"] * 2
    assert lines.begin("192.0.2.7") is None
    lines.end("192.0.2.7")
    assert lines.begin("192.0.2.7") == "192.0.2.7"
    assert {lines.begin("10.1.2.3") for _ in range(9)} == {"10.1.2.3"}
    named = Lines(1, 1.0, ["*"])
    assert {named.begin("192.0.2.7") for _ in range(9)} == {"192.0.2.7"}
