"""Asking other operators: a server that answers well, wrongly, too much, or not at all."""

import gzip
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

import pytest
from pydantic import TypeAdapter

from oracle.operator import peers as asking
from oracle.operator.paging import page_bytes
from oracle.operator.peers import Peer, ask_all
from oracle.settlement.typed_data import Submission
from oracle.settlement.wire import submission_message

GOOD = b'{"said": 7}'
SAID = TypeAdapter(dict[Literal["said"], int])
SMALL = 2**10


def ask(peer: Peer, number: int) -> int | None:
    """The answer to a question of the round, None where it is none."""
    found = peer.read(SAID, f"/rounds/{number}/said", SMALL)
    return None if found is None else found["said"]


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


class Handler(BaseHTTPRequestHandler):
    """Answers by the round's number."""

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
        body = {3: b"[]", 4: b" " * 4096 + GOOD, 7: packed}.get(number, GOOD)
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
    [(1, 7), (2, None), (3, None), (4, None), (5, None), (6, 7), (7, None)],
)
def test_read__any_answer__what_it_says_or_none(
    server: ThreadingHTTPServer, number: int, expected: int | None
) -> None:
    assert ask(Peer(url_of(server)), number) == expected


def test_get__no_answer__is_left_alone_for_longer_and_longer(server: ThreadingHTTPServer) -> None:
    clock = Clock()
    peer = Peer(url_of(server), clock)
    times = []
    while clock.now < 64:
        before = Handler.asked
        assert ask(peer, 5) is None
        if Handler.asked > before:
            times.append(clock.now)
        clock.now += 1.0
    assert times == [0.0, 1.0, 3.0, 7.0, 15.0, 31.0, 61.0]


def test_get__an_answer_at_last__is_asked_at_once_again(server: ThreadingHTTPServer) -> None:
    clock = Clock()
    peer = Peer(url_of(server), clock)
    ask(peer, 5)
    clock.now = 1.0
    assert ask(peer, 1) is not None
    assert ask(peer, 1) is not None
    assert ask(peer, 2) is None  # 404 is an answer
    assert ask(peer, 1) is not None


def test_ask_all__one_is_not_there__the_others_answer(server: ThreadingHTTPServer) -> None:
    peers = [Peer(url_of(server)), Peer("http://127.0.0.1:1"), Peer(url_of(server))]
    found = [answer for _, answer in ask_all(peers, lambda peer: ask(peer, 1))]
    assert found == [7, None, 7]
    assert list(ask_all([], lambda peer: ask(peer, 1))) == []


def test_get__headers_without_end__is_given_up_and_not_asked_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(asking, "_SMALL_SECONDS", 0.2)
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
        assert ask(peer, 1) is None
        assert not done.is_set()  # it is still sending
        clock.now = 1000.0
        assert ask(peer, 1) is None
        done.set()
        thread.join()
    assert accepted == 1


def test_get__too_large__is_left_alone_for_a_while(server: ThreadingHTTPServer) -> None:
    peer = Peer(url_of(server), Clock())
    assert ask(peer, 4) is None
    assert ask(peer, 1) is None
    assert Handler.asked == 1


# ---------------------------------------------------------------------- slow ones


@contextmanager
def sending(*pieces: bytes, pause: float) -> Iterator[str]:
    """A server that answers each request with these pieces, ``pause`` seconds before each."""
    done = threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(sum(map(len, pieces))))
            self.end_headers()
            for piece in pieces:
                if done.wait(pause):
                    return
                with suppress(OSError):
                    self.wfile.write(piece)

        def log_message(self, *_: object) -> None:
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield url_of(made)
    done.set()
    made.shutdown()
    thread.join()
    made.server_close()


def test_get__large_answer_drips__is_given_up_long_before_its_end(monkeypatch) -> None:
    monkeypatch.setattr(asking, "_LARGE_SECONDS", 0.2)
    with sending(*[b"x" * 8] * 10_000, pause=0.02) as url:
        peer = Peer(url)
        assert peer.get("/", 2**20) is None
        assert peer.hesitates


def test_get__large_answer_slower_than_its_first_seconds__is_waited_for_at_its_rate(
    monkeypatch,
) -> None:
    monkeypatch.setattr(asking, "_LARGE_SECONDS", 0.5)
    monkeypatch.setattr(asking, "RATE", 2**14)
    with sending(*[b"x" * 2**14] * 10, pause=0.15) as url:
        assert Peer(url).get("/", 2**20) == b"x" * 10 * 2**14


