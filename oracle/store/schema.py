"""Tables of an operator's database; ``migrations`` brings any older one here.

Times are seconds since 1970, hashes and signatures raw bytes, amounts decimal text.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()


def _submission_key() -> list[Column[Any]]:
    """What tells one submission from another; ``sequence`` orders those of one model."""
    return [
        Column("round", BigInteger, primary_key=True),
        Column("model", BigInteger, primary_key=True),
        Column("sha256", LargeBinary(32), primary_key=True),
        Column("sequence", BigInteger, primary_key=True),
    ]


# One row: the tournament this database belongs to.
owner = Table(
    "owner",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("chain_id", BigInteger, nullable=False),
    Column("pool", String(42), nullable=False),
)

# ``signature``: of the model's owner, or of a key he let sign (settlement/submitters.py);
# ``sealed``: the file, encrypted to the operators; ``size`` of the plain file; ``recipient``: to
# whom the model's owner wants it sealed, or empty.
submissions = Table(
    "submissions",
    metadata,
    *_submission_key(),
    Column("signature", LargeBinary, nullable=False),
    Column("size", Integer, nullable=False),
    Column("recipient", String, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

receipts = Table(
    "receipts",
    metadata,
    *_submission_key(),
    Column("operator", String(42), primary_key=True),
    Column("received", BigInteger, nullable=False),
    Column("signature", LargeBinary(65), nullable=False),
)

# Written before a signature is made. ``phase``: commit, or confirm:0x<challenge id>; of a row
# ``blocked``, whose digest is zero: nothing is signed any more up to this round.
signed = Table(
    "signed",
    metadata,
    Column("round", BigInteger, primary_key=True),
    Column("phase", String, primary_key=True),
    Column("digest", LargeBinary(32), nullable=False),
)

# This operator's votes on a round's result, or on the answer to the challenge with this id.
votes = Table(
    "votes",
    metadata,
    Column("round", BigInteger, primary_key=True),
    Column("challenge", LargeBinary(32), primary_key=True),
    Column("view", BigInteger, primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("value", LargeBinary(32), nullable=False),
    Column("signature", LargeBinary(65), nullable=False),
)

# Votes of other operators that were counted.
heard = Table(
    "heard",
    metadata,
    Column("round", BigInteger, primary_key=True),
    Column("challenge", LargeBinary(32), primary_key=True),
    Column("view", BigInteger, primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("value", LargeBinary(32), primary_key=True),
    Column("operator", String(42), primary_key=True),
    Column("signature", LargeBinary(65), nullable=False),
)

# What the results follow from that were voted for: submissions and receipts in pages of JSON.
drafts = Table(
    "drafts",
    metadata,
    Column("round", BigInteger, primary_key=True),
    Column("digest", LargeBinary(32), primary_key=True),
    Column("page", Integer, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
)

# And the targets that they were evaluated by, sealed.
draft_targets = Table(
    "draft_targets",
    metadata,
    Column("round", BigInteger, primary_key=True),
    Column("digest", LargeBinary(32), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)

# What proves a fault: canonical JSON, found again by its SHA-256.
evidence = Table(
    "evidence",
    metadata,
    Column("sha256", LargeBinary(32), primary_key=True),
    Column("round", BigInteger, nullable=False, index=True),
    Column("kind", String, nullable=False),
    Column("operator", String(42), nullable=False),
    Column("content", LargeBinary, nullable=False),
)

# Every transaction that was ever signed, before it was sent. ``status``: pending, mined, final,
# replaced, failed. Several rows of one nonce are replacements of each other.
transactions = Table(
    "transactions",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("account", String(42), nullable=False),
    Column("nonce", BigInteger, nullable=False),
    Column("call", String, nullable=False),
    Column("destination", String(42), nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("gas", BigInteger, nullable=False),
    Column("max_fee", String, nullable=False),
    Column("tip", String, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("status", String, nullable=False),
    Column("sent_at", BigInteger, nullable=False),
    Column("block_number", BigInteger),
    Column("block_hash", LargeBinary(32)),
    Column("chain", BigInteger, nullable=False, server_default="0"),
    Index("transactions_by_nonce", "account", "nonce"),
    Index("transactions_by_status", "account", "status"),
)

# Blocks that the index of events stopped at, to notice a reorganisation by.
blocks = Table(
    "blocks",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("parent", LargeBinary(32), nullable=False),
    Column("timestamp", BigInteger, nullable=False),
)

# Events of the tournament's contracts, undecoded.
logs = Table(
    "logs",
    metadata,
    Column("block_number", BigInteger, primary_key=True),
    Column("log_index", Integer, primary_key=True),
    Column("block_hash", LargeBinary(32), nullable=False),
    Column("transaction_hash", LargeBinary(32), nullable=False),
    Column("transaction_index", Integer, nullable=False),
    Column("address", String(42), nullable=False),
    Column("topic", LargeBinary(32), nullable=False),
    Column("round", BigInteger),
    Column("topics", LargeBinary, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Index("logs_by_topic", "topic", "round"),
)

# Targets, sealed, and from when they may be used.
vault = Table(
    "vault",
    metadata,
    Column("round", BigInteger, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("release_at", BigInteger, nullable=False),
    Column("source", String, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("size", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

# What submissions looked like when they were taken in; ``sealed`` is JSON.
diagnostics = Table(
    "diagnostics",
    metadata,
    *_submission_key(),
    Column("made_at", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

# Other operators' addresses and recipients, as they signed them.
cards = Table(
    "cards",
    metadata,
    Column("operator", String(42), primary_key=True),
    Column("url", Text, nullable=False),
    Column("recipient", String, nullable=False),
    Column("issued", BigInteger, nullable=False),
    Column("signature", LargeBinary(65), nullable=False),
)
