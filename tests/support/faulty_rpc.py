"""A real HTTP server before a chain's RPC endpoint, with faults to switch on while it runs.

In a test:

    with FaultyRpc(chain.url) as proxy:             # a free port; or FaultyRpc(url, port=N)
        connect([proxy.url, ...])
        proxy.set(slow={"seconds": 0.5})            # replaces whatever was set before
        proxy.set(hang={}, missing_logs={"keep": 1})
        proxy.clear()
        proxy.requests                              # Counter: requests by method, faulty or not

As a process: ``python tests/support/faulty_rpc.py --upstream URL --port N``. It is switched by
``POST /__fault`` with a JSON object of faults and their parameters, ``{}`` for none, or by
``set_faults(url, slow={"seconds": 1})`` from here. ``GET /__fault`` tells faults and requests.

Every fault takes ``methods`` (a list: only these methods; default all it makes sense for) and
``times`` (only so often; default always).

    fault             parameters          what happens
    http_429          retry_after=1       status 429 Too Many Requests
    http_500                              status 500
    hang              seconds=3600        no answer; the connection is closed after that, or once
                                          the faults are changed
    refuse                                the connection is closed without an answer
    truncated                             half of the body, then the connection is closed
    not_json                              status 200 and an HTML page
    wrong_chain       chain_id=999        eth_chainId and net_version answer so
    stale_head        block=None          nothing after this block is known (None: from now on)
    stalled_finality  block=None          finalized and safe stay at this block (None: as it is now)
    missing_logs      keep=0              eth_getLogs answers only the first ``keep`` logs
    lie                                   eth_call, eth_getLogs, blocks: other bytes, other hashes
    false_head        seconds=3600        the newest block is shown with a later time and number
    refuse_ranges     blocks=100          eth_getLogs over more blocks is refused with an RPC error
    lost_response                         forwards, then closes the connection without an answer
                                          (default methods: eth_sendRawTransaction)
    slow              seconds=1           every answer comes that much later
"""

import argparse
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

Json = dict[str, Any]

_CONTROL = "/__fault"
_ANSWERED_BLOCK = "eth_getBlockByNumber", "eth_getBlockByHash"
_METHODS: Mapping[str, tuple[str, ...]] = {
    "wrong_chain": ("eth_chainId", "net_version"),
    "missing_logs": ("eth_getLogs",),
    "lie": ("eth_call", "eth_getLogs", *_ANSWERED_BLOCK),
    "false_head": ("eth_getBlockByNumber",),
    "refuse_ranges": ("eth_getLogs",),
    "lost_response": ("eth_sendRawTransaction",),
}
"""Methods that a fault makes sense for; those not named here, for all."""

FAULTS = (
    "http_429",
    "http_500",
    "hang",
    "refuse",
    "truncated",
    "not_json",
    "wrong_chain",
    "stale_head",
    "stalled_finality",
    "missing_logs",
    "lie",
    "false_head",
    "refuse_ranges",
    "lost_response",
    "slow",
)
# Where a method's parameters name a block; ``None`` where only the answer does.
_BLOCK_PARAMETER = {
    "eth_call": 1,
    "eth_estimateGas": 1,
    "eth_createAccessList": 1,
    "eth_getBalance": 1,
    "eth_getCode": 1,
    "eth_getTransactionCount": 1,
    "eth_getStorageAt": 2,
    "eth_getBlockByNumber": 0,
}
_BY_HASH = (
    "eth_getBlockByHash",
    "eth_getTransactionReceipt",
    "eth_getTransactionByHash",
)