def test_get__answers_now_and_then_between_failures__the_pauses_grow_all_the_same(
    server: ThreadingHTTPServer,
) -> None:
    clock = Clock()
    peer = Peer(url_of(server), clock)
    failed = []
    while clock.now < 40:
        before = Handler.asked
        assert ask(peer, 5) is None
        if Handler.asked > before:
            failed.append(clock.now)
            clock.now = peer._silent_until
            assert ask(peer, 1) == 7
        else:
            clock.now += 1.0
    assert failed == [0.0, 1.0, 3.0, 7.0, 15.0, 31.0]


def test_hesitates__good_answers_for_as_long_as_the_pause__is_trusted_again(
    server: ThreadingHTTPServer,
) -> None:
    clock = Clock()
    peer = Peer(url_of(server), clock)
    ask(peer, 5)
    clock.now = 1.5
    assert ask(peer, 1) == 7
    assert peer.hesitates
    clock.now = 2.0
    assert ask(peer, 1) == 7
    assert not peer.hesitates


class Answering(Peer):
    """Answers at once; ``late`` ones once they are told to."""

    def __init__(self, late: threading.Event | None = None, *, hesitates: bool = False) -> None:
        super().__init__("http://127.0.0.1:1")
        self.late, self._pause = late, float(hesitates)

    def answer(self) -> int:
        return 1 if self.late is None or self.late.wait(20) else 2


def test_ask_all__one_that_hesitated_before_is_late__the_others_do_not_wait_for_it(
    monkeypatch,
) -> None:
    monkeypatch.setattr(asking, "_GRACE", 0.05)
    told = threading.Event()
    peers = [Answering(), Answering(told, hesitates=True), Answering(hesitates=True)]
    assert [found for _, found in ask_all(peers, Answering.answer)] == [1, None, 1]
    told.set()


def test_ask_all__one_is_late_for_the_first_time__is_waited_for(monkeypatch) -> None:
    monkeypatch.setattr(asking, "_GRACE", 0.05)
    told = threading.Event()
    threading.Timer(0.3, told.set).start()
    peers = [Answering(), Answering(told)]
    assert [found for _, found in ask_all(peers, Answering.answer)] == [1, 1]


def test_ask_all__all_hesitated_before__all_are_waited_for(monkeypatch) -> None:
    monkeypatch.setattr(asking, "_GRACE", 0.05)
    told = threading.Event()
    threading.Timer(0.3, told.set).start()
    peers = [Answering(told, hesitates=True), Answering(told, hesitates=True)]
    assert [found for _, found in ask_all(peers, Answering.answer)] == [1, 1]


def test_get__asked_from_two_threads__the_second_has_no_answer(
    server: ThreadingHTTPServer,
) -> None:
    peer = Peer(url_of(server))
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, peer, 6)
        while not peer._asked.locked():
            time.sleep(0.001)
        assert ask(peer, 1) is None
        assert first.result() == 7
    assert ask(peer, 1) == 7


# ---------------------------------------------------------------------- lists in pages


class Showing(Peer):
    """Answers every question with the same page."""

    def __init__(self, page: bytes | None) -> None:
        super().__init__("http://peer")
        self.page = page
        self.paths: list[str] = []

    def get(self, path: str, limit: int) -> bytes | None:
        self.paths.append(path)
        return self.page


KEYS = [Submission(7, model, bytes([9 - model]) * 32, 1) for model in range(1, 4)]
ITEMS = [submission_message(key, bytes(65), []) for key in KEYS]


def test_submissions_after__page_behind_the_cursor__as_it_is_shown() -> None:
    peer = Showing(page_bytes(ITEMS[1:]))
    assert peer.submissions_after(7, None) == ITEMS[1:]
    assert peer.submissions_after(7, KEYS[0]) == ITEMS[1:]
    after = f"?after=1,1,{'08' * 32}"
    assert peer.paths == ["/rounds/7/submissions", "/rounds/7/submissions" + after]


@pytest.mark.parametrize(
    "page",
    [
        page_bytes(ITEMS),
        page_bytes(ITEMS[:0:-1]),
        page_bytes([ITEMS[1], ITEMS[1]]),
        b"[1]",
        b"{",
        None,
    ],
    ids=["not behind the cursor", "out of order", "twice", "no messages", "no JSON", "none"],
)
def test_submissions_after__page_that_no_honest_peer_shows__none(page: bytes | None) -> None:
    assert Showing(page).submissions_after(7, KEYS[0]) is None
