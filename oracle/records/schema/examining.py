"""Validation uploads and what was found out about them."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, Text

from oracle.records.schema.base import metadata

# ``status``: pending, done, failed; ``message`` says why. ``result``: JSON.
diagnostics = Table(
    "diagnostics",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account", String(36), nullable=False),
    Column("tournament", Integer, nullable=False),
    Column("model", BigInteger, nullable=False),
    Column("filename", String(160), nullable=False),
    Column("key", String(160), nullable=False),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("status", String(16), nullable=False),
    Column("message", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("inserted_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("diagnostics_by_model", "tournament", "model"),
)
