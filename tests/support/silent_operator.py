"""An operator that takes connections and says nothing, until it is closed."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Silent:
    """``asked``: somebody waits for it."""

    url: str
    asked: threading.Event = field(default_factory=threading.Event)


@contextmanager
def silent_operator() -> Iterator[Silent]:
    """Who waits for it is cut off at the end."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        made = Silent(f"http://127.0.0.1:{listener.getsockname()[1]}")

        def take() -> None:
            with suppress(OSError):
                while True:
                    taken.append(listener.accept()[0])
                    made.asked.set()

        taking = threading.Thread(target=take, daemon=True)
        taking.start()
        try:
            yield made
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            taking.join()
            for line in taken:
                line.close()
