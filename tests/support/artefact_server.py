"""A real HTTP server for round folders, and ways in which one goes wrong."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route


@dataclass
class ArtefactServer:
    """Serves ``folder`` as round ``number`` as operators do; ``faults`` by path.

    A fault is `missing`, `flipped`, `longer`, `empty`, `500`, `redirect`, or `cut`: the connection
    ends half way.
    """

    folder: Path
    number: int = 7
    faults: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)
    taken: list[bytes] = field(default_factory=list)
    refuses: bool = False
    url: str = ""

    async def file(self, request: Request) -> Response:
        path = request.path_params["path"]
        self.asked.append(path)
        if "range" in request.headers:
            self.ranges.append(f"{path} {request.headers['range']}")
        full, fault = self.folder / path, self.faults.get(path)
        if request.path_params["number"] != self.number or not full.is_file():
            return Response(status_code=404)
        if fault is None:
            return FileResponse(full)
        return self._faulty(full.read_bytes(), fault)

    def _faulty(self, raw: bytes, fault: str) -> Response:
        if fault == "missing":
            return Response(status_code=404)
        if fault == "500":
            return Response("no", status_code=500)
        if fault == "redirect":
            return Response(status_code=307, headers={"location": "http://127.0.0.1:9/"})
        if fault == "cut":
            return Response(raw[: len(raw) // 2], headers={"content-length": str(len(raw))})
        changed = {"flipped": raw[:-1] + bytes([raw[-1] ^ 1]), "longer": raw + b"x", "empty": b""}
        return Response(changed[fault])

    async def evidence(self, request: Request) -> Response:
        self.taken.append(await request.body())
        return Response("not now" if self.refuses else "{}", 409 if self.refuses else 201)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/rounds/{number:int}/artefacts/{path:path}", self.file),
                Route("/rounds/{number:int}/evidence", self.evidence, methods=["POST"]),
            ]
        )


@contextmanager
def served(server: ArtefactServer) -> Iterator[ArtefactServer]:
    """Runs ``server`` on a free loopback port in a thread of its own."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    running = uvicorn.Server(uvicorn.Config(server.app(), log_level="critical", lifespan="off"))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    server.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        yield server
    finally:
        running.should_exit = True
        thread.join(10)
        listener.close()
