"""Connections: few for one address, and none that says nothing."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from oracle.gateway.services import place


class Lines:
    """Connections of each address, at most ``most``; of ``proxies`` (addresses, networks, or ``*``)
    as many as there are, since they speak for all. A request's head must be there after
    ``seconds``."""

    def __init__(self, most: int, seconds: float, proxies: Sequence[str] = ()) -> None:
        self.seconds, self._most = seconds, most
        self._proxies = [network for text in proxies for network in _networks(text)]
        self._count = Counter[str]()

    def begin(self, host: str) -> str | None:
        """What the connection counts as, for ``end``; None where there is no room for it."""
        where = place(host)
        if self._count[where] >= self._most and not self._is_proxy(host):
            return None
        self._count[where] += 1
        return where

    def end(self, where: str) -> None:
        self._count[where] -= 1
        if not self._count[where]:
            del self._count[where]

    def _is_proxy(self, host: str) -> bool:
        return any(ip_address(host) in network for network in self._proxies)


def _networks(text: str) -> list[IPv4Network | IPv6Network]:
    """What a name means only the system knows: whoever gives one bounds connections himself."""
    try:
        return [ip_network(text, strict=False)]
    except ValueError:
        return [ip_network("0.0.0.0/0"), ip_network("::/0")]


def protocol(lines: Lines) -> type[asyncio.Protocol]:
    """What speaks on each connection, for uvicorn."""

    class Bounded(H11Protocol):
        """uvicorn's, but that it waits neither for a first request nor for one's end for ever."""

        _where: str | None = None
        _waiting: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._where = lines.begin(self.client[0]) if self.client else None
            if self._where is None:
                transport.abort()
                return
            self._await_head()

        def connection_lost(self, exc: Exception | None) -> None:
            self._head_is_there()
            if self._where is not None:
                lines.end(self._where)
                self._where = None
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self._where is None:
                return  # refused, and what it sent is not heard
            super().data_received(data)
            if self.conn.their_state is not h11.IDLE:
                self._head_is_there()
            elif self._waiting is None:
                self._await_head()

        def _await_head(self) -> None:
            self._waiting = self.loop.call_later(lines.seconds, self.transport.close)

        def _head_is_there(self) -> None:
            if self._waiting is not None:
                self._waiting.cancel()
                self._waiting = None

    return Bounded
