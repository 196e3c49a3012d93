"""Eras are streamed whole, in order, whatever the file's row groups are."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from oracle.audit import eras as module
from oracle.audit.eras import NO_TARGET, stream_eras
from oracle.datasets.dataset import Dataset, DatasetError
from oracle.datasets.files import read_split


def frame(**columns: object) -> pd.DataFrame:
    """Four rows in two eras."""
    standard = {
        "id": ["a", "b", "c", "d"],
        "era": ["0001", "0001", "0002", "0002"],
        "feature_x": np.array([0, 1, 2, 3], np.int8),
        "target": [0.0, 0.25, 0.5, 1.0],
    }
    return pd.DataFrame({**standard, **columns})


def stream(folder: Path, content: pd.DataFrame, **options: int) -> list[module.Era]:
    content.to_parquet(folder / "x.parquet", **options)
    return list(stream_eras(folder / "x.parquet", ("feature_x",), "target"))


@pytest.mark.parametrize("step", [1, 7, 10**9])
def test_stream__any_batch_size__equals_the_data_set_reader(
    data: Dataset, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    monkeypatch.setattr(module, "BATCH_ELEMENTS", step * (len(data.features) + 3))
    found = list(stream_eras(data.root / "validation.parquet", data.features, "target"))
    assert tuple(era.name for era in found) == data.eras["validation"]
    whole = read_split(data.root, "validation")
    for era in found:
        wanted = whole[whole["era"] == era.name]
        assert [name.decode() for name in era.ids] == list(wanted.index)
        assert era.features.dtype == np.int8
        assert (era.features == wanted[list(data.features)].to_numpy()).all()
        assert (era.target == np.rint(wanted["target"].to_numpy() * 1e9)).all()


def test_stream__several_row_groups_an_era__one_era(tmp_path: Path) -> None:
    found = stream(tmp_path, frame(), row_group_size=1)
    assert [(era.name, era.ids.tolist()) for era in found] == [
        ("0001", [b"a", b"b"]),
        ("0002", [b"c", b"d"]),
    ]


def test_stream__missing_target_and_feature__marked_and_middle(tmp_path: Path) -> None:
    found = stream(
        tmp_path,
        frame(target=[0.5, np.nan, 1, 0], feature_x=np.array([0, np.nan, 4, 1], np.float32)),
    )
    assert found[0].target.tolist() == [500_000_000, NO_TARGET]
    assert found[0].features[:, 0].tolist() == [0, 2]
    assert found[0].rows(found[0].target != NO_TARGET).ids.tolist() == [b"a"]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"era": ["1", "2", "1", "2"]}, "rows of era 1 are not together"),
        ({"era": ["1", None, "1", "2"]}, "column era has missing values"),
        ({"id": ["a", "a", "c", "d"]}, "id a occurs more than once in era 0001"),
        ({"id": ["a", None, "c", "d"]}, "ids must be short texts"),
        ({"feature_x": [0.5, 1, 2, 3]}, "feature_x holds values that are no small whole"),
        ({"feature_x": [0, 1, 2, 1000]}, "feature_x holds values that are no small whole"),
        ({"feature_x": [0, 1, 2, np.inf]}, "feature_x holds values that are no small whole"),
        ({"feature_x": ["a", "b", "c", "d"]}, "features are whole numbers"),
        ({"target": [0.0, 2, 0, 1]}, r"targets outside \[0, 1\]"),
        ({"target": ["a", "b", "c", "d"]}, "targets are floats"),
    ],
)
def test_stream__bad_content__named_reason(
    tmp_path: Path, columns: dict[str, object], reason: str
) -> None:
    with pytest.raises(DatasetError, match=reason):
        stream(tmp_path, frame(**columns))


@pytest.mark.parametrize("column", ["era", "feature_x", "target"])
def test_stream__column_missing__named(tmp_path: Path, column: str) -> None:
    with pytest.raises(DatasetError, match=f"column {column} is missing"):
        stream(tmp_path, frame().drop(columns=column))


def test_stream__no_ids_or_no_parquet__named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no ids"):
        stream(tmp_path, frame().drop(columns="id"))
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(DatasetError, match="cannot be read as Parquet"):
        list(stream_eras(tmp_path / "x.parquet", (), None))
