"""Parquet submissions: two flat columns, bounded before anything is decoded.

Accepted: an id column of text and a prediction column of floats, doubles, decimals or integers;
the id as a pandas index, which pandas stores as the last column, under its own name or as
``__index_level_0__``. Not accepted: nested or further columns, encryption, delta encodings, text
or half-float predictions.
"""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from oracle.tournaments.decimals import floats_to_integers, parse_unit
from oracle.tournaments.errors import ErrorCode, SubmissionError
from oracle.tournaments.parquet_footer import (
    MAGIC,
    Footer,
    column_names,
    fresh_file,
    parse_footer,
    read_footer,
)
from oracle.tournaments.parquet_guard import PageBudget, PageError, check_chunk
from oracle.tournaments.rules import SubmissionRules
from oracle.tournaments.table import Format, empty_id_error, header_error, value_error

UNNAMED_INDEX: Final = "__index_level_0__"
MAX_FOOTER_BYTES: Final = 256 << 10
BATCH_ROWS: Final = 65_536

_TAIL: Final = 8  # footer length, then the magic again
# What pyarrow raises for broken bytes. MemoryError stays out: it says nothing about the file, and
# an operator short of memory must not refuse what others accept.
_BROKEN = (pa.ArrowException, OSError, ValueError, LookupError, TypeError, OverflowError)


