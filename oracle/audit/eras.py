"""A split of a data set, streamed era by era."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from oracle.audit.predictions import ID_COLUMNS, Ids, text_ids
from oracle.datasets.binning import MISSING_FEATURE
from oracle.datasets.dataset import ERA_COLUMN, DatasetError
from oracle.tournaments.decimals import floats_to_integers

BATCH_ELEMENTS: Final = 1 << 24
"""Rows times columns read at a time."""

NO_TARGET: Final = -1
"""Stands for the target of a row that has none (NaN)."""


@dataclass(frozen=True, eq=False)
class Era:
    """One era: ids (n,), targets int64 (n,) in units of 1e-9 or NO_TARGET, features int8 (n, K)."""

    name: str
    ids: Ids
    target: NDArray[np.int64]
    features: NDArray[np.int8]

    def rows(self, chosen: NDArray[np.bool_]) -> "Era":
        """The chosen rows, (n,) booleans."""
        if chosen.all():
            return self
        return Era(self.name, self.ids[chosen], self.target[chosen], self.features[chosen])


def stream_eras(path: Path, features: Sequence[str], target: str | None) -> Iterator[Era]:
    """The eras of ``path``, in file order, with the columns ``features`` and ``target``.

    The file is opened once and read from front to back, so the rows of an era must be together.
    Memory holds one era and one batch. A missing feature is 2, the middle.

    Raises:
        DatasetError: naming the file, and the column or the era at fault.
    """
    seen: set[str] = set()
    parts: list[Era] = []
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            columns = _columns(path, file.schema_arrow.names, features, target)
            step = max(1, BATCH_ELEMENTS // len(columns))
            for batch in file.iter_batches(step, columns=columns):
                for part in _split(path, batch, columns[0], features, target):
                    if parts and parts[0].name != part.name:
                        yield _joined(path, parts)
                        parts = []
                    if not parts:
                        if part.name in seen:
                            raise DatasetError(
                                f"{path}: the rows of era {part.name} are not together",
                                "sort the file by era",
                            )
                        seen.add(part.name)
                    parts.append(part)
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise DatasetError(f"{path}: cannot be read as Parquet ({reason})") from None
    if parts:
        yield _joined(path, parts)


def _columns(
    path: Path, names: Sequence[str], features: Sequence[str], target: str | None
) -> list[str]:
    """Columns to read, the id first."""
    ids = [name for name in ID_COLUMNS if name in names]
    if not ids:
        raise DatasetError(f"{path}: no ids, neither as index nor as column `id`")
    wanted = [ids[0], ERA_COLUMN, *features, *([target] if target else [])]
    there = set(names)
    missing = next((name for name in wanted if name not in there), None)
    if missing is not None:
        raise DatasetError(f"{path}: column {missing} is missing")
    return wanted


def _split(
    path: Path, batch: pa.RecordBatch, id_column: str, features: Sequence[str], target: str | None
) -> Iterator[Era]:
    """The runs of rows of one era in a batch."""
    eras = np.array(batch.column(ERA_COLUMN).cast(pa.string()).to_pylist(), dtype=object)
    if any(era is None for era in eras):
        raise DatasetError(f"{path}: column {ERA_COLUMN} has missing values")
    ids = text_ids(batch.column(id_column))
    if ids is None:
        raise DatasetError(f"{path}: ids must be short texts, and none missing")
    matrix = np.empty((len(features), batch.num_rows), np.int8)
    for row, name in enumerate(features):
        matrix[row] = _feature(path, name, batch.column(name))
    targets = (
        _target(path, target, batch.column(target))
        if target
        else np.full(batch.num_rows, NO_TARGET, np.int64)
    )
    starts = [0, *(np.flatnonzero(eras[1:] != eras[:-1]) + 1).tolist(), batch.num_rows]
    for start, end in pairwise(starts):
        if start < end:
            part = matrix[:, start:end]
            yield Era(str(eras[start]), ids[start:end], targets[start:end], part)


def _joined(path: Path, parts: Sequence[Era]) -> Era:
    """One era of its parts, whose features are still the other way round, (K, n)."""
    ids = np.concatenate([part.ids for part in parts])
    in_order = np.sort(ids)
    twice = np.flatnonzero(in_order[1:] == in_order[:-1])
    if twice.size:
        name = in_order[twice[0]].decode(errors="replace")
        raise DatasetError(f"{path}: id {name} occurs more than once in era {parts[0].name}")
    features = np.empty((ids.size, parts[0].features.shape[0]), np.int8)
    at = 0
    for part in parts:
        features[at : at + part.ids.size] = part.features.T
        at += part.ids.size
    return Era(parts[0].name, ids, np.concatenate([part.target for part in parts]), features)


def _feature(path: Path, name: str, column: pa.Array) -> NDArray[np.int8]:
    if pa.types.is_integer(column.type):
        values = column.fill_null(MISSING_FEATURE).to_numpy(zero_copy_only=False)
    elif pa.types.is_floating(column.type):
        floats = column.to_numpy(zero_copy_only=False)
        values = np.where(np.isnan(floats), MISSING_FEATURE, floats)
    else:
        raise DatasetError(f"{path}: column {name} is {column.type}; features are whole numbers")
    with np.errstate(invalid="ignore"):  # what does not fit is found by comparison
        whole: NDArray[np.int8] = values.astype(np.int8)
    if not (whole == values).all():
        raise DatasetError(f"{path}: column {name} holds values that are no small whole numbers")
    return whole


def _target(path: Path, name: str, column: pa.Array) -> NDArray[np.int64]:
    if not (pa.types.is_floating(column.type) or pa.types.is_null(column.type)):
        raise DatasetError(f"{path}: column {name} is {column.type}; targets are floats")
    values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    missing = np.isnan(values)
    filled = np.where(missing, 0.0, values)
    if not ((filled >= 0.0) & (filled <= 1.0)).all():
        raise DatasetError(f"{path}: column {name} holds targets outside [0, 1]")
    return np.where(missing, NO_TARGET, floats_to_integers(filled))
