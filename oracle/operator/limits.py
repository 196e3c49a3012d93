"""Bounds on what requests may cost: how many at once, how large, how slow."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from oracle.errors import InputError
from oracle.operator.tries import BusyError, OverloadedError

_T = TypeVar("_T", bytes, bytes | None)
_HELD = "assay.held"


@dataclass(frozen=True, slots=True)
class Limits:
    """``requests`` and of them ``uploads`` at once; ``working`` uploads are opened and checked at
    the same time, the others wait; ``seconds`` for a whole body to arrive. ``sending`` seconds for
    an answer to be read, and one more for every ``rate`` bytes that were; ``held`` bytes of large
    answers that are made and not read yet, above which no further one is made."""

    requests: int = 128
    uploads: int = 32
    working: int = 2
    seconds: float = 30.0
    sending: float = 10.0
    rate: int = 2**16
    held: int = 2**26


class Making:
    """Makes large answers: ``working`` at a time, and none while too much waits for its readers."""

    def __init__(self, limits: Limits) -> None:
        self._most, self._held = limits.held, 0
        self._working = CapacityLimiter(limits.working)

    async def answer(self, request: Request, make: Callable[..., _T], *arguments: object) -> _T:
        """What ``make`` returns, from a thread; counted until the request has ended."""
        async with self._working:
            if self._held >= self._most:
                raise OverloadedError(
                    "this operator has too many answers at work", "ask again soon"
                )
            made = await to_thread.run_sync(make, *arguments)
            held = request.scope.get(_HELD)
            if held is not None and made:
                self._held += len(made)
                held.append(lambda: self._let_go(len(made)))
            return made

    def _let_go(self, size: int) -> None:
        self._held -= size


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
            error = OverloadedError(
                "this operator has too many requests at work", "send it again soon"
            )
            await self.refuse(error)(scope, receive, send)
            return
        self._all, self._uploads = self._all + 1, self._uploads + upload
        held: list[Callable[[], None]] = []
        scope[_HELD] = held
        try:
            await self.app(scope, receive, send)
        finally:
            for let_go in held:
                let_go()
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
