"""What diagnostics must say, worked out from the published files by the scores' definitions, in
floating point and without the project's own scoring."""

from typing import Any

import numpy as np
import pandas as pd
from cases import Known
from scipy.stats import norm, rankdata

_CLOSE = 2e-6
"""Scores are integers at 10^-9 of predictions that are ranked exactly."""


def _powered(values: Any) -> Any:
    return np.sign(values) * np.abs(values) ** 1.5


def _gaussian(values: Any) -> Any:
    return norm.ppf((rankdata(values) - 0.5) / len(values))


def corr(predictions: Any, target: Any) -> float:
    """numerai_corr: the predictions' ranks made Gaussian, both raised to 1.5, then Pearson."""
    mine, centred = _powered(_gaussian(predictions)), _powered(target - target.mean())
    return float(np.corrcoef(mine, centred)[0, 1])


def expected(validation: pd.DataFrame, predictions: pd.Series) -> pd.Series:
    """CORR of each era."""
    joined = validation.assign(prediction=predictions.reindex(validation.index))
    return joined.groupby("era")[["prediction", "target"]].apply(
        lambda rows: corr(rows["prediction"].to_numpy(), rows["target"].to_numpy(float))
    )


def diagnostics(known: Known, found: Any) -> None:
    """CORR by era and over all of them; the rest is held against the command's report elsewhere."""
    one = found[0] if isinstance(found, list) else found
    validation = pd.read_parquet(known.data / "validation.parquet", columns=["era", "target"])
    sent = pd.read_csv(known.folder / known.past, index_col="id")["prediction"]
    by_era = expected(validation[validation["target"].notna()], sent)
    eras = {row["era"]: row["validationCorr"] for row in one["perEraDiagnostics"]}
    _near(eras, {int(era): value for era, value in by_era.items()}, "perEraDiagnostics")
    drawn = by_era.cumsum()
    _near(
        {
            "validationCorrMean": one["validationCorrMean"],
            "validationCorrStd": one["validationCorrStd"],
            "validationCorrSharpe": one["validationCorrSharpe"],
            "validationMaxDrawdown": one["validationMaxDrawdown"],
        },
        {
            "validationCorrMean": by_era.mean(),
            "validationCorrStd": by_era.std(ddof=0),
            "validationCorrSharpe": by_era.mean() / by_era.std(ddof=0),
            "validationMaxDrawdown": -float((drawn.cummax() - drawn).max()),
        },
        "diagnostics",
    )
    if one["status"] != "done" or one["erasAcceptedCount"] != len(by_era):
        raise AssertionError(f"{one['status']}, {one['erasAcceptedCount']} eras")


def _near(found: dict[Any, Any], expected: dict[Any, float], what: str) -> None:
    if set(found) != set(expected):
        raise AssertionError(f"{what} has {sorted(found)}, not {sorted(expected)}")
    for name, value in expected.items():
        if found[name] is None or abs(found[name] - value) > _CLOSE * max(1, abs(value)):
            raise AssertionError(f"{what}.{name} is {found[name]}, not {value}")
