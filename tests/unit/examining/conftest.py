"""A server with published validation data, and an owner of a model."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from examined_data import ExaminedData, examined_data
from examined_uploads import Owner
from server_databases import database, server, where
from server_operators import Operators
from server_world import ServerWorld, server_world

__all__ = ["database", "server", "where"]


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> ExaminedData:
    return examined_data(tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerWorld]:
    with server_world(tmp_path_factory.mktemp("world")) as made:
        made.register("mine")
        made.register("another's")
        made.chain.finalize()
        yield made


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def owner(world: ServerWorld, published: ExaminedData, where: str, home: Path) -> Iterator[Owner]:
    config = Operators(world, {}).config(home, datasets=str(published.published))
    with world.serving(where, home, **config) as serving:
        serving.follow()
        yield Owner(world, serving)
