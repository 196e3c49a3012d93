"""Data sets, and how far a day's scoring is."""

from datetime import UTC, datetime

import strawberry

from oracle.errors import InputError
from oracle.gateway.graphql.context import CLASSIC, CRYPTO, SIGNALS, Context, Info
from oracle.gateway.graphql.scalars import Time, time

_PIPELINES = {"classic": (CLASSIC,), "signals": (SIGNALS, CRYPTO), "crypto": (CRYPTO,)}
"""Tournaments by the name of their pipeline; clients of the last one ask for ``signals``."""


@strawberry.type
class PipelineStatus:
    """Times are empty until it has happened."""

    tournament: str
    is_scoring_day: bool
    started_at: Time | None
    data_ready_at: Time | None
    scored_at: Time | None
    resolved_at: Time | None


@strawberry.type
class DataQueries:
    @strawberry.field
    async def list_datasets(
        self, info: Info, round: int | None = None, tournament: int | None = None
    ) -> list[str]:
        """Files of a round, by default of the current one."""
        context = info.context
        served = context.tournament(tournament)
        return await context.call(context.doors.datasets.list, served, round)

    @strawberry.field
    async def dataset(
        self, info: Info, filename: str, round: int | None = None, tournament: int | None = None
    ) -> str:
        """Where a file can be got from, for a while."""
        context = info.context
        served = context.tournament(tournament)
        return await context.call(context.doors.datasets.url, served, filename, round)

    @strawberry.field
    async def pipeline_status(
        self, info: Info, tournament: str, date: str | None = None
    ) -> PipelineStatus:
        context = info.context
        number = _pipeline(context, tournament)
        now = context.now(number)
        day = _midnight(date, now)
        found = await context.call(context.doors.pipeline.status, number, day, now)
        return PipelineStatus(
            tournament=tournament,
            is_scoring_day=found.scoring_day,
            started_at=time(found.started_at),
            data_ready_at=time(found.data_ready_at),
            scored_at=time(found.scored_at),
            resolved_at=time(found.resolved_at),
        )


def _pipeline(context: Context, name: str) -> int:
    if name not in _PIPELINES:
        raise InputError(f"there is no pipeline {name[:40]!r}", f"one of: {', '.join(_PIPELINES)}")
    served = [number for number in _PIPELINES[name] if number in context.services.tournaments]
    return served[0] if served else context.tournament(_PIPELINES[name][0])


def _midnight(text: str | None, now: int) -> int:
    try:
        moment = (
            datetime.fromtimestamp(now, UTC)
            if text is None
            else datetime.strptime(text, "%Y-%m-%d")
        )
    except ValueError:
        raise InputError(f"{str(text)[:40]!r} is no date", "give it as YYYY-MM-DD") from None
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)
    return int(day.timestamp())
