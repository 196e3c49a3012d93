"""Tournaments and their rounds."""

from datetime import UTC, datetime
from decimal import Decimal

import strawberry

from oracle.gateway.graphql.context import CLASSIC, CRYPTO, SIGNALS, Context, Info
from oracle.gateway.graphql.ids import round_id
from oracle.gateway.graphql.limits import page
from oracle.gateway.graphql.scalars import Nmr, Time, amount, time
from oracle.life.configs import configs_of
from oracle.records.rows import RoundRow, RoundStatus
from oracle.tournaments.score_configs import ScoreConfig

TARGET = "target"
"""The column of a round's data that its predictions are about."""

NAMES = {CLASSIC: "classic", SIGNALS: "signals", CRYPTO: "crypto"}

strawberry.enum(RoundStatus)


def factor(value: int | None) -> str | None:
    """A factor at 10^-6 as a decimal."""
    return None if value is None else format((Decimal(value) / 10**6).normalize(), "f")


@strawberry.type
class RoundScoreConfig:
    """A score of a round, as its announcement fixed it: a configuration is of one round. Lags are
    the data provider's, and empty."""

    id: str
    score_config_id: str
    round_number_start: int | None
    round_number_end: int | None
    name: str
    version: str
    display_name: str
    total_score_days: int
    returns_lag_days: int | None
    data_delay_days: int | None
    universe: str
    is_canon_score: bool
    is_payout: bool
    scoring_start: Time | None
    scoring_end: Time | None
    min_multiplier: float | None
    max_multiplier: float | None
    default_multiplier: float | None
    clip_threshold: float | None
    stake_threshold: Nmr | None
    payout_factor: str | None


@strawberry.type(name="Round")
class Round:
    row: strawberry.Private[RoundRow]
    id: strawberry.ID
    tournament: int
    number: int
    target: str
    status: RoundStatus
    open_time: Time | None
    close_time: Time | None
    close_staking_time: Time | None
    score_time: Time | None
    resolve_time: Time | None
    resolved_general: bool
    resolved_staking: bool
    payout_factor: str | None
    stake_threshold: Nmr | None
    data_datestamp: int | None

    @strawberry.field
    def round_score_configs(self) -> list[RoundScoreConfig]:
        return [_config(config, self.row) for config in configs_of(self.row)]


def resolves(row: RoundRow) -> int | None:
    """When a round was over, or is at the earliest."""
    return row.ended_at or (None if row.horizon is None else row.due)


def round_type(row: RoundRow, context: Context) -> Round:
    return Round(
        row=row,
        id=strawberry.ID(round_id(row.tournament, row.number)),
        tournament=row.tournament,
        number=row.number,
        target=TARGET,
        status=row.status(context.now(row.tournament)),
        open_time=time(row.opens),
        close_time=time(row.closes),
        close_staking_time=time(row.closes),
        score_time=time(None if row.horizon is None else row.due),
        resolve_time=time(resolves(row)),
        resolved_general=row.scored or row.ended is not None,
        resolved_staking=row.ended is not None,
        payout_factor=factor(row.payout_factor),
        stake_threshold=amount(row.template.threshold if row.template else None),
        data_datestamp=_datestamp(row.opens),
    )


def _datestamp(opens: int | None) -> int | None:
    """The day whose data a round is about, as a number: 20261123."""
    return None if opens is None else int(datetime.fromtimestamp(opens, UTC).strftime("%Y%m%d"))


def _list(context: Context, tournament: int, numbers: list[int] | None) -> list[RoundRow | None]:
    return [*context.services.rounds.list(tournament, numbers=numbers)]


def _config(config: ScoreConfig, row: RoundRow) -> RoundScoreConfig:
    return RoundScoreConfig(
        id=f"{round_id(row.tournament, row.number)}-{config.score}",
        score_config_id=config.id,
        round_number_start=row.number,
        round_number_end=row.number,
        name=config.score,
        version=config.version,
        display_name=config.score,
        total_score_days=config.total_score_days,
        returns_lag_days=None,
        data_delay_days=None,
        universe=config.universe,
        is_canon_score=True,
        is_payout=config.is_payout,
        scoring_start=None,
        scoring_end=Time(config.scoring_end),
        min_multiplier=config.multiplier,
        max_multiplier=config.multiplier,
        default_multiplier=config.multiplier,
        clip_threshold=config.clip_threshold,
        stake_threshold=Nmr(config.stake_threshold),
        payout_factor=factor(row.payout_factor),
    )


@strawberry.type
class Tournament:
    name: str
    tournament: int


@strawberry.type
class RoundQueries:
    @strawberry.field
    def tournaments(self, info: Info) -> list[Tournament]:
        served = sorted(info.context.services.tournaments)
        return [Tournament(name=NAMES[number], tournament=number) for number in served]

    @strawberry.field
    async def rounds(
        self,
        info: Info,
        tournament: int | None = None,
        number: int | None = None,
        target: str | None = None,
        status: RoundStatus | None = None,
        limit: int | None = None,
    ) -> list[Round | None]:
        """Rounds, the newest first. ``number: 0`` is the one that is open; the answer is
        ``[null]`` where none is."""
        context = info.context
        served = context.tournament(tournament)
        now = context.now(served)
        if number == 0:
            row = await context.call(context.services.rounds.current, served, now)
            rows = [row]
        else:
            numbers = None if number is None else [number]
            rows = await context.call(_list, context, served, numbers)
        most, _ = page(limit, 0, usual=10_000)
        fits = [
            row
            for row in rows
            if target in (None, TARGET) and (row is None or status in (None, row.status(now)))
        ]
        return [None if row is None else round_type(row, context) for row in fits[:most]]
