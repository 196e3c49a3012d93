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

# Days of a round that were scored; ``targets``: SHA-256 of that day's targets.
daily_rounds = Table(
    "daily_rounds",
    metadata,
    tournament(),
    number(),
    number("day"),
    Column("date", BigInteger, nullable=False),
    Column("targets", LargeBinary(32), nullable=False),
    Column("models", Integer, nullable=False),
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

# ``reputations`` and ``returns``: JSON, values at 10^-9 by name.
leaders = Table(
    "leaders",
    metadata,
    tournament(),
    number("model"),
    Column("rank", Integer, nullable=False),
    Column("prev_rank", Integer),
    Column("stake", BigInteger, nullable=False),
    Column("reputations", Text, nullable=False),
    Column("returns", Text, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Index("leaders_by_rank", "tournament", "rank"),
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

# ``date``: midnight UTC. Times are empty until it has happened.
pipeline = Table(
    "pipeline",
    metadata,
    tournament(),
    number("date"),
    Column("scoring_day", Boolean, nullable=False),
    Column("started_at", BigInteger),
    Column("data_ready_at", BigInteger),
    Column("scored_at", BigInteger),
    Column("resolved_at", BigInteger),
)

# ``status``: waiting, sent, failed. Unique: a round's opening is told once to a model.
webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    tournament(),
    number(),
    number("model"),
    Column("event", String(16), primary_key=True),
    Column("trigger_id", String(36), nullable=False, unique=True),
    Column("attempts", Integer, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("status", String(8), nullable=False),
    Column("answer", Text, nullable=False),
    Index("webhook_deliveries_by_status", "status", "next_at"),
)
