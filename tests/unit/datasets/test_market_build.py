"""The default data set: real prices, whole build."""

import re
from hashlib import sha256

import numpy as np
import pandas as pd
import pytest

from oracle.datasets.dataset import SPLITS, Dataset
from oracle.datasets.files import file_digest, open_dataset, read_split, read_targets_csv

pytestmark = pytest.mark.slow


def test_build_market__default__126_stocks_live_and_years_of_training(
    real_market: Dataset,
) -> None:
    assert len(real_market.live_ids) == 126
    assert 30 <= len(real_market.features) <= 60
    assert len(real_market.eras["train"]) > 300
    assert len(real_market.eras["validation"]) > 50
    assert "universal-portfolios" in real_market.description
    assert open_dataset(real_market.root) == real_market


def test_build_market__default__committed_content(real_market: Dataset) -> None:
    """The demo's data. The benchmarks are left out: they hang on how a BLAS solves equations."""
    assert {name: file_digest(real_market.root / f"{name}.parquet")[:16] for name in SPLITS} == {
        "train": "3cd742e1a25350f4",
        "validation": "b871cdcc9b87e1bc",
        "live": "6586699cc1d6afd7",
    }
    targets = (real_market.root.parent / "secret" / "live_targets.csv").read_bytes()
    assert sha256(targets).hexdigest()[:16] == "131464976e5e04ea"
    assert sha256((real_market.root / "features.json").read_bytes()).hexdigest()[:8] == "3e250099"


def test_build_market__targets__documented_proportions_in_every_era(real_market: Dataset) -> None:
    shares = {0.0: 0.05, 0.25: 0.2, 0.5: 0.5, 0.75: 0.2, 1.0: 0.05}
    for split in ("train", "validation"):
        frame = read_split(real_market.root, split)
        for target in real_market.targets:
            for _, values in frame.groupby("era")[target]:
                counts = values.value_counts()
                assert set(counts.index) <= set(shares)
                for level, share in shares.items():
                    assert abs(counts.get(level, 0) - share * len(values)) <= 1.5


def test_build_market__features__quintiles_and_missing_ones_in_the_middle(
    real_market: Dataset,
) -> None:
    frame = read_split(real_market.root, "validation", real_market.features)
    shares = frame.apply(lambda column: column.value_counts(normalize=True)).fillna(0)
    assert sorted(shares.index) == [0, 1, 2, 3, 4]
    assert shares.drop(columns="feature_still_days_120").sub(0.2).abs().max(axis=None) < 0.06
    train = read_split(real_market.root, "train", ["era", "feature_momentum_250"])
    middle = train["feature_momentum_250"].eq(2).groupby(train["era"]).mean()
    assert middle.max() > 0.5  # While Toronto's histories are shorter than the horizon.


def test_build_market__ids__unique_and_different_in_every_era(real_market: Dataset) -> None:
    ids = pd.Index([])
    for split in ("train", "validation", "live"):
        ids = ids.append(read_split(real_market.root, split, ["era"]).index)
    assert ids.is_unique
    assert all(re.fullmatch(r"n[0-9a-f]{15}", i) for i in ids)


def test_build_market__rows__in_an_order_that_tells_nothing(real_market: Dataset) -> None:
    frame = read_split(real_market.root, "validation", ["era"])
    for _, rows in frame.groupby("era"):
        assert rows.index.is_monotonic_increasing


def test_build_market__resolution__live_ids_in_file_order(real_market: Dataset) -> None:
    ids, targets = read_targets_csv(real_market.root.parent / "secret" / "live_targets.csv")
    assert ids == real_market.live_ids
    assert set(targets.tolist()) == {0, 250_000_000, 500_000_000, 750_000_000, 1_000_000_000}


def test_build_market__meta_model__follows_the_target_a_little(real_market: Dataset) -> None:
    frame = read_split(real_market.root, "validation", ["era", "target"])
    meta = pd.read_parquet(real_market.root / "meta_model.parquet")["numerai_meta_model"]
    joined = frame.assign(meta=meta)
    by_era = [np.corrcoef(era["meta"], era["target"])[0, 1] for _, era in joined.groupby("era")]
    assert 0 < np.mean(by_era) < 0.3
