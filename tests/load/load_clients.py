"""Many people at a server: those who submit, each once, and those who read, again and again.

All of them in one process, as many at once as are allowed; what they wait for is what is measured.
"""

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from oracle.participant.files import CREATE, UPLOAD

_TRIES = 20
_PAUSE_SECONDS = 0.5
_SECONDS = 300.0
_KEEP_SECONDS = 2.0
"""Less than the server keeps an idle connection, so that none is used while it is being closed."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A file to be submitted for a model."""

    model: int
    uuid: str
    token: str
    path: Path


@dataclass
class Measured:
    """Seconds of what succeeded, and why the rest did not; ``again`` counts repeated requests."""

    seconds: list[float] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)
    again: int = 0
    started: float = 0.0
    ended: float = 0.0

    def shown(self) -> dict[str, Any]:
        """Percentiles in seconds, and how many a second."""
        ordered = sorted(self.seconds)
        took = max(self.ended - self.started, 1e-9)
        return {
            "done": len(ordered),
            "failed": len(self.failed),
            "again": self.again,
            "seconds": round(took, 2),
            "per_second": round(len(ordered) / took, 2),
            **{name: _at(ordered, share) for name, share in _SHARES.items()},
        }


_SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}


def _at(ordered: Sequence[float], share: float) -> float | None:
    """The smallest value that ``share`` of all are not above."""
    if not ordered:
        return None
    return round(ordered[math.ceil(len(ordered) * share) - 1], 4)


def submit_all(
    url: str, tournament: int, wishes: Sequence[Wish], at_once: int, within: float
) -> Measured:
    """Every wish, ``at_once`` of them at a time, begun evenly over ``within`` seconds."""
    return asyncio.run(_submit_all(url, tournament, wishes, at_once, within))


async def _submit_all(
    url: str, tournament: int, wishes: Sequence[Wish], at_once: int, within: float
) -> Measured:
    measured, turn = Measured(), asyncio.Semaphore(at_once)
    limits = httpx.Limits(max_connections=at_once, keepalive_expiry=_KEEP_SECONDS)
    async with httpx.AsyncClient(base_url=url, timeout=_SECONDS, limits=limits) as client:

        async def one(place: int, wish: Wish) -> None:
            await asyncio.sleep(within * place / len(wishes))
            begun = time.monotonic()
            async with turn:
                try:
                    await _submit(client, tournament, wish, measured)
                    measured.seconds.append(time.monotonic() - begun)
                except _RefusedError as error:
                    measured.failed[wish.model] = str(error)

        measured.started = time.monotonic()
        await asyncio.gather(*(one(place, wish) for place, wish in enumerate(wishes)))
        measured.ended = time.monotonic()
    return measured


class _RefusedError(Exception):
    """It was not taken, however often it was tried."""


async def _submit(
    client: httpx.AsyncClient, tournament: int, wish: Wish, measured: Measured
) -> None:
    """Until it is taken; a connection that breaks begins it anew."""
    for _ in range(_TRIES):
        try:
            return await _submit_once(client, tournament, wish, measured)
        except httpx.TransportError as error:
            said = type(error).__name__
            measured.again += 1
            await asyncio.sleep(_PAUSE_SECONDS)
    raise _RefusedError(said)


async def _submit_once(
    client: httpx.AsyncClient, tournament: int, wish: Wish, measured: Measured
) -> None:
    """As numerapi does; what a busy server puts off is tried again."""
    headers = {"Authorization": f"Token {wish.token}"}
    named = {"tournament": tournament, "modelId": wish.uuid}
    variables: dict[str, Any] = {"filename": wish.path.name, **named}
    place = await _asked(client, UPLOAD, variables, headers, measured)
    auth = place["submission_upload_auth"]
    answer = await client.put(auth["url"], content=wish.path.read_bytes())
    if not answer.is_success:
        raise _RefusedError(f"PUT: {answer.status_code} {answer.text[:200]}")
    variables = {"filename": auth["filename"], **named}
    await _asked(client, CREATE, variables, headers, measured)


async def _asked(
    client: httpx.AsyncClient,
    query: str,
    variables: dict[str, Any],
    headers: dict[str, str],
    measured: Measured,
) -> dict[str, Any]:
    said = ""
    for _ in range(_TRIES):
        answer = await client.post(
            "/", json={"query": query, "variables": variables}, headers=headers
        )
        found = answer.json() if answer.is_success else {"errors": [{"message": answer.text}]}
        if not found.get("errors"):
            data: dict[str, Any] = found["data"]
            return data
        said = found["errors"][0]["message"]
        measured.again += 1
        await asyncio.sleep(_PAUSE_SECONDS)
    raise _RefusedError(said[:200])


def read_all(url: str, paths: Sequence[str], readers: int, seconds: float) -> Measured:
    """So many readers at once, each asking for the paths in turn for so long."""
    return asyncio.run(_read_all(url, paths, readers, seconds))


async def _read_all(url: str, paths: Sequence[str], readers: int, seconds: float) -> Measured:
    measured = Measured()
    limits = httpx.Limits(max_connections=readers, keepalive_expiry=_KEEP_SECONDS)
    async with httpx.AsyncClient(base_url=url, timeout=_SECONDS, limits=limits) as client:
        until = time.monotonic() + seconds

        async def read(reader: int) -> None:
            turn = reader
            while time.monotonic() < until:
                path, begun = paths[turn % len(paths)], time.monotonic()
                said = await _read(client, path)
                if said:
                    measured.failed[len(measured.failed)] = f"{path}: {said}"
                else:
                    measured.seconds.append(time.monotonic() - begun)
                turn += 1

        measured.started = time.monotonic()
        await asyncio.gather(*(read(reader) for reader in range(readers)))
        measured.ended = time.monotonic()
    return measured


async def _read(client: httpx.AsyncClient, path: str) -> str:
    """Why there was nothing to read, empty if there was."""
    try:
        answer = await client.get(path)
    except httpx.TransportError as error:
        return type(error).__name__
    return "" if answer.is_success and answer.json()["items"] else str(answer.status_code)
