from collections.abc import Iterator
from pathlib import Path

import pytest
from served_pages import browser, served_app
from server_history import history_world
from server_world import ServerWorld, server_world
from shown_history import Shown, play_shown

from oracle.gateway.run import Server

__all__ = ["browser", "history_world"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="module")
def history_app(
    history_world: ServerWorld, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """The app over a tournament with a settled round and an open one."""
    with served_app(history_world, tmp_path_factory.mktemp("app")) as running:
        yield running


@pytest.fixture(scope="session")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """A tournament with something to see on every page, and the app over it."""
    root = tmp_path_factory.mktemp("shown")
    with server_world(root) as world:
        played = play_shown(world)
        with served_app(world, root / "app") as running:
            played.served_by(running)
            yield played
