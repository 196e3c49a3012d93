"""What tests ask of the machine they run on: free ports, running processes."""

import random
import socket

import psutil

_PORTS = (*range(10), 40)
"""Behind a base port; the last one is the tournament server's."""


def free_base_port() -> int:
    """First of ten ports in a row that nothing listens on, with the one of a devnet's server."""
    for _ in range(100):
        base = random.randrange(20_000, 28_000)
        sockets = []
        try:
            for place in _PORTS:
                sockets.append(socket.create_server(("127.0.0.1", base + place)))
            return base
        except OSError:
            continue
        finally:
            for opened in sockets:
                opened.close()
    raise RuntimeError("no ten free ports in a row")


def processes_naming(text: str) -> list[str]:
    """Command lines of running processes that mention ``text``."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        line = " ".join(process.info["cmdline"] or ())
        if text in line and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(line)
    return found
