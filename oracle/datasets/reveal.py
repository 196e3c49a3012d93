"""The way back, for whoever holds the key and the original table."""

import csv
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from oracle.datasets.dataset import DatasetError
from oracle.datasets.obfuscate import Columns, Key, table_sources
from oracle.datasets.staging import publish, refuse_existing, staged

IDS_FILE, FEATURES_FILE = "ids.csv", "features.csv"


def reveal(
    obfuscated: Path, original: Path, out: Path, key: Key, columns: Columns | None = None
) -> tuple[int, int]:
    """Write what the ids and features of `obfuscated` stand for, in the folder `out`.

    `obfuscated` is a file with a column `id` (predictions for the rows, say) or the folder that
    was made; `original` the table it was made of. `ids.csv` has `id,era,original`, `features.csv`
    `feature,original`. Returns how many ids were found, and how many were asked for.

    Raises:
        DatasetError: a file cannot be read, or no id was found: another key, or another table.
    """
    obfuscated, out, columns = Path(obfuscated), Path(out), columns or Columns()
    refuse_existing(out)
    sources = table_sources(Path(original), columns)
    wanted = _ids(obfuscated)
    asked = len(wanted)
    with staged(out) as root:
        with (root / IDS_FILE).open("w", encoding="utf-8", newline="") as stream:
            found = csv.writer(stream, lineterminator="\n")
            found.writerow(("id", "era", "original"))
            for source in sources:
                for era, rows in source.blocks([source.id_column]):
                    ids = source.ids(rows, era)
                    for new, old in zip(key.row_ids(era, ids), ids, strict=True):
                        if new in wanted:
                            wanted.discard(new)
                            found.writerow((new, era, old))
        if len(wanted) == asked:
            raise DatasetError(
                f"no id of {obfuscated} was found in {original}",
                "give the key and the table that it was made with",
            )
        names = key.feature_names(columns.features(sources[0]))
        with (root / FEATURES_FILE).open("w", encoding="utf-8", newline="") as stream:
            listed = csv.writer(stream, lineterminator="\n")
            listed.writerow(("feature", "original"))
            listed.writerows((new, old) for old, new in names.items())
        publish(((root, out),))
    return asked - len(wanted), asked


def _ids(path: Path) -> set[str]:
    """The ids in a file, or in the Parquet files of a folder."""
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    ids: set[str] = set()
    for file in files:
        try:
            if file.suffix == ".parquet":
                column = pq.read_table(file, columns=["id"]).column("id")
            else:
                types = pa_csv.ConvertOptions(
                    include_columns=["id"], column_types={"id": pa.string()}
                )
                column = pa_csv.read_csv(file, convert_options=types).column("id")
        except (OSError, KeyError, pa.ArrowException) as error:
            raise DatasetError(
                f"{file}: cannot be read ({str(error).splitlines()[0]})", "it needs a column id"
            ) from error
        ids.update(column.to_pylist())
    if not ids:
        raise DatasetError(f"{path}: there are no ids")
    return ids
