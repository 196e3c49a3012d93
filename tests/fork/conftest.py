"""Both forks for a run of ``ape test``, which only ``make fork`` starts."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from fork_base import FILE, Base

if TYPE_CHECKING:
    from forks import Forks

# Without Ape's plugin and the chains to be forked there is nothing to collect.
collect_ignore_glob = [] if FILE in os.environ else ["test_*.py"]


@pytest.fixture(scope="session")
def base() -> Base:
    return Base.given()


@pytest.fixture(scope="session")
def opened_forks(base: Base) -> "Iterator[Forks]":
    from forks import opened  # Ape takes a second to load, and the other tests do without

    with opened(base) as forks:
        yield forks


@pytest.fixture
def forks(opened_forks: "Forks") -> "Iterator[Forks]":
    """Whatever a test does to the forks is taken back."""
    with opened_forks.chains.undone():
        yield opened_forks


@pytest.fixture(autouse=True)
def _untouched(base: Base) -> "Iterator[None]":
    """No test changes anything of base chains that run here."""
    yield
    if base.local:
        assert base.now() == base.before, "the base chains are not what they were"


@pytest.fixture
def local(base: Base) -> None:
    """Skips on real networks what needs keys that nobody here has."""
    if not base.local:
        pytest.skip("needs keys of Polygon's validators or administrators, or NMR's supply")
