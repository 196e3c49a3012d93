"""Endpoints whose answers are JSON-RPC but no chain's; real HTTP on loopback."""

import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from oracle.chain.answers import is_of_a_chain
from oracle.chain.endpoint import Endpoint, NoAnswerError
from oracle.chain.endpoints import Endpoints
from oracle.errors import UnreachableError

HASH = "0x" + "ab" * 32
BLOCK = {
    "number": "0x10",
    "hash": HASH,
    "parentHash": "0x" + "cd" * 32,
    "timestamp": hex(int(time.time())),
}
LOG = {
    "address": "0x" + "11" * 20,
    "topics": [HASH],
    "data": "0x",
    "blockNumber": "0x1",
    "blockHash": HASH,
    "transactionHash": HASH,
    "transactionIndex": "0x0",
    "logIndex": "0x0",
}
RECEIPT = {"transactionHash": HASH, "blockHash": HASH, "blockNumber": "0x1", "status": "0x1"}
DEEP = "[" * 200_000 + "]" * 200_000


@pytest.fixture(autouse=True)
def usual_recursion() -> Iterator[None]:
    """An EVM in Python raises the limit so far that reading ``DEEP`` ends the process."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)
    yield
    sys.setrecursionlimit(before)


Lie = Callable[[str, list[Any]], Any]
"""What an endpoint answers instead: JSON text, or None where it tells the truth."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    lie: Lie
    redirect = ""
    bodies: list[bytes]

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.bodies.append(body)
        request = json.loads(body)
        method, parameters = request["method"], request["params"]
        if self.redirect and method == "eth_call":
            self._send(307, b"", location=self.redirect)
            return
        truth = {"eth_chainId": "0x1", "eth_blockNumber": "0x10", "eth_call": "0x01"}
        told = self.lie(method, parameters) or json.dumps(truth.get(method, BLOCK))
        self._send(200, f'{{"jsonrpc":"2.0","id":1,"result":{told}}}'.encode())

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def endpoint(lie: Lie = lambda *_: None, redirect: str = "") -> Iterator[tuple[str, list[bytes]]]:
    """Its address, and the bodies it was sent."""
    bodies: list[bytes] = []
    fields = {"lie": staticmethod(lie), "redirect": redirect, "bodies": bodies}
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), fields)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", bodies
        server.shutdown()


@contextmanager
def among_honest(lie: Lie, place: int) -> Iterator[Endpoints]:
    """Three endpoints, the liar at ``place``."""
    with ExitStack() as stack:
        lies = [lie if i == place else (lambda *_: None) for i in range(3)]
        yield Endpoints([stack.enter_context(endpoint(one))[0] for one in lies])


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("told", ["{}", "[]", '{"number":null}', '{"number":"zz"}', DEEP])
def test_finalized__one_answers_with_no_block__the_others_do(told: str, place: int) -> None:
    def lie(method: str, parameters: list[Any]) -> str | None:
        return told if parameters[:1] == ["finalized"] else None

    with among_honest(lie, place) as endpoints:
        answer = endpoints.request("eth_getBlockByNumber", ["finalized", False])
        assert answer["result"]["number"] == "0x10"
        assert [one.healthy for one in endpoints.health()].index(False) == place


@pytest.mark.parametrize("told", ["null", '"zz"', "[]", "{}", DEEP])
def test_number__the_first_answers_with_none__the_next_does(told: str) -> None:
    def lie(method: str, _: list[Any]) -> str | None:
        return told if method == "eth_blockNumber" else None

    with among_honest(lie, 0) as endpoints:
        assert endpoints.request("eth_blockNumber", [])["result"] == "0x10"


def test_only_endpoint__answers_with_no_number__error_names_it() -> None:
    def lie(method: str, _: list[Any]) -> str | None:
        return '{"a": 1}' if method == "eth_blockNumber" else None

    with endpoint(lie) as (url, _), pytest.raises(UnreachableError, match="no chain's"):
        Endpoints([url]).request("eth_blockNumber", [])


def test_redirect__to_another_host__nothing_is_sent_there() -> None:
    with endpoint() as (other, received), endpoint(redirect=other) as (url, _):
        with pytest.raises(UnreachableError, match="status 307"):
            Endpoints([url]).request("eth_call", [{}, "0x1"])
        assert received == []


@pytest.mark.parametrize(
    ("method", "fits", "does_not"),
    [
        ("eth_blockNumber", 0, 2**20),
        ("eth_chainId", 0, 2**20),
        ("eth_call", 2**20, 2**24),
        ("eth_getBlockByNumber", 2**20, 2**24),
        ("eth_getLogs", 2**25, 2**26),
    ],
)
def test_ask__answer_longer_than_its_kind_can_be__not_read(
    method: str, fits: int, does_not: int
) -> None:
    results = {
        "eth_call": '"0x01"',
        "eth_getBlockByNumber": json.dumps(BLOCK),
        "eth_getLogs": json.dumps([LOG]),
    }
    told = results.get(method, '"0x1"')
    for spaces, is_read in ((fits, True), (does_not, False)):
        with endpoint(lambda *_, n=spaces: told + " " * n) as (url, _):
            one = Endpoint(url, 10.0)
            if is_read:
                assert one.ask(method, ["0x1", False])["result"] == json.loads(told)
            else:
                with pytest.raises(NoAnswerError):
                    one.ask(method, ["0x1", False])


