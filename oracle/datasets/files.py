"""Reads a data set in Numerai's Classic format, made here or a real tournament's.

A folder holds `features.json` and any of `train.parquet`, `validation.parquet`, `live.parquet`.
Ids are the Parquet file's index or a column `id`; eras are strings; a missing feature is 2 or
NaN; a missing target is NaN. Every error names the file and the column.
"""

import csv
import hashlib
import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from oracle.datasets.dataset import (
    ABOUT_FILE,
    ERA_COLUMN,
    FEATURES_FILE,
    MAIN_TARGET,
    SPLITS,
    Dataset,
    DatasetError,
    benchmark_file,
    split_file,
)
from oracle.tournaments.decimals import parse_unit

ID = "id"
_PANDAS_INDEX = "__index_level_0__"  # Where pandas puts an index that has no name.


def open_dataset(root: Path) -> Dataset:
    """What the files in `root` hold; reads names, eras and live ids, not the data.

    Raises:
        DatasetError: a file is missing, damaged or not in the format.
    """
    root = Path(root)
    names = _read_json(root / FEATURES_FILE)
    feature_sets = _feature_sets(root, names)
    eras = {
        split: _eras(root / split_file(split))
        for split in SPLITS
        if (root / split_file(split)).exists()
    }
    if not eras:
        raise DatasetError(f"{root}: no {', '.join(split_file(s) for s in SPLITS)} in this folder")
    columns = {split: set(_schema(root / split_file(split)).names) for split in eras}
    missing = _first_missing(feature_sets["all"], columns)
    if missing is not None:
        raise DatasetError(
            f"{root / split_file(missing[0])}: column {missing[1]} of {FEATURES_FILE} is missing",
            "take both files from one release",
        )
    about = _read_json(root / ABOUT_FILE) if (root / ABOUT_FILE).exists() else {}
    return Dataset(
        root=root,
        name=str(about.get("name", root.resolve().name)),
        live_ids=live_ids(root) if "live" in eras else (),
        feature_sets=feature_sets,
        targets=_targets(root, names, columns),
        eras=eras,
        description=str(about.get("description", "")),
    )


def read_split(
    root: Path,
    split: str,
    columns: Sequence[str] | None = None,
    eras: Collection[str] | None = None,
) -> pd.DataFrame:
    """Rows of a split, indexed by `id`; `columns` (default: all) keep the order given.

    Given `eras`, only their rows are read into memory. Features keep the type of the file:
    integers, or floats where NaN marks a missing one.

    Raises:
        DatasetError: the file is missing or damaged, lacks a column, has one of another type, or
            an id twice.
    """
    if split not in SPLITS:
        raise DatasetError(f"there is no split {split}", f"choose from {', '.join(SPLITS)}")
    path = Path(root) / split_file(split)
    schema = _schema(path)
    id_column = _id_column(path, schema)
    wanted = [c for c in schema.names if c != id_column] if columns is None else list(columns)
    for column in wanted:
        _check_type(path, schema, column)
    table = _read_columns(path, [id_column, *(c for c in wanted if c != id_column)], eras)
    ids = table.column(id_column)
    frame = table.drop_columns([id_column]).to_pandas(ignore_metadata=True)[wanted]
    frame.index = _unique_ids(path, ids)
    return frame


def read_benchmarks(root: Path, split: str) -> pd.DataFrame:
    """Predictions (rows, benchmark models) for a split, indexed by `id`. Raises `DatasetError`."""
    path = Path(root) / benchmark_file(split)
    id_column = _id_column(path, _schema(path))
    table = _read_columns(path, None)
    frame = table.drop_columns([id_column]).to_pandas(ignore_metadata=True)
    frame.index = _unique_ids(path, table.column(id_column))
    frame = frame.drop(columns=[ERA_COLUMN], errors="ignore")
    if frame.empty or not all(np.issubdtype(kind, np.floating) for kind in frame.dtypes):
        raise DatasetError(f"{path}: must hold a column of floats for each benchmark model")
    return frame


def count_rows(root: Path, split: str) -> int:
    """Rows of a split, from the file's footer. Raises `DatasetError`."""
    path = Path(root) / split_file(split)
    try:
        return pq.read_metadata(path).num_rows
    except (OSError, pa.ArrowException) as error:
        raise _parquet_error(path, error) from error


def live_ids(root: Path) -> tuple[str, ...]:
    """Ids of the live split, in file order. Raises `DatasetError`."""
    path = Path(root) / split_file("live")
    id_column = _id_column(path, _schema(path))
    return tuple(_unique_ids(path, _read_columns(path, [id_column]).column(id_column)))


