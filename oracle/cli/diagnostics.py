"""``assay diagnostics``: what models did on the past eras of a data set."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from oracle.cli.output import Output, with_output

if TYPE_CHECKING:
    from oracle.audit.diagnose import Diagnostics, Report
    from oracle.datasets.dataset import Progress

SCORES = {"corr": "CORR", "mmc": "MMC", "bmc": "BMC", "fnc": "FNC", "tb200": "TB200"}
OTHERS = {
    "rho": "rho, against the meta model",
    "meta_model_correlation": "correlation with the meta model",
    "benchmark_correlation": "correlation with the benchmark",
    "example_correlation": "correlation with the example",
    "max_exposure": "largest feature exposure",
    "churn": "churn since the era before",
}
LABELS = SCORES | OTHERS
MOST_FEATURES = 10


@click.command("diagnostics")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder of the data set; its validation split is used.",
)
@click.option(
    "--features",
    default="small",
    show_default=True,
    help="Feature set for FNC and exposures: small, medium or all.",
)
@click.option("--target", default="target", show_default=True, help="Target column to score on.")
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Draw to this file, .png or .svg.",
)
@with_output
def command(
    files: tuple[Path, ...], data: Path, features: str, target: str, plot: Path | None, out: Output
) -> None:
    """Score the predictions in FILES, one model each, on every validation era.

    A file is CSV or Parquet with id and prediction in [0, 1], and era where ids repeat over eras.
    Shown are CORR, MMC (against meta_model.parquet), BMC (against the first benchmark), FNC, and
    TB200 (CORR of the 200 highest and 200 lowest rows): their mean over eras, standard deviation,
    Sharpe ratio, largest drawdown of the cumulative sum, and autocorrelation. Then feature
    exposures, and how closely the model follows others. Per-era scores are the operators' own
    arithmetic. What a number means: docs/diagnostics.md.

    \b
    Examples:
      assay diagnostics validation.parquet --data v5.0
      assay diagnostics a.csv b.csv --data v5.0 --features medium --plot models.png
    """
    from oracle.audit.diagnose import diagnose
    from oracle.audit.predictions import read_predictions
    from oracle.cli.plots import draw_diagnostics, require_plots
    from oracle.datasets.files import open_dataset

    if plot:
        require_plots(plot)
    dataset = open_dataset(data)
    models = [read_predictions(file) for file in files]
    with era_progress(out) as progress:
        report = diagnose(dataset, models, features, target, progress)
    for model in report.models:
        show_model(report, model, out)
    if plot:
        draw_diagnostics(report, plot)
        out.say(f"drawn to {plot}")
    out.result(report_json(report) | {"data": str(data)})


@contextmanager
def era_progress(out: Output) -> Iterator["Progress"]:
    """A progress bar over eras, for people at a terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    shown = out.console.is_terminal and not out.as_json
    with Progress(*columns, console=out.console, transient=True, disable=not shown) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda done, total, what: bar.update(
            task, completed=done, total=total, description=what
        )


def show_model(report: "Report", model: "Diagnostics", out: Output) -> None:
    """A model's tables."""
    scores = {SCORES[name]: model.summary(name) for name in SCORES}
    out.table(
        f"{model.name}: {len(report.eras)} eras",
        ("", ">mean", ">std", ">Sharpe", ">drawdown", ">autocorr.", ">eras"),
        [
            (
                label,
                *map(_text, (found.mean, found.std, found.sharpe, found.max_drawdown)),
                _text(found.autocorrelation),
                found.eras,
            )
            for label, found in scores.items()
            if found.eras
        ],
    )
    others = {name: model.summary(name) for name in OTHERS}
    out.table(
        "Whom it follows, what it is exposed to",
        ("", ">mean", ">std", ">lowest", ">highest", ">eras"),
        [
            (OTHERS[name], *map(_text, (found.mean, found.std, *_ends(model, name))), found.eras)
            for name, found in others.items()
            if found.eras
        ],
    )
    show_missing(model, out)
    show_exposures(report.features, model, out)


def show_missing(model: "Diagnostics", out: Output) -> None:
    """Which scores some eras lack, and why."""
    rows = [
        (LABELS[name], count, reason.replace("_", " "))
        for name in LABELS
        for reason, count in model.missing(name).items()
        if name != "churn"  # ids that link eras are the exception
    ]
    if rows:
        out.table("Not defined", ("", ">eras", "reason"), rows)


def show_exposures(features: tuple[str, ...], model: "Diagnostics", out: Output) -> None:
    """The features with the largest mean exposure."""
    if not model.summary("max_exposure").eras:
        return
    means = model.mean_exposures.tolist()
    order = sorted(range(len(means)), key=lambda k: -abs(means[k]))[:MOST_FEATURES]
    largest = [int(value) / 10**9 for value in model.largest_exposures]
    out.table(
        f"Largest of {len(means)} feature exposures",
        ("feature", ">mean", ">largest of an era"),
        [(features[k], _text(means[k]), _text(largest[k])) for k in order],
    )


def report_json(report: "Report") -> dict[str, Any]:
    """The report for machines: every number a JSON number, or null."""
    return {
        "target": report.target,
        "feature_set": report.feature_set,
        "features": len(report.features),
        "benchmark": report.benchmark,
        "eras": list(report.eras),
        "rows": list(report.rows),
        "models": [model_json(report.features, model) for model in report.models],
    }


def model_json(features: tuple[str, ...], model: "Diagnostics") -> dict[str, Any]:
    """One model's diagnostics for machines."""
    exposed = bool(model.summary("max_exposure").eras)
    return {
        "name": model.name,
        "scores": {name: _series_json(model, name) for name in LABELS},
        "levels": [
            level if rho is not None else None
            for level, rho in zip(model.levels, model.values["rho"], strict=True)
        ],
        "exposures": {
            feature: {"mean": mean, "largest": int(largest) / 10**9}
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


def _series_json(model: "Diagnostics", name: str) -> dict[str, Any]:
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
        "by_era": [None if v is None else v / 10**9 for v in model.values[name]],
    }


def _ends(model: "Diagnostics", name: str) -> tuple[float, float]:
    """Lowest and highest number of any era."""
    known = [value / 10**9 for value in model.values[name] if value is not None]
    return min(known), max(known)


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
