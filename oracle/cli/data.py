"""``assay data``: making tournament data."""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from oracle.cli.data_obfuscate import obfuscate, reveal
from oracle.cli.data_phi import phi, series
from oracle.cli.data_publish import publish
from oracle.cli.output import Output, with_output
from oracle.datasets.dataset import Dataset, DatasetError
from oracle.errors import InputError


@click.group("data")
def command() -> None:
    """Make tournament data in Numerai's format, from real prices, a seed or a table of one's own.

    The live targets go to a folder of their own: they are secret until the round has resolved.
    """


command.add_command(phi)
command.add_command(series)
command.add_command(obfuscate)
command.add_command(reveal)
command.add_command(publish)


@command.command("market")
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option("--resolution", type=click.Path(path_type=Path), help="For the live targets.")
@click.option("--universe", default="toronto-new-york", show_default=True, help="Which stocks.")
@click.option("--list", "listed", is_flag=True, help="List the universes; build nothing.")
@click.option("--live-era", type=int, default=-1, show_default=True, help="Which era is live.")
@click.option("--seed", type=int, default=1, show_default=True, help="Keys the ids.")
@with_output
def market(
    folder: Path | None,
    resolution: Path | None,
    universe: str,
    listed: bool,
    live_era: int,
    seed: int,
    out: Output,
) -> None:
    """Build a data set of real daily prices in FOLDER."""
    from oracle.datasets.market import build_market

    if listed:
        _list_universes(out)
        return
    if folder is None or resolution is None:
        raise click.UsageError("name the FOLDER, and with --resolution one for the live targets")
    _build(
        partial(build_market, folder, resolution, universe=universe, live_era=live_era, seed=seed),
        out,
    )


def _list_universes(out: Output) -> None:
    from oracle.datasets.market import summaries

    found = [asdict(summary) for summary in summaries()]
    out.table(
        "Universes",
        ("name", ">stocks", "from", "to", ">live eras"),
        [tuple(one.values()) for one in found],
    )
    out.result({"universes": found})


@command.command("synthetic")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--resolution", type=click.Path(path_type=Path), required=True, help="For targets.")
@click.option("--rows", type=click.IntRange(20, 20_000), default=500, show_default=True)
@click.option("--features", type=click.IntRange(5, 3_000), default=40, show_default=True)
@click.option("--eras", type=click.IntRange(10, 2_000), default=60, show_default=True)
@click.option("--small", type=click.IntRange(1), help="Features in that set [default: a fifth].")
@click.option("--medium", type=click.IntRange(2), help="Features in that set [default: half].")
@click.option("--rainier", is_flag=True, help="Numerai's sizes, where no option says otherwise.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.pass_context
@with_output
def synthetic(
    ctx: click.Context, /, folder: Path, resolution: Path, rainier: bool, out: Output, **sizes: Any
) -> None:
    """Generate a data set of any size in FOLDER, era by era.

    With --rainier it has 6,700 rows an era, 2,748 features (42 small, 780 medium) and 1,200 eras:
    about 9 GB, in less than an hour and 1 GB of memory.
    """
    from oracle.datasets.synthetic import RAINIER, build_synthetic

    if rainier:
        for name, size in RAINIER.items():
            if ctx.get_parameter_source(name) == ParameterSource.DEFAULT:
                sizes[name] = size
    _build(partial(build_synthetic, folder, resolution, **sizes), out)


def _build(build: Callable[..., Dataset], out: Output) -> None:
    """Runs ``build`` with progress shown, then prints what it made."""
    try:
        with out.console.status("building") as status:
            dataset = build(
                progress=lambda done, total, what: status.update(f"{what} ({done} of {total})")
            )
    except DatasetError as error:
        raise InputError(str(error)) from None
    _describe(dataset, out)


def _describe(dataset: Dataset, out: Output) -> None:
    eras = {split: len(names) for split, names in dataset.eras.items()}
    out.table(
        str(dataset.root),
        ("", ""),
        [
            ("data", dataset.description),
            ("live rows", len(dataset.live_ids)),
            ("features", len(dataset.features)),
            ("targets", ", ".join(dataset.targets)),
            *((f"{split} eras", count) for split, count in eras.items()),
        ],
    )
    out.result(
        {
            "folder": str(dataset.root),
            "live_rows": len(dataset.live_ids),
            "features": len(dataset.features),
            "targets": list(dataset.targets),
            "eras": eras,
        }
    )
