"""A published data set, a model's predictions for its past, and what is to be found in them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from oracle.audit.diagnose import diagnose
from oracle.audit.predictions import read_predictions
from oracle.audit.telling import report_json
from oracle.datasets.files import open_dataset, read_split
from oracle.datasets.synthetic import build_synthetic


@dataclass(frozen=True, slots=True)
class ExaminedData:
    """``published``: the folder of data sets; ``raw``: the predictions, CSV."""

    published: Path
    folder: Path
    raw: bytes

    def expected(self, raw: bytes | None = None) -> dict[str, Any]:
        """What is to be found, worked out here."""
        file = self.published.parent / "expected.csv"
        file.write_bytes(self.raw if raw is None else raw)
        report = diagnose(open_dataset(self.folder), [read_predictions(file)], "small", "target")
        found: dict[str, Any] = json.loads(json.dumps(report_json(report)))
        return found


def examined_data(root: Path) -> ExaminedData:
    """Two versions of a data set, of which the newer one counts."""
    published = root / "published"
    for version, eras in (("v9.0", 12), ("v10.0", 20)):
        folder = published / version
        build_synthetic(folder, root / "secret" / version, rows=60, features=10, eras=eras, seed=5)
    newest = published / "v10.0"
    rows = read_split(newest, "validation", ["era"])
    values = np.random.default_rng(3).random(len(rows))
    frame = pd.DataFrame({"era": rows["era"], "prediction": values}, rows.index)
    return ExaminedData(published, newest, frame.to_csv().encode())
