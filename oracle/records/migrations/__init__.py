"""Brings the server's database to this release's tables: the revisions in ``versions``.

A change to ``schema`` is a new file in ``versions`` and a new ``HEAD``; existing ones stay.
"""

from sqlalchemy import Connection

from oracle.store.migrations import bring_to

HEAD = "s0006"
"""The newest revision."""


def upgrade(connection: Connection) -> None:
    """To ``HEAD``, in a transaction that writes; refuses a database of a newer release, and one
    that is an operator's."""
    bring_to(connection, HEAD, "oracle.records:migrations")
