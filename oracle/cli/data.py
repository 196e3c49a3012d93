"""``assay data``: making tournament data."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from oracle.cli.output import Output, with_output
from oracle.datasets.dataset import Dataset, DatasetError
from oracle.errors import InputError


@click.group("data")
def command() -> None:
    """Make tournament data in Numerai's format, from real prices or from a seed.

    The live targets go to a folder of their own: they are secret until the round has resolved.
    """


@command.command("market")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--resolution", type=click.Path(path_type=Path), required=True, help="For targets.")
@click.option("--live-era", type=int, default=-1, show_default=True, help="Which era is live.")
@click.option("--seed", type=int, default=1, show_default=True, help="Keys the ids.")
@with_output
def market(folder: Path, resolution: Path, live_era: int, seed: int, out: Output) -> None:
    """Build a data set of real daily prices in FOLDER."""
    from oracle.datasets.market import build_market

    _build(partial(build_market, folder, resolution, live_era=live_era, seed=seed), out)


@command.command("synthetic")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--resolution", type=click.Path(path_type=Path), required=True, help="For targets.")
@click.option("--rows", type=click.IntRange(20, 20_000), default=500, show_default=True)
@click.option("--features", type=click.IntRange(5, 3_000), default=40, show_default=True)
@click.option("--eras", type=click.IntRange(10, 2_000), default=60, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@with_output
def synthetic(
    folder: Path, resolution: Path, rows: int, features: int, eras: int, seed: int, out: Output
) -> None:
    """Generate a data set of any size in FOLDER, era by era."""
    from oracle.datasets.synthetic import build_synthetic

    _build(
        partial(
            build_synthetic,
            folder,
            resolution,
            rows=rows,
            features=features,
            eras=eras,
            seed=seed,
        ),
        out,
    )


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
