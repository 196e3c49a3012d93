"""Routes for whoever looks at a tournament as a whole: sums, bands of scores, boards of rounds."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from oracle.errors import InputError
from oracle.gateway.forms import amount, iso, score
from oracle.gateway.rest.common import (
    ERRORS,
    Cursor,
    Limit,
    ModelId,
    Page,
    RoundNumber,
    TournamentNumber,
    asked,
    cut,
    model_of,
    round_of,
)
from oracle.gateway.rest.rounds import RoundShown, shown_round
from oracle.gateway.rest.stages import stage_of
from oracle.gateway.services import Services
from oracle.records.rows import Movement, RoundRow
from oracle.records.summaries import BoardRow, Summaries

_MOST_ROUNDS = 200
_NEWEST = 128
"""Rounds among which those under way are looked for."""
_SCORES = ("corr", "mmc", "tc", "fnc", "alpha", "mpc")
_Sort = Annotated[str, Query(pattern=r"^[a-z0-9_]{1,16}$", description="a column, or a score")]


class StagedRound(RoundShown):
    """``stage`` as in the events of ``/v1/events``."""

    stage: str


class OverviewShown(BaseModel):
    """A tournament at its newest finalized block. NMR. ``paid`` and ``burned``: by all rounds so
    far; ``at_risk``: in rounds whose result is committed and which are not settled.
    ``wound_down``: the pool has ended, and pays everything out."""

    tournament: int
    now: str | None
    wound_down: bool
    models: int
    staked_models: int
    staked: str
    claimable: str
    paid: str
    burned: str
    settled_rounds: int
    at_risk: str
    under_way: list[StagedRound]
    last_settled: StagedRound | None


class BandShown(BaseModel):
    """Of a round: the least score with such a percentile or a higher one."""

    round: int
    p10: float
    p25: float
    p50: float
    p75: float
    p90: float


class PlacedScore(BaseModel):
    value: float
    percentile: float


class BoardShown(BaseModel):
    """A model in a round's result. NMR; ``payout`` is null until its batch is settled."""

    model: int
    id: str | None
    name: str
    status: str
    reason: str
    stake: str
    at_risk: str
    payout: str | None
    correlation_with_meta_model: float | None
    hardening_level: int | None
    scores: dict[str, PlacedScore]


class CountsShown(BaseModel):
    """Models of a round's result by what became of them; ``settled``: those that had
    stake and whose batch was applied. ``words``: score words of the result, four models each."""

    stage: str
    scored: int
    late: int
    rejected: int
    none: int
    settled: int
    words: int | None


class MovementShown(BaseModel):
    """One event of a model or its money: ``kind`` is the event's name in lower case, ``account``
    who gave or got; ``amount`` NMR."""

    kind: str
    round: int | None
    account: str
    amount: str | None
    block: int
    transaction: str
    time: str | None


