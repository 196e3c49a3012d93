"""A tournament with a settled round behind it and one that is open, and a server on it over each
kind of database. A ``conftest.py`` or test file that wants them imports the fixtures."""

from collections.abc import Iterator
from itertools import count

import pytest
from server_stakes import relayer_config
from server_world import ServerWorld, Serving, server_world

from oracle.settlement.units import TAKE_PROFIT

__all__ = ["history_serving", "history_world"]
EIGHT = 8
SKILLS = {0: 9, 1: 4, 2: 0, 3: 2, 4: 6}
"""Of the models that took part in round 1."""
_numbers = count()


@pytest.fixture(scope="module")
def history_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerWorld]:
    """Six models, of which the last never did anything; model 1 takes profits. Round 1 is settled,
    round 2 is open with a deposit of model 0 and a release of model 2 waiting."""
    with server_world(tmp_path_factory.mktemp("world")) as made:
        for name in ("one", "two", "=three", "four", "five", "six"):
            made.register(name)
        made.writer(made.owner(1)).set_mode(1, TAKE_PROFIT, 1)
        made.play(SKILLS, nmr=2.5)
        made.announce(window=4_000)
        made.stake(0)
        made.writer(made.owner(2)).request_release(2, None, 2)
        made.chain.finalize()
        yield made


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def history_serving(
    request: pytest.FixtureRequest,
    history_world: ServerWorld,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Serving]:
    """A server that has followed the chain, with a relayer."""
    home = tmp_path_factory.mktemp("home")
    where = str(home / "server.sqlite")
    if request.param == "postgresql":
        where = request.getfixturevalue("server").new_database(f"history{next(_numbers)}")
    with history_world.serving(where, home, **relayer_config(history_world, home)) as made:
        made.follow()
        yield made
