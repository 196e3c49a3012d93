"""Bounds on what requests may cost before a route sees them: how many, how large, how slow."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from oracle.gateway.errors import refused


@dataclass(frozen=True, slots=True)
class Bounds:
    """``requests`` at once; ``body`` bytes of a request at most, except where ``is_upload`` says
    that the path has bounds of its own; ``seconds`` for a whole body to arrive."""

    requests: int = 512
    body: int = 2**20
    seconds: float = 30.0
    is_upload: Callable[[str], bool] = lambda path: path.startswith("/files/")


class _TooLargeError(Exception):
    """The body goes on beyond the bound."""


class Guard:
    """ASGI middleware: refuses what goes beyond the bounds, in the form of all errors."""

    def __init__(self, app: ASGIApp, bounds: Bounds) -> None:
        self.app, self.bounds = app, bounds
        self._at_work = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if self._at_work >= self.bounds.requests:
            busy = refused(503, "busy", "too many requests at work", "try again soon")
            await busy(scope, receive, send)
            return
        self._at_work += 1
        try:
            await self._bounded(scope, receive, send)
        finally:
            self._at_work -= 1

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.bounds.is_upload(scope["path"]):
            await self.app(scope, receive, send)
            return
        try:
            body = await self._body(scope, receive)
        except _TooLargeError:
            answer = refused(413, "bad_input", f"the body is larger than {self.bounds.body} bytes")
        except TimeoutError:
            seconds = self.bounds.seconds
            answer = refused(408, "bad_input", f"the body did not arrive within {seconds:.0f} s")
        else:
            await self.app(scope, _replayed(body, receive), send)
            return
        await answer(scope, receive, send)

    async def _body(self, scope: Scope, receive: Receive) -> list[Message]:
        """The whole body, read before the application sees any of it."""
        announced = dict(scope["headers"]).get(b"content-length", b"")
        if announced.isdigit() and (len(announced) > 18 or int(announced) > self.bounds.body):
            raise _TooLargeError
        if scope["method"] in {"GET", "HEAD"} and not announced:
            return []
        messages: list[Message] = []
        size = 0
        async with asyncio.timeout(self.bounds.seconds):
            while True:
                message = await receive()
                messages.append(message)
                size += len(message.get("body", b""))
                if size > self.bounds.body:
                    raise _TooLargeError
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return messages


def _replayed(messages: list[Message], receive: Receive) -> Receive:
    """What was read, then what comes."""
    waiting = iter(messages)

    async def again() -> Message:
        for message in waiting:
            return message
        return await receive()

    return again
