"""Whose words a profile has."""

import sqlalchemy as sa
from alembic import op

revision = "s0006"
down_revision = "s0005"


def upgrade() -> None:
    op.add_column("profiles", sa.Column("owner", sa.String(length=42), nullable=True))
    # Until now a model had one profile whoever owned it: its owner of today keeps what is there.
    op.execute(
        "UPDATE profiles SET owner = (SELECT models.owner FROM models WHERE models.tournament = "
        "profiles.tournament AND models.model = profiles.model)"
    )
