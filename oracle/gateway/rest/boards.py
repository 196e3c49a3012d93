"""Routes of leaderboards, seasons, and scores from day to day."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel

from oracle.gateway.forms import amount, iso, score
from oracle.gateway.rest.common import (
    ERRORS,
    Cursor,
    Limit,
    ModelId,
    Page,
    TournamentNumber,
    asked,
    cut,
    model_of,
)
from oracle.gateway.services import Services
from oracle.gateway.standing import daily_scores_of, leaders_of, payouts_of
from oracle.life.configs import configs_of
from oracle.life.leaders import RANK
from oracle.life.rows import AccountLeader, DayScore, Leader, SeasonRow, Standing
from oracle.life.standings import Standings
from oracle.records.rows import ModelRow
from oracle.tournaments.standing import ACCOUNT_WINDOWS, WINDOWS, season_of

_Year = Annotated[int, Path(ge=2000, lt=3000)]


class SeasonShown(BaseModel):
    """``score``: mean of what the season's rounds paid on, missed ones as 0; ``rounds`` that
    counted."""

    year: int
    rank: int
    score: float
    rounds: int
    tier: str


class LeaderShown(BaseModel):
    """``score``: the year's mean of what rounds pay on (scores times multipliers), by which models
    are ranked; ``sharpe`` is that mean by its standard deviation, ``today`` the newest round's.
    ``reputations``: the year's mean of each score, ``ranks`` by it. ``returns``: what rounds made
    of the stake. ``stake`` is NMR."""

    rank: int
    prev_rank: int | None
    id: str
    number: int
    name: str
    owner: str
    stake: str
    score: float | None
    sharpe: float | None
    today: float | None
    reputations: dict[str, float]
    ranks: dict[str, int]
    returns: dict[str, float | None]
    season: SeasonShown | None


class AccountShown(BaseModel):
    """An account over its models: means weighted by stake; ``gains`` are NMR."""

    rank: int
    name: str
    address: str
    stake: str
    reputations: dict[str, float]
    returns: dict[str, float | None]
    gains: dict[str, str]


class PlaceShown(BaseModel):
    """A model in a season."""

    rank: int
    id: str
    number: int
    name: str
    score: float
    rounds: int
    tier: str


class DailyShown(BaseModel):
    """A score of a model on a day of a round. Only ``final`` ones are the operators'. ``payout``:
    the score's share, in NMR, of what the round would do to the stake by that day's scores, or of
    what it did (``settled``); null for what is not paid on."""

    round: int
    day: int
    date: str | None
    score: str
    value: float
    percentile: float
    final: bool
    payout: str | None
    settled: bool


class StandingShown(BaseModel):
    """A model at the end of a day on which scores became due."""

    date: str | None
    score: float | None
    rank: int | None
    reputations: dict[str, float]
    ranks: dict[str, int]


def router(services: Services) -> APIRouter:
    """Routes below ``/v1``."""
    routes = APIRouter(prefix="/v1", tags=["boards"], responses=ERRORS)
    call, leaders = services.call, services.part(leaders_of)

    @routes.get("/tournaments/{tournament}/leaderboard")
    async def leaderboard(
        request: Request,
        tournament: TournamentNumber,
        season: Annotated[int | None, Query(ge=2000, lt=3000)] = None,
        search: Annotated[str, Query(max_length=64, pattern=r"^[^\x00]*$")] = "",
        sort: Annotated[str, Query(max_length=40)] = RANK,
        cursor: Cursor = None,
        limit: Limit = 100,
    ) -> Page[LeaderShown]:
        """Models, the best first by ``sort``: rank, stake, season, a score, or a return.
        ``search``: part of a name or of the owner's address, or a number. ``season``: the year
        whose tiers are shown, by default the one that goes on."""
        await asked(services, request)
        served = services.tournament(tournament)
        year = season_of(served.now()) if season is None else season
        first = cursor or 0

        def work() -> Page[LeaderShown]:
            found = leaders.find(
                served.number,
                limit=limit + 1,
                offset=first,
                search=search.strip(),
                sort=sort,
                year=year,
            )
            page, following = cut(found, limit, lambda _: first + limit)
            ids = [one.model for one in page]
            models = _by_number(services, served.number, ids)
            places = {one.model: one for one in leaders.season(served.number, year, ids=ids)}
            shown = [
                _leader(one, models[one.model], places.get(one.model))
                for one in page
                if one.model in models
            ]
            return Page(items=shown, next=following)

        return await call(work)

    @routes.get("/leaderboard/accounts")
    async def accounts(
        request: Request,
        tournament: Annotated[int | None, Query(ge=0, lt=2**31)] = None,
        cursor: Cursor = None,
        limit: Limit = 100,
    ) -> Page[AccountShown]:
        """Accounts by what they have at stake, in one ``tournament`` or in all."""
        await asked(services, request)
        served = None if tournament is None else services.tournament(tournament).number
        first = cursor or 0
        found = await call(leaders.accounts, served, limit + 1, first)
        page, following = cut(found, limit, lambda _: first + limit)
        return Page(items=[_account(one) for one in page], next=following)

    @routes.get("/tournaments/{tournament}/seasons/{year}")
    async def one_season(
        request: Request,
        tournament: TournamentNumber,
        year: _Year,
        cursor: Cursor = None,
        limit: Limit = 100,
    ) -> Page[PlaceShown]:
        """Models of a season by their places."""
        await asked(services, request)
        served, first = services.tournament(tournament).number, cursor or 0

        def work() -> Page[PlaceShown]:
            found = leaders.season(served, year, limit=limit + 1, offset=first)
            page, following = cut(found, limit, lambda _: first + limit)
            models = _by_number(services, served, [one.model for one in page])
            shown = [_place(one, models[one.model]) for one in page if one.model in models]
            return Page(items=shown, next=following)

        return await call(work)

    @routes.get("/models/{model_id}/daily")
    async def daily(
        request: Request,
        model_id: ModelId,
        round: Annotated[int | None, Query(ge=0, lt=2**31)] = None,
        cursor: Cursor = None,
        limit: Limit = 100,
    ) -> Page[DailyShown]:
        """Scores day by day, the newest round and day first; of one ``round``, or all; ``limit`` is
        of rounds."""
        await asked(services, request)
        row = await model_of(services, model_id)

        def work() -> Page[DailyShown]:
            wanted = None if round is None else [round]
            scores = services.part(daily_scores_of)
            found = scores.of(row.tournament, [row.model], rounds=wanted)
            numbers = {one.round for one in found if cursor is None or one.round < cursor}
            kept, following = cut(sorted(numbers, reverse=True), limit, lambda number: number)
            shown = _days(services, row, [one for one in found if one.round in kept])
            return Page(items=shown, next=following)

        return await call(work)

    @routes.get("/models/{model_id}/standings")
    async def standings(request: Request, model_id: ModelId) -> list[StandingShown]:
        """Reputations and places of a year, the newest day first."""
        await asked(services, request)
        row = await model_of(services, model_id)
        stand = Standings(services.database, row.tournament)
        return [_standing(one) for one in await call(stand.of, row.model)]

    return routes


def _by_number(services: Services, tournament: int, ids: Sequence[int]) -> dict[int, ModelRow]:
    return {row.model: row for row in services.models.by_id(tournament, ids)}


def _days(services: Services, model: ModelRow, found: list[DayScore]) -> list[DailyShown]:
    numbers = {one.round for one in found}
    rounds = services.rounds.list(model.tournament, numbers=numbers)
    places = {
        (row.number, config.score): config.place
        for row in rounds
        for config in configs_of(row)
        if config.is_payout
    }
    payouts = {
        (one.round, one.day): one
        for one in services.part(payouts_of).by_day(model.tournament, [model.model])
    }
    shown = []
    for one in found:
        place, payout = places.get((one.round, one.name)), payouts.get((one.round, one.day))
        share = None if payout is None or place is None else payout.shares[place]
        shown.append(
            DailyShown(
                round=one.round,
                day=one.day,
                date=iso(one.date),
                score=one.name,
                value=one.value / 10**9,
                percentile=one.percentile / 10**9,
                final=one.final,
                payout=amount(share),
                settled=payout is not None and payout.is_settled,
            )
        )
    return sorted(shown, key=lambda one: (-one.round, -one.day))


def _leader(one: Leader, model: ModelRow, place: SeasonRow | None) -> LeaderShown:
    return LeaderShown(
        rank=one.rank,
        prev_rank=one.prev_rank,
        id=model.uuid,
        number=one.model,
        name=model.name,
        owner=model.owner,
        stake=amount(one.stake) or "0",
        score=score(one.score),
        sharpe=score(one.sharpe),
        today=score(one.today),
        reputations=_floats(one.reputations),
        ranks=dict(one.ranks),
        returns={name: score(one.returns.get(name)) for name in WINDOWS},
        season=None if place is None else _season(place),
    )


def _season(place: SeasonRow) -> SeasonShown:
    return SeasonShown(
        year=place.season,
        rank=place.rank,
        score=place.score / 10**9,
        rounds=place.rounds,
        tier=place.tier,
    )


def _account(one: AccountLeader) -> AccountShown:
    return AccountShown(
        rank=one.rank,
        name=one.name,
        address=one.address,
        stake=amount(one.stake) or "0",
        reputations=_floats(one.reputations),
        returns={name: score(one.returns.get(name)) for name in ACCOUNT_WINDOWS},
        gains={name: amount(one.gains.get(name, 0)) or "0" for name in ACCOUNT_WINDOWS},
    )


def _place(one: SeasonRow, model: ModelRow) -> PlaceShown:
    return PlaceShown(
        rank=one.rank,
        id=model.uuid,
        number=one.model,
        name=model.name,
        score=one.score / 10**9,
        rounds=one.rounds,
        tier=one.tier,
    )


def _standing(one: Standing) -> StandingShown:
    return StandingShown(
        date=iso(one.date),
        score=score(one.score),
        rank=one.rank,
        reputations=_floats(one.reputations),
        ranks=dict(one.ranks),
    )


def _floats(values: Mapping[str, int]) -> dict[str, float]:
    return {name: value / 10**9 for name, value in values.items()}
