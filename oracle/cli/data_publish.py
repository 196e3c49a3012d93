"""``assay data publish``: a data set as the data provider shows it for a round."""

from pathlib import Path

import click

from oracle.cli.output import Output, with_output
from oracle.errors import InputError
from oracle.settings import Settings


@click.command("publish")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--round", "number", type=click.IntRange(1), required=True, help="For which round.")
@click.option(
    "--provider",
    type=click.Path(path_type=Path),
    help="Folder that operators read.  [default: the devnet's]",
)
@click.option(
    "--datasets",
    type=click.Path(path_type=Path),
    help="Folder that a tournament server publishes.  [default: the devnet's]",
)
@click.option(
    "--release",
    default="v1.0",
    show_default=True,
    help="What clients know the data by: the folder before the files' names.",
)
@click.option(
    "--ids",
    type=click.Path(path_type=Path),
    help="CSV old,new: which live id of the round before became which, for files sent too late.",
)
@with_output
def publish(
    folder: Path,
    number: int,
    provider: Path | None,
    datasets: Path | None,
    release: str,
    ids: Path | None,
    out: Output,
) -> None:
    """Publish the data set in FOLDER for a round: its ids to operators, its files to everyone.

    Train and validation are for every round, live rows for this one, shown from its opening on.
    The live targets are not published: put them into the provider's folder once they are due.

    \b
    Example:
      assay data publish .assay/data --round 1
    """
    import re

    from oracle.datasets.files import open_dataset
    from oracle.datasets.publishing import publish as publish_files

    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,31}", release):
        raise InputError(f"{release[:40]!a} is no name of a release", "as in v1.0")
    home = Settings().home / "devnet"
    if (provider is None or datasets is None) and not home.is_dir():
        raise InputError("there is no devnet here", "name --provider and --datasets")
    names = publish_files(
        open_dataset(folder),
        number,
        provider or home / "provider",
        datasets or home / "datasets",
        release,
        ids,
    )
    for name in names:
        out.say(name)
    out.say(f"published for round {number}, with its ids for the operators")
    out.result({"round": number, "release": release, "files": names})
