"""A small data set and a model's files, for commands that look at the past."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from oracle.datasets.files import read_split
from oracle.datasets.synthetic import build_synthetic


@dataclass(frozen=True)
class Files:
    """Folder of the data set, and a model's predictions for its live and validation rows."""

    data: Path
    live: Path
    past: Path


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("modelled")
    data = folder / "data"
    build_synthetic(data, folder / "secret", rows=60, features=10, eras=20, seed=5)
    rng = np.random.default_rng(1)
    for split in ("live", "validation"):
        rows = read_split(data, split, ["era"])
        pd.DataFrame({"prediction": rng.random(len(rows))}, rows.index).to_csv(
            folder / f"{split}.csv"
        )
    return Files(data, folder / "live.csv", folder / "validation.csv")
