"""What rounds did to the caller's stakes, and what open ones would do."""

import strawberry

from oracle.accounts.caller import Scope
from oracle.gateway.graphql.context import Info
from oracle.gateway.graphql.ids import round_id
from oracle.gateway.graphql.rounds import resolves
from oracle.gateway.graphql.scalars import Nmr, Time, time
from oracle.records.rows import ModelRow, RoundRow

_CURRENCY = "NMR"


@strawberry.type
class ModelPayout:
    """A round's payout for a model, negative for a burn. Payouts are in NMR, and so is their
    value: no price is kept here."""

    round_id: strawberry.ID
    round_number: int
    round_resolve_time: Time | None
    model_id: strawberry.ID
    model_name: str
    model_display_name: str
    payout_nmr: Nmr
    payout_value: Nmr
    currency_symbol: str


@strawberry.type
class ModelPayouts:
    """``actual``: of settled rounds; ``pending``: of rounds that have scores and
    are not settled yet, by the newest of them."""

    actual: list[ModelPayout]
    pending: list[ModelPayout]


@strawberry.type
class PayoutQueries:
    @strawberry.field
    async def pending_model_payouts(self, info: Info, tournament: int) -> ModelPayouts:
        context = info.context
        account = context.require(Scope.READ_USER_INFO)
        served = context.tournament(tournament)

        def ask() -> ModelPayouts:
            here = context.services
            mine = {row.model: row for row in here.models.of_owner([account.address], served)}
            found = context.doors.payouts.of(served, list(mine))
            numbers = {one.round for one in found}
            rounds = {row.number: row for row in here.rounds.list(served, numbers=numbers)}
            shown = [
                (one.is_settled, _payout(mine[one.model], rounds[one.round], one.change))
                for one in found
            ]
            return ModelPayouts(
                actual=[payout for is_settled, payout in shown if is_settled],
                pending=[payout for is_settled, payout in shown if not is_settled],
            )

        return await context.call(ask)


def _payout(model: ModelRow, row: RoundRow, change: int) -> ModelPayout:
    return ModelPayout(
        round_id=strawberry.ID(round_id(row.tournament, row.number)),
        round_number=row.number,
        round_resolve_time=time(resolves(row)),
        model_id=strawberry.ID(model.uuid),
        model_name=model.name,
        model_display_name=model.name,
        payout_nmr=Nmr(change),
        payout_value=Nmr(change),
        currency_symbol=_CURRENCY,
    )