def router(services: Services) -> APIRouter:
    """Routes below ``/v1``."""
    routes = APIRouter(prefix="/v1", tags=["overview"], responses=ERRORS)
    call, sums = services.call, Summaries(services.database)

    @routes.get("/tournaments/{tournament}/overview")
    async def overview(request: Request, tournament: TournamentNumber) -> OverviewShown:
        """What is going on in a tournament, and what came of it so far."""
        await asked(services, request)
        return await call(_overview, services, sums, services.tournament(tournament).number)

    @routes.get("/tournaments/{tournament}/bands")
    async def bands(
        request: Request,
        tournament: TournamentNumber,
        name: Annotated[str, Query(pattern=r"^[a-z0-9_]{1,16}$", description="a score")],
        first: Annotated[int, Query(ge=0, lt=2**31)] = 0,
        last: Annotated[int, Query(ge=0, lt=2**31)] = 2**31 - 1,
    ) -> list[BandShown]:
        """How a score was spread over the models of each round: of the newest rounds in the span,
        200 at most."""
        await asked(services, request)
        served = services.tournament(tournament).number
        newest = await call(services.rounds.list, served, limit=1)
        end = min(last, newest[0].number) if newest else -1
        numbers = range(max(first, end - _MOST_ROUNDS + 1), end + 1)
        found = await call(sums.bands, served, name, numbers)
        shares = ("p10", "p25", "p50", "p75", "p90")
        return [
            BandShown(round=row.round, **{p: score(getattr(row, p)) or 0.0 for p in shares})
            for row in found
        ]

    @routes.get("/tournaments/{tournament}/rounds/{number}/models")
    async def board(
        request: Request,
        tournament: TournamentNumber,
        number: RoundNumber,
        sort: _Sort = "model",
        order: Literal["asc", "desc"] = "asc",
        search: Annotated[str, Query(max_length=64, pattern=r"^[^\x00]*$")] = "",
        cursor: Cursor = None,
        limit: Limit = 100,
    ) -> Page[BoardShown]:
        """Every model in the round's result with its scores and what it was paid. ``sort``:
        ``model``, ``name``, ``stake``, ``payout`` or a score; those without it come last."""
        await asked(services, request)
        await round_of(services, tournament, number)
        if sort not in ("model", "name", "stake", "payout", *_SCORES):
            raise InputError(f"{sort} is nothing to sort by", "stake, payout, name, or a score")
        first = cursor or 0
        found = await call(
            sums.board,
            tournament,
            number,
            sort=sort,
            descending=order == "desc",
            search=search,
            limit=limit + 1,
            offset=min(first, 2**31),
        )
        page, following = cut(found, limit, lambda _: first + limit)
        return Page(items=[_board(row) for row in page], next=following)

    @routes.get("/tournaments/{tournament}/rounds/{number}/counts")
    async def counts(
        request: Request, tournament: TournamentNumber, number: RoundNumber
    ) -> CountsShown:
        """Where a round stands: who was scored, who was not, who was settled."""
        await asked(services, request)
        row = await round_of(services, tournament, number)
        found, settled = await call(sums.counts, tournament, number)
        return CountsShown(
            stage=stage_of(row, services.tournament(tournament).now()),
            **{name: found.get(name, 0) for name in ("scored", "late", "rejected", "none")},
            settled=settled,
            words=row.words,
        )

    @routes.get("/models/{model_id}/movements")
    async def movements(
        request: Request, model_id: ModelId, cursor: Cursor = None, limit: Limit = 100
    ) -> Page[MovementShown]:
        """What happened to a model and its money by its owner's doing, the newest first."""
        await asked(services, request)
        row = await model_of(services, model_id)
        found = await call(services.stakes.movements, row.tournament, models=[row.model])
        first = cursor or 0
        page, following = cut(found[first : first + limit + 1], limit, lambda _: first + limit)
        return Page(items=[_movement(one) for one in page], next=following)

    return routes


def _overview(services: Services, sums: Summaries, tournament: int) -> OverviewShown:
    served = services.tournament(tournament)
    now, totals = served.now(), sums.totals(tournament)
    rows = services.rounds.list(tournament, limit=_NEWEST)
    under_way = [row for row in rows if not row.ended and not row.cancelled]
    settled = next((row for row in rows if row.ended == "settled"), None)

    def staged(row: RoundRow) -> StagedRound:
        return StagedRound(**shown_round(row, now).model_dump(), stage=stage_of(row, now))

    return OverviewShown(
        tournament=tournament,
        now=iso(now),
        wound_down=served.ledger.wound_down,
        models=totals.models,
        staked_models=totals.staked_models,
        staked=amount(totals.staked) or "0",
        claimable=amount(totals.claimable) or "0",
        paid=amount(totals.paid) or "0",
        burned=amount(totals.burned) or "0",
        settled_rounds=totals.settled_rounds,
        at_risk=amount(sum(row.at_risk or 0 for row in under_way)) or "0",
        under_way=[staged(row) for row in under_way],
        last_settled=staged(settled) if settled else None,
    )


def _board(row: BoardRow) -> BoardShown:
    return BoardShown(
        model=row.model,
        id=row.uuid,
        name=row.name or f"model-{row.model}",
        status=row.status,
        reason=row.reason,
        stake=amount(row.stake) or "0",
        at_risk=amount(row.stake if row.status == "scored" else 0) or "0",
        payout=amount(row.change),
        correlation_with_meta_model=score(row.rho),
        hardening_level=row.level,
        scores={
            name: PlacedScore(value=score(value) or 0.0, percentile=score(place) or 0.0)
            for name, (value, place) in sorted(row.scores.items())
        },
    )


def _movement(row: Movement) -> MovementShown:
    return MovementShown(
        kind=row.kind,
        round=row.round,
        account=row.account,
        amount=amount(row.amount),
        block=row.block,
        transaction="0x" + row.transaction.hex(),
        time=iso(row.time),
    )
