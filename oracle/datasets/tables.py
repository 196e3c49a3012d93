"""Tables of rows by era, Parquet or CSV, read one era at a time."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from oracle.datasets.binning import era_label
from oracle.datasets.dataset import DatasetError

SUFFIXES = (".parquet", ".csv")
_BATCH_ROWS = 8192
_CSV_BLOCK_BYTES = 2**22
_LABEL = re.compile(r"\d{4}")
_NUMBER = re.compile(r"(?:era)?(\d{1,9})")
_PANDAS_INDEX = "__index_level_0__"  # Where pandas puts an index that has no name.
_CSV_COLUMN = re.compile(r"CSV column #(\d+)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class Source:
    """A file of rows, the names of its id and era columns, and all its columns."""

    path: Path
    id_column: str
    era_column: str
    columns: tuple[str, ...]

    def eras(self) -> tuple[str, ...]:
        """Its eras in file order. Raises `DatasetError` if the rows of one are not together."""
        return tuple(era for era, _ in self.blocks([]))

    def blocks(
        self, columns: Sequence[str], copied: Sequence[str] = ()
    ) -> Iterator[tuple[str, pa.Table]]:
        """The rows of each era: its name, and its `columns` and `copied` ones.

        From CSV, `columns` are numbers but for ids and eras, `copied` ones what they look like.

        Memory holds one era and one batch. Raises `DatasetError`.
        """
        seen: set[str] = set()
        current: str | None = None
        pieces: list[pa.Table] = []
        for batch in self._batches([*columns, self.era_column], copied):
            eras = self._text(batch, self.era_column, "era")
            start = 0
            for stop in [*_changes(eras), len(eras)]:
                era = eras[start]
                if era != current:
                    if current is not None:
                        yield current, pa.concat_tables(pieces)
                    if era in seen:
                        raise DatasetError(
                            f"{self.path}: the rows of era {era} are not together",
                            "sort the file by era",
                        )
                    seen.add(era)
                    current, pieces = era, []
                pieces.append(batch.slice(start, stop - start))
                start = stop
        if current is None:
            raise DatasetError(f"{self.path}: there are no rows")
        yield current, pa.concat_tables(pieces)

    def ids(self, rows: pa.Table, era: str) -> list[str]:
        """The ids of an era, as text. Raises `DatasetError` if one is missing or there twice."""
        ids = self._text(rows, self.id_column, "id")
        if len(set(ids)) != len(ids):
            twice = next(i for i in ids if ids.count(i) > 1)
            raise DatasetError(f"{self.path}: id {twice} occurs more than once in era {era}")
        return ids

    def _text(self, rows: pa.Table, column: str, what: str) -> list[str]:
        values = rows.column(column)
        if values.null_count:
            raise DatasetError(f"{self.path}: {values.null_count} rows have no {what}")
        kind = values.type
        if pa.types.is_dictionary(kind):
            values = values.cast(kind.value_type)
            kind = kind.value_type
        if pa.types.is_timestamp(kind):
            values = values.cast(pa.date32(), safe=False)
        elif not (
            pa.types.is_string(kind)
            or pa.types.is_large_string(kind)
            or pa.types.is_integer(kind)
            or pa.types.is_date(kind)
        ):
            raise DatasetError(f"{self.path}: column {column} is {kind}; it must be text")
        try:
            texts: list[str] = pc.cast(values, pa.string()).to_pylist()
        except pa.ArrowException as error:
            raise DatasetError(f"{self.path}: column {column}: {error}") from error
        if "" in texts:
            raise DatasetError(f"{self.path}: {texts.count('')} rows have no {what}")
        return texts

    def _batches(self, columns: list[str], copied: Sequence[str]) -> Iterator[pa.Table]:
        try:
            if self.path.suffix == ".parquet":
                with pq.ParquetFile(self.path) as file:
                    for group in range(file.num_row_groups):
                        # A reader of its own for each group: one for all keeps what it has read.
                        wanted = {"row_groups": [group], "columns": [*columns, *copied]}
                        for batch in file.iter_batches(_BATCH_ROWS, **wanted):
                            if batch.num_rows:
                                yield pa.Table.from_batches([batch])
            else:
                yield from self._csv_batches(columns, copied)
        except (OSError, pa.ArrowException) as error:
            raise DatasetError(f"{self.path}: cannot be read ({self._why(error)})") from error

    def _why(self, error: Exception) -> str:
        """The first line of a reader's error, with columns by name."""
        text = (str(error).splitlines() or [type(error).__name__])[0]
        return _CSV_COLUMN.sub(lambda found: f"column {self.columns[int(found[1])]}", text)

    def _csv_batches(self, columns: list[str], copied: Sequence[str]) -> Iterator[pa.Table]:
        texts = {self.id_column, self.era_column}
        types = {name: pa.string() if name in texts else pa.float64() for name in columns}
        reader = pa_csv.open_csv(
            self.path,
            pa_csv.ReadOptions(block_size=_CSV_BLOCK_BYTES, use_threads=False),
            convert_options=pa_csv.ConvertOptions(
                column_types=types, include_columns=[*columns, *copied], strings_can_be_null=False
            ),
        )
        for batch in reader:
            if batch.num_rows:
                yield pa.Table.from_batches([batch])


def _changes(values: list[str]) -> list[int]:
    return [i for i in range(1, len(values)) if values[i] != values[i - 1]]


def open_source(path: Path, id_column: str, era_column: str) -> Source:
    """The file at `path`. Raises `DatasetError` if it cannot be read or lacks a column."""
    if path.suffix not in SUFFIXES:
        raise DatasetError(f"{path}: must be a .parquet or .csv file")
    try:
        if path.suffix == ".parquet":
            columns = pq.read_schema(path).names
        else:
            with path.open(encoding="utf-8", newline="") as stream:
                columns = next(csv.reader(stream), [])
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowException) as error:
        raise DatasetError(f"{path}: cannot be read ({str(error).splitlines()[0]})") from error
    if len(set(columns)) != len(columns):
        raise DatasetError(f"{path}: a column's name occurs twice")
    if id_column not in columns and _PANDAS_INDEX in columns:
        id_column = _PANDAS_INDEX
    columns = [name for name in columns if name != _PANDAS_INDEX or name == id_column]
    for what, name in (("id", id_column), ("era", era_column)):
        if name not in columns:
            raise DatasetError(f"{path}: there is no column {name}", f"name the {what} column")
    return Source(path, id_column, era_column, tuple(columns))


def era_labels(eras: Sequence[str]) -> dict[str, str]:
    """Four-digit labels in the order of time: kept where all have that form, else counted from 1.

    Eras are whole numbers, with or without "era" before them, or ISO dates. Raises `DatasetError`.
    """
    if all(_LABEL.fullmatch(era) for era in eras):
        return {era: era for era in eras}
    numbers = [_NUMBER.fullmatch(era) for era in eras]
    if all(numbers):
        order = {era: int(n[1]) for era, n in zip(eras, numbers, strict=True) if n}
        if len(set(order.values())) != len(order):
            raise DatasetError("two eras have one number", "write all eras in one way")
        ordered = sorted(eras, key=order.__getitem__)
    elif all(_DATE.fullmatch(era) for era in eras):
        ordered = sorted(eras)
    else:
        odd = next((e for e in eras if not (_NUMBER.fullmatch(e) or _DATE.fullmatch(e))), eras[0])
        raise DatasetError(
            f"era {odd}: eras must be whole numbers or dates such as 2026-03-31, all of one kind"
        )
    return {era: era_label(position) for position, era in enumerate(ordered, start=1)}
