"""Files on their way in and out, and what became of them."""

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
    UniqueConstraint,
)

from oracle.records.schema.base import metadata, number, tournament

# ``purpose``: submission, diagnostics, pickle. ``filename`` is what the client calls it, ``key``
# where the blob lies. ``state``: open, stored, used.
uploads = Table(
    "uploads",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account", String(36), nullable=False),
    Column("tournament", Integer, nullable=False),
    Column("model", BigInteger, nullable=False),
    Column("purpose", String(16), nullable=False),
    Column("filename", String(160), nullable=False, unique=True),
    Column("key", String(160), nullable=False, unique=True),
    Column("max_bytes", BigInteger, nullable=False),
    Column("sha256", LargeBinary(32)),
    Column("size", BigInteger),
    Column("state", String(8), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index("uploads_by_account", "account"),
)

# ``status``: accepted, refused, queued, sending, partial. ``reason``: why refused. ``queued_from``:
# the round that a late file was first for. ``receipts``: JSON, the operators' receipts.
submissions = Table(
    "submissions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("tournament", Integer, nullable=False),
    Column("round", BigInteger, nullable=False),
    Column("model", BigInteger, nullable=False),
    Column("account", String(36), nullable=False),
    Column("filename", String(160), nullable=False),
    Column("key", String(160), nullable=False),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sequence", BigInteger),
    Column("signature", LargeBinary),
    Column("status", String(8), nullable=False),
    Column("reason", Text, nullable=False),
    Column("late", Boolean, nullable=False),
    Column("queued_from", BigInteger),
    Column("source", String(128)),
    Column("trigger_id", String(64)),
    Column("data_datestamp", BigInteger),
    Column("receipts", Text, nullable=False),
    Column("inserted_at", BigInteger, nullable=False),
    Index("submissions_by_model", "tournament", "model", "round"),
    Index("submissions_by_round", "tournament", "round"),
)

# An owner's word that the server's key may sign submissions of his models for a span of rounds.
submission_keys = Table(
    "submission_keys",
    metadata,
    tournament(),
    Column("owner", String(42), primary_key=True),
    Column("key", String(42), primary_key=True),
    Column("last_round", BigInteger, primary_key=True, autoincrement=False),
    Column("first_round", BigInteger, nullable=False),
    Column("signature", LargeBinary(65), nullable=False),
    Column("stored_at", BigInteger, nullable=False),
)

# Uploaded models. ``status``: pending; ``reason`` says why.
pickles = Table(
    "pickles",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account", String(36), nullable=False),
    Column("tournament", Integer, nullable=False),
    Column("model", BigInteger, nullable=False),
    Column("filename", String(160), nullable=False),
    Column("key", String(160), nullable=False),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("data_version", String(64)),
    Column("docker_image", String(128)),
    Column("status", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("inserted_at", BigInteger, nullable=False),
    Index("pickles_by_model", "tournament", "model"),
)

# Data sets that are published. ``round`` 0: those of every round.
datasets = Table(
    "datasets",
    metadata,
    tournament(),
    number(),
    Column("filename", String(160), primary_key=True),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("key", String(320), nullable=False),
    Column("published_at", BigInteger, nullable=False),
    UniqueConstraint("tournament", "key"),
)
