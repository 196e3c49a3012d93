"""Votes on results, and what those follow from."""

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, LargeBinary, PrimaryKeyConstraint, String

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "votes",
        Column("round", BigInteger, nullable=False),
        Column("challenge", LargeBinary(length=32), nullable=False),
        Column("view", BigInteger, nullable=False),
        Column("step", Integer, nullable=False),
        Column("value", LargeBinary(length=32), nullable=False),
        Column("signature", LargeBinary(length=65), nullable=False),
        PrimaryKeyConstraint("round", "challenge", "view", "step"),
    )
    op.create_table(
        "heard",
        Column("round", BigInteger, nullable=False),
        Column("challenge", LargeBinary(length=32), nullable=False),
        Column("view", BigInteger, nullable=False),
        Column("step", Integer, nullable=False),
        Column("value", LargeBinary(length=32), nullable=False),
        Column("operator", String(length=42), nullable=False),
        Column("signature", LargeBinary(length=65), nullable=False),
        PrimaryKeyConstraint("round", "challenge", "view", "step", "value", "operator"),
    )
    op.create_table(
        "drafts",
        Column("round", BigInteger, nullable=False),
        Column("digest", LargeBinary(length=32), nullable=False),
        Column("page", Integer, autoincrement=False, nullable=False),
        Column("content", LargeBinary, nullable=False),
        PrimaryKeyConstraint("round", "digest", "page"),
    )
    op.create_table(
        "draft_targets",
        Column("round", BigInteger, nullable=False),
        Column("digest", LargeBinary(length=32), nullable=False),
        Column("sealed", LargeBinary, nullable=False),
        PrimaryKeyConstraint("round", "digest"),
    )
