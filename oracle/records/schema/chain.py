"""What follows from the chain and from committed artefacts; emptied, it is filled again."""

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

# Which tournaments are served, and up to which finalized block the tables follow the chain.
# ``state``: JSON, what of the pool's state no other table holds.
tournaments = Table(
    "tournaments",
    metadata,
    tournament(),
    Column("chain_id", BigInteger, nullable=False),
    Column("pool", String(42), nullable=False),
    Column("block", BigInteger, nullable=False),
    Column("block_hash", LargeBinary(32), nullable=False),
    Column("block_time", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
)

# Announced and skipped rounds; a skipped one has ``closes`` only. ``template``: JSON.
# ``final_at``: when the result is final unless it is challenged before; empty while challenged.
# ``ended``: settled, void or skipped. ``scored``: the manifest whose scores are in ``scores``.
rounds = Table(
    "rounds",
    metadata,
    tournament(),
    number(),
    Column("opens", BigInteger),
    Column("closes", BigInteger, nullable=False),
    Column("horizon", BigInteger),
    Column("phi", BigInteger),
    Column("series_hash", LargeBinary(32)),
    Column("spec_hash", LargeBinary(32)),
    Column("epoch", BigInteger),
    Column("template_hash", LargeBinary(32)),
    Column("announce_hash", LargeBinary(32)),
    Column("template", Text),
    Column("announced_at", BigInteger),
    Column("cancelled", Boolean, nullable=False),
    Column("committed_at", BigInteger),
    Column("final_at", BigInteger),
    Column("challenged_at", BigInteger),
    Column("confirmed_at", BigInteger),
    Column("chain_head", LargeBinary(32)),
    Column("at_risk", BigInteger),
    Column("words", BigInteger),
    Column("close_block_hash", LargeBinary(32)),
    Column("manifest", LargeBinary(32)),
    Column("meta_root", LargeBinary(32)),
    Column("begun_at", BigInteger),
    Column("coefficients", Text),
    Column("gains", BigInteger, nullable=False),
    Column("burns", BigInteger, nullable=False),
    Column("void_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("ended", String(8)),
    Column("stakes_taken", Boolean, nullable=False),
    Column("scored", LargeBinary(32)),
)

# ``uuid``: the id that clients know a model by.
models = Table(
    "models",
    metadata,
    tournament(),
    number("model"),
    Column("uuid", String(36), nullable=False, unique=True),
    Column("owner", String(42), nullable=False),
    Column("payout", String(42), nullable=False),
    Column("name_hash", LargeBinary(32), nullable=False),
    Column("registered_at", BigInteger, nullable=False),
    Column("next_payout", String(42)),
    Column("next_payout_at", BigInteger),
    Index("models_by_owner", "owner"),
    Index("models_by_name", "tournament", "name_hash"),
)

# Names that somebody said; the chain has their hashes only.
names = Table(
    "names",
    metadata,
    Column("name_hash", LargeBinary(32), primary_key=True),
    Column("name", Text, nullable=False),
)

positions = Table(
    "positions",
    metadata,
    tournament(),
    number("model"),
    Column("stake", BigInteger, nullable=False),
    Column("take_profit", Boolean, nullable=False),
    Column("claimable", BigInteger, nullable=False),
)

# What waits to be drained. ``place`` orders the records of a round as they were queued;
# ``release`` of everything is the largest amount; ``mode`` 0 none, 1 compound, 2 take-profit.
requests = Table(
    "requests",
    metadata,
    tournament(),
    number(),
    number("model"),
    Column("place", BigInteger, nullable=False),
    Column("deposit", BigInteger, nullable=False),
    Column("release", BigInteger, nullable=False),
    Column("mode", Integer, nullable=False),
)

# Everything that happened to a model or its money, one row an event. ``kind``: the event's name in
# lower case; ``account``: who gave or got; ``round``: the one it was for.
movements = Table(
    "movements",
    metadata,
    tournament(),
    number("block"),
    number("log_index"),
    Column("kind", String(24), nullable=False),
    Column("model", BigInteger, nullable=False),
    Column("round", BigInteger),
    Column("account", String(42), nullable=False),
    Column("amount", BigInteger),
    Column("transaction", LargeBinary(32), nullable=False),
    Column("time", BigInteger, nullable=False),
    Index("movements_by_account", "account"),
    Index("movements_by_model", "tournament", "model"),
)

# Projected stakes at each round's close block.
stakes_at_close = Table(
    "stakes_at_close",
    metadata,
    tournament(),
    number(),
    number("model"),
    Column("stake", BigInteger, nullable=False),
)

# What a settled batch did: ``stake`` before it, ``change`` with its sign, ``taken`` of a gain went
# to what can be claimed.
settlements = Table(
    "settlements",
    metadata,
    tournament(),
    number(),
    number("model"),
    Column("stake", BigInteger, nullable=False),
    Column("change", BigInteger, nullable=False),
    Column("taken", BigInteger, nullable=False),
    Index("settlements_by_model", "tournament", "model"),
)

# One row a model that sent something for a round or had stake in it, by the committed artefacts.
# ``status``: scored, late, rejected, none; ``reason`` why not scored.
results = Table(
    "results",
    metadata,
    tournament(),
    number(),
    number("model"),
    Column("status", String(8), nullable=False),
    Column("stake", BigInteger, nullable=False),
    Column("sha256", LargeBinary(32)),
    Column("sequence", BigInteger),
    Column("rho", BigInteger),
    Column("level", Integer),
    Column("reason", Text, nullable=False),
    Index("results_by_model", "tournament", "model"),
)

# ``name``: the score's column in the artefacts; ``percentile`` among the round's models at 10^-9.
scores = Table(
    "scores",
    metadata,
    tournament(),
    number(),
    number("model"),
    Column("name", String(16), primary_key=True),
    Column("value", BigInteger, nullable=False),
    Column("percentile", BigInteger, nullable=False),
    Index("scores_by_model", "tournament", "model"),
)
