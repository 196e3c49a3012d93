"""What the server works out from day to day: none of it is paid on."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from oracle.records.schema.base import metadata, number, tournament

# Days of a round that were scored; ``targets``: SHA-256 of that day's targets; ``at_risk``: all
# stake at the close, in U.
daily_rounds = Table(
    "daily_rounds",
    metadata,
    tournament(),
    number(),
    number("day"),
    Column("date", BigInteger, nullable=False),
    Column("targets", LargeBinary(32), nullable=False),
    Column("models", Integer, nullable=False),
    Column("at_risk", BigInteger, nullable=False),
    Column("scored_at", BigInteger, nullable=False),
)

daily_scores = Table(
    "daily_scores",
    metadata,
    tournament(),
    number(),
    number("model"),
    number("day"),
    Column("name", String(16), primary_key=True),
    Column("date", BigInteger, nullable=False),
    Column("value", BigInteger, nullable=False),
    Column("percentile", BigInteger, nullable=False),
    Index("daily_scores_by_model", "tournament", "model"),
)

# Of a day that was scored: what each model has ``at_risk``, in U, and its hardening level.
daily_results = Table(
    "daily_results",
    metadata,
    tournament(),
    number(),
    number("model"),
    number("day"),
    Column("at_risk", BigInteger, nullable=False),
    Column("level", Integer, nullable=False),
    Index("daily_results_by_model", "tournament", "model"),
)

# Rounds with final scores whose points were worked out; ``manifest``: of the result they are from.
pointed_rounds = Table(
    "pointed_rounds",
    metadata,
    tournament(),
    number(),
    Column("manifest", LargeBinary(32), nullable=False),
    Column("due", BigInteger, nullable=False),
)

# What a round pays on, at 10^-9, of each model that was scored; ``counts`` for the season.
round_points = Table(
    "round_points",
    metadata,
    tournament(),
    number(),
    number("model"),
    Column("points", BigInteger, nullable=False),
    Column("counts", Boolean, nullable=False),
    Index("round_points_by_model", "tournament", "model"),
)

# Days, midnight UTC, on which final scores became due; ``basis``: a hash of the results that the
# day's standings rest on.
standing_days = Table(
    "standing_days",
    metadata,
    tournament(),
    number("date"),
    Column("basis", LargeBinary(32), nullable=False),
)

# ``name`` of a score, or ``points``: the mean of a year up to that day, and the place by it.
standings = Table(
    "standings",
    metadata,
    tournament(),
    number("model"),
    number("date"),
    Column("name", String(16), primary_key=True),
    Column("value", BigInteger, nullable=False),
    Column("rank", Integer, nullable=False),
    Index("standings_by_date", "tournament", "date"),
)

# The boards below are of this state of the other tables: results and settlements, and stakes.
boards = Table(
    "boards",
    metadata,
    tournament(),
    Column("results", LargeBinary(32), nullable=False),
    Column("stakes", LargeBinary(32), nullable=False),
    Column("made_at", BigInteger, nullable=False),
)

# ``score``: the year's mean of points, by which models are ranked; the rest is at 10^-9 too.
leaders = Table(
    "leaders",
    metadata,
    tournament(),
    number("model"),
    Column("rank", Integer, nullable=False),
    Column("prev_rank", Integer),
    Column("stake", BigInteger, nullable=False),
    Column("score", BigInteger),
    Column("sharpe", BigInteger),
    Column("today", BigInteger),
    Column("return_1_day", BigInteger),
    Column("return_13_weeks", BigInteger),
    Column("return_52_weeks", BigInteger),
    Index("leaders_by_rank", "tournament", "rank"),
)

# Reputations: a year's mean of each score, and the place by it.
leader_scores = Table(
    "leader_scores",
    metadata,
    tournament(),
    number("model"),
    Column("name", String(16), primary_key=True),
    Column("value", BigInteger, nullable=False),
    Column("rank", Integer, nullable=False),
    Index("leader_scores_by_rank", "tournament", "name", "rank"),
)

# Accounts over their models; tournament 0: over those of all. JSON: values at 10^-9 by name,
# ``gains`` in U.
account_leaders = Table(
    "account_leaders",
    metadata,
    tournament(),
    Column("address", String(42), primary_key=True),
    Column("rank", Integer, nullable=False),
    Column("stake", BigInteger, nullable=False),
    Column("reputations", Text, nullable=False),
    Column("returns", Text, nullable=False),
    Column("gains", Text, nullable=False),
    Index("account_leaders_by_rank", "tournament", "rank"),
)

# ``tier``: as tournaments/standing.py names it.
season_scores = Table(
    "season_scores",
    metadata,
    tournament(),
    number("season"),
    number("model"),
    Column("score", BigInteger, nullable=False),
    Column("rounds", Integer, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("tier", String(16), nullable=False),
)

# Rounds whose opening was told: once to every model that had a webhook then.
webhook_rounds = Table(
    "webhook_rounds",
    metadata,
    tournament(),
    number(),
    Column("told_at", BigInteger, nullable=False),
)

# ``event``: opened, asked. ``status``: waiting, sent, failed. Times by the wall's clock.
webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("trigger_id", String(36), primary_key=True),
    Column("tournament", Integer, nullable=False),
    Column("round", BigInteger, nullable=False),
    Column("model", BigInteger, nullable=False),
    Column("event", String(16), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("status", String(8), nullable=False),
    Column("answer", Text, nullable=False),
    Index("webhook_deliveries_by_model", "tournament", "model", "created_at"),
    Index("webhook_deliveries_by_status", "status", "next_at"),
)
