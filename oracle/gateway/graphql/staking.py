"""Changing stakes, by what the owner signed once."""

import strawberry

from oracle.accounts.caller import Scope
from oracle.errors import InputError
from oracle.gateway.forms import units_of
from oracle.gateway.graphql.context import Context, Info
from oracle.gateway.graphql.scalars import Bool, Nmr, Time, amount, time
from oracle.gateway.services import Outside
from oracle.records.rows import ModelRow
from oracle.settlement.units import MAX_AMOUNT

INCREASE, DECREASE = "increase", "decrease"


@strawberry.type
class StakeChange:
    """A request that was sent to the chain in the owner's name. ``due_date``: when it acts;
    ``status``: what became of the transaction."""

    id: strawberry.ID
    status: str
    type: str
    requested_amount: Nmr | None
    due_date: Time | None
    tx_hash: str | None
    drain: bool


def staked_units(text: str) -> int:
    """U of an amount of NMR. Raises ``InputError`` for what cannot be staked."""
    units = units_of(text)
    if not units or units > MAX_AMOUNT:
        raise InputError(
            f"{text[:40]!r} is no amount of NMR to stake", "give more than 0, at most 9 decimals"
        )
    return units


async def _change(
    context: Context, model: ModelRow, units: int | None, action: str, told: Nmr | None
) -> StakeChange:
    asks = (context.caller, model.tournament, model, units, action)
    made = await context.outside(Outside.RELAYING, context.doors.staking.change, *asks)
    row = None
    if made.round is not None:
        row = await context.call(context.services.rounds.get, model.tournament, made.round)
    return StakeChange(
        id=strawberry.ID(made.id),
        status=made.status,
        type=action,
        requested_amount=told,
        due_date=time(row.closes if row else None),
        tx_hash=made.tx,
        drain=units is None,
    )


@strawberry.type
class StakingMutations:
    @strawberry.mutation
    async def v2_change_stake(
        self,
        info: Info,
        value: str,
        type: str,
        model_id: str | None = None,
        tournament_number: int | None = None,
    ) -> StakeChange:
        """Stakes more, or requests a release, by the owner's mandate; where there is none, the
        error says where to sign it."""
        context = info.context
        if type not in (INCREASE, DECREASE):
            raise InputError(f"{type[:40]!r} is no change of a stake", "increase or decrease")
        served = None if tournament_number is None else context.tournament(tournament_number)
        model = await context.own_model(Scope.STAKE, model_id, served)
        units = staked_units(value)
        return await _change(context, model, units, type, amount(units))

    @strawberry.mutation
    async def release_stake(
        self,
        info: Info,
        drain: Bool,
        model_id: str | None = None,
        amount: str | None = None,
    ) -> StakeChange:
        """Requests the release of all of a stake, or of ``amount``."""
        context = info.context
        model = await context.own_model(Scope.STAKE, model_id)
        if not drain and amount is None:
            raise InputError("nothing is to be released", "give drain or an amount")
        told = None if amount is None else Nmr(staked_units(amount))
        return await _change(context, model, None if drain else told, DECREASE, told)
