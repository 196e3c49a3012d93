"""A report of diagnostics as plain values, every number a JSON number or null."""

from typing import Any

from oracle.audit.diagnose import SERIES, Diagnostics, Report
from oracle.scoring.limits import SCALE


def report_json(report: Report) -> dict[str, Any]:
    """The report of all models."""
    return {
        "target": report.target,
        "feature_set": report.feature_set,
        "features": len(report.features),
        "benchmark": report.benchmark,
        "eras": list(report.eras),
        "rows": list(report.rows),
        "models": [model_json(report.features, model) for model in report.models],
    }


def model_json(features: tuple[str, ...], model: Diagnostics) -> dict[str, Any]:
    """One model's diagnostics."""
    exposed = bool(model.summary("max_exposure").eras)
    return {
        "name": model.name,
        "scores": {name: _series_json(model, name) for name in SERIES},
        "levels": [
            level if rho is not None else None
            for level, rho in zip(model.levels, model.values["rho"], strict=True)
        ],
        "exposures": {
            feature: {"mean": mean, "largest": int(largest) / SCALE}
            for feature, mean, largest in zip(
                features,
                model.mean_exposures.tolist(),
                model.largest_exposures,
                strict=True,
            )
        }
        if exposed
        else None,
    }


def _series_json(model: Diagnostics, name: str) -> dict[str, Any]:
    found = model.summary(name)
    return {
        "eras": found.eras,
        "mean": found.mean,
        "std": found.std,
        "sharpe": found.sharpe,
        "max_drawdown": found.max_drawdown,
        "autocorrelation": found.autocorrelation,
        "reasons": dict(found.reasons),
        "missing": model.missing(name),
        "by_era": [None if v is None else v / SCALE for v in model.values[name]],
    }
