"""Stake actions that owners let the server send, and the transactions it sent."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, Text

from oracle.records.schema.base import metadata, tournament
from oracle.store import schema as operators

# An owner's StakeMandate for the server's relayer. ``body``: JSON of its fields.
mandates = Table(
    "mandates",
    metadata,
    tournament(),
    Column("owner", String(42), primary_key=True),
    Column("hash", LargeBinary(32), primary_key=True),
    Column("body", Text, nullable=False),
    Column("signature", LargeBinary(65), nullable=False),
    Column("expiry", BigInteger, nullable=False),
    Column("stored_at", BigInteger, nullable=False),
)

# Requests passed on by mandate. ``transaction``: the last one sent for it.
relayed = Table(
    "relayed",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("tournament", Integer, nullable=False),
    Column("account", String(36), nullable=False),
    Column("model", BigInteger, nullable=False),
    Column("action", String(8), nullable=False),
    Column("amount", BigInteger),
    Column("mandate", LargeBinary(32), nullable=False),
    Column("round", BigInteger),
    Column("transaction", LargeBinary(32)),
    Column("status", String(8), nullable=False),
    Column("requested_at", BigInteger, nullable=False),
    Index("relayed_by_model", "tournament", "model"),
)

transactions = operators.transactions.to_metadata(metadata)
"""The same table as an operator's, so that ``oracle.store.transactions`` works on it."""
