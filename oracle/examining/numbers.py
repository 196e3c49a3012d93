"""A model's report by the names that Numerai's clients ask for.

What has no counterpart in the report is left out: ratings, APY, scores of other kinds. Falls are
told as negative numbers there.
"""

from collections.abc import Mapping, Sequence
from math import fsum, sqrt
from typing import Any, Final

_PER_ERA: Final = {
    "example_preds_corr": "example_correlation",
    "validation_bmc": "bmc",
    "validation_churn": "churn",
    "validation_corr": "corr",
    "validation_corr_v4": "corr",
    "validation_feature_corr_max": "max_exposure",
    "validation_feature_neutral_corr": "fnc",
    "validation_fnc_v4": "fnc",
    "validation_mmc": "mmc",
}
_SERIES: Final = {"corr_v4": "corr", "fnc_v4": "fnc"}
"""Series whose mean, spread, Sharpe ratio and fall are told under one name."""


def per_era(report: Mapping[str, Any]) -> list[tuple[int, Mapping[str, float | None]]]:
    """Number of each era, and its numbers. An era whose name is no number has its place's."""
    scores = _scores(report)
    return [
        (
            int(era) if era.isascii() and era.isdigit() else place + 1,
            {name: scores[ours]["by_era"][place] for name, ours in _PER_ERA.items()},
        )
        for place, era in enumerate(report["eras"])
    ]


def accepted_eras(report: Mapping[str, Any]) -> int:
    """Eras that have a CORR."""
    return int(_scores(report)["corr"]["eras"])


def overall(report: Mapping[str, Any]) -> Mapping[str, float | None]:
    """Numbers over all eras."""
    scores = _scores(report)
    found: dict[str, float | None] = {
        "example_preds_corr_mean": scores["example_correlation"]["mean"],
        "validation_autocorr": scores["corr"]["autocorrelation"],
        "validation_bmc_mean": scores["bmc"]["mean"],
        "validation_corr_max_drawdown": _fall(scores["corr"]),
        "validation_feature_corr_max": scores["max_exposure"]["mean"],
        "validation_feature_neutral_corr_mean": scores["fnc"]["mean"],
        "validation_max_drawdown": _fall(scores["corr"]),
    }
    for name, ours in {"corr": "corr", "mmc": "mmc"}.items():
        for statistic in ("mean", "std", "sharpe"):
            found[f"validation_{name}_{statistic}"] = scores[ours][statistic]
    for name, ours in _SERIES.items():
        for statistic in ("mean", "std", "sharpe"):
            found[f"validation_{name}_{statistic}"] = scores[ours][statistic]
        found[f"validation_{name}_max_drawdown"] = _fall(scores[ours])
    return found | _sums(scores)


def _sums(scores: Mapping[str, Any]) -> dict[str, float | None]:
    """Statistics of CORR and MMC added, over the eras that have both."""
    both = zip(scores["corr"]["by_era"], scores["mmc"]["by_era"], strict=True)
    sums = [corr + mmc for corr, mmc in both if corr is not None and mmc is not None]
    mean, std = _moments(sums)
    sharpe = mean / std if mean is not None and std else None
    alone = scores["corr"]["sharpe"]
    difference = None if sharpe is None or alone is None else sharpe - alone
    prefix = "validation_corr_plus_mmc"
    return {
        f"{prefix}_mean": mean,
        f"{prefix}_std": std,
        f"{prefix}_sharpe": sharpe,
        f"{prefix}_sharpe_diff": difference,
    }


def _moments(values: Sequence[float]) -> tuple[float | None, float | None]:
    if not values:
        return None, None
    mean = fsum(values) / len(values)
    return mean, sqrt(fsum((value - mean) ** 2 for value in values) / len(values))


def _fall(series: Mapping[str, Any]) -> float | None:
    fall = series["max_drawdown"]
    return None if fall is None else -fall


def _scores(report: Mapping[str, Any]) -> Mapping[str, Any]:
    [model] = report["models"]
    found: Mapping[str, Any] = model["scores"]
    return found
