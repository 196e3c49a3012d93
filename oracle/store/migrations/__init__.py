"""Brings a database to this release's tables: the revisions in ``versions``, applied by Alembic.

A change to ``schema`` is a new file in ``versions`` and a new ``HEAD``; existing ones stay.
"""

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select

from oracle.errors import RefusedError

HEAD = "0003"
"""The newest revision; a database that is there already needs no Alembic to be opened."""

_version = Table("alembic_version", MetaData(), Column("version_num", String(32)))


def revision(connection: Connection) -> str | None:
    """The revision a database is at, or None if it was made before there were any, or is new."""
    if not inspect(connection).has_table(_version.name):
        return None
    return connection.execute(select(_version.c.version_num)).scalar_one_or_none()


def upgrade(connection: Connection) -> None:
    """An operator's database to ``HEAD``, in a transaction that writes; refuses a newer one."""
    bring_to(connection, HEAD, "oracle.store:migrations")


def bring_to(connection: Connection, head: str, scripts: str) -> None:
    """A database to revision ``head`` of Alembic's ``scripts``; refuses one they do not know."""
    found = revision(connection)
    if found == head:
        return
    # Loaded where it is needed: an operator that starts anew should not wait for it.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", scripts)
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise RefusedError(
            f"the database is of a newer release (revision {found}, this one knows {head})",
            "run the newer release; an older one would misread it",
        )
    command.upgrade(config, "head")
