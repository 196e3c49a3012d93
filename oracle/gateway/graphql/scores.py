"""Scores of models: those of each day, the last of them final.

A score is told under the name and version that its round's configuration gives it.
"""

from dataclasses import dataclass

import strawberry

from oracle.errors import InputError
from oracle.gateway.forms import score
from oracle.gateway.graphql.context import Context, Info
from oracle.gateway.graphql.ids import round_id
from oracle.gateway.graphql.rounds import resolves
from oracle.gateway.graphql.scalars import Time, time
from oracle.life.configs import configs_of
from oracle.life.rows import DayScore
from oracle.records.rows import ModelRow, RoundRow
from oracle.tournaments.score_configs import ScoreConfig


@strawberry.type
class SubmissionScore:
    """One score of a model in a round on one day. ``percentile``: among the round's models, before
    the scores are final among those that this server knows; ``resolved``: the round is over."""

    round_id: strawberry.ID
    round_number: int
    round_resolve_time: Time | None
    round_score_time: Time | None
    round_close_staking_time: Time
    submission_id: strawberry.ID | None
    display_name: str
    version: str
    value: float | None
    percentile: float | None
    date: Time
    day: int
    resolve_date: Time | None
    resolved: bool


@dataclass(frozen=True, slots=True)
class Scored:
    """A score with its round, and what its round calls it. ``rank`` orders the scores of a
    round."""

    round: RoundRow
    config: ScoreConfig
    rank: int
    row: DayScore


async def scored(context: Context, model: ModelRow, *, day: int | None = None) -> list[Scored]:
    """Scores of a model, those of the newest round and day first."""

    def ask() -> tuple[list[DayScore], list[RoundRow]]:
        rows = context.doors.scores.of(model.tournament, [model.model], day=day)
        numbers = {row.round for row in rows}
        return rows, context.services.rounds.list(model.tournament, numbers=numbers)

    rows, rounds = await context.call(ask)
    named = {
        row.number: {config.score: (rank, config) for rank, config in enumerate(configs_of(row))}
        for row in rounds
    }
    of = {row.number: row for row in rounds}
    found = [
        Scored(of[row.round], config, rank, row)
        for row in rows
        for rank, config in [named.get(row.round, {}).get(row.name, (0, None))]
        if config is not None
    ]
    return sorted(found, key=lambda one: (-one.round.number, -one.row.day, one.rank))


@strawberry.type
class ScoreQueries:
    @strawberry.field
    async def submission_scores(
        self,
        info: Info,
        model_id: strawberry.ID,
        display_name: str | None = None,
        version: str | None = None,
        day: int | None = None,
        resolved: bool | None = None,
        tournament: int | None = None,
        last_n_rounds: int | None = None,
        distinct_on_round: bool | None = None,
    ) -> list[SubmissionScore]:
        """Scores of a model, the newest round and day first. ``lastNRounds``: of the last rounds
        that it has scores in; ``distinctOnRound``: of each round only the first that is left."""
        context = info.context
        model = await context.model(model_id)
        if tournament is not None and tournament != model.tournament:
            return []
        if last_n_rounds is not None and last_n_rounds < 0:
            raise InputError("lastNRounds is a number of rounds")
        found = await scored(context, model, day=day)
        if last_n_rounds is not None:
            last = sorted({one.round.number for one in found}, reverse=True)[:last_n_rounds]
            found = [one for one in found if one.round.number in last]
        found = [
            one
            for one in found
            if display_name in (None, one.config.score)
            and version in (None, one.config.version)
            and resolved in (None, one.round.ended is not None)
        ]
        if distinct_on_round:
            found = list({one.round.number: one for one in reversed(found)}.values())[::-1]
        selected = await context.loaders.selected.load(model)
        return [_score(one, selected.get(one.round.number)) for one in found]


def _score(one: Scored, submission: str | None) -> SubmissionScore:
    row, is_over = one.round, one.round.ended is not None
    return SubmissionScore(
        round_id=strawberry.ID(round_id(row.tournament, row.number)),
        round_number=row.number,
        round_resolve_time=time(resolves(row)),
        round_score_time=time(one.config.scoring_end),
        round_close_staking_time=Time(row.closes),
        submission_id=None if submission is None else strawberry.ID(submission),
        display_name=one.config.score,
        version=one.config.version,
        value=score(one.row.value),
        percentile=score(one.row.percentile),
        date=Time(one.row.date),
        day=one.row.day,
        resolve_date=time(row.ended_at) if is_over else None,
        resolved=is_over,
    )