class FaultyRpc:
    """The proxy; serves in threads of its own until ``close``."""

    def __init__(self, upstream: str, port: int = 0) -> None:
        self.upstream = upstream
        self.requests: Counter[str] = Counter()
        self._faults: dict[str, Json] = {}
        self._lock = threading.Lock()
        self._changed = threading.Event()  # of the present set of faults: wakes what hangs
        self._session = threading.local()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.proxy = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> "FaultyRpc":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def serve(self) -> None:
        """Serves in this thread, for ever."""
        self._server.serve_forever()

    def close(self) -> None:
        self.clear()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # ------------------------------------------------------------------ switching

    def set(self, **faults: Mapping[str, Any]) -> None:
        """Has these faults from now on and no others."""
        unknown = sorted(set(faults) - set(FAULTS))
        if unknown:
            raise ValueError(f"unknown faults {unknown}; there are {FAULTS}")
        fresh = {name: dict(parameters) for name, parameters in faults.items()}
        for name in ("stale_head", "stalled_finality"):
            if name in fresh and fresh[name].get("block") is None:
                tag = "latest" if name == "stale_head" else "finalized"
                fresh[name]["block"] = _block_number(self.ask("eth_getBlockByNumber", tag, False))
        with self._lock:
            self._faults = fresh
            self._changed.set()
            self._changed = threading.Event()

    def clear(self) -> None:
        self.set()

    def state(self) -> Json:
        with self._lock:
            return {"faults": dict(self._faults), "requests": dict(self.requests)}

    def fault(self, name: str, method: str) -> Json | None:
        """The parameters of a fault that is on for ``method``; counts it as one of its times."""
        with self._lock:
            found = self._faults.get(name)
            methods = None if found is None else found.get("methods", _METHODS.get(name))
            if found is None or (methods is not None and method not in methods):
                return None
            if "times" in found:
                if found["times"] <= 0:
                    return None
                found["times"] -= 1
            return {"fault": name, **found}

    def wait(self, seconds: float) -> None:
        """Until then, or until the faults are changed."""
        with self._lock:
            changed = self._changed
        changed.wait(seconds)

    # ------------------------------------------------------------------ answering

    def ask(self, method: str, *parameters: Any) -> Json:
        """What the chain itself answers."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(parameters)}
        return self.forward(body)

    def forward(self, body: Any) -> Any:
        if not hasattr(self._session, "it"):
            self._session.it = requests.Session()
        return self._session.it.post(self.upstream, json=body, timeout=60).json()

    def answer(self, request: Json) -> Json:
        """The answer to one request, with those faults that change what it says."""
        method, parameters = request["method"], list(request.get("params") or [])
        if limit := self.fault("refuse_ranges", method):
            asked = parameters[0]
            wide = int(asked["toBlock"], 16) - int(asked["fromBlock"], 16) + 1
            if wide > limit.get("blocks", 100):
                return _error(request, -32005, "block range is too large")
        if fault := self.fault("stalled_finality", method):
            parameters = _with_tags(method, parameters, ("finalized", "safe"), fault["block"])
        if fault := self.fault("stale_head", method):
            return self._stale(request, method, parameters, fault["block"])
        answer = self.forward(request | {"params": parameters})
        if "result" not in answer:
            return answer
        if fault := self.fault("wrong_chain", method):
            other = fault.get("chain_id", 999)
            answer["result"] = hex(other) if method == "eth_chainId" else str(other)
        if fault := self.fault("missing_logs", method):
            answer["result"] = answer["result"][: fault.get("keep", 0)]
        if parameters[:1] == ["latest"] and (fault := self.fault("false_head", method)) is not None:
            answer["result"] = _later(answer["result"], fault.get("seconds", 3600))
        if self.fault("lie", method) is not None:
            answer["result"] = _lie(answer["result"])
        return answer

    def _stale(self, request: Json, method: str, parameters: list[Any], head: int) -> Json:
        """The answer of a node that has seen nothing after block ``head``."""
        if method == "eth_blockNumber":
            return _result(request, hex(head))
        finalized = int(
            self.ask("eth_getBlockByNumber", "finalized", False)["result"]["number"], 16
        )
        parameters = _with_tags(method, parameters, ("finalized", "safe"), min(finalized, head))
        parameters = _with_tags(method, parameters, ("latest", "pending"), head)
        if method == "eth_getLogs" and "blockHash" not in parameters[0]:
            asked = dict(parameters[0])
            for name in ("fromBlock", "toBlock"):
                asked[name] = hex(min(head, _number(asked.get(name), head)))
            if _number(parameters[0].get("fromBlock"), head) > head:
                return _result(request, [])
            parameters = [asked]
        place = _BLOCK_PARAMETER.get(method)
        if place is not None and place < len(parameters) and _number(parameters[place], 0) > head:
            if method == "eth_getBlockByNumber":
                return _result(request, None)
            return _error(request, -32000, "header not found")
        answer = self.forward(request | {"params": parameters})
        found = answer.get("result")
        if method in _BY_HASH and isinstance(found, dict):
            number = found.get("number") or found.get("blockNumber")
            if number and int(number, 16) > head:
                return _result(request, None)
        return answer


def _result(request: Json, result: Any) -> Json:
    return {"jsonrpc": "2.0", "id": request.get("id"), "result": result}


def _error(request: Json, code: int, message: str) -> Json:
    error = {"code": code, "message": message}
    return {"jsonrpc": "2.0", "id": request.get("id"), "error": error}


def _block_number(answer: Json) -> int:
    return int(answer["result"]["number"], 16)


def _number(block: Any, otherwise: int) -> int:
    """The number that a parameter names; ``otherwise`` for a tag, a hash or nothing."""
    is_number = isinstance(block, str) and block.startswith("0x") and len(block) < 66
    return int(block, 16) if is_number else otherwise


def _with_tags(method: str, parameters: list[Any], tags: tuple[str, ...], block: int) -> list[Any]:
    """The parameters with block ``block`` in place of any of the tags."""
    replaced = list(parameters)
    if method == "eth_getLogs":
        ends = {n: hex(block) for n in ("fromBlock", "toBlock") if parameters[0].get(n) in tags}
        replaced[0] = {**parameters[0], **ends}
    place = _BLOCK_PARAMETER.get(method)
    if place is not None and place < len(replaced) and replaced[place] in tags:
        replaced[place] = hex(block)
    return replaced


def _lie(result: Any) -> Any:
    """The same shape with other bytes."""
    if isinstance(result, list):
        return [item | {"data": _flipped(item["data"])} for item in result]
    if isinstance(result, dict):
        return result | {"hash": _flipped(result["hash"])}
    return _flipped(result) if isinstance(result, str) else result


def _later(block: Json, seconds: int) -> Json:
    """A block as if it were ``seconds`` and as many blocks further on."""
    return block | {name: hex(int(block[name], 16) + seconds) for name in ("number", "timestamp")}


def _flipped(text: str) -> str:
    """Hex text with its last digit changed; empty bytes become one byte."""
    return text[:-1] + f"{int(text[-1], 16) ^ 1:x}" if len(text) > 2 else "0x01"


class _Server(ThreadingHTTPServer):
    proxy: FaultyRpc
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)

    def do_GET(self) -> None:
        self._reply(200, json.dumps(self.server.proxy.state()).encode())

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == _CONTROL:
            self._switch(raw)
            return
        body = json.loads(raw)
        items: list[Json] = body if isinstance(body, list) else [body]
        proxy = self.server.proxy
        with proxy._lock:
            proxy.requests.update(item["method"] for item in items)
        method = items[0]["method"]
        for name, fail in _TRANSPORT.items():
            fault = proxy.fault(name, method)
            if fault is not None:
                fail(self, fault)
                return
        if fault := proxy.fault("slow", method):
            time.sleep(fault.get("seconds", 1))
        answers = [proxy.answer(item) for item in items]
        if proxy.fault("lost_response", method) is not None:
            self._drop({})
            return
        sent = json.dumps(answers if isinstance(body, list) else answers[0]).encode()
        if proxy.fault("truncated", method) is not None:
            self._cut(sent)
            return
        self._reply(200, sent)

    def _switch(self, raw: bytes) -> None:
        try:
            self.server.proxy.set(**json.loads(raw or b"{}"))
        except (TypeError, ValueError) as error:
            self._reply(400, json.dumps({"error": str(error)}).encode())
            return
        self._reply(200, json.dumps(self.server.proxy.state()).encode())

    def _reply(self, status: int, body: bytes, kind: str = "application/json", **more: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in more.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def _too_many(self, fault: Json) -> None:
        self._reply(429, b"slow down", "text/plain", Retry_After=str(fault.get("retry_after", 1)))

    def _broken(self, _: Json) -> None:
        self._reply(500, b"internal error", "text/plain")

    def _page(self, _: Json) -> None:
        self._reply(200, b"<html>maintenance</html>", "text/html")

    def _hang(self, fault: Json) -> None:
        self.server.proxy.wait(fault.get("seconds", 3600))
        self.close_connection = True

    def _drop(self, _: Json) -> None:
        self.close_connection = True

    def _cut(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Silent."""


_TRANSPORT: Mapping[str, Callable[[_Handler, Json], None]] = {
    "http_429": _Handler._too_many,
    "http_500": _Handler._broken,
    "hang": _Handler._hang,
    "refuse": _Handler._drop,
    "not_json": _Handler._page,
}


def set_faults(url: str, **faults: Mapping[str, Any]) -> Json:
    """Switches a proxy that may run in another process; returns its state."""
    answer = requests.post(url + _CONTROL, json=faults, timeout=10)
    answer.raise_for_status()
    return answer.json()


def state(url: str) -> Json:
    """Faults and requests by method of a proxy that may run in another process."""
    return requests.get(url + _CONTROL, timeout=10).json()


def main() -> None:
    parser = argparse.ArgumentParser(description="A faulty RPC endpoint before a real one.")
    parser.add_argument("--upstream", required=True, help="the real endpoint, http://host:port")
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    FaultyRpc(options.upstream, options.port).serve()


if __name__ == "__main__":
    main()
