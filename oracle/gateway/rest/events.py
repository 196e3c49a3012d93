"""``/v1/events``: rounds as they open, close, are committed and settled, sent as they happen."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Annotated

import anyio
from fastapi import APIRouter, Header, Query, Request
from sse_starlette import EventSourceResponse, ServerSentEvent

from oracle.accounts.rates import TooManyError
from oracle.gateway.forms import iso
from oracle.gateway.rest.common import ERRORS, asked
from oracle.gateway.rest.stages import Stage, Stages, stages_of
from oracle.gateway.services import Services, where_from
from oracle.gateway.tasks import Task

_LOOK_SECONDS = 0.5
_POLL_SECONDS = 0.25
_PING_SECONDS = 15
_MOST, _MOST_OF_ONE = 128, 8
"""Streams at once, in all and for one address: each holds a connection."""


class _Open:
    """Streams that are open, counted by the address they go to."""

    def __init__(self) -> None:
        self._by_address: Counter[str] = Counter()

    def begin(self, where: str) -> None:
        """Raises ``TooManyError``."""
        if self._by_address[where] >= _MOST_OF_ONE or self._by_address.total() >= _MOST:
            raise TooManyError("too many streams of events are open", "close one, or ask for pages")
        self._by_address[where] += 1

    def end(self, where: str) -> None:
        self._by_address[where] -= 1
        if not self._by_address[where]:
            del self._by_address[where]


def router(services: Services) -> APIRouter:
    routes = APIRouter(prefix="/v1", tags=["events"], responses=ERRORS)
    stages, streams = services.part(stages_of), _Open()

    @routes.get("/events", response_class=EventSourceResponse)
    async def events(
        request: Request,
        tournament: Annotated[int | None, Query(ge=0, lt=2**31)] = None,
        last_event_id: Annotated[str | None, Header(max_length=64)] = None,
    ) -> EventSourceResponse:
        """Server-sent events named ``round``. First where every round under way stands; or, with a
        ``Last-Event-ID`` that this process knows, what happened since. Then changes, as they
        come. Data: tournament, round, stage, at."""
        await asked(services, request)
        if tournament is not None:
            services.tournament(tournament)
        where = where_from(request)
        streams.begin(where)
        number = None if last_event_id is None else stages.number_of(last_event_id)

        async def stream() -> AsyncIterator[ServerSentEvent]:
            try:
                async for stage in _from(stages, number):
                    if tournament in (None, stage.tournament):
                        yield _event(stages, stage)
            finally:
                streams.end(where)

        return EventSourceResponse(stream(), ping=_PING_SECONDS)

    return routes


async def _from(stages: Stages, number: int | None) -> AsyncIterator[Stage]:
    """What there is, then what comes, without end."""
    if number is None:
        known = stages.under_way()
        number = max((stage.number for stage in known), default=0)
        for stage in known:
            yield stage
    while True:
        for stage in stages.after(number):
            number = stage.number
            yield stage
        await anyio.sleep(_POLL_SECONDS)


def _event(stages: Stages, stage: Stage) -> ServerSentEvent:
    data = {
        "tournament": stage.tournament,
        "round": stage.round,
        "stage": stage.stage,
        "at": iso(stage.at),
    }
    return ServerSentEvent(json.dumps(data), event="round", id=stages.id_of(stage))


def tasks(services: Services) -> list[Task]:
    """Looking where rounds stand, for all streams together."""
    return [Task("watch rounds", _LOOK_SECONDS, services.part(stages_of).look)]
