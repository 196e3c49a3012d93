"""The server's tables, made by its migrations, on both kinds of database."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import insert, select

from oracle.errors import RefusedError
from oracle.records import open_records
from oracle.records.migrations import HEAD
from oracle.records.schema import chain, metadata
from oracle.store.database import Database


def test_schema__and_migrations__make_the_same_tables(database: Database) -> None:
    with database.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_head__is_the_newest_revision() -> None:
    config = Config()
    config.set_main_option("script_location", "oracle.records:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_open__again__keeps_everything(where: str) -> None:
    first = open_records(where)
    with first.begin() as connection:
        connection.execute(insert(chain.names).values(name_hash=b"\x01" * 32, name="one"))
    first.close()
    again = open_records(where)
    assert again.read(lambda c: c.execute(select(chain.names.c.name)).scalar_one()) == "one"
    again.close()


def test_open__an_operators_database__refused(where: str) -> None:
    Database.open(where).close()
    with pytest.raises(RefusedError, match="revision 0003, this one knows s000"):
        open_records(where)


def test_open__the_servers_database_as_an_operators__refused(where: str) -> None:
    open_records(where).close()
    with pytest.raises(RefusedError, match="revision s000"):
        Database.open(where)
