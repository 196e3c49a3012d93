"""A tournament with three models, its operators, and a server; a round that is open."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from server_databases import database, server, where
from server_operators import Operators, allow, serving_operators
from server_people import Person, next_round
from server_world import ServerWorld, Serving, server_world

__all__ = ["database", "server", "where"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerWorld]:
    with server_world(tmp_path_factory.mktemp("world")) as made:
        for number in range(3):
            made.register(f"model {number}")
        yield made


@pytest.fixture(scope="module")
def operators(world: ServerWorld, tmp_path_factory) -> Iterator[Operators]:
    with serving_operators(world, tmp_path_factory.mktemp("operators")) as running:
        yield running


@pytest.fixture
def serving(world: ServerWorld, operators: Operators, where: str, tmp_path: Path):
    with world.serving(where, tmp_path / "home", **operators.config(tmp_path)) as made:
        yield made


@pytest.fixture
def number(world: ServerWorld, serving: Serving) -> int:
    """A new round, open, and known to the server."""
    return next_round(world, serving)


@pytest.fixture
def person(world: ServerWorld, serving: Serving, number: int) -> Person:
    """An owner who let the server sign."""
    made = Person(world, serving)
    allow(serving, world, made.wallet)
    return made
