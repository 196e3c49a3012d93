"""Databases of both kinds: a SQLite file, and one of a real PostgreSQL server."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import postgres
import pytest

from oracle.store.database import Database

_numbers = count()


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Server]:
    with postgres.server() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Path or URL of a database that is not made yet, or is empty."""
    if request.param == "sqlite":
        return str(tmp_path / "deep" / "journal.sqlite")
    return request.getfixturevalue("server").new_database(f"test{next(_numbers)}")


@pytest.fixture
def open_database() -> Iterator[Callable[..., Database]]:
    """Opens databases, each call anew, and closes them after the test."""
    opened = []

    def opener(where: str, **options: float) -> Database:
        opened.append(Database.open(where, **options))
        return opened[-1]

    yield opener
    for database in opened:
        database.close()


@pytest.fixture
def database(where: str, open_database: Callable[..., Database]) -> Database:
    return open_database(where)
