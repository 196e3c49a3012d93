"""Reading: whatever a real tournament's files may look like, and what is refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.datasets.dataset import Dataset, DatasetError
from oracle.datasets.files import (
    count_rows,
    live_ids,
    open_dataset,
    read_benchmarks,
    read_split,
    read_targets_csv,
)


@pytest.fixture
def copy(synthetic: Dataset, tmp_path: Path) -> Path:
    """A data set that a test may damage."""
    return Path(shutil.copytree(synthetic.root, tmp_path / "copy"))


def _rewrite(path: Path, **changes: object) -> None:
    pd.read_parquet(path).assign(**changes).to_parquet(path)


def test_read_split__columns__in_the_order_asked_for(synthetic: Dataset) -> None:
    columns = ["target", synthetic.features[3], "era"]
    frame = read_split(synthetic.root, "train", columns)
    assert list(frame.columns) == columns
    assert frame.index.name == "id"
    assert frame[synthetic.features[3]].dtype == np.int8
    assert frame["target"].dtype == np.float32
    whole = pd.read_parquet(synthetic.root / "train.parquet")
    pd.testing.assert_frame_equal(frame, whole[columns])


def test_read_split__eras__only_their_rows(synthetic: Dataset) -> None:
    wanted = synthetic.eras["train"][2:4]
    frame = read_split(synthetic.root, "train", ["target"], wanted)
    whole = read_split(synthetic.root, "train")
    assert frame.index.equals(whole.index[whole["era"].isin(wanted)])
    assert count_rows(synthetic.root, "train") == len(whole)


def test_open_dataset__ids_in_a_column__read_like_an_index(synthetic: Dataset, copy: Path) -> None:
    for split in ("train", "live"):
        path = copy / f"{split}.parquet"
        pd.read_parquet(path).reset_index().to_parquet(path, index=False)
    assert live_ids(copy) == synthetic.live_ids
    for split in ("train", "live"):
        pd.testing.assert_frame_equal(read_split(copy, split), read_split(synthetic.root, split))


def test_open_dataset__index_without_a_name__read_like_an_index(
    synthetic: Dataset, copy: Path
) -> None:
    path = copy / "live.parquet"
    pd.read_parquet(path).rename_axis(None).to_parquet(path)
    assert open_dataset(copy).live_ids == synthetic.live_ids


def test_open_dataset__numeric_like_files__no_about_file_and_float_features(copy: Path) -> None:
    """A release without our own dataset.json, features as floats with NaN, live without targets."""
    (copy / "dataset.json").unlink()
    frame = pd.read_parquet(copy / "live.parquet")
    frame = frame[[c for c in frame.columns if not c.startswith("target")]]
    frame["feature_0000"] = frame["feature_0000"].astype(float).mask(frame["feature_0000"] == 2)
    frame.to_parquet(copy / "live.parquet")
    dataset = open_dataset(copy)
    assert (dataset.name, dataset.description) == ("copy", "")
    assert read_split(copy, "live")["feature_0000"].isna().any()


def test_open_dataset__only_live__opens(synthetic: Dataset, copy: Path) -> None:
    for split in ("train", "validation"):
        (copy / f"{split}.parquet").unlink()
    dataset = open_dataset(copy)
    assert tuple(dataset.eras) == ("live",)
    assert dataset.live_ids == synthetic.live_ids


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "features.json is missing"),
        ("{", "cannot be read as JSON"),
        ("[]", "must be a JSON object"),
        ("{}", "feature_sets must map names to lists"),
        ('{"feature_sets": {"all": "feature_0000"}}', "feature_sets must map names to lists"),
        ('{"feature_sets": {"small": ["feature_0000"]}}', "lacks the set `all`"),
        ('{"feature_sets": {"all": ["feature_0000"]}}', "targets must be a list"),
        ('{"feature_sets": {"all": ["feature_x"]}, "targets": ["target"]}', "column feature_x"),
        (
            '{"feature_sets": {"all": ["feature_0000"]}, "targets": ["target_y"]}',
            "train.parquet: target column target_y is missing",
        ),
    ],
)
def test_open_dataset__bad_features_json__error_says_what(
    copy: Path, content: str | None, message: str
) -> None:
    path = copy / "features.json"
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(DatasetError, match=message):
        open_dataset(copy)


def test_open_dataset__no_split__error(copy: Path) -> None:
    for split in ("train", "validation", "live"):
        (copy / f"{split}.parquet").unlink()
    with pytest.raises(DatasetError, match=r"no train\.parquet, validation\.parquet"):
        open_dataset(copy)


@pytest.mark.parametrize("kept", [0, 3, 200, -1])
def test_open_dataset__truncated_parquet__error_names_the_file(copy: Path, kept: int) -> None:
    path = copy / "validation.parquet"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DatasetError, match=r"validation\.parquet: cannot be read as Parquet"):
        open_dataset(copy)
    with pytest.raises(DatasetError, match=r"validation\.parquet: cannot be read as Parquet"):
        read_split(copy, "validation")


def test_read_split__damaged_pages__error_names_the_file(copy: Path) -> None:
    path = copy / "live.parquet"
    raw = bytearray(path.read_bytes())
    raw[4:2000] = bytes(1996)
    path.write_bytes(raw)
    with pytest.raises(DatasetError, match=r"live\.parquet: cannot be read as Parquet"):
        read_split(copy, "live")


def test_open_dataset__eras_not_strings__error(copy: Path) -> None:
    path = copy / "train.parquet"
    _rewrite(path, era=pd.read_parquet(path)["era"].astype(int))
    with pytest.raises(DatasetError, match=r"train\.parquet: column era is int64.*strings"):
        open_dataset(copy)


def test_open_dataset__era_missing_values__error(copy: Path) -> None:
    path = copy / "train.parquet"
    eras = pd.read_parquet(path)["era"]
    eras.iloc[:3] = None
    _rewrite(path, era=eras)
    with pytest.raises(DatasetError, match=r"column era has 3 missing values"):
        open_dataset(copy)


def test_read_split__feature_of_text__error_names_the_column(copy: Path) -> None:
    _rewrite(copy / "train.parquet", feature_0003="high")
    with pytest.raises(DatasetError, match=r"column feature_0003 is .*string.*0-4"):
        read_split(copy, "train")


def test_read_split__integer_target__error_names_the_column(copy: Path) -> None:
    _rewrite(copy / "train.parquet", target=1)
    with pytest.raises(DatasetError, match=r"column target is int64; it must be floats"):
        read_split(copy, "train", ["target"])


def test_read_split__missing_column__error_names_it(synthetic: Dataset) -> None:
    with pytest.raises(DatasetError, match=r"train\.parquet: column feature_z is missing"):
        read_split(synthetic.root, "train", ["feature_z"])


def test_read_split__missing_file_or_unknown_split__error(copy: Path) -> None:
    (copy / "train.parquet").unlink()
    with pytest.raises(DatasetError, match=r"train\.parquet is missing"):
        read_split(copy, "train")
    with pytest.raises(DatasetError, match="no split test"):
        read_split(copy, "test")


def test_live_ids__absent_or_numeric_or_twice__error(copy: Path) -> None:
    path = copy / "live.parquet"
    frame = pd.read_parquet(path)
    frame.to_parquet(path, index=False)
    with pytest.raises(DatasetError, match="no ids"):
        live_ids(copy)
    frame.set_axis(range(len(frame))).rename_axis("id").reset_index().to_parquet(path, index=False)
    with pytest.raises(DatasetError, match="ids must be text, found int64"):
        live_ids(copy)
    pd.concat([frame, frame.iloc[[4]]]).to_parquet(path)
    with pytest.raises(DatasetError, match=f"id {frame.index[4]} occurs more than once"):
        live_ids(copy)


def test_read_benchmarks__a_split__float_columns_of_its_rows(
    synthetic: Dataset, copy: Path
) -> None:
    frame = read_benchmarks(synthetic.root, "live")
    assert tuple(frame.index) == synthetic.live_ids
    assert list(frame.columns) == ["benchmark_ridge_20", "benchmark_ridge_60", "benchmark_vote"]
    path = copy / "live_benchmark_models.parquet"
    _rewrite(path, benchmark_vote="up")
    with pytest.raises(DatasetError, match="a column of floats for each"):
        read_benchmarks(copy, "live")
    path.unlink()
    with pytest.raises(DatasetError, match=r"live_benchmark_models\.parquet is missing"):
        read_benchmarks(copy, "live")


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=20))
def test_read_targets_csv__decimals__exact_integers(
    tmp_path_factory: pytest.TempPathFactory, targets: list[int]
) -> None:
    path = tmp_path_factory.mktemp("targets") / "targets.csv"
    lines = [f"n{i},{t // 10**9}.{t % 10**9:09d}" for i, t in enumerate(targets)]
    path.write_text("\n".join(["id,target", *lines, ""]))
    ids, read = read_targets_csv(path)
    assert ids == tuple(f"n{i}" for i in range(len(targets)))
    assert read.dtype == np.int64
    assert read.tolist() == targets


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1 must be id,target"),
        ("id;target\n", "line 1 must be id,target"),
        ("id,target\n", "no targets after the header"),
        ("id,target\na,0.5\nb\n", "line 3 must be an id, a comma and a target"),
        ("id,target\na,0.5\na,0.5\n", "line 3: id a occurs a second time"),
        ("id,target\na,NaN\n", r"line 2: the target of a is missing"),
        ("id,target\na,1.01\n", r"line 2: the target of a is outside \[0, 1\]"),
        ("id,target\na,half\n", "line 2: the target of a is not a decimal number"),
    ],
)
def test_read_targets_csv__bad_content__error_names_the_line(
    tmp_path: Path, content: str, message: str
) -> None:
    path = tmp_path / "targets.csv"
    path.write_text(content)
    with pytest.raises(DatasetError, match=message):
        read_targets_csv(path)


def test_read_targets_csv__missing_or_not_text__error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be read as CSV"):
        read_targets_csv(tmp_path / "none.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetError, match="cannot be read as CSV"):
        read_targets_csv(tmp_path / "binary.csv")


def test_open_dataset__features_json__sets_kept_in_order(synthetic: Dataset) -> None:
    stored = json.loads((synthetic.root / "features.json").read_text())["feature_sets"]
    assert {k: tuple(v) for k, v in stored.items()} == synthetic.feature_sets
