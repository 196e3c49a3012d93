"""HTTP connections that wait for an answer's head no longer than their timeout in all.

The timeout of ``requests`` is one for each read: a server that sends a byte of its headers now and
then would be waited for without an end.
"""

import socket
import threading
from contextlib import suppress
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class _Bounded:
    sock: socket.socket
    timeout: float | None

    def getresponse(self) -> Any:
        overdue = threading.Timer(self.timeout or 0, _cut, (self.sock,))
        overdue.daemon = True
        overdue.start()
        try:
            return super().getresponse()  # type: ignore[misc]
        finally:
            overdue.cancel()


def _cut(connection: socket.socket) -> None:
    """Whoever reads from it gets its end; that of TLS is not asked, it would wait as well."""
    with suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


class _Plain(_Bounded, HTTPConnection):
    pass


class _Secure(_Bounded, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


class BoundedAdapter(HTTPAdapter):
    """For ``Session.mount``; requests through it must have a timeout."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _use_bounded(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        _use_bounded(manager)
        return manager


def _use_bounded(manager: Any) -> None:
    manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
