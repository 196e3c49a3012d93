"""Parquet files that grow era by era, and the check that no id is in two eras."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from oracle.datasets.dataset import ERA_COLUMN

# Parquet keeps about 1 kB for each column of each row group until the file is closed, so wide eras
# share a row group: one for each 250 columns, and an era of fewer than 500 has its own.
_COLUMNS_A_GROUP = 250
_CELLS_A_GROUP = 2**28
"""Most cells that wait to be written, a byte each for features."""


class EraParquet:
    """A Parquet file that grows by an era; the first one sets the schema."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []

    def append(self, frame: pd.DataFrame) -> None:
        """Add the rows of one era, indexed by id."""
        if self._writer is None:
            table = pa.Table.from_pandas(frame, preserve_index=True, nthreads=1)
            statistics = [name for name in frame.columns if name == ERA_COLUMN]
            self._writer = pq.ParquetWriter(
                self._path, table.schema, write_statistics=statistics or False
            )
        else:
            # Without pandas' conversion, which takes longer than all else for an era of few rows.
            columns = [*(frame[name].to_numpy() for name in frame.columns), frame.index.to_numpy()]
            arrays = [
                pa.array(values, field.type, from_pandas=True)
                for values, field in zip(columns, self._writer.schema, strict=True)
            ]
            table = pa.Table.from_arrays(arrays, schema=self._writer.schema)
        self._waiting.append(table)
        cells = table.num_rows * table.num_columns
        waiting = sum(t.num_rows * t.num_columns for t in self._waiting)
        eras = max(1, table.num_columns // _COLUMNS_A_GROUP)
        if len(self._waiting) >= eras or waiting + cells > _CELLS_A_GROUP:
            self.flush()

    def flush(self) -> None:
        """Write what waits, as a row group."""
        if self._writer is not None and self._waiting:
            rows = sum(table.num_rows for table in self._waiting)
            tables, self._waiting = self._waiting, []
            self._writer.write_table(pa.concat_tables(tables), row_group_size=max(rows, 1))

    def __enter__(self) -> "EraParquet":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Write what waits and the footer; after an error only close, as the file is removed."""
        if kind is None:
            self.flush()
        if self._writer is not None:
            self._writer.close()


class SeenIds:
    """Ids met so far, 8 bytes each.

    Digests of 64 bits lie in sorted runs; runs of one length are merged, so there are few. Two
    different ids are taken for one with a chance of 10^-6 among 6 million.
    """

    def __init__(self) -> None:
        self._runs: list[NDArray[np.uint64]] = []

    def add(self, ids: Iterable[str]) -> bool:
        """Take in the ids of an era; False if one was there before, or is in it twice."""
        digests = b"".join(hashlib.blake2b(i.encode(), digest_size=8).digest() for i in ids)
        fresh = np.sort(np.frombuffer(digests, np.uint64))
        if (fresh[1:] == fresh[:-1]).any() or any(_share(fresh, run) for run in self._runs):
            return False
        self._runs.append(fresh)
        while len(self._runs) > 1 and len(self._runs[-2]) <= 2 * len(self._runs[-1]):
            merged = np.concatenate([self._runs.pop(), self._runs.pop()])
            merged.sort(kind="stable")  # A merge, as both halves ascend.
            self._runs.append(merged)
        return True


def _share(few: NDArray[np.uint64], many: NDArray[np.uint64]) -> bool:
    positions = np.minimum(many.searchsorted(few), max(len(many) - 1, 0))
    return bool(len(many)) and bool((many[positions] == few).any())
