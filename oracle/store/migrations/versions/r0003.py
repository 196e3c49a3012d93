"""Transactions of more than one chain."""

from alembic import op
from sqlalchemy import BigInteger, Column

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("transactions", Column("chain", BigInteger, nullable=False, server_default="0"))
