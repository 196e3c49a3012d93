"""Accounts and what opens them. No password, and of secrets only hashes."""

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, String, Table, Text

from oracle.records.schema.base import metadata, number, tournament

# ``address``: checksummed, the wallet that signs in.
accounts = Table(
    "accounts",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("address", String(42), nullable=False, unique=True),
    Column("username", String(64), unique=True),
    Column("email", String(254)),
    Column("inserted_at", BigInteger, nullable=False),
)

# Given out for one sign-in each.
nonces = Table(
    "nonces",
    metadata,
    Column("nonce", String(32), primary_key=True),
    Column("expires_at", BigInteger, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("secret_hash", LargeBinary(32), primary_key=True),
    Column("account", String(36), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index("sessions_by_account", "account"),
)

# ``scopes``: names with a space between.
tokens = Table(
    "tokens",
    metadata,
    Column("public_id", String(32), primary_key=True),
    Column("account", String(36), nullable=False),
    Column("name", String(64), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("secret_hash", LargeBinary(32), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    Index("tokens_by_account", "account"),
)

# What a model's owner says of it; of no account once the model has another. ``webhook``: called
# when a round opens.
profiles = Table(
    "profiles",
    metadata,
    tournament(),
    number("model"),
    Column("bio", Text),
    Column("link_text", Text),
    Column("link_url", Text),
    Column("webhook", Text),
    Column("webhook_secret", LargeBinary(32)),
    Column("webhook_enabled", Boolean, nullable=False),
    Column("owner", String(42)),
)
