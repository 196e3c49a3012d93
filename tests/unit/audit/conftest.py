"""A small data set, built once for all tests that only read it."""

from pathlib import Path

import pytest

from oracle.datasets.dataset import Dataset
from oracle.datasets.files import open_dataset
from oracle.datasets.synthetic import build_synthetic


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("audited")
    build_synthetic(folder / "data", folder / "secret", rows=60, features=10, eras=20, seed=5)
    return open_dataset(folder / "data")


@pytest.fixture
def copy(data: Dataset, tmp_path: Path) -> Path:
    """The same files in a folder that a test may change."""
    folder = tmp_path / "copy"
    folder.mkdir()
    for file in data.root.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder
