"""CSV submissions: UTF-8, comma, one record a line, quotes as in RFC 4180.

A byte order mark, CRLF line ends, quoted fields and blank lines at the end of the file are
accepted. Spaces are part of a field, as they are for every common CSV reader.
"""

import codecs
import csv
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from oracle.tournaments.decimals import UnitsError, parse_units
from oracle.tournaments.errors import ErrorCode, SubmissionError
from oracle.tournaments.rules import SubmissionRules
from oracle.tournaments.table import Format, empty_id_error, header_error, value_error

HEADER_LINE = 1
FIRST_DATA_LINE = 2


class CsvTable:
    """A parsed CSV; row ``i`` stands on line ``i + 2``, since no record spans lines."""

    format: Format = "csv"

    def __init__(self, ids: Sequence[str], values: Sequence[str], columns: tuple[str, str]) -> None:
        self.ids = ids
        self._values = values
        self.id_column, self._prediction_column = columns

    def integers(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """See ``Table.integers``."""
        texts = [self._values[row] for row in rows.tolist()]
        try:
            return parse_units(texts)
        except UnitsError as error:
            text, where = texts[error.place], self.where(int(rows[error.place]))
            raise value_error(text, self._prediction_column, str(error), where) from error

    def where(self, row: int) -> str:
        """See ``Table.where``."""
        return _line(row + FIRST_DATA_LINE)


def read_csv(raw: bytes, rules: SubmissionRules) -> CsvTable:
    """Parse CSV bytes of at most ``rules.max_bytes``.

    Raises ``SubmissionError`` for text that is not a two-column table with the right header.
    """
    lines = _lines(raw, rules)
    # Nearly every file is so: split at once, since a list for each line costs more than all else.
    if b'"' not in raw and all(line.count(",") == 1 for line in lines):
        fields = ",".join(lines).split(",")
        columns = _columns(fields[:2], rules)
        ids, values = fields[2::2], fields[3::2]
        if not all(ids):
            raise empty_id_error(columns[0], _line(ids.index("") + FIRST_DATA_LINE))
        return CsvTable(ids, values, columns)
    records = _records(lines)
    columns = _columns(records.pop(0), rules)
    for row, record in enumerate(records):
        if len(record) != 2:
            raise _wrong_width(record, row + FIRST_DATA_LINE)
        if not record[0]:
            raise empty_id_error(columns[0], _line(row + FIRST_DATA_LINE))
    return CsvTable([r[0] for r in records], [r[1] for r in records], columns)


def _lines(raw: bytes, rules: SubmissionRules) -> list[str]:
    """The file's lines without their ends, each of bounded length, trailing blank ones dropped."""
    text = raw.removeprefix(codecs.BOM_UTF8)
    if b"\x00" in text:
        line = text.count(b"\n", 0, text.index(b"\x00")) + 1
        raise _unreadable("holds a zero byte; save the file as plain UTF-8 CSV", line)
    text = text.replace(b"\r\n", b"\n")
    if b"\r" in text:
        line = text.count(b"\n", 0, text.index(b"\r")) + 1
        raise _unreadable("holds a lone carriage return; end lines with LF or CRLF", line)
    text = text.rstrip(b"\n")
    if not text:
        raise SubmissionError(ErrorCode.FILE, "the file is empty")
    rows = text.count(b"\n")
    if rows > rules.max_rows:
        raise SubmissionError(ErrorCode.FILE, f"{rows} rows; at most {rules.max_rows} are read")
    longest = 2 * rules.max_field_bytes + len('"",""')
    if text.isascii():
        plain = text.decode("ascii").split("\n")
        if max(map(len, plain)) <= longest:
            return plain
    lines = text.split(b"\n")
    for number, raw in enumerate(lines, HEADER_LINE):
        if len(raw) > longest:
            raise _unreadable(f"is {len(raw)} bytes long; at most {longest} are read", number)
    return [_decoded(line, number) for number, line in enumerate(lines, HEADER_LINE)]


def _decoded(line: bytes, number: int) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _unreadable("is not UTF-8; save the file as plain UTF-8 CSV", number) from error


def _records(lines: list[str]) -> list[list[str]]:
    """Fields of each line."""
    if not any('"' in line for line in lines):
        return [line.split(",") for line in lines]
    reader = csv.reader(lines, strict=True)
    records: list[list[str]] = []
    try:
        for record in reader:
            records.append(record)
            if reader.line_num != len(records):
                raise _unmatched_quotes(len(records))
    except csv.Error as error:
        raise _unmatched_quotes(len(records) + 1) from error
    return records


def _unmatched_quotes(line: int) -> SubmissionError:
    return _unreadable("has quotes that do not match; a field may not span lines", line)


def _columns(header: list[str], rules: SubmissionRules) -> tuple[str, str]:
    if len(header) == 2 and header[0] in rules.id_columns and header[1] in rules.prediction_columns:
        return header[0], header[1]
    hint = ""
    if len(header) == 3 and header[0] == "":
        hint = "The first is a row index: write the file without it (pandas: index=False)"
    elif len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        hint = "Separate the columns with a comma"
    elif [name.strip().lower() for name in header] != header:
        hint = "Names must match exactly, without spaces or capitals"
    raise header_error(header, rules, hint)


def _wrong_width(record: list[str], number: int) -> SubmissionError:
    if record in ([], [""]):
        return _unreadable("is blank; blank lines may stand only at the end", number)
    return _unreadable(f"has {len(record)} fields, expected 2 (id,prediction)", number)


def _unreadable(message: str, line: int) -> SubmissionError:
    return SubmissionError(ErrorCode.FILE, message, _line(line))


def _line(number: int) -> str:
    return f"line {number}"
