"""What follows from the chain, and who signs in."""

import sqlalchemy as sa
from alembic import op

revision = "s0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("address", sa.String(length=42), nullable=False),
        sa.Column("username", sa.String(length=64), nullable=True),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("inserted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("address"),
        sa.UniqueConstraint("username"),
    )
    op.create_table(
        "models",
        sa.Column("tournament", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("model", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("owner", sa.String(length=42), nullable=False),
        sa.Column("payout", sa.String(length=42), nullable=False),
        sa.Column("name_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("registered_at", sa.BigInteger(), nullable=False),
        sa.Column("next_payout", sa.String(length=42), nullable=True),
        sa.Column("next_payout_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("tournament", "model"),
        sa.UniqueConstraint("uuid"),
    )
    op.create_index("models_by_name", "models", ["tournament", "name_hash"], unique=False)
    op.create_index("models_by_owner", "models", ["owner"], unique=False)
    op.create_table(
        "movements",
        sa.Column("tournament", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("model", sa.BigInteger(), nullable=False),
        sa.Column("round", sa.BigInteger(), nullable=True),
        sa.Column("account", sa.String(length=42), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("transaction", sa.LargeBinary(length=32), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tournament", "block", "log_index"),
    )
    op.create_index("movements_by_account", "movements", ["account"], unique=False)
    op.create_index("movements_by_model", "movements", ["tournament", "model"], unique=False)
    op.create_table(
        "names",
        sa.Column("name_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name_hash"),
    )
    op.create_table(
        "nonces",
        sa.Column("nonce", sa.String(length=32), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("nonce"),
    )
    op.create_table(
        "positions",
        sa.Column("tournament", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("model", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stake", sa.BigInteger(), nullable=False),
        sa.Column("take_profit", sa.Boolean(), nullable=False),
        sa.Column("claimable", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tournament", "model"),
    )
    op.create_table(
        "profiles",
        sa.Column("tournament", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("model", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("bio", sa.Text(), nullable=True),
        sa.Column("link_text", sa.Text(), nullable=True),
        sa.Column("link_url", sa.Text(), nullable=True),
        sa.Column("webhook", sa.Text(), nullable=True),
        sa.Column("webhook_secret", sa.LargeBinary(length=32), nullable=True),
        sa.Column("webhook_enabled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tournament", "model"),
    )
    op.create_table(
        "requests",
        sa.Column("tournament", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("round", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("model", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("deposit", sa.BigInteger(), nullable=False),
        sa.Column("release", sa.BigInteger(), nullable=False),
        sa.Column("mode", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tournament", "round", "model"),
    )
    op.create_table(
        "results",
        sa.Column("tournament", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("round", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("model", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("stake", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("rho", sa.BigInteger(), nullable=True),
        sa.Column("level", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tournament", "round", "model"),
    )
    op.create_index("results_by_model", "results", ["tournament", "model"], unique=False)
    op.create_table(
        "rounds",
        sa.Column("tournament", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("round", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("opens", sa.BigInteger(), nullable=True),
        sa.Column("closes", sa.BigInteger(), nullable=False),
        sa.Column("horizon", sa.BigInteger(), nullable=True),
        sa.Column("phi", sa.BigInteger(), nullable=True),
        sa.Column("series_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("spec_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=True),
        sa.Column("template_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("announce_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("template", sa.Text(), nullable=True),
        sa.Column("announced_at", sa.BigInteger(), nullable=True),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.Column("committed_at", sa.BigInteger(), nullable=True),
        sa.Column("final_at", sa.BigInteger(), nullable=True),
        sa.Column("challenged_at", sa.BigInteger(), nullable=True),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=True),
        sa.Column("chain_head", sa.LargeBinary(length=32), nullable=True),
        sa.Column("at_risk", sa.BigInteger(), nullable=True),
        sa.Column("words", sa.BigInteger(), nullable=True),
        sa.Column("close_block_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("manifest", sa.LargeBinary(length=32), nullable=True),
        sa.Column("meta_root", sa.LargeBinary(length=32), nullable=True),
        sa.Column("begun_at", sa.BigInteger(), nullable=True),
        sa.Column("coefficients", sa.Text(), nullable=True),
        sa.Column("gains", sa.BigInteger(), nullable=False),
        sa.Column("burns", sa.BigInteger(), nullable=False),
        sa.Column("void_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended", sa.String(length=8), nullable=True),
        sa.Column("stakes_taken", sa.Boolean(), nullable=False),
        sa.Column("scored", sa.LargeBinary(length=32), nullable=True),
        sa.PrimaryKeyConstraint("tournament", "round"),
    )
    op.create_table(
        "scores",
        sa.Column("tournament", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("round", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("model", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("percentile", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tournament", "round", "model", "name"),
    )
    op.create_index("scores_by_model", "scores", ["tournament", "model"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("account", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("secret_hash"),
    )
    op.create_index("sessions_by_account", "sessions", ["account"], unique=False)
    op.create_table(
        "settlements",
        sa.Column("tournament", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("round", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("model", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stake", sa.BigInteger(), nullable=False),
        sa.Column("change", sa.BigInteger(), nullable=False),
        sa.Column("taken", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tournament", "round", "model"),
    )
    op.create_index("settlements_by_model", "settlements", ["tournament", "model"], unique=False)
    op.create_table(
        "stakes_at_close",
        sa.Column("tournament", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("round", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("model", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stake", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tournament", "round", "model"),
    )
    op.create_table(
        "tokens",
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("public_id"),
    )
    op.create_index("tokens_by_account", "tokens", ["account"], unique=False)
    op.create_table(
        "tournaments",
        sa.Column("tournament", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("pool", sa.String(length=42), nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("block_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("block_time", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tournament"),
    )
