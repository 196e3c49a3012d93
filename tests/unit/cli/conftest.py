"""Commands run in this process; a small data set and a model's files for those that look back."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command import Ran

from oracle.cli import main
from oracle.datasets.files import read_split
from oracle.datasets.synthetic import build_synthetic


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("ASSAY_"):
            monkeypatch.delenv(name)


@pytest.fixture
def assay(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Runs the command in this process, as the console script does."""

    def run(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["assay", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        done = capfd.readouterr()
        assert "Traceback" not in done.out + done.err
        return Ran(code, done.out, done.err)

    return run


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