class ParquetTable:
    """A parsed Parquet file: ids as text, predictions as one Arrow array."""

    format: Format = "parquet"

    def __init__(self, ids: list[str], values: pa.Array, columns: tuple[str, str]) -> None:
        self.ids = ids
        self._values = values
        self.id_column, self._column = columns

    def integers(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """See ``Table.integers``."""
        if pa.types.is_decimal(self._values.type):
            return self._from_decimals(rows)
        # An integer beyond 2^53 or a null in an integer column may change on the way to a float,
        # but stays outside [0, 1] or becomes NaN.
        floats = self._values.to_numpy(zero_copy_only=False).astype(np.float64)[rows]
        bad = ~((floats >= 0.0) & (floats <= 1.0))
        if bad.any():
            index = int(np.argmax(bad))
            raise self._refusal(int(rows[index]), float(floats[index]))
        return floats_to_integers(floats)

    def where(self, row: int) -> str:
        """See ``Table.where``."""
        return f"row {row + 1}"

    def _from_decimals(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        result = np.empty(len(rows), dtype=np.int64)
        values = self._values.take(pa.array(rows)).to_pylist()
        for index, (row, value) in enumerate(zip(rows.tolist(), values, strict=True)):
            text = "null" if value is None else str(value)
            try:
                result[index] = parse_unit(text)
            except ValueError as error:
                raise value_error(text, self._column, str(error), self.where(row)) from error
        return result

    def _refusal(self, row: int, value: float) -> SubmissionError:
        if np.isnan(value):
            text, reason = "", "is missing (NaN or null)"
        elif np.isinf(value):
            text, reason = "", "is infinite"
        else:
            text, reason = repr(value), "is outside [0, 1]"
        return value_error(text, self._column, reason, self.where(row))


def read_parquet(raw: bytes, rules: SubmissionRules) -> ParquetTable:
    """Parse Parquet bytes of at most ``rules.max_bytes``.

    Raises ``SubmissionError`` for a file that cannot be read within the rules' limits or that is
    not a table of an id and a prediction column.
    """
    pages, metadata = _frame(raw)
    try:
        fields = parse_footer(metadata)
        id_column, prediction_column = _columns(column_names(fields), rules)
        footer = read_footer(fields)
        _check_types(footer, id_column, prediction_column)
        _check_size(footer, pages, rules)
        return _decode(raw, footer, (id_column, prediction_column), rules)
    except (SubmissionError, MemoryError):
        raise
    except _BROKEN as error:
        raise _unreadable("the Parquet file is damaged; write and upload it again") from error


def _frame(raw: bytes) -> tuple[memoryview, memoryview]:
    """What stands before the footer, and the footer, of a size that bounds its parsing."""
    if len(raw) < len(MAGIC) + _TAIL or raw[-4:] != MAGIC:
        raise _unreadable("the Parquet file is cut short; write and upload it again")
    size = int.from_bytes(raw[-_TAIL:-4], "little")
    start = len(raw) - _TAIL - size
    if start < len(MAGIC):
        raise _unreadable("the Parquet file is cut short; write and upload it again")
    if size > MAX_FOOTER_BYTES:
        text = f"its metadata is {size} bytes, at most {MAX_FOOTER_BYTES} are read"
        raise _unreadable(f"{text}; send the two columns alone, in few row groups")
    view = memoryview(raw)
    return view[:start], view[start : start + size]


def _columns(names: list[str], rules: SubmissionRules) -> tuple[str, str]:
    """Names of the id and the prediction column, as stored in the file."""
    if len(names) == 2:
        first, second = names
        for name, prediction in ((first, second), (second, first)):
            if prediction in rules.prediction_columns and _is_id(name, rules):
                return name, prediction
    hint = ""
    if len(names) == 2 and UNNAMED_INDEX in names:
        hint = "The index has no name: name it"
    raise header_error(names, rules, hint)


def _is_id(name: str, rules: SubmissionRules) -> bool:
    # An unnamed index can only be meant where there is one kind of id.
    return name in rules.id_columns or (name == UNNAMED_INDEX and len(rules.id_columns) == 1)


def _check_types(footer: Footer, id_column: str, prediction_column: str) -> None:
    columns = {column.name: column for column in footer.columns}
    if not columns[id_column].is_text:
        raise SubmissionError(ErrorCode.IDS, f"column {id_column} must be text")
    if not columns[prediction_column].is_number:
        text = f"column {prediction_column} must be numbers (float, double, decimal or integer)"
        raise SubmissionError(ErrorCode.VALUES, text)


def _check_size(footer: Footer, pages: memoryview, rules: SubmissionRules) -> None:
    """Refuse what would decode past the rules, by the footer and by every page's own header."""
    if footer.rows > rules.max_rows:
        raise _unreadable(f"{footer.rows} rows; at most {rules.max_rows} are read")
    budget = PageBudget(rules.max_bytes, dictionary_entries=2 * rules.max_rows)
    for group in footer.groups:
        for column, chunk in zip(footer.columns, group.chunks, strict=True):
            end = chunk.start + chunk.size
            if chunk.start < len(MAGIC) or end > len(pages):
                raise _unreadable("its metadata points outside the file")
            try:
                check_chunk(pages[chunk.start : end], chunk.values, budget)
            except PageError as error:
                raise _unreadable(f"column {column.name} {error}") from error


def _decode(
    raw: bytes, footer: Footer, columns: tuple[str, str], rules: SubmissionRules
) -> ParquetTable:
    id_column, prediction_column = columns
    file = pq.ParquetFile(
        pa.BufferReader(raw),
        metadata=pq.read_metadata(pa.BufferReader(fresh_file(footer))),
        # As a dictionary, a long text that many rows share is held once, not once a row.
        read_dictionary=[id_column],
        pre_buffer=False,
        page_checksum_verification=True,
        arrow_extensions_enabled=False,
    )
    ids: list[str] = []
    values: list[pa.Array] = []
    for batch in file.iter_batches(BATCH_ROWS, use_threads=False):
        batch.validate(full=True)
        ids += _texts(batch.column(id_column), id_column, len(ids), rules)
        values.append(batch.column(prediction_column))
    if len(ids) != footer.rows:
        raise _unreadable(f"it holds {len(ids)} rows, its metadata says {footer.rows}")
    kind = file.schema_arrow.field(prediction_column).type
    return ParquetTable(ids, pa.chunked_array(values, kind).combine_chunks(), columns)


def _texts(column: pa.DictionaryArray, name: str, row: int, rules: SubmissionRules) -> list[str]:
    """Ids of one batch whose first row is ``row``."""
    longest = pc.max(pc.binary_length(column.dictionary)).as_py() or 0
    if longest > rules.max_field_bytes:
        limit = f"at most {rules.max_field_bytes} are read"
        raise _unreadable(f"column {name} holds a text of {longest} bytes; {limit}")
    texts = column.dictionary.to_numpy(zero_copy_only=False)
    codes = column.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    ids: list[str] = np.append(texts, np.array([None]))[codes].tolist()
    for index, text in enumerate(ids):
        if not text:
            raise empty_id_error(name, f"row {row + index + 1}")
    return ids


def _unreadable(message: str) -> SubmissionError:
    return SubmissionError(ErrorCode.FILE, message)
