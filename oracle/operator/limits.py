"""Bounds on what requests may cost: how many at once, how large, how slow."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from oracle.errors import InputError
from oracle.operator.tries import BusyError


@dataclass(frozen=True, slots=True)
class Limits:
    """``requests`` and of them ``uploads`` at once; ``working`` uploads are opened and checked at
    the same time, the others wait; ``seconds`` for a whole body to arrive."""

    requests: int = 128
    uploads: int = 32
    working: int = 2
    seconds: float = 30.0


class InFlight:
    """ASGI middleware: answers at once that it is busy, where too many requests are at work."""

    def __init__(
        self, app: ASGIApp, limits: Limits, refuse: Callable[[BusyError], ASGIApp]
    ) -> None:
        self.app, self.limits, self.refuse = app, limits, refuse
        self._all = self._uploads = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        upload = int(scope["method"] == "POST")
        if self._all >= self.limits.requests or self._uploads + upload > self.limits.uploads:
            error = BusyError("this operator has too many requests at work", "send it again soon")
            await self.refuse(error)(scope, receive, send)
            return
        self._all, self._uploads = self._all + 1, self._uploads + upload
        try:
            await self.app(scope, receive, send)
        finally:
            self._all, self._uploads = self._all - 1, self._uploads - upload


async def limited_body(request: Request, most: int, seconds: float) -> bytes:
    """The request's body; stops reading as soon as it is too large or too slow.

    A body that ends before its announced length is no request at all: nothing of it is used.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and len(announced) < 20 and int(announced) > most:
        raise InputError(f"the body is larger than {most} bytes")
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for piece in request.stream():
                body += piece
                if len(body) > most:
                    raise InputError(f"the body is larger than {most} bytes")
    except TimeoutError:
        raise InputError(f"the body did not arrive within {seconds:.0f} s") from None
    except ClientDisconnect:
        raise InputError("the connection was closed before the body was complete") from None
    return bytes(body)
