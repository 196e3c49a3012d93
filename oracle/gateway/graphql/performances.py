"""What a model did, round by round: at risk, paid by what, scored how."""

from collections import defaultdict
from collections.abc import Mapping

import strawberry

from oracle.gateway.forms import score
from oracle.gateway.graphql.context import Context, Info
from oracle.gateway.graphql.ids import round_id
from oracle.gateway.graphql.rounds import TARGET, resolves
from oracle.gateway.graphql.scalars import Nmr, Time, amount, time
from oracle.gateway.graphql.scores import Scored, scored
from oracle.life.configs import configs_of
from oracle.life.rows import Payout
from oracle.records.rows import ModelRow, ResultRow, RoundRow
from oracle.settlement.units import MILLIONTH


@strawberry.type
class PayoutMultiplier:
    id: str
    score_config_id: str
    name: str
    version: str
    display_name: str
    multiplier: float


@strawberry.type
class PerformanceScore:
    """``payout_pending``: the score's share of what the round would do to the stake by the scores
    of that day, where it is not settled; ``payout_settled``: its share of what the round did, with
    the last day's scores. Shares of a day add up to the payout; scores that are not paid on have
    none.
    """

    date: Time
    day: int
    display_name: str
    value: float | None
    percentile: float | None
    payout_pending: Nmr | None
    payout_settled: Nmr | None


@strawberry.type
class RoundModelPerformance:
    """A model in a round. ``submission_scores`` are those of the last day, the
    ``intra_round_submission_scores`` those of all days."""

    round_number: int
    round_open_time: Time | None
    round_resolve_time: Time | None
    round_resolved: bool
    round_target: str
    round_payout_factor: float | None
    at_risk: Nmr | None
    payout_multipliers: list[PayoutMultiplier]
    submission_scores: list[PerformanceScore]
    intra_round_submission_scores: list[PerformanceScore]


@strawberry.type
class PerformanceQueries:
    @strawberry.field
    async def v2_round_model_performances(
        self, info: Info, model_id: str, tournament: int | None = None
    ) -> list[RoundModelPerformance]:
        """Rounds that a model had stake or a file in, the newest first."""
        context = info.context
        model = await context.model(model_id)
        if tournament is not None and tournament != model.tournament:
            return []
        found = await scored(context, model)
        return await context.call(_performances, context, model, found)


def _performances(
    context: Context, model: ModelRow, found: list[Scored]
) -> list[RoundModelPerformance]:
    here, number, ids = context.services, model.tournament, [model.model]
    results = {row.round: row for row in here.results.list(number, models=ids)}
    stakes = {row.round: row.stake for row in here.stakes.at_close(number, models=ids)}
    payouts = {(one.round, one.day): one for one in context.doors.payouts.by_day(number, ids)}
    # A day that was scored shows what came in time; before, everything at the close may have.
    stakes |= {one.round: one.at_risk for one in context.doors.scores.results(number, ids)}
    scores: dict[int, list[Scored]] = defaultdict(list)
    for one in found:
        scores[one.round.number].append(one)
    return [
        _performance(row, results.get(row.number), stakes, payouts, scores)
        for row in here.rounds.list(number, numbers={*results, *stakes, *scores})
    ]


def _performance(
    row: RoundRow,
    result: ResultRow | None,
    stakes: Mapping[int, int],
    payouts: Mapping[tuple[int, int], Payout],
    scores: Mapping[int, list[Scored]],
) -> RoundModelPerformance:
    at_risk = stakes.get(row.number, 0)
    if row.scored:
        at_risk = result.at_risk if result else 0
    found = scores.get(row.number, [])
    last = max((one.row.day for one in found), default=0)
    shown = [_score(one, payouts.get((row.number, one.row.day))) for one in found]
    factor = row.payout_factor
    return RoundModelPerformance(
        round_number=row.number,
        round_open_time=time(row.opens),
        round_resolve_time=time(resolves(row)),
        round_resolved=row.ended is not None,
        round_target=TARGET,
        round_payout_factor=None if factor is None else factor / MILLIONTH,
        at_risk=Nmr(at_risk),
        payout_multipliers=[
            PayoutMultiplier(
                id=f"{round_id(row.tournament, row.number)}-{config.score}",
                score_config_id=config.id,
                name=config.score,
                version=config.version,
                display_name=config.score,
                multiplier=config.multiplier,
            )
            for config in configs_of(row)
            if config.is_payout
        ],
        submission_scores=[one for one in shown if one.day == last],
        intra_round_submission_scores=shown,
    )


def _score(one: Scored, payout: Payout | None) -> PerformanceScore:
    place, part = one.config.place, None
    if payout is not None and place is not None and one.config.is_payout:
        part = payout.shares[place]
    is_settled = payout is not None and payout.is_settled
    return PerformanceScore(
        date=Time(one.row.date),
        day=one.row.day,
        display_name=one.config.score,
        value=score(one.row.value),
        percentile=score(one.row.percentile),
        payout_pending=None if is_settled else amount(part),
        payout_settled=amount(part) if is_settled else None,
    )
