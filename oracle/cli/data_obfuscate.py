"""``assay data obfuscate`` and ``assay data reveal``: giving data away without names."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from oracle.cli.output import Output, with_output


def _with_columns(function: Callable[..., Any]) -> Callable[..., Any]:
    """The key, and what the columns of the original table are, as ``key`` and ``columns``."""

    @click.option(
        "--key-file",
        type=click.Path(path_type=Path),
        required=True,
        help="A file with the secret key: openssl rand -hex 32 > FILE.",
    )
    @click.option("--id-column", default="id", show_default=True)
    @click.option("--era-column", default="era", show_default=True)
    @click.option("--keep", multiple=True, help="Copy this column as it is. May be repeated.")
    @click.option("--drop", multiple=True, help="Leave this column out. May be repeated.")
    @wraps(function)
    def wrapped(
        *args: Any,
        key_file: Path,
        id_column: str,
        era_column: str,
        keep: tuple[str, ...],
        drop: tuple[str, ...],
        missing: bool = False,
        **kwargs: Any,
    ) -> Any:
        from oracle.datasets.obfuscate import Columns, read_key

        columns = Columns(id_column, era_column, keep, drop, missing)
        return function(*args, key=read_key(key_file), columns=columns, **kwargs)

    return wrapped


@click.command("obfuscate")
@click.argument("table", metavar="IN", type=click.Path(path_type=Path))
@click.argument("folder", metavar="OUT", type=click.Path(path_type=Path))
@_with_columns
@click.option("--missing", is_flag=True, help="Put missing values in the middle quintile.")
@with_output
def obfuscate(table: Path, folder: Path, key: Any, columns: Any, out: Output) -> None:
    """Obfuscate the table IN (Parquet or CSV, or a folder of them) into the folder OUT.

    Ids become keyed hashes per era, features are renamed, reordered and cut into quintiles, rows
    reordered. Columns `target` and `target_...` become target bins; all others are features, and
    must be numbers.

    \b
    Example:
      openssl rand -hex 32 > key
      assay data obfuscate raw.parquet data --key-file key --era-column date
    """
    from oracle.datasets.obfuscate import obfuscate as run

    with out.console.status("reading the eras") as status:
        made = run(
            table,
            folder,
            key,
            columns,
            lambda done, total, what: status.update(f"{what} ({done} of {total})"),
        )
    out.table(
        str(made.root),
        ("", ""),
        [
            ("files", ", ".join(made.files)),
            ("eras", made.eras),
            ("rows", made.rows),
            ("features", made.features),
        ],
    )
    out.result(
        {
            "folder": str(made.root),
            "files": list(made.files),
            "eras": made.eras,
            "rows": made.rows,
            "features": made.features,
        }
    )


@click.command("reveal")
@click.argument("obfuscated", type=click.Path(path_type=Path))
@click.argument("original", type=click.Path(path_type=Path))
@click.argument("folder", metavar="OUT", type=click.Path(path_type=Path))
@_with_columns
@with_output
def reveal(
    obfuscated: Path, original: Path, folder: Path, key: Any, columns: Any, out: Output
) -> None:
    """Write what the ids in OBFUSCATED stand for to the folder OUT.

    OBFUSCATED is a file with a column `id`, or the folder that `assay data obfuscate` made, and
    ORIGINAL the table it was made of. OUT is as secret as the key.
    """
    from oracle.datasets.reveal import reveal as run

    found, asked = run(obfuscated, original, folder, key, columns)
    out.say(f"{found} of {asked} ids found; written to {folder}")
    out.result({"folder": str(folder), "found": found, "asked": asked})