def pruned(method: str, _: list[Any]) -> str | None:
    """An endpoint that no longer keeps the state asked for."""
    if method == "eth_call":
        return '0,"error":{"code":-32000,"message":"missing trie node"}'
    return None


@contextmanager
def with_pruned(*lies: Lie, **settings: Any) -> Iterator[Endpoints]:
    with ExitStack() as stack:
        urls = [stack.enter_context(endpoint(lie))[0] for lie in lies]
        endpoints = Endpoints(urls, **settings)
        endpoints.request("eth_getBlockByNumber", ["finalized", False])
        yield endpoints


def test_call_at_a_final_block__all_but_one_refuse__not_believed_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with with_pruned(lambda *_: None, pruned, pruned) as endpoints:
        for _ in range(3):
            answer = endpoints.request("eth_call", [{}, "0x10"])
            assert answer["error"]["message"] == "missing trie node"
        assert [one.unconfirmed for one in endpoints.health()] == [3, 0, 0]
        assert all(one.healthy for one in endpoints.health())
        lines = [r.getMessage() for r in caplog.records if "not believed" in r.getMessage()]
        assert len(lines) == 2
        assert "alone answers eth_call" in lines[0]


def test_call_at_a_final_block__two_answer_and_one_refuses__believed() -> None:
    with with_pruned(pruned, lambda *_: None, lambda *_: None) as endpoints:
        assert endpoints.request("eth_call", [{}, "0x10"])["result"] == "0x01"
        assert [one.unconfirmed for one in endpoints.health()] == [0, 0, 0]


def test_call_at_a_final_block__refused_only_once__believed() -> None:
    refusals = [pruned("eth_call", [])]

    def once(method: str, _: list[Any]) -> str | None:
        return refusals.pop() if method == "eth_call" and refusals else None

    with with_pruned(lambda *_: None, once) as endpoints:
        assert endpoints.request("eth_call", [{}, "0x10"])["result"] == "0x01"
        assert not refusals


def test_call_at_a_young_block__the_other_does_not_know_it_yet__believed() -> None:
    with with_pruned(lambda *_: None, pruned) as endpoints:
        assert endpoints.request("eth_call", [{}, "0x11"])["result"] == "0x01"


def test_call_at_a_final_block__only_one_is_asked__believed() -> None:
    with with_pruned(lambda *_: None) as endpoints:
        assert endpoints.request("eth_call", [{}, "0x10"])["result"] == "0x01"


def test_ask__headers_drip_without_an_end__given_up() -> None:
    """Every byte comes in time; the answer never does."""
    closed, listener = threading.Event(), socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError), listener.accept()[0] as connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nx: ")
            while not closed.wait(0.05):
                connection.sendall(b"x")

    threading.Thread(target=serve, daemon=True).start()
    said: list[str] = []

    def ask() -> None:
        try:
            slow = Endpoint(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=0.5)
            slow.ask("eth_blockNumber", [])
        except NoAnswerError as error:
            said.append(str(error))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(20)
    closed.set()
    listener.close()
    assert len(said) == 1


@pytest.mark.parametrize(
    ("method", "result"),
    [
        ("eth_getBlockByNumber", BLOCK),
        ("eth_getBlockByHash", None),
        ("eth_getLogs", [LOG]),
        ("eth_getLogs", []),
        ("eth_getTransactionReceipt", RECEIPT),
        ("eth_getTransactionReceipt", None),
        ("eth_getTransactionByHash", {"hash": HASH, "blockNumber": None}),
        ("eth_getTransactionCount", "0x0"),
        ("eth_sendRawTransaction", HASH),
        ("eth_call", "0x"),
        ("eth_getCode", "0x6080"),
        ("eth_feeHistory", {"baseFeePerGas": ["0x7", "0x8"], "oldestBlock": "0x1"}),
        ("web3_clientVersion", "anvil/v1"),
        ("anvil_mine", None),
    ],
)
def test_is_of_a_chain__what_nodes_answer__taken(method: str, result: Any) -> None:
    assert is_of_a_chain(method, result)


@pytest.mark.parametrize(
    ("method", "result"),
    [
        ("eth_getBlockByNumber", {**BLOCK, "hash": "0x12"}),
        ("eth_getBlockByNumber", {**BLOCK, "timestamp": -1}),
        ("eth_getLogs", None),
        ("eth_getLogs", [{**LOG, "topics": HASH}]),
        ("eth_getLogs", [{**LOG, "logIndex": "0x-1"}]),
        ("eth_getLogs", [LOG, LOG]),
        ("eth_getTransactionReceipt", {**RECEIPT, "status": None}),
        ("eth_getTransactionReceipt", {}),
        ("eth_getTransactionByHash", "0x"),
        ("eth_getTransactionCount", None),
        ("eth_getTransactionCount", "0x" + "f" * 65),
        ("eth_sendRawTransaction", "0x"),
        ("eth_call", "0x1"),
        ("eth_call", "0xzz"),
        ("eth_getCode", None),
        ("eth_feeHistory", {"baseFeePerGas": []}),
    ],
)
def test_is_of_a_chain__anything_else__not(method: str, result: Any) -> None:
    assert not is_of_a_chain(method, result)
