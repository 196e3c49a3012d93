"""Routes of tournaments and their rounds."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from oracle.gateway.following import task_name
from oracle.gateway.forms import amount, iso, score
from oracle.gateway.rest.common import (
    ERRORS,
    MOST,
    Cursor,
    Limit,
    Page,
    RoundNumber,
    TournamentNumber,
    asked,
    cut,
    hexed,
    round_of,
)
from oracle.gateway.services import Services
from oracle.records.rows import ResultRow, RoundRow, RoundStatus, ScoreRow
from oracle.settlement.payout import SCORE_KINDS
from oracle.settlement.units import MILLIONTH, RATE_ONE

_NAMES = {8: "classic", 11: "signals", 12: "crypto"}
_KINDS = {code: name.lower() for name, code in SCORE_KINDS.items()}


class TournamentShown(BaseModel):
    """``now``: time of the newest block that was seen. ``is_followed``: whether the chain answered
    this server when it last asked; else everything shown is as of ``now``."""

    tournament: int
    name: str
    chain_id: int
    pool: str
    now: str | None
    is_followed: bool
    current_round: int | None


class PaidScore(BaseModel):
    name: str
    multiplier: float


class RoundShown(BaseModel):
    """``phi`` and ``payout_factor`` scale payouts, ``kappa`` hardens burns; amounts are NMR. What
    has not happened yet is null. ``ended``: settled, void or skipped."""

    tournament: int
    number: int
    status: RoundStatus
    opens: str | None
    closes: str | None
    scores_due: str | None
    resolved: str | None
    ended: str | None
    cancelled: bool
    pays_on: list[PaidScore]
    clip_up: float | None
    clip_down: float | None
    threshold: str | None
    kappa: float | None
    phi: float | None
    payout_factor: float | None
    at_risk: str | None
    committed: str | None
    final: str | None
    challenged: str | None
    paid: str
    burned: str
    spec_hash: str | None
    announce_hash: str | None
    manifest: str | None
    chain_head: str | None
    meta_root: str | None


class ScoreShown(BaseModel):
    """``value`` as a decimal number, ``percentile`` among the round's models from 0 to 1; both are
    exact at nine places."""

    round: int
    model: int
    name: str
    value: float
    percentile: float


class ResultShown(BaseModel):
    """What became of a model in a round: scored, late, rejected or none, and why."""

    round: int
    model: int
    status: str
    reason: str
    stake: str
    at_risk: str
    sha256: str | None
    correlation_with_meta_model: float | None
    hardening_level: int | None


def router(services: Services) -> APIRouter:
    """Routes below ``/v1/tournaments``."""
    routes = APIRouter(prefix="/v1/tournaments", tags=["rounds"], responses=ERRORS)
    call = services.call

    @routes.get("")
    async def tournaments(request: Request) -> list[TournamentShown]:
        """The tournaments that are served here."""
        await asked(services, request)
        found = []
        for number, one in sorted(services.tournaments.items()):
            known = one.ledger.is_whole
            current = await call(services.rounds.current, number, one.now()) if known else None
            found.append(
                TournamentShown(
                    tournament=number,
                    name=_NAMES[number],
                    chain_id=one.settings.chain_id,
                    pool=one.ledger.reader.addresses.pool,
                    now=iso(one.now()) if known else None,
                    is_followed=known and not services.health.is_failing(task_name(number)),
                    current_round=current.number if current else None,
                )
            )
        return found

    @routes.get("/{tournament}/rounds")
    async def rounds(
        request: Request,
        tournament: TournamentNumber,
        cursor: Cursor = None,
        limit: Limit = 50,
        status: Annotated[RoundStatus | None, Query()] = None,
    ) -> Page[RoundShown]:
        """The newest first. With ``status`` a page may have fewer than ``limit``, or none."""
        await asked(services, request)
        served = services.tournament(tournament)
        newest = await call(services.rounds.list, served.number, limit=1)
        first = newest[0].number if newest else 0
        if cursor is not None:
            first = min(first, cursor - 1)
        numbers = range(max(first - limit, 0), first + 1)
        found = await call(services.rounds.list, served.number, numbers=numbers)
        page, following = cut(found, limit, lambda row: row.number)
        now = served.now()
        shown = [shown_round(row, now) for row in page]
        return Page(items=[s for s in shown if status in (None, s.status)], next=following)

    @routes.get("/{tournament}/rounds/current")
    async def current(request: Request, tournament: TournamentNumber) -> RoundShown | None:
        """The round that is open, or null."""
        await asked(services, request)
        served = services.tournament(tournament)
        row = await call(services.rounds.current, served.number, served.now())
        return shown_round(row, served.now()) if row else None

    @routes.get("/{tournament}/rounds/{number}")
    async def one_round(
        request: Request, tournament: TournamentNumber, number: RoundNumber
    ) -> RoundShown:
        await asked(services, request)
        row = await round_of(services, tournament, number)
        return shown_round(row, services.tournament(tournament).now())

    @routes.get("/{tournament}/rounds/{number}/scores")
    async def scores(
        request: Request,
        tournament: TournamentNumber,
        number: RoundNumber,
        cursor: Cursor = None,
        limit: Annotated[int, Query(ge=1, le=MOST, description="models, not scores")] = 100,
    ) -> Page[ScoreShown]:
        """Final scores of all models, in order of their numbers."""
        await asked(services, request)
        await round_of(services, tournament, number)
        after = -1 if cursor is None else cursor
        found = await call(services.results.page_of_scores, tournament, number, after, limit + 1)
        models = sorted({row.model for row in found})
        kept, following = cut(models, limit, lambda model: model)
        wanted = set(kept)
        shown = [shown_score(row) for row in found if row.model in wanted]
        return Page(items=shown, next=following)

    @routes.get("/{tournament}/rounds/{number}/results")
    async def results(
        request: Request,
        tournament: TournamentNumber,
        number: RoundNumber,
        cursor: Cursor = None,
        limit: Limit = 100,
    ) -> Page[ResultShown]:
        """Who was scored, who was not and why, by the committed artefacts."""
        await asked(services, request)
        await round_of(services, tournament, number)
        after = -1 if cursor is None else cursor
        found = await call(services.results.page, tournament, number, after, limit + 1)
        page, following = cut(found, limit, lambda row: row.model)
        return Page(items=[shown_result(row) for row in page], next=following)

    return routes


def shown_round(row: RoundRow, now: int) -> RoundShown:
    template = row.template
    pays = zip(template.kinds, template.multipliers, strict=True) if template else ()
    return RoundShown(
        tournament=row.tournament,
        number=row.number,
        status=row.status(now),
        opens=iso(row.opens),
        closes=iso(row.closes),
        scores_due=iso(None if row.horizon is None else row.due),
        resolved=iso(row.ended_at),
        ended=row.ended,
        cancelled=row.cancelled,
        pays_on=[
            PaidScore(name=_KINDS[kind], multiplier=factor / MILLIONTH)
            for kind, factor in pays
            if kind
        ],
        clip_up=template.clip_up / RATE_ONE if template else None,
        clip_down=template.clip_down / RATE_ONE if template else None,
        threshold=amount(template.threshold) if template else None,
        kappa=template.kappa / MILLIONTH if template else None,
        phi=None if row.phi is None else row.phi / MILLIONTH,
        payout_factor=None if row.payout_factor is None else row.payout_factor / MILLIONTH,
        at_risk=amount(row.at_risk),
        committed=iso(row.committed_at),
        final=iso(row.final_at),
        challenged=iso(row.challenged_at),
        paid=amount(row.gains) or "0",
        burned=amount(row.burns) or "0",
        spec_hash=hexed(row.spec_hash),
        announce_hash=hexed(row.announce_hash),
        manifest=hexed(row.manifest),
        chain_head=hexed(row.chain_head),
        meta_root=hexed(row.meta_root),
    )


def shown_score(row: ScoreRow) -> ScoreShown:
    return ScoreShown(
        round=row.round,
        model=row.model,
        name=row.name,
        value=score(row.value) or 0.0,
        percentile=score(row.percentile) or 0.0,
    )


def shown_result(row: ResultRow) -> ResultShown:
    return ResultShown(
        round=row.round,
        model=row.model,
        status=row.status,
        reason=row.reason,
        stake=amount(row.stake) or "0",
        at_risk=amount(row.at_risk) or "0",
        sha256=hexed(row.sha256),
        correlation_with_meta_model=score(row.rho),
        hardening_level=row.level,
    )
