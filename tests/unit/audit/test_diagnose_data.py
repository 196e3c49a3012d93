"""Diagnostics over a data set's eras: the engine's scores, era by era, and reasons for gaps."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from oracle.audit.diagnose import SERIES, Report, diagnose
from oracle.audit.predictions import Predictions, read_predictions
from oracle.datasets.dataset import Dataset
from oracle.datasets.files import open_dataset, read_benchmarks, read_split
from oracle.errors import InputError
from oracle.scoring.corr import corr
from oracle.scoring.fnc import FeatureProjector, fnc
from oracle.scoring.mmc import mmc
from oracle.scoring.ranks import doubled_ranks
from oracle.tournaments.decimals import floats_to_integers


def own_model(data: Dataset, folder: Path, seed: int = 1, name: str = "own") -> pd.DataFrame:
    """Predictions on the validation rows, written to ``folder/own.parquet``."""
    rows = read_split(data.root, "validation", ["era", "target"])
    rng = np.random.default_rng(seed)
    rows["prediction"] = (rng.random(len(rows)) + rows["target"].fillna(0.5)) / 2
    rows[["prediction"]].to_parquet(folder / f"{name}.parquet")
    return rows


def run(data: Dataset, *files: Path, **options: str) -> Report:
    return diagnose(
        data,
        [read_predictions(file) for file in files],
        options.get("feature_set", "all"),
        options.get("target", "target"),
    )


def integers(values: pd.Series) -> np.ndarray:
    return floats_to_integers(values.to_numpy().astype(np.float64))


def test_diagnose__every_era__scores_of_the_engine(data: Dataset, tmp_path: Path) -> None:
    rows = own_model(data, tmp_path)
    report = run(data, tmp_path / "own.parquet")
    assert report.eras == data.eras["validation"]
    whole = read_split(data.root, "validation")
    meta = pd.read_parquet(data.root / "meta_model.parquet")["numerai_meta_model"]
    benchmarks = read_benchmarks(data.root, "validation")
    [model] = report.models
    assert report.benchmark == benchmarks.columns[0]
    for position, era in enumerate(report.eras):
        part = whole[whole["era"] == era]
        ranks = doubled_ranks(integers(rows["prediction"].loc[part.index]))[np.newaxis]
        target = integers(part["target"])
        features = part[list(data.features)].to_numpy()
        others = [
            doubled_ranks(integers(series.loc[part.index]))
            for series in (meta, benchmarks.iloc[:, 0])
        ]
        assert report.rows[position] == len(part)
        assert model.values["corr"][position] == corr(ranks, target)[0]
        assert model.values["mmc"][position] == mmc(ranks, others[0], target)[0]
        assert model.values["bmc"][position] == mmc(ranks, others[1], target)[0]
        projector = FeatureProjector.of(features)
        assert model.values["fnc"][position] == fnc(ranks, projector, target)[0]
    assert all(len(model.values[name]) == len(report.eras) for name in SERIES)
    assert model.summary("corr").mean == pytest.approx(
        np.mean(model.values["corr"]) / 1e9, abs=1e-15
    )


def test_diagnose__several_models__each_as_if_alone(data: Dataset, tmp_path: Path) -> None:
    own_model(data, tmp_path, 1, "a")
    own_model(data, tmp_path, 2, "b")
    together = run(data, tmp_path / "a.parquet", tmp_path / "b.parquet").models
    for model in together:
        [alone] = run(data, tmp_path / f"{model.name}.parquet").models
        assert model.values == alone.values
        assert model.levels == alone.levels
        assert (model.mean_exposures == alone.mean_exposures).all()


def test_diagnose__order_of_rows_in_the_file__does_not_matter(
    data: Dataset, tmp_path: Path
) -> None:
    rows = own_model(data, tmp_path)
    rows[["prediction"]].sample(frac=1, random_state=1).to_csv(tmp_path / "other.csv")
    [first] = run(data, tmp_path / "own.parquet").models
    [second] = run(data, tmp_path / "other.csv").models
    assert first.values == second.values


def test_diagnose__gaps__a_reason_for_that_era_alone(data: Dataset, tmp_path: Path) -> None:
    rows = own_model(data, tmp_path)
    [whole] = run(data, tmp_path / "own.parquet").models
    first, second, third = report_eras = data.eras["validation"][:3]
    rows.loc[rows["era"] == third, "prediction"] = 0.5
    kept = rows[rows["era"] != first]
    kept = kept.drop(index=kept.index[kept["era"] == second][0])
    kept[["prediction"]].to_parquet(tmp_path / "gaps.parquet")
    [model] = run(data, tmp_path / "gaps.parquet").models
    for name in ("corr", "mmc", "bmc", "fnc", "tb200", "rho", "max_exposure"):
        assert model.reasons[name][:3] == ["no_predictions", "missing_ids", "constant_prediction"]
        assert model.values[name][:3] == [None] * 3
        assert model.values[name][3:] == whole.values[name][3:]
    assert model.missing("corr") == dict.fromkeys(model.reasons["corr"][: len(report_eras)], 1)
    assert model.summary("corr").eras == len(data.eras["validation"]) - 3


def test_diagnose__no_reference_files__null_with_a_reason(copy: Path, tmp_path: Path) -> None:
    data = open_dataset(copy)
    own_model(data, tmp_path)
    for name in (
        "meta_model.parquet",
        "validation_benchmark_models.parquet",
        "validation_example_preds.parquet",
    ):
        (copy / name).unlink()
    report = run(data, tmp_path / "own.parquet")
    [model] = report.models
    eras = len(report.eras)
    assert report.benchmark is None
    assert model.missing("mmc") == model.missing("rho") == {"no_meta_model": eras}
    assert model.missing("bmc") == {"no_benchmark": eras}
    assert model.missing("example_correlation") == {"no_example": eras}
    assert model.summary("corr").eras == eras


def test_diagnose__meta_model_of_some_eras__the_others_say_so(copy: Path, tmp_path: Path) -> None:
    data = open_dataset(copy)
    own_model(data, tmp_path)
    meta = pd.read_parquet(copy / "meta_model.parquet")
    first, second = data.eras["validation"][:2]
    meta = meta[meta["era"] != first]
    meta.loc[meta.index[meta["era"] == second][0], "numerai_meta_model"] = np.nan
    meta.to_parquet(copy / "meta_model.parquet")
    [model] = run(data, tmp_path / "own.parquet").models
    assert model.reasons["mmc"][:3] == ["no_meta_model", "meta_model_lacks_ids", None]


def test_diagnose__target_missing__rows_left_out_and_an_era_without_any(
    copy: Path, tmp_path: Path
) -> None:
    data = open_dataset(copy)
    own_model(data, tmp_path)
    rows = pd.read_parquet(copy / "validation.parquet")
    first, second = data.eras["validation"][:2]
    rows.loc[rows["era"] == first, "target"] = np.nan
    rows.loc[rows.index[rows["era"] == second][:7], "target"] = np.nan
    rows.to_parquet(copy / "validation.parquet")
    report = run(data, tmp_path / "own.parquet")
    assert report.rows[:3] == (0, 53, 60)
    assert report.models[0].reasons["corr"][:2] == ["no_targets", None]


def test_diagnose__one_era__defined(copy: Path, tmp_path: Path) -> None:
    rows = pd.read_parquet(copy / "validation.parquet")
    rows[rows["era"] == rows["era"].iloc[0]].to_parquet(copy / "validation.parquet")
    data = open_dataset(copy)
    own_model(data, tmp_path)
    [model] = run(data, tmp_path / "own.parquet").models
    found = model.summary("corr")
    assert (found.eras, found.std, found.sharpe, found.autocorrelation) == (1, 0.0, None, None)


def test_diagnose__classic_ids__no_churn(data: Dataset, tmp_path: Path) -> None:
    own_model(data, tmp_path)
    [model] = run(data, tmp_path / "own.parquet").models
    eras = len(data.eras["validation"])
    assert model.missing("churn") == {"first_era": 1, "no_common_ids": eras - 1}


@pytest.fixture
def linked(copy: Path) -> Dataset:
    """A data set in which the ids of all eras are the same."""
    rows = pd.read_parquet(copy / "validation.parquet")
    rows.index = pd.Index([f"t{n:02d}" for n in rows.groupby("era").cumcount()], name="id")
    rows.to_parquet(copy / "validation.parquet")
    for name in ("meta_model", "validation_benchmark_models", "validation_example_preds"):
        (copy / f"{name}.parquet").unlink()
    return open_dataset(copy)


def test_diagnose__ids_that_link_eras__churn_is_one_less_spearman(
    linked: Dataset, tmp_path: Path
) -> None:
    rows = pd.read_parquet(linked.root / "validation.parquet", columns=["era"])
    rng = np.random.default_rng(4)
    rows["prediction"] = rng.random(len(rows))
    rows.to_csv(tmp_path / "own.csv")
    [model] = run(linked, tmp_path / "own.csv").models
    by_era = rows.reset_index().pivot(index="id", columns="era", values="prediction")
    wanted = [1 - by_era[a].corr(by_era[b], method="spearman") for a, b in pairs(linked)]
    assert model.values["churn"][0] is None
    assert np.array(model.values["churn"][1:]) / 1e9 == pytest.approx(wanted, abs=2e-9)


def pairs(data: Dataset) -> list[tuple[str, str]]:
    eras = data.eras["validation"]
    return list(pairwise(eras))


def test_diagnose__ids_that_link_eras_without_a_column_era__refused(
    linked: Dataset, tmp_path: Path
) -> None:
    ids = [f"t{n:02d}" for n in range(60)]
    pd.DataFrame({"id": ids, "prediction": np.linspace(0, 1, 60)}).to_csv(
        tmp_path / "own.csv", index=False
    )
    with pytest.raises(InputError, match=r"stands in era .* and in the one before") as caught:
        run(linked, tmp_path / "own.csv")
    assert caught.value.fix == "add a column era to the predictions"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"feature_set": "huge"}, "no feature set huge"),
        ({"target": "target_nobody"}, "no target target_nobody"),
    ],
)
def test_diagnose__unknown_name__refused_with_those_there_are(
    data: Dataset, tmp_path: Path, options: dict[str, str], reason: str
) -> None:
    own_model(data, tmp_path)
    with pytest.raises(InputError, match=reason) as caught:
        run(data, tmp_path / "own.parquet", **options)
    assert caught.value.fix.startswith("choose from ")


def test_diagnose__no_id_of_the_data_set__refused(data: Dataset, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("id,prediction\nnobody,0.5\n")
    with pytest.raises(InputError, match=r"none of its 1 ids is in validation.parquet"):
        run(data, tmp_path / "own.csv")


def test_diagnose__no_validation_split__refused(copy: Path, tmp_path: Path) -> None:
    own_model(open_dataset(copy), tmp_path)
    (copy / "validation.parquet").unlink()
    with pytest.raises(InputError, match=r"no validation.parquet, so there are no past eras"):
        run(open_dataset(copy), tmp_path / "own.parquet")


def test_diagnose__no_models__an_empty_report(data: Dataset) -> None:
    models: list[Predictions] = []
    assert diagnose(data, models, "small", "target").models == ()
