"""Asking other operators: a server that answers well, wrongly, too much, or not at all."""

import gzip
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from oracle.operator import peers as asking
from oracle.operator.peers import Peer, ask_all

GOOD = b'{"digest": "0x' + b"ab" * 32 + b'"}'


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


class Handler(BaseHTTPRequestHandler):
    """Answers a round's proposal by its number."""

    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        number = int(self.path.split("/")[2])
        if number == 5:  # hangs up in the middle
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"{")
            return
        if number == 6:
            time.sleep(0.5)
        status = 404 if number == 2 else 200
        packed = gzip.compress(gzip.compress(GOOD))
        body = {3: b"{}", 4: b" " * 4096 + GOOD, 7: packed}.get(number, GOOD)
        self.send_response(status)
        if number == 7:
            self.send_header("Content-Encoding", "gzip, gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    Handler.asked = 0
    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def url_of(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}"


@pytest.mark.parametrize(
    ("number", "expected"),
    [(1, b"\xab" * 32), (2, None), (3, None), (4, None), (5, None), (6, b"\xab" * 32), (7, None)],
)
def test_proposal__any_answer__a_digest_or_none(
    server: ThreadingHTTPServer, number: int, expected: bytes | None
) -> None:
    assert Peer(url_of(server)).proposal(number) == expected


def test_get__no_answer__is_left_alone_for_longer_and_longer(server: ThreadingHTTPServer) -> None:
    clock = Clock()
    peer = Peer(url_of(server), clock)
    times = []
    while clock.now < 64:
        before = Handler.asked
        assert peer.proposal(5) is None
        if Handler.asked > before:
            times.append(clock.now)
        clock.now += 1.0
    assert times == [0.0, 1.0, 3.0, 7.0, 15.0, 31.0, 61.0]


def test_get__an_answer_at_last__is_asked_at_once_again(server: ThreadingHTTPServer) -> None:
    clock = Clock()
    peer = Peer(url_of(server), clock)
    peer.proposal(5)
    clock.now = 1.0
    assert peer.proposal(1) is not None
    assert peer.proposal(1) is not None
    assert peer.proposal(2) is None  # 404 is an answer
    assert peer.proposal(1) is not None


def test_ask_all__one_is_not_there__the_others_answer(server: ThreadingHTTPServer) -> None:
    peers = [Peer(url_of(server)), Peer("http://127.0.0.1:1"), Peer(url_of(server))]
    found = [answer for _, answer in ask_all(peers, lambda peer: peer.proposal(1))]
    assert found == [b"\xab" * 32, None, b"\xab" * 32]
    assert list(ask_all([], lambda peer: peer.proposal(1))) == []


def test_get__headers_without_end__is_given_up_and_not_asked_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(asking, "_ANSWER_SECONDS", 0.2)
    done, accepted = threading.Event(), 0

    def drip(listener: socket.socket) -> None:
        nonlocal accepted
        connection, _ = listener.accept()
        accepted += 1
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while not done.wait(0.02):
                connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        clock = Clock()
        peer = Peer(f"http://127.0.0.1:{listener.getsockname()[1]}", clock)
        assert peer.proposal(1) is None
        assert not done.is_set()  # it is still sending
        clock.now = 1000.0
        assert peer.proposal(1) is None
        done.set()
        thread.join()
    assert accepted == 1


def test_get__too_large__is_left_alone_for_a_while(server: ThreadingHTTPServer) -> None:
    peer = Peer(url_of(server), Clock())
    assert peer.proposal(4) is None
    assert peer.proposal(1) is None
    assert Handler.asked == 1
