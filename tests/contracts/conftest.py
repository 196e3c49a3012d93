"""Fixtures of the contract tests: compiled contracts, and a deployed system per test."""

from collections.abc import Callable
from pathlib import Path

import boa
import pytest
from assay_system import ROOT, System, deploy
from compile_cache import keep_compiled

HERE = Path(__file__).parent

# Compiled contracts are kept between runs; nothing is written outside the repository.
keep_compiled(ROOT / ".cache" / "boa")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in Path(item.path).parents:
            item.add_marker(pytest.mark.chain)


@pytest.fixture(autouse=True)
def forget_traces() -> None:
    """Titanoboa's notes on storage outlive its isolation, and would describe a contract by the
    layout of another one that had the same address in an earlier test."""
    boa.env.sstore_trace.clear()
    boa.env.sha3_trace.clear()


@pytest.fixture(scope="module")
def system() -> System:
    """One system a module; the isolation of titanoboa undoes what each test does to it."""
    return deploy()


@pytest.fixture
def make_system() -> Callable[..., System]:
    """Deploys a system with parameters of its own."""
    return deploy


@pytest.fixture
def staker(system: System) -> str:
    """An account with tokens that the pool may take, owner of models 0 to 3."""
    return system.new_staker(models=4)


@pytest.fixture
def stranger() -> str:
    """An account without a role."""
    return boa.env.generate_address("stranger")
