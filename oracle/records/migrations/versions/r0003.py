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
        sa.Column("at_risk", sa.BigInteger(), nullable=False),
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
        "daily_results",
        sa.Column("tournament", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("round", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("model", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("day", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at_risk", sa.BigInteger(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tournament", "round", "model", "day"),
    )
    op.create_index(
        "daily_results_by_model", "daily_results", ["tournament", "model"], unique=False
    )
    op.create_table(
        "pointed_rounds",
        sa.Column("tournament", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("round", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("manifest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tournament", "round"),
    )
    op.create_table(
        "round_points",
        sa.Column("tournament", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("round", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("model", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tournament", "round", "model"),
    )
    op.create_index("round_points_by_model", "round_points", ["tournament", "model"], unique=False)
    op.create_table(
        "standing_days",
        sa.Column("tournament", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("date", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("basis", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("tournament", "date"),
    )
    op.create_table(
        "standings",
        sa.Column("tournament", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("model", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("date", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tournament", "model", "date", "name"),
    )
    op.create_index("standings_by_date", "standings", ["tournament", "date"], unique=False)
    op.create_table(
        "boards",
        sa.Column("tournament", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("results", sa.LargeBinary(length=32), nullable=False),
        sa.Column("stakes", sa.LargeBinary(length=32), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tournament"),
    )
    op.create_table(
        "leaders",
        sa.Column("tournament", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("model", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("prev_rank", sa.Integer(), nullable=True),
        sa.Column("stake", sa.BigInteger(), nullable=False),
        sa.Column("score", sa.BigInteger(), nullable=True),
        sa.Column("sharpe", sa.BigInteger(), nullable=True),
        sa.Column("today", sa.BigInteger(), nullable=True),
        sa.Column("return_1_day", sa.BigInteger(), nullable=True),
        sa.Column("return_13_weeks", sa.BigInteger(), nullable=True),
        sa.Column("return_52_weeks", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("tournament", "model"),
    )
    op.create_index("leaders_by_rank", "leaders", ["tournament", "rank"], unique=False)
    op.create_table(
        "leader_scores",
        sa.Column("tournament", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("model", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tournament", "model", "name"),
    )
    op.create_index(
        "leader_scores_by_rank", "leader_scores", ["tournament", "name", "rank"], unique=False
    )
    op.create_table(
        "account_leaders",
        sa.Column("tournament", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("address", sa.String(length=42), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("stake", sa.BigInteger(), nullable=False),
        sa.Column("reputations", sa.Text(), nullable=False),
        sa.Column("returns", sa.Text(), nullable=False),
        sa.Column("gains", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tournament", "address"),
    )
    op.create_index(
        "account_leaders_by_rank", "account_leaders", ["tournament", "rank"], unique=False
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
        "webhook_rounds",
        sa.Column("tournament", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("round", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tournament", "round"),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("trigger_id", sa.String(length=36), nullable=False),
        sa.Column("tournament", sa.Integer(), nullable=False),
        sa.Column("round", sa.BigInteger(), nullable=False),
        sa.Column("model", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("trigger_id"),
    )
    op.create_index(
        "webhook_deliveries_by_model",
        "webhook_deliveries",
        ["tournament", "model", "created_at"],
        unique=False,
    )
    op.create_index(
        "webhook_deliveries_by_status", "webhook_deliveries", ["status", "next_at"], unique=False
    )
