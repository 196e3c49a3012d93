"""Daily scores, leaders, seasons, webhooks."""

import sqlalchemy as sa
from alembic import op

revision = "s0003"
down_revision = "s0002"


def upgrade() -> None:
    op.create_table(
        "daily_rounds",
        sa.Column("tournament", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("round", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("day", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("date", sa.BigInteger(), nullable=False),
        sa.Column("targets", sa.LargeBinary(length=32), nullable=False),
        sa.Column("models", sa.Integer(), nullable=False),
        sa.Column("scored_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tournament", "round", "day"),
    )
    op.create_table(
        "daily_scores",
        sa.Column("tournament", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("round", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("model", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("day", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("date", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("percentile", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tournament", "round", "model", "day", "name"),
    )
    op.create_index("daily_scores_by_model", "daily_scores", ["tournament", "model"], unique=False)
    op.create_table(
        "leaders",
        sa.Column("tournament", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("model", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("prev_rank", sa.Integer(), nullable=True),
        sa.Column("stake", sa.BigInteger(), nullable=False),
        sa.Column("reputations", sa.Text(), nullable=False),
        sa.Column("returns", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tournament", "model"),
    )
    op.create_index("leaders_by_rank", "leaders", ["tournament", "rank"], unique=False)
    op.create_table(
        "pipeline",
        sa.Column("tournament", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("date", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("scoring_day", sa.Boolean(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("data_ready_at", sa.BigInteger(), nullable=True),
        sa.Column("scored_at", sa.BigInteger(), nullable=True),
        sa.Column("resolved_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("tournament", "date"),
    )
    op.create_table(
        "season_scores",
        sa.Column("tournament", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("season", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("model", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("score", sa.BigInteger(), nullable=False),
        sa.Column("rounds", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("tier", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("tournament", "season", "model"),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("tournament", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("round", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("model", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event", sa.String(length=16), nullable=False),
        sa.Column("trigger_id", sa.String(length=36), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tournament", "round", "model", "event"),
        sa.UniqueConstraint("trigger_id"),
    )
    op.create_index(
        "webhook_deliveries_by_status", "webhook_deliveries", ["status", "next_at"], unique=False
    )
