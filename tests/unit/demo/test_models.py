"""The demo's models: really trained, deterministic, and fit to be submitted."""

import io
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from oracle.datasets import synthetic
from oracle.datasets.dataset import Dataset, DatasetError
from oracle.datasets.files import read_split
from oracle.datasets.synthetic import build_synthetic, make_plan
from oracle.demo import models
from oracle.demo.models import TrainedModel, train_models
from oracle.demo.submission_files import to_csv_bytes, to_parquet_bytes
from oracle.errors import EnvironmentLacksError
from oracle.tournaments import classic
from oracle.tournaments.submissions import parse_submission

SEED = 3


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Live without the crash regime, so that what was learnt still holds."""
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic, "REGIMES", (1.0, 1.0, 1.0))
        return build_synthetic(
            folder / "data", folder / "secret", rows=400, features=20, eras=30, seed=SEED
        )


@pytest.fixture(scope="module")
def trained(dataset: Dataset) -> dict[str, TrainedModel]:
    return {model.name: model for model in train_models(dataset, SEED)}


def test_train_models__default__at_least_twenty_of_many_kinds(
    dataset: Dataset, trained: dict[str, TrainedModel]
) -> None:
    assert len(trained) >= 20
    assert {model.kind for model in trained.values()} == {
        "lightgbm", "linear", "neutralised", "ensemble", "era-boosted", "factor", "benchmark",
        "noise",
    }  # fmt: skip
    for model in trained.values():
        values = model.predictions
        assert tuple(values.index) == dataset.live_ids
        assert values.between(0, 1, inclusive="neither").all()
        assert values.nunique() >= 5
    learnt = [m.predictions for m in trained.values() if m.kind in ("lightgbm", "linear")]
    correlations = np.corrcoef(learnt) - np.eye(len(learnt))
    assert correlations.max() < 0.9999


def test_train_models__learners__follow_the_hidden_signal(
    dataset: Dataset, trained: dict[str, TrainedModel]
) -> None:
    plan = make_plan(SEED, 20, 31)
    live = read_split(dataset.root, "live", dataset.features).to_numpy(float) - 2
    product = live[:, plan.pair[0]] * live[:, plan.pair[1]] / 2
    signal = live[:, plan.informative] @ plan.weights + 0.5 * product
    found = {name: np.corrcoef(m.predictions, signal)[0, 1] for name, m in trained.items()}
    learners = [m.name for m in trained.values() if m.kind in ("lightgbm", "linear", "ensemble")]
    assert all(found[name] > 0.15 for name in learners), found
    assert max(found[name] for name in learners) > 0.4
    assert abs(found["noise"]) < 0.15


def test_train_models__neutralised__no_exposure_to_the_small_features(
    dataset: Dataset, trained: dict[str, TrainedModel]
) -> None:
    small = read_split(dataset.root, "live", dataset.feature_sets["small"])

    def exposure(name: str) -> float:
        return float(small.corrwith(trained[name].predictions).abs().max())

    assert exposure("ridge_neutral") < 0.1 < exposure("ridge_20")
    assert exposure("lgbm_half_neutral") < exposure("lgbm_60")


def test_train_models__copycat__ranks_as_the_benchmark(
    dataset: Dataset, trained: dict[str, TrainedModel]
) -> None:
    example = pd.read_csv(dataset.root / "live_example_preds.csv", index_col="id")["prediction"]
    assert trained["copycat"].predictions.rank().equals(example.rank())


def test_train_models__again__same_predictions_and_nothing_printed(
    dataset: Dataset, trained: dict[str, TrainedModel], capfd: pytest.CaptureFixture[str]
) -> None:
    steps: list[int] = []
    again = train_models(dataset, SEED, lambda done, total, what: steps.append(done))
    for model in again:
        pd.testing.assert_series_equal(model.predictions, trained[model.name].predictions)
    assert steps == list(range(1, len(again) + 1))
    assert capfd.readouterr() == ("", "")


def test_era_boosted__stages__train_on_the_worst_eras_so_far() -> None:
    labels = np.array([-1.0, 1.0, -1.0, 1.0, 1.0, 1.0])
    scores = np.array([0.0, 1.0, 5.0, 3.0, 2.0, 9.0])
    codes = np.array([0, 0, 1, 1, 3, 3])
    found = models._era_correlations(scores, labels, codes)
    assert found == pytest.approx(np.array([1, -1, 0, 0]))


def test_workshop__too_many_cells__smaller_set_then_fewer_eras(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = 400 * len(dataset.eras["train"])
    monkeypatch.setattr(models, "MAX_CELLS", rows * len(dataset.feature_sets["medium"]))
    assert models.Workshop(dataset, 0).names == dataset.feature_sets["medium"]
    small = dataset.feature_sets["small"]
    monkeypatch.setattr(models, "MAX_CELLS", rows * len(small) // 3)
    shop = models.Workshop(dataset, 0)
    assert shop.names == small
    assert shop.features.shape == (400 * len(dataset.eras["train"][::3]), len(small))


@pytest.mark.parametrize("package", ["lightgbm", "sklearn"])
def test_train_models__package_missing__error_names_make_setup(
    dataset: Dataset, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr(models, "_ROUNDS", 4)
    with pytest.raises(EnvironmentLacksError) as caught:
        train_models(dataset, SEED)
    assert "make setup" in caught.value.fix


def test_train_models__no_training_eras__error(dataset: Dataset, tmp_path: Path) -> None:
    for name in ("features.json", "live.parquet"):
        (tmp_path / name).write_bytes((dataset.root / name).read_bytes())
    from oracle.datasets.files import open_dataset

    with pytest.raises(DatasetError, match="train"):
        train_models(open_dataset(tmp_path), SEED)


@pytest.mark.parametrize("to_bytes", [to_csv_bytes, to_parquet_bytes])
def test_to_bytes__every_model__accepted_as_a_submission_without_loss(
    dataset: Dataset, trained: dict[str, TrainedModel], to_bytes: object
) -> None:
    for model in trained.values():
        submission = parse_submission(to_bytes(model.predictions), dataset.live_ids, classic.RULES)
        expected = np.rint(model.predictions.to_numpy() * 1e9).astype(np.int64)
        assert (submission.values == expected).all()


def test_to_csv_bytes__two_rows__numerai_form() -> None:
    series = pd.Series([0.25, 0.123456789], ["n1", "n2"])
    assert to_csv_bytes(series) == b"id,prediction\nn1,0.25\nn2,0.123456789\n"
    frame = pd.read_parquet(io.BytesIO(to_parquet_bytes(series)))
    assert list(frame.columns) == ["id", "prediction"]
