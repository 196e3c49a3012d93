"""Databases of the tournament server, of both kinds: a SQLite file, and one of a real PostgreSQL
server. A ``conftest.py`` that wants them imports the fixtures."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import postgres
import pytest

from oracle.records import open_records
from oracle.store.database import Database

__all__ = ["database", "server", "where"]
_numbers = count()


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Server]:
    with postgres.server() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Path or URL of a database that is not made yet, or is empty."""
    if request.param == "sqlite":
        return str(tmp_path / "server.sqlite")
    return request.getfixturevalue("server").new_database(f"records{next(_numbers)}")


@pytest.fixture
def database(where: str) -> Iterator[Database]:
    """With the server's tables."""
    opened = open_records(where)
    yield opened
    opened.close()
