"""A tournament with some history, served over databases of both kinds."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from server_world import ServerWorld, Serving, server_world

__all__ = ["History", "history", "play", "serving"]

NAMES = ("alpha", "beta", "gamma", "delta")


@dataclass(frozen=True, slots=True)
class History:
    """Two settled rounds, and an open one. ``alpha`` and ``beta`` did well and badly; ``gamma`` has
    stake and sent a file to the second round only, too late; ``delta`` is of the owner of
    ``alpha``, has no stake, and nobody said its name."""

    world: ServerWorld
    settled: tuple[int, int]
    open: int
    alpha: int
    beta: int
    gamma: int
    delta: int


def play(world: ServerWorld) -> History:
    """Plays it."""
    alpha, beta, gamma, delta = (world.register(name) for name in NAMES)
    first = world.play({alpha: 9, beta: 0}, nmr=5)
    second = world.announce().round
    files = world.files[second]
    world.stake(gamma, 2)
    world.submit(second, alpha, files.predictions(3))
    world.submit(second, beta, files.predictions(1))
    world.submit(second, gamma, files.predictions(5), late=True)
    world.close(second)
    world.commit(second)
    world.settle(second)
    last = world.announce(window=4_000).round
    world.stake(alpha, 1.5)
    world.chain.finalize()
    return History(world, (first, second), last, alpha, beta, gamma, delta)


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    with server_world(tmp_path_factory.mktemp("history")) as world:
        yield play(world)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def serving(
    request: pytest.FixtureRequest, history: History, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Serving]:
    """A server that has followed all of it, and knows three names."""
    where = f"{request.param}.sqlite"
    if request.param == "postgresql":
        where = request.getfixturevalue("server").new_database(f"played{id(request)}")
    home = tmp_path_factory.mktemp("home")
    with history.world.serving(where, home) as running:
        for name in NAMES[:3]:
            running.services.models.say(name)
        running.follow()
        yield running
