"""Predictions of any size by id: a model's, the meta model's, a benchmark's."""

import codecs
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from oracle.datasets.dataset import ERA_COLUMN
from oracle.errors import InputError
from oracle.scoring.limits import SCALE
from oracle.tournaments.decimals import floats_to_integers, parse_unit

ID_COLUMNS: Final = ("id", "__index_level_0__")
PREDICTION_COLUMNS: Final = ("prediction", "probability")
MAX_ID_BYTES: Final = 64
ABSENT: Final = -1
"""Stands for the prediction of an id that the file does not hold."""

_BATCH_ROWS: Final = 65_536
_MAGIC: Final = b"PAR1"

# A decimal in (0, 1), its nearest float f and fl(f * 1e9) are less than 2**-23 apart in units of
# 1e-9. So where fl(f * 1e9) lies farther than that from a tie, rounding it rounds the decimal.
_TIE_MARGIN: Final = 2.0**-22

Ids = NDArray[np.bytes_]


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions in units of 1e-9 by id, or by era and id if the file has a column of eras.

    ``name`` of the file, without its ending, and of the ``column`` they were read from.
    ``pools`` maps an era, or None where the file has no eras, to ids, sorted, and their values.
    """

    name: str
    column: str
    pools: dict[str | None, tuple[Ids, NDArray[np.int64]]]

    @property
    def by_era(self) -> bool:
        """Whether the same id may stand in several eras."""
        return None not in self.pools

    @property
    def rows(self) -> int:
        return sum(ids.size for ids, _ in self.pools.values())

    def of(self, era: str, ids: Ids) -> NDArray[np.int64]:
        """Predictions of ``ids`` (n,) in ``era``, int64 (n,); ABSENT where there is none."""
        pool = self.pools.get(era if self.by_era else None)
        if pool is None:
            return np.full(ids.size, ABSENT, np.int64)
        known, values = pool
        # Cut to the width of the known ids, so that these are not copied. A longer id is none of
        # them, which the comparison with the whole id shows.
        at = np.searchsorted(known, ids.astype(known.dtype))
        at[at == known.size] = 0
        return np.where(known[at] == ids, values[at], ABSENT)


def read_predictions(
    path: Path,
    columns: Sequence[str] = PREDICTION_COLUMNS,
    id_columns: Sequence[str] = (),
    *,
    gaps: bool = False,
) -> Predictions:
    """The predictions in a CSV or Parquet file, told apart by content.

    The file holds an id (a column, one of ``id_columns`` or ``id``, or Parquet's index), the first
    of ``columns`` that it has (given none, the first column of floats), and may hold ``era``, and
    others, which are not read.
    Predictions lie in [0, 1] and are rounded to integers as in a submission; with ``gaps``, rows
    without one (null, NaN) are left out. Memory: a few times 24 bytes a row.

    Raises:
        InputError: naming the file, and the row or column at fault.
    """
    try:
        with path.open("rb") as stream:
            is_parquet = stream.read(len(_MAGIC)) == _MAGIC
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    collected = _Collected(path, first_row=1 if is_parquet else 2, gaps=gaps)
    try:
        chosen, batches = (_parquet if is_parquet else _csv)(
            path, columns, (*id_columns, *ID_COLUMNS)
        )
        for batch in batches:
            collected.add(batch)
    except (pa.ArrowException, UnicodeDecodeError, csv.Error) as error:
        kind = "Parquet" if is_parquet else "CSV"
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: cannot be read as {kind} ({reason})") from None
    return Predictions(path.stem, chosen["value"], collected.pools())


_Source = tuple[dict[str, str], Iterator[pa.RecordBatch]]
"""Names in the file of the columns id, value and perhaps era, and batches that call them so."""


def _parquet(path: Path, columns: Sequence[str], id_columns: Sequence[str]) -> _Source:
    file = pq.ParquetFile(path, pre_buffer=False)
    schema = file.schema_arrow
    wanted = columns or [field.name for field in schema if pa.types.is_floating(field.type)]
    chosen = _choose(path, schema.names, wanted, id_columns)

    def batches() -> Iterator[pa.RecordBatch]:
        with file:
            for batch in file.iter_batches(_BATCH_ROWS, columns=list(chosen.values())):
                yield pa.RecordBatch.from_arrays(
                    [batch.column(name) for name in chosen.values()], names=list(chosen)
                )

    return chosen, batches()


def _csv(path: Path, columns: Sequence[str], id_columns: Sequence[str]) -> _Source:
    """All columns are text."""
    with path.open("rb") as stream:
        first = stream.readline(1 << 16).removeprefix(codecs.BOM_UTF8).decode()
    header = next(csv.reader([first]), [])
    wanted = columns or [name for name in header if name not in (*id_columns, ERA_COLUMN)]
    chosen = _choose(path, header, wanted, id_columns)
    reader = pyarrow.csv.open_csv(
        path,
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(chosen.values(), pa.string()),
            include_columns=list(chosen.values()),
            strings_can_be_null=False,
        ),
    )
    return chosen, (
        pa.RecordBatch.from_arrays(batch.columns, names=list(chosen)) for batch in reader
    )


def _choose(
    path: Path, found: Sequence[str], wanted: Sequence[str], id_columns: Sequence[str]
) -> dict[str, str]:
    """Names in the file of the columns id, value and era."""
    twice = [name for name in found if list(found).count(name) > 1]
    ids = [name for name in id_columns if name in found]
    values = [name for name in wanted if name in found]
    if twice or not ids or not values:
        what = f"column {twice[0]} stands twice" if twice else f"found {', '.join(found)}"
        raise InputError(
            f"{path}: needs a column id and one of {', '.join(wanted) or 'floats'}; {what}"
        )
    chosen = {"id": ids[0], "value": values[0]}
    return chosen | {"era": ERA_COLUMN} if ERA_COLUMN in found else chosen


class _Collected:
    """Batches on their way to `Predictions`."""

    def __init__(self, path: Path, first_row: int, gaps: bool) -> None:
        self._path, self._next_row, self._gaps = path, first_row, gaps
        self._where = "row" if first_row == 1 else "line"
        self._parts: dict[str | None, list[tuple[Ids, NDArray[np.int64]]]] = {}

    def add(self, batch: pa.RecordBatch) -> None:
        ids = self._ids(batch.column("id"))
        values = self._values(batch.column("value"))
        there = values != ABSENT
        for era, rows in self._eras(batch):
            rows = rows[there[rows]]
            if rows.size:
                self._parts.setdefault(era, []).append((ids[rows], values[rows]))
        self._next_row += batch.num_rows

    def pools(self) -> dict[str | None, tuple[Ids, NDArray[np.int64]]]:
        if not self._parts:
            raise InputError(f"{self._path}: no predictions in it")
        pools = {}
        while self._parts:  # each part is let go as soon as it is joined
            era, parts = self._parts.popitem()
            ids = np.concatenate([ids for ids, _ in parts])
            order = np.argsort(ids, kind="stable")
            ids = ids[order]
            twice = np.flatnonzero(ids[1:] == ids[:-1])
            if twice.size:
                where = f" in era {era}" if era is not None else ""
                name = ids[twice[0]].decode(errors="replace")
                raise InputError(f"{self._path}: id {name} occurs more than once{where}")
            pools[era] = ids, np.concatenate([values for _, values in parts])[order]
        return pools

    def _ids(self, column: pa.Array) -> Ids:
        ids = text_ids(column)
        if ids is None:
            raise InputError(
                f"{self._path}: ids must be text of 1 to {MAX_ID_BYTES} bytes, and none missing"
            )
        return ids

    def _eras(self, batch: pa.RecordBatch) -> Iterator[tuple[str | None, NDArray[np.int64]]]:
        """Each era of the batch with its rows."""
        if "era" not in batch.schema.names:
            yield None, np.arange(batch.num_rows)
            return
        coded = batch.column("era").cast(pa.string()).dictionary_encode()
        if coded.null_count:
            raise InputError(f"{self._path}: column {ERA_COLUMN} has missing values")
        codes = coded.indices.to_numpy()
        for code, era in enumerate(coded.dictionary.to_pylist()):
            yield era, np.flatnonzero(codes == code)

    def _values(self, column: pa.Array) -> NDArray[np.int64]:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            return self._from_text(column)
        if pa.types.is_decimal(column.type):
            return self._from_text(column.cast(pa.string()))
        if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
            raise InputError(f"{self._path}: predictions must be numbers, found {column.type}")
        floats = column.to_numpy(zero_copy_only=False).astype(np.float64)
        missing = np.isnan(floats)
        bad = ~((floats >= 0.0) & (floats <= 1.0))
        if self._gaps:
            bad &= ~missing
        if bad.any():
            row = int(np.argmax(bad))
            reason = "is missing (NaN or null)" if missing[row] else "is outside [0, 1]"
            raise self._fault(row, reason)
        values = floats_to_integers(np.where(missing, 0.0, floats))
        return np.asarray(np.where(missing, ABSENT, values))

    def _from_text(self, column: pa.Array) -> NDArray[np.int64]:
        try:
            floats = pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False)
        except pa.ArrowInvalid:
            floats = np.full(len(column), np.nan)
        inside = (floats > 0.0) & (floats < 1.0)
        scaled = np.where(inside, floats, 0.0) * float(SCALE)
        sure = inside & (np.abs(scaled - np.floor(scaled) - 0.5) > _TIE_MARGIN)
        values: NDArray[np.int64] = np.rint(scaled).astype(np.int64)
        for row in np.flatnonzero(~sure).tolist():
            text: Any = column[row].as_py()
            if self._gaps and (not text or text.lower() in ("nan", "null")):
                values[row] = ABSENT
                continue
            try:
                values[row] = parse_unit(text or "")
            except ValueError as error:
                raise self._fault(row, str(error)) from None
        return values

    def _fault(self, row: int, reason: str) -> InputError:
        where = f"{self._where} {self._next_row + row}"
        return InputError(
            f"{self._path}: {where}: the prediction {reason}",
            "predictions are numbers in [0, 1]; rank them within each era if they are not",
        )


def text_ids(column: pa.Array) -> Ids | None:
    """Ids as bytes of fixed width, (n,); None if they are not text, or one is missing or long."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)) or column.null_count:
        return None
    raw = column.cast(kind).cast(pa.large_binary())
    lengths = pc.min_max(pc.binary_length(raw)).as_py()
    if len(column) and not 0 < lengths["min"] <= lengths["max"] <= MAX_ID_BYTES:
        return None
    return np.asarray(raw.to_numpy(zero_copy_only=False), dtype=np.bytes_)
