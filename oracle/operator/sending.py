"""Answers on their way out: in pieces, and no longer than a reader may take for them."""

import asyncio
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from oracle.operator.limits import Limits

_PIECE = 2**16
_LOOK = 0.02


class _TooSlowError(Exception):
    """The reader has not taken in time what was sent."""


class Sending:
    """ASGI, around everything else: cuts the connection of a reader that is too slow.

    Of a large body only a piece is in the connection's buffer at a time. uvicorn's own ``send``
    waits while the buffer is full, without end; its transport is where that can be ended.
    """

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self.app, self.limits = app, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        if scope["type"] != "http" or transport is None:
            await self.app(scope, receive, send)
            return
        answer = _Answer(send, transport, self.limits)
        try:
            await self.app(scope, receive, answer.send)
            await answer.left()
        except Exception:
            if not answer.given_up:
                raise
            await asyncio.sleep(0)  # the server hears of the end before it misses the rest


class _Answer:
    """One answer, its reader's time running from its first bytes on."""

    def __init__(self, send: Send, transport: Any, limits: Limits) -> None:
        self._send, self._transport, self._limits = send, transport, limits
        self._began: float | None = None
        self._sent = 0
        self.given_up = False

    async def send(self, message: Message) -> None:
        body = message.get("body", b"")
        if message["type"] != "http.response.body" or len(body) <= _PIECE:
            await self._in_time(message, len(body))
            return
        view, more = memoryview(body), message.get("more_body", False)
        for start in range(0, len(view), _PIECE):
            piece = bytes(view[start : start + _PIECE])
            is_last = start + _PIECE >= len(view)
            part = {**message, "body": piece, "more_body": more or not is_last}
            await self._in_time(part, len(piece))

    async def left(self) -> None:
        """Waits until the last piece is out of the buffer as well."""
        while self._transport.get_write_buffer_size():
            if asyncio.get_running_loop().time() > self._deadline():
                self._give_up()
            await asyncio.sleep(_LOOK)

    async def _in_time(self, message: Message, size: int) -> None:
        try:
            async with asyncio.timeout_at(self._deadline()):
                await self._send(message)
        except TimeoutError:
            self._give_up()
        self._sent += size

    def _deadline(self) -> float:
        """On the loop's clock; what was taken earns time."""
        if self._began is None:
            self._began = asyncio.get_running_loop().time()
        return self._began + self._limits.sending + self._sent / self._limits.rate

    def _give_up(self) -> None:
        self.given_up = True
        self._transport.abort()
        raise _TooSlowError
