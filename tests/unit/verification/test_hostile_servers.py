"""Servers that answer a stranger's tools without an end, too slowly, or with too much."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from oracle.errors import DifferenceError, UnreachableError
from oracle.settlement.evidence import Wrong
from oracle.settlement.manifest import File
from oracle.store.sealing import largest_sealed
from oracle.verification import dispute, web
from oracle.verification.fetch import require_sealed_size
from oracle.verification.web import Web

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n"
HASH = "0x" + "ab" * 32


def endless(connection: socket.socket, closed: threading.Event) -> None:
    connection.sendall(HEAD + b"\r\n")
    while not closed.is_set():
        connection.sendall(b"x" * 65536)


def dripping(connection: socket.socket, closed: threading.Event) -> None:
    connection.sendall(HEAD + b"content-length: 1000000\r\n\r\n")
    while not closed.wait(0.05):
        connection.sendall(b"x")


def dripping_headers(connection: socket.socket, closed: threading.Event) -> None:
    connection.sendall(HEAD)
    while not closed.wait(0.05):
        connection.sendall(b"x")


Answer = Callable[[socket.socket, threading.Event], None]


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """The address of a server that takes a request and answers so."""
    closed, listener = threading.Event(), socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.recv(65536)
            answer(connection, closed)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        closed.set()
        listener.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "_ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(dispute, "SEND_SECONDS", 1.0)


def test_post__answer_without_end__given_up() -> None:
    with answering(endless) as url, pytest.raises(UnreachableError, match="larger than"):
        Web(url).post("x", b"{}")


def test_post__answer_drips__given_up() -> None:
    with answering(dripping) as url, pytest.raises(UnreachableError, match="too slowly"):
        Web(url).post("x", b"{}")


@pytest.mark.parametrize("answer", [dripping, dripping_headers])
def test_small__much_is_allowed_and_it_drips__given_up_all_the_same(answer: Answer) -> None:
    with answering(answer) as url, pytest.raises(UnreachableError, match="too slowly"):
        Web(url).small("x", 2**30)


def test_download__much_is_listed_and_it_drips__given_up_all_the_same(tmp_path: Path) -> None:
    with answering(dripping) as url, pytest.raises(UnreachableError, match="too slowly"):
        Web(url).download("x", tmp_path / "x", 2**40)


@pytest.mark.parametrize("answer", [endless, dripping, dripping_headers])
def test_send__an_operator_never_ends_its_answer__the_challenge_is_not_held_up(
    answer: Answer,
) -> None:
    wrong = Wrong(
        chain_id=1,
        pool="0x" + "11" * 20,
        round=1,
        manifest=HASH,
        path="outputs/scores.csv",
        published=HASH,
        recomputed="0x" + "cd" * 32,
        difference="other",
    )
    with answering(answer) as url:
        said = dispute.send(wrong, [url, "http://127.0.0.1:9"])
    assert list(said) == [url, "http://127.0.0.1:9"]
    assert all(said.values())


def test_require_sealed_size__index_lists_more_than_sealing_makes__refused() -> None:
    plain = File(path="inputs/targets.csv", sha256=HASH, size=1000)
    fits = plain.model_copy(update={"size": largest_sealed(1000)})
    require_sealed_size(plain, fits, "a server")
    with pytest.raises(DifferenceError, match=r"inputs/targets.csv.*larger"):
        require_sealed_size(plain, fits.model_copy(update={"size": fits.size + 1}), "a server")