def read_targets_csv(path: Path) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Ids and targets of a CSV file `id,target`, in file order; targets int64 (n,) at 10^-9.

    Decimals in [0, 1] are turned into integers from their text, never through a float.

    Raises:
        DatasetError: naming the line.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            records = list(csv.reader(stream, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: cannot be read as CSV ({error})") from error
    if not records or records[0] != [ID, MAIN_TARGET]:
        raise DatasetError(f"{path}: line 1 must be {ID},{MAIN_TARGET}")
    targets: dict[str, int] = {}
    for number, record in enumerate(records[1:], start=2):
        if len(record) != 2 or not record[0]:
            raise DatasetError(f"{path}: line {number} must be an id, a comma and a target")
        if record[0] in targets:
            raise DatasetError(f"{path}: line {number}: id {record[0]} occurs a second time")
        try:
            targets[record[0]] = parse_unit(record[1])
        except ValueError as error:
            where = f"line {number}: the target of {record[0]}"
            raise DatasetError(f"{path}: {where} {error}") from error
    if not targets:
        raise DatasetError(f"{path}: no targets after the header")
    return tuple(targets), np.array(list(targets.values()), dtype=np.int64)


def content_digest(root: Path) -> str:
    """sha256 (hex) of what the files in `root` say, whatever bytes Parquet chose to say it with."""
    total = hashlib.sha256()
    for path in sorted(Path(root).iterdir()):
        content = _parquet_digest(path) if path.suffix == ".parquet" else path.read_bytes()
        total.update(f"{path.name}:{hashlib.sha256(content).hexdigest()}\n".encode())
    return total.hexdigest()


def file_digest(path: Path) -> str:
    """sha256 (hex) of the names, types and values in a Parquet file, by row group."""
    return _parquet_digest(Path(path)).hex()


def _parquet_digest(path: Path) -> bytes:
    """Names, types and values, column by column within each row group."""
    digest = hashlib.sha256()
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            table = file.read_row_group(group)
            for name, column in zip(table.column_names, table.columns, strict=True):
                digest.update(f"{name}:{column.type}:{len(column)}\n".encode())
                if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                    digest.update("\n".join(map(str, column.to_pylist())).encode())
                else:
                    values = column.to_numpy()
                    digest.update(values.astype(values.dtype.newbyteorder("<")).tobytes())
    return digest.digest()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DatasetError(
            f"{path} is missing", "name the folder that holds the data set"
        ) from None
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(content, dict):
        raise DatasetError(f"{path}: must be a JSON object")
    return content


def _is_names(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, str) for v in value)


def _feature_sets(root: Path, names: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    sets = names.get("feature_sets")
    if not isinstance(sets, dict) or not all(_is_names(value) for value in sets.values()):
        raise DatasetError(
            f"{root / FEATURES_FILE}: feature_sets must map names to lists of feature columns"
        )
    if "all" not in sets:
        raise DatasetError(f"{root / FEATURES_FILE}: feature_sets lacks the set `all`")
    return {name: tuple(columns) for name, columns in sets.items()}


def _targets(root: Path, names: dict[str, Any], columns: dict[str, set[str]]) -> tuple[str, ...]:
    """Targets named in features.json, `target` first; checked against train and validation."""
    targets = names.get("targets")
    if not _is_names(targets):
        raise DatasetError(f"{root / FEATURES_FILE}: targets must be a list of target columns")
    ordered = (MAIN_TARGET, *(name for name in targets if name != MAIN_TARGET))
    labelled = {split: found for split, found in columns.items() if split != "live"}
    missing = _first_missing(ordered, labelled)
    if missing is not None:
        raise DatasetError(
            f"{root / split_file(missing[0])}: target column {missing[1]} is missing"
        )
    return ordered


def _first_missing(names: Sequence[str], columns: dict[str, set[str]]) -> tuple[str, str] | None:
    """Split and name of the first column that a split lacks."""
    for split, found in columns.items():
        for name in names:
            if name not in found:
                return split, name
    return None


def _parquet_error(path: Path, error: Exception) -> DatasetError:
    if isinstance(error, FileNotFoundError):
        return DatasetError(f"{path} is missing")
    return DatasetError(
        f"{path}: cannot be read as Parquet ({str(error).splitlines()[0]})",
        "if it was cut short, fetch or build it again",
    )


def _schema(path: Path) -> pa.Schema:
    try:
        return pq.read_schema(path)
    except (OSError, pa.ArrowException) as error:
        raise _parquet_error(path, error) from error


def _read_columns(
    path: Path, columns: list[str] | None, eras: Collection[str] | None = None
) -> pa.Table:
    only = None if eras is None else pc.field(ERA_COLUMN).isin(list(eras))
    try:
        return pq.read_table(path, columns=columns, filters=only, partitioning=None)
    except (OSError, pa.ArrowException) as error:
        raise _parquet_error(path, error) from error


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _id_column(path: Path, schema: pa.Schema) -> str:
    for name in (ID, _PANDAS_INDEX):
        if name in schema.names:
            if not _is_text(schema.field(name).type):
                kind = schema.field(name).type
                raise DatasetError(f"{path}: ids must be text, found {kind}")
            return name
    raise DatasetError(f"{path}: no ids, neither as index nor as column `{ID}`")


def _check_type(path: Path, schema: pa.Schema, column: str) -> None:
    if column not in schema.names:
        raise DatasetError(f"{path}: column {column} is missing")
    kind = schema.field(column).type
    if column == ERA_COLUMN or column == "data_type":
        fits, wanted = _is_text(kind), "text (eras are strings such as 0001)"
    elif column.startswith("feature"):
        number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
        fits, wanted = number, "whole numbers 0-4, or floats with NaN"
    elif column.startswith(MAIN_TARGET):
        # A live file without any target may store them as nulls.
        fits, wanted = pa.types.is_floating(kind) or pa.types.is_null(kind), "floats"
    else:
        return
    if not fits:
        raise DatasetError(f"{path}: column {column} is {kind}; it must be {wanted}")


def _eras(path: Path) -> tuple[str, ...]:
    """Distinct eras in file order."""
    schema = _schema(path)
    _check_type(path, schema, ERA_COLUMN)
    column = _read_columns(path, [ERA_COLUMN]).column(ERA_COLUMN)
    if column.null_count:
        raise DatasetError(f"{path}: column {ERA_COLUMN} has {column.null_count} missing values")
    return tuple(column.unique().to_pylist())


def _unique_ids(path: Path, column: pa.ChunkedArray) -> pd.Index:
    ids = pd.Index(column.to_pylist(), name=ID, dtype=object)
    if column.null_count:
        raise DatasetError(f"{path}: {column.null_count} rows have no id")
    if not ids.is_unique:
        raise DatasetError(f"{path}: id {ids[ids.duplicated()][0]} occurs more than once")
    return ids
