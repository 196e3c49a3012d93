"""Data sets built once for all tests that only read them."""

from pathlib import Path

import pytest

from oracle.datasets.dataset import Dataset
from oracle.datasets.market import build_market
from oracle.datasets.synthetic import build_synthetic


@pytest.fixture(scope="session")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("synthetic")
    return build_synthetic(
        folder / "data", folder / "secret", rows=120, features=15, eras=20, seed=11
    )


@pytest.fixture(scope="session")
def real_market(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("market")
    return build_market(folder / "data", folder / "secret", live_era=-1, seed=11)


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """Where a data set and its resolution go; neither exists yet."""
    return tmp_path / "data", tmp_path / "secret"
