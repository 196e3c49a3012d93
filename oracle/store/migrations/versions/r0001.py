"""The first tables. A journal from before there were revisions keeps what it signed."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Text,
    column,
    inspect,
    select,
    table,
    text,
)

revision = "0001"
down_revision = None

_signed = table("signed", column("round"), column("phase"), column("digest"))


def upgrade() -> None:
    signed = _taken_out_of_old_journal()
    _create()
    if signed:
        op.bulk_insert(_signed, signed)


def _taken_out_of_old_journal() -> list[dict[str, object]]:
    """What it signed, so that nothing else is. Its submissions lie open and are not taken over."""
    connection = op.get_bind()
    if not inspect(connection).has_table("signed"):
        return []
    found = [dict(row) for row in connection.execute(select(_signed)).mappings()]
    # It knows all that was signed: nothing has to be blocked, as in a database that is new.
    found.append({"round": 0, "phase": "blocked", "digest": bytes(32)})
    connection.execute(text("PRAGMA secure_delete=ON"))  # it was SQLite always
    for name in ("receipts", "submissions", "signed"):
        op.drop_table(name)
    return found


def _create() -> None:
    op.create_table(
        "blocks",
        Column("number", BigInteger, autoincrement=False, nullable=False),
        Column("hash", LargeBinary(length=32), nullable=False),
        Column("parent", LargeBinary(length=32), nullable=False),
        Column("timestamp", BigInteger, nullable=False),
        PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "cards",
        Column("operator", String(length=42), nullable=False),
        Column("url", Text, nullable=False),
        Column("recipient", String, nullable=False),
        Column("issued", BigInteger, nullable=False),
        Column("signature", LargeBinary(length=65), nullable=False),
        PrimaryKeyConstraint("operator"),
    )
    op.create_table(
        "diagnostics",
        Column("round", BigInteger, nullable=False),
        Column("model", BigInteger, nullable=False),
        Column("sha256", LargeBinary(length=32), nullable=False),
        Column("sequence", BigInteger, nullable=False),
        Column("made_at", BigInteger, nullable=False),
        Column("sealed", LargeBinary, nullable=False),
        PrimaryKeyConstraint("round", "model", "sha256", "sequence"),
    )
    op.create_table(
        "evidence",
        Column("sha256", LargeBinary(length=32), nullable=False),
        Column("round", BigInteger, nullable=False),
        Column("kind", String, nullable=False),
        Column("operator", String(length=42), nullable=False),
        Column("content", LargeBinary, nullable=False),
        PrimaryKeyConstraint("sha256"),
    )
    op.create_index("ix_evidence_round", "evidence", ["round"])
    op.create_table(
        "logs",
        Column("block_number", BigInteger, nullable=False),
        Column("log_index", Integer, nullable=False),
        Column("block_hash", LargeBinary(length=32), nullable=False),
        Column("transaction_hash", LargeBinary(length=32), nullable=False),
        Column("transaction_index", Integer, nullable=False),
        Column("address", String(length=42), nullable=False),
        Column("topic", LargeBinary(length=32), nullable=False),
        Column("round", BigInteger),
        Column("topics", LargeBinary, nullable=False),
        Column("data", LargeBinary, nullable=False),
        PrimaryKeyConstraint("block_number", "log_index"),
    )
    op.create_index("logs_by_topic", "logs", ["topic", "round"])
    op.create_table(
        "owner",
        Column("id", Integer, autoincrement=False, nullable=False),
        Column("chain_id", BigInteger, nullable=False),
        Column("pool", String(length=42), nullable=False),
        PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "receipts",
        Column("round", BigInteger, nullable=False),
        Column("model", BigInteger, nullable=False),
        Column("sha256", LargeBinary(length=32), nullable=False),
        Column("sequence", BigInteger, nullable=False),
        Column("operator", String(length=42), nullable=False),
        Column("received", BigInteger, nullable=False),
        Column("signature", LargeBinary(length=65), nullable=False),
        PrimaryKeyConstraint("round", "model", "sha256", "sequence", "operator"),
    )
    op.create_table(
        "signed",
        Column("round", BigInteger, nullable=False),
        Column("phase", String, nullable=False),
        Column("digest", LargeBinary(length=32), nullable=False),
        PrimaryKeyConstraint("round", "phase"),
    )
    op.create_table(
        "submissions",
        Column("round", BigInteger, nullable=False),
        Column("model", BigInteger, nullable=False),
        Column("sha256", LargeBinary(length=32), nullable=False),
        Column("sequence", BigInteger, nullable=False),
        Column("signature", LargeBinary(length=65), nullable=False),
        Column("size", Integer, nullable=False),
        Column("recipient", String, nullable=False),
        Column("sealed", LargeBinary, nullable=False),
        PrimaryKeyConstraint("round", "model", "sha256", "sequence"),
    )
    op.create_table(
        "transactions",
        Column("hash", LargeBinary(length=32), nullable=False),
        Column("account", String(length=42), nullable=False),
        Column("nonce", BigInteger, nullable=False),
        Column("call", String, nullable=False),
        Column("destination", String(length=42), nullable=False),
        Column("data", LargeBinary, nullable=False),
        Column("gas", BigInteger, nullable=False),
        Column("max_fee", String, nullable=False),
        Column("tip", String, nullable=False),
        Column("raw", LargeBinary, nullable=False),
        Column("status", String, nullable=False),
        Column("sent_at", BigInteger, nullable=False),
        Column("block_number", BigInteger),
        Column("block_hash", LargeBinary(length=32)),
        PrimaryKeyConstraint("hash"),
    )
    op.create_index("transactions_by_nonce", "transactions", ["account", "nonce"])
    op.create_index("transactions_by_status", "transactions", ["account", "status"])
    op.create_table(
        "vault",
        Column("round", BigInteger, nullable=False),
        Column("kind", String, nullable=False),
        Column("sha256", LargeBinary(length=32), nullable=False),
        Column("release_at", BigInteger, nullable=False),
        Column("source", String, nullable=False),
        Column("signature", LargeBinary, nullable=False),
        Column("size", Integer, nullable=False),
        Column("sealed", LargeBinary, nullable=False),
        PrimaryKeyConstraint("round", "kind"),
    )
