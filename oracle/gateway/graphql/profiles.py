"""Models and accounts as everybody sees them."""

from asyncio import gather
from typing import Annotated, Any

import strawberry

from oracle.errors import InputError
from oracle.gateway.forms import score as float_of
from oracle.gateway.graphql.context import SIGNALS, Context, Info
from oracle.gateway.graphql.scalars import Nmr, Time, amount
from oracle.life.rows import Standing
from oracle.records.rows import ModelRow, Position, Request
from oracle.settlement.reference import apply_record
from oracle.settlement.words import Lane, QueueRecord


@strawberry.type
class DailyModelPerformance:
    """A model's standing on a day: means of a year's final scores, and ranks by them. Scores that
    a tournament does not have are empty."""

    date: Time
    corr_rep: float | None
    corr_rank: int | None
    mmc_rep: float | None
    mmc_rank: int | None
    fnc_rep: float | None
    fnc_rank: int | None
    fnc_v3_rep: float | None = strawberry.field(name="fncV3Rep")
    fnc_v3_rank: int | None = strawberry.field(name="fncV3Rank")
    tc_rep: float | None
    tc_rank: int | None


@strawberry.type
class SignalsDailyModelPerformance:
    """The same in the second tournament."""

    date: Time
    corr_rep: float | None
    corr_rank: int | None
    mmc_rep: float | None
    mmc_rank: int | None
    corr20d_rep: float | None = strawberry.field(name="corr20dRep")
    corr20d_rank: int | None = strawberry.field(name="corr20dRank")
    corr60_rep: float | None = strawberry.field(name="corr60Rep")
    corr60_rank: int | None = strawberry.field(name="corr60Rank")
    ic_rep: float | None
    ic_rank: int | None
    tc_rep: float | None
    tc_rank: int | None
    mmc20d_rep: float | None = strawberry.field(name="mmc20dRep")
    mmc20d_rank: int | None = strawberry.field(name="mmc20dRank")
    alpha_rep: float | None
    alpha_rank: int | None
    mpc_rep: float | None
    mpc_rank: int | None


@strawberry.type
class UserProfile:
    """A model. ``nmr_staked``: what it has at stake; ``stake_value``: what it will have once what
    waits for a round's close is done. Both are empty where there is none."""

    row: strawberry.Private[ModelRow]
    id: strawberry.ID
    username: str
    tournament: int
    start_date: Time
    bio: str | None
    link_text: str | None
    link_url: str | None
    nmr_staked: Nmr | None
    stake_value: Nmr | None

    @strawberry.field
    async def daily_model_performances(self, info: Info) -> list[DailyModelPerformance]:
        return [_day(one, DailyModelPerformance) for one in await _days(info.context, self.row)]


@strawberry.type
class SignalsProfile:
    row: strawberry.Private[ModelRow]
    id: strawberry.ID
    username: str

    @strawberry.field
    async def daily_model_performances(self, info: Info) -> list[SignalsDailyModelPerformance]:
        days = await _days(info.context, self.row)
        return [_day(one, SignalsDailyModelPerformance) for one in days]


@strawberry.type
class ProfileModel:
    id: strawberry.ID
    display_name: str
    tournament: int


@strawberry.type
class AccountProfile:
    """An account as everybody sees it."""

    username: str
    wallet_address: str
    models: list[ProfileModel]


def staked(position: Position | None) -> int:
    return position.stake if position else 0


def expected(position: Position | None, waiting: list[Request]) -> int:
    """A stake after what waits was done, in order of rounds; payouts aside."""
    lane = Lane(staked(position))
    for one in sorted(waiting, key=lambda request: request.round):
        lane, _ = apply_record(lane, QueueRecord(one.deposit, one.release, one.mode))
    return lane.stake


async def _days(context: Context, model: ModelRow) -> list[Standing]:
    """A model's standings, the newest day first."""
    return await context.call(context.doors.standings, model.tournament, model.model)


def _day(one: Standing, kind: type[Any]) -> Any:
    """A day in the form of ``kind``: each score of that day in the fields of its name."""
    fields: dict[str, Any] = {"date": Time(one.date)}
    for name in kind.__dataclass_fields__:
        score, _, what = name.rpartition("_")
        if what == "rep":
            fields[name] = float_of(one.reputations.get(score))
        elif what == "rank":
            fields[name] = one.ranks.get(score)
    return kind(**fields)


@strawberry.type
class ProfileQueries:
    @strawberry.field(name="v3UserProfile")
    async def v3_user_profile(
        self,
        info: Info,
        name: Annotated[str | None, strawberry.argument(name="modelName")] = None,
        snake_name: Annotated[str | None, strawberry.argument(name="model_name")] = None,
        tournament: int | None = None,
    ) -> UserProfile:
        """A model of a tournament by its name, which clients send under either name."""
        context = info.context
        wanted = snake_name if name is None else name
        if wanted is None:
            raise InputError("whose profile is wanted?", "give modelName")
        row = await context.named(wanted, context.tournament(tournament))
        position, waiting = await gather(
            context.loaders.positions.load(row), context.loaders.waiting.load(row)
        )
        said = await context.call(context.doors.profile, row)
        return UserProfile(
            row=row,
            id=strawberry.ID(row.uuid),
            username=row.name,
            tournament=row.tournament,
            start_date=Time(row.registered_at),
            bio=said.bio,
            link_text=said.link_text,
            link_url=said.link_url,
            nmr_staked=amount(staked(position) or None),
            stake_value=amount(expected(position, waiting) or None),
        )

    @strawberry.field
    async def v2_signals_profile(
        self, info: Info, model_name: str, tournament: int | None = None
    ) -> SignalsProfile:
        context = info.context
        row = await context.named(model_name, context.tournament(tournament, SIGNALS))
        return SignalsProfile(row=row, id=strawberry.ID(row.uuid), username=row.name)

    @strawberry.field
    async def account_profile(
        self, info: Info, username: str, tournament: int | None = None
    ) -> AccountProfile:
        """An account by its username or address, and its models, of one tournament or of all."""
        context = info.context
        served = None if tournament is None else context.tournament(tournament)

        def ask() -> AccountProfile:
            name, address = context.doors.account(username)
            rows = context.services.models.of_owner([address], served)
            return AccountProfile(
                username=name,
                wallet_address=address,
                models=[
                    ProfileModel(
                        id=strawberry.ID(row.uuid),
                        display_name=row.name,
                        tournament=row.tournament,
                    )
                    for row in rows
                    if context.doors.serves(row.tournament)
                ],
            )

        return await context.call(ask)
