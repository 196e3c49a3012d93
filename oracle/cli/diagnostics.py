"""``assay diagnostics``: what models did on the past eras of a data set."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from oracle.cli.output import Output, with_output
from oracle.cli.server_options import need_token, server_option, upload_progress

if TYPE_CHECKING:
    from oracle.datasets.dataset import Progress
    from oracle.participant.client import Client

Report = Mapping[str, Any]

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
_STATISTICS = ("mean", "std", "sharpe", "max_drawdown", "autocorrelation")


@click.command("diagnostics")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Folder of the data set; its validation split is used.",
)
@click.option(
    "--features",
    help="Feature set for FNC and exposures: small, medium or all.  [default: small]",
)
@click.option("--target", help="Target column to score on.  [default: target]")
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Draw to this file, .png or .svg.",
)
@click.option("--model", help="With --server: the model that FILE is of, by name or id.")
@server_option
@with_output
def command(
    files: tuple[Path, ...],
    data: Path | None,
    features: str | None,
    target: str | None,
    plot: Path | None,
    model: str | None,
    server: "Client | None",
    out: Output,
) -> None:
    """Score the predictions in FILES, one model each, on every validation era.

    A file is CSV or Parquet with id and prediction in [0, 1], and era where ids repeat over eras.
    Shown are CORR, MMC (against meta_model.parquet), BMC (against the first benchmark), FNC, and
    TB200 (CORR of the 200 highest and 200 lowest rows): their mean over eras, standard deviation,
    Sharpe ratio, largest drawdown of the cumulative sum, and autocorrelation. Then feature
    exposures, and how closely the model follows others. Per-era scores are the operators' own
    arithmetic. What a number means: docs/diagnostics.md.

    With --server one FILE is uploaded, and examined against the data set that the server publishes.

    \b
    Examples:
      assay diagnostics validation.parquet --data v5.0
      assay diagnostics a.csv b.csv --data v5.0 --features medium --plot models.png
      assay diagnostics validation.parquet --model my-model --server URL --token-file token
    """
    if data is None and server is None:
        raise click.UsageError("name a data set with --data, or a server with --server")
    if data is None and server is not None:
        if features or target or plot or len(files) != 1 or model is None:
            raise click.UsageError("with --server name one FILE and its --model, and no more")
        _by_server(files[0], model, server, out)
        return
    if model is not None:
        raise click.UsageError("--model goes with --server, without --data")
    assert data is not None
    _on_this_machine(files, data, features or "small", target or "target", plot, out)


def _on_this_machine(
    files: tuple[Path, ...], data: Path, features: str, target: str, plot: Path | None, out: Output
) -> None:
    from oracle.audit.diagnose import diagnose
    from oracle.audit.predictions import read_predictions
    from oracle.audit.telling import report_json
    from oracle.cli.plots import draw_diagnostics, require_plots
    from oracle.datasets.files import open_dataset

    if plot:
        require_plots(plot)
    dataset = open_dataset(data)
    models = [read_predictions(file) for file in files]
    with era_progress(out) as progress:
        report = diagnose(dataset, models, features, target, progress)
    told = report_json(report)
    for model in told["models"]:
        show_model(told, model, out)
    if plot:
        draw_diagnostics(report, plot)
        out.say(f"drawn to {plot}")
    out.result(told | {"data": str(data)})


def _by_server(file: Path, named: str, server: "Client", out: Output) -> None:
    from oracle.participant.sending import examine, find_model

    model = find_model(need_token(server), named)
    with upload_progress(out, file.name) as progress:
        told = examine(server, model["id"], file, progress)
    found = told["found"]
    of_model = ("scores", "levels", "exposures")
    shown = {"name": file.stem} | {name: found[name] for name in of_model}
    report = {name: value for name, value in found.items() if name not in of_model}
    show_model(report, shown, out)
    out.result(report | {"models": [shown], "id": told["id"], "model": model["id"]})


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


def show_model(report: Report, model: Report, out: Output) -> None:
    """A model's tables; both as `oracle.audit.telling` has them."""
    scores = {label: model["scores"][name] for name, label in SCORES.items()}
    out.table(
        f"{model['name']}: {len(report['eras'])} eras",
        ("", ">mean", ">std", ">Sharpe", ">drawdown", ">autocorr.", ">eras"),
        [
            (label, *(_text(found[name]) for name in _STATISTICS), found["eras"])
            for label, found in scores.items()
            if found["eras"]
        ],
    )
    others = {label: model["scores"][name] for name, label in OTHERS.items()}
    out.table(
        "Whom it follows, what it is exposed to",
        ("", ">mean", ">std", ">lowest", ">highest", ">eras"),
        [
            (label, *map(_text, (found["mean"], found["std"], *_ends(found))), found["eras"])
            for label, found in others.items()
            if found["eras"]
        ],
    )
    show_missing(model, out)
    show_exposures(model, out)


def show_missing(model: Report, out: Output) -> None:
    """Which scores some eras lack, and why."""
    rows = [
        (LABELS[name], count, reason.replace("_", " "))
        for name in LABELS
        for reason, count in model["scores"][name]["missing"].items()
        if name != "churn"  # ids that link eras are the exception
    ]
    if rows:
        out.table("Not defined", ("", ">eras", "reason"), rows)


def show_exposures(model: Report, out: Output) -> None:
    """The features with the largest mean exposure."""
    exposures = model["exposures"]
    if exposures is None:
        return
    order = sorted(exposures, key=lambda name: -abs(exposures[name]["mean"]))[:MOST_FEATURES]
    out.table(
        f"Largest of {len(exposures)} feature exposures",
        ("feature", ">mean", ">largest of an era"),
        [(name, *(_text(exposures[name][k]) for k in ("mean", "largest"))) for name in order],
    )


def _ends(found: Report) -> tuple[float, float]:
    """Lowest and highest number of any era."""
    known = [value for value in found["by_era"] if value is not None]
    return min(known), max(known)


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
