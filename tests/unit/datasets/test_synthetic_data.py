"""The generator: deterministic, of the documented format, with a signal that decays."""

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.datasets import synthetic as generator
from oracle.datasets.dataset import EMBARGO_ERAS, SPLITS, Dataset, DatasetError
from oracle.datasets.files import (
    content_digest,
    file_digest,
    open_dataset,
    read_split,
    read_targets_csv,
)
from oracle.datasets.synthetic import RAINIER, build_synthetic, make_plan

TOY = {"rows": 40, "features": 8, "eras": 10}


def _build(folder: Path, seed: int) -> tuple[str, bytes]:
    dataset = build_synthetic(folder / "data", folder / "secret", **TOY, seed=seed)
    return content_digest(dataset.root), (folder / "secret/live_targets.csv").read_bytes()


def test_build_synthetic__same_seed__same_content(tmp_path: Path) -> None:
    first, second, other = (
        _build(tmp_path / name, seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first == second
    assert first[0] != other[0]
    assert first[1] != other[1]


def test_build_synthetic__files__the_documented_ones(synthetic: Dataset) -> None:
    assert sorted(path.name for path in synthetic.root.iterdir()) == [
        "dataset.json",
        "features.json",
        "live.parquet",
        "live_benchmark_models.parquet",
        "live_example_preds.csv",
        "meta_model.parquet",
        "train.parquet",
        "validation.parquet",
        "validation_benchmark_models.parquet",
        "validation_example_preds.parquet",
    ]
    secret = synthetic.root.parent / "secret"
    assert [path.name for path in secret.iterdir()] == ["live_targets.csv"]
    assert open_dataset(synthetic.root) == synthetic


def test_build_synthetic__train_file__one_row_group_an_era(synthetic: Dataset) -> None:
    """What keeps memory bounded: an era is written before the next is made."""
    with pq.ParquetFile(synthetic.root / "train.parquet") as file:
        groups = [file.read_row_group(i, ["era"]) for i in range(file.num_row_groups)]
    assert [set(group.column("era").to_pylist()) for group in groups] == [
        {era} for era in synthetic.eras["train"]
    ]


def test_build_synthetic__many_eras__blocks_are_consumed_one_at_a_time(
    places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, seen = [], []
    real = generator._block

    def counted(*arguments: object) -> object:
        made.append(len(seen))
        return real(*arguments)

    monkeypatch.setattr(generator, "_block", counted)
    build_synthetic(*places, **TOY, seed=1, progress=lambda done, *_: seen.append(done))
    assert made == list(range(TOY["eras"] + 1))


def test_build_synthetic__eras__gaps_of_the_embargo(synthetic: Dataset) -> None:
    train, validation, live = (
        [int(era) for era in synthetic.eras[split]] for split in ("train", "validation", "live")
    )
    assert len(train) + len(validation) == 20
    for part in (train, validation):
        assert part == list(range(part[0], part[0] + len(part)))
    assert validation[0] - train[-1] == live[0] - validation[-1] == EMBARGO_ERAS


def test_build_synthetic__targets__documented_proportions_and_missing_ones(
    synthetic: Dataset,
) -> None:
    frame = read_split(synthetic.root, "train")
    assert frame["target"].equals(frame["target_residual_20"].rename("target"))
    short = [name for name in synthetic.targets if not name.endswith("_60")]
    assert frame[short].notna().all(axis=None)
    missing = frame[[name for name in synthetic.targets if name.endswith("_60")]].isna().mean()
    assert missing.between(0.002, 0.06).all()
    for _, values in frame.groupby("era")["target"]:
        counts = values.value_counts()
        assert [int(counts[v]) for v in (0, 0.25, 0.5, 0.75, 1)] == [6, 24, 60, 24, 6]


def test_build_synthetic__names__sets_nested_and_targets_of_both_horizons(
    synthetic: Dataset,
) -> None:
    sets = synthetic.feature_sets
    assert set(sets["small"]) < set(sets["medium"]) < set(sets["all"])
    assert len(sets["all"]) == 15
    for horizon in (20, 60):
        assert sum(name.endswith(f"_{horizon}") for name in synthetic.targets) == 3
    stored = json.loads((synthetic.root / "features.json").read_text())
    assert stored["targets"] == list(synthetic.targets)


def test_build_synthetic__predictions__of_exactly_the_rows(synthetic: Dataset) -> None:
    root = synthetic.root
    validation = read_split(root, "validation", ["era"])
    for name in ("validation_benchmark_models", "validation_example_preds", "meta_model"):
        frame = pd.read_parquet(root / f"{name}.parquet")
        assert frame.index.equals(validation.index), name
        numbers = frame.select_dtypes("number")
        assert ((numbers > 0) & (numbers < 1)).all(axis=None)
    live = pd.read_csv(root / "live_example_preds.csv")
    assert list(live.columns) == ["id", "prediction"]
    assert tuple(live["id"]) == synthetic.live_ids
    assert read_targets_csv(root.parent / "secret/live_targets.csv")[0] == synthetic.live_ids


def test_build_synthetic__ids__unique_over_all_eras(synthetic: Dataset) -> None:
    splits = [read_split(synthetic.root, s, ["era"]) for s in ("train", "validation", "live")]
    assert pd.concat(splits).index.is_unique


@pytest.fixture(scope="module")
def long_run(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("long")
    return build_synthetic(
        folder / "data", folder / "secret", rows=1500, features=20, eras=60, seed=5
    )


def _signal_by_era(dataset: Dataset, target: str) -> np.ndarray:
    """Correlation of the target with the informative features, weighted as the plan says."""
    count = sum(len(dataset.eras[split]) for split in ("train", "validation"))
    plan = make_plan(5, len(dataset.features), count + 1)
    columns = [dataset.features[i] for i in plan.informative]
    frame = pd.concat([read_split(dataset.root, split) for split in ("train", "validation")])
    return np.array(
        [
            np.corrcoef(era[columns].to_numpy() @ plan.weights, era[target].fillna(0.5))[0, 1]
            for _, era in frame.groupby("era")
        ]
    )


@pytest.mark.parametrize("target", ["target", "target_scaled_60"])
def test_build_synthetic__informative_features__signal_that_decays(
    long_run: Dataset, target: str
) -> None:
    """Compared within the first regime, since the others change the signal by design."""
    regimes = make_plan(5, 20, 61).regimes[:60]
    by_era, first = _signal_by_era(long_run, target), regimes == 0
    early, late = first & (np.arange(60) < 20), first & (np.arange(60) >= 40)
    assert early.sum() >= 8
    assert late.sum() >= 8
    assert by_era[early].mean() > 0.08
    assert 0.02 < by_era[late].mean() < 0.8 * by_era[early].mean()


def test_build_synthetic__uninformative_features__no_signal(long_run: Dataset) -> None:
    plan = make_plan(5, 20, 61)
    groups = {int(i) // generator.GROUP_SIZE for i in plan.informative}
    blank = [i for i in range(20) if i // generator.GROUP_SIZE not in groups]
    frame = read_split(long_run.root, "train")
    # Without a group in common, nothing but chance relates a feature to the target.
    for column in blank:
        assert abs(frame[long_run.features[column]].corr(frame["target"])) < 0.02


def test_strength__regimes__change_it_and_age_lowers_it() -> None:
    plan = make_plan(0, 20, 200)
    assert set(plan.regimes.tolist()) == {0, 1, 2}
    calm = replace(plan, regimes=np.zeros(200, dtype=np.int64))
    for horizon in (20, 60):
        strengths = [calm.strength(position, horizon) for position in range(200)]
        assert strengths == sorted(strengths, reverse=True)
        assert 0 < strengths[-1] < 0.6 * strengths[0]
        for position in (0, 50, 199):
            by_regime = [
                replace(plan, regimes=np.full(200, regime)).strength(position, horizon)
                for regime in range(3)
            ]
            assert by_regime[0] > by_regime[1] > 0 > by_regime[2]


@settings(max_examples=8, deadline=None)
@given(st.integers(20, 60), st.integers(5, 12), st.integers(10, 14), st.integers(0, 2**40))
def test_build_synthetic__any_size__opens_as_built(
    tmp_path_factory: pytest.TempPathFactory, rows: int, features: int, eras: int, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("any")
    dataset = build_synthetic(
        folder / "data", folder / "secret", rows=rows, features=features, eras=eras, seed=seed
    )
    assert open_dataset(dataset.root) == dataset
    assert len(dataset.live_ids) == rows
    for split in ("train", "validation", "live"):
        frame = read_split(dataset.root, split)
        assert len(frame) == rows * len(dataset.eras[split])
        assert frame[list(dataset.features)].isin(range(5)).all(axis=None)


def test_build_synthetic__small_default__committed_content(tmp_path: Path) -> None:
    """Other sizes of this data set must not change it: people compare results on it."""
    folder = build_synthetic(
        tmp_path / "data", tmp_path / "secret", rows=500, features=40, eras=60, seed=1
    ).root
    assert {name: file_digest(folder / f"{name}.parquet")[:16] for name in SPLITS} == {
        "train": "ad19860ce463675f",
        "validation": "4c05526af4d5542c",
        "live": "2d24b62f752c4afd",
    }
    targets = (tmp_path / "secret" / "live_targets.csv").read_bytes()
    assert sha256(targets).hexdigest()[:16] == "562ef899941d5c4a"


def test_build_synthetic__wide__several_eras_a_row_group(
    places: tuple[Path, Path],
) -> None:
    """With Numerai's number of features a row group an era would fill memory with its footer."""
    dataset = build_synthetic(*places, rows=20, features=800, eras=12, seed=1, small=42, medium=78)
    with pq.ParquetFile(dataset.root / "train.parquet") as file:
        rows = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert rows == [3 * 20, 3 * 20, 2 * 20]
    assert open_dataset(dataset.root) == dataset
    eras = dataset.eras["train"][2:4]
    frame = read_split(dataset.root, "train", dataset.feature_sets["small"], eras)
    assert frame.shape == (40, 42)


def test_make_plan__numerais_sizes__sets_within_each_other() -> None:
    sizes = {name: RAINIER[name] for name in ("features", "small", "medium")}
    plan = make_plan(1, eras=RAINIER["eras"] + 1, **sizes)
    small, medium = (set(plan.subsets[name]) for name in ("small", "medium"))
    assert (len(small), len(medium), plan.features) == (42, 780, 2748)
    assert small < medium


def test_build_synthetic__sizes_of_sets__change_no_row(tmp_path: Path) -> None:
    for name, sets in (("a", {}), ("b", {"small": 1, "medium": 2})):
        build_synthetic(tmp_path / name, tmp_path / f"{name} secret", **TOY, seed=1, **sets)
    for split in SPLITS:
        one, other = (file_digest(tmp_path / n / f"{split}.parquet") for n in "ab")
        assert one == other


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": 19}, "rows is 19"),
        ({"features": 4}, "features is 4"),
        ({"eras": 9}, "eras is 9"),
        ({"seed": -1}, "seed is -1"),
        ({"small": 8}, "feature sets of 8 and 4 of 8"),
        ({"medium": 8}, "feature sets of 3 and 8 of 8"),
        ({"eras": 12_000}, "does not fit four digits"),
    ],
)
def test_build_synthetic__bad_argument__error_and_nothing_written(
    places: tuple[Path, Path], change: dict[str, int], message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        build_synthetic(*places, **{**TOY, "seed": 1, **change})
    assert not any(place.exists() for place in places)
