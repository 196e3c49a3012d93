"""The tournament server over HTTP on a port of this machine, its tasks at work, as
``assay server run`` would have it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import uvicorn
from in_process_tournament import connected
from postgres import free_port
from server_world import URL, ServerWorld

from oracle.chain.logs import IndexedLogs
from oracle.chain.reader import PoolReader
from oracle.gateway import run
from oracle.gateway.app import settings
from oracle.gateway.config import TournamentSettings
from oracle.store.event_index import EventStore


@contextmanager
def served(world: ServerWorld, where: str, home: Path, **changes: Any) -> Iterator[run.Server]:
    """A server on the database at ``where`` that follows the world's chain by itself."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    def reader(one: TournamentSettings, events: EventStore) -> PoolReader:
        return PoolReader(connected(world.chain), URL, one.pool, IndexedLogs(events))

    with patch.object(run, "open_reader", reader):
        server = run.Server(world.config(where, home, port=port, url=url, **changes))
    with answering(server, port):
        yield server


@contextmanager
def answering(server: run.Server, port: int) -> Iterator[uvicorn.Server]:
    """The server at work, HTTP and tasks; closed afterwards. Its HTTP can be ended before."""
    http = uvicorn.Server(settings(server.app, server.services))
    with socket.create_server(("127.0.0.1", port)) as listener:
        serving = threading.Thread(target=http.run, kwargs={"sockets": [listener]})
        server.runner.start()
        serving.start()
        try:
            yield http
        finally:
            http.should_exit = True
            serving.join()
            server.runner.stop()
            server.close()
