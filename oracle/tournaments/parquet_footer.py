"""The footer of a two-column Parquet file, read with suspicion and written anew.

A decoder trusts a footer: one with a deeply nested schema or inconsistent statistics can bring
down its process. So the decoder never sees the file's own. The few fields that two flat columns
need are read here, checked, and written to a fresh footer; statistics, indexes, embedded Arrow
schemas and other extras are left behind.

Source: Apache Parquet format, parquet.thrift (FileMetaData and what it holds).
"""

from dataclasses import dataclass
from typing import Final, TypeVar

from oracle.tournaments.thrift_compact import (
    BINARY,
    I32,
    I64,
    LIST,
    STRUCT,
    ListOf,
    Struct,
    Value,
    read_struct,
    write_struct,
)

MAGIC: Final = b"PAR1"

INT32, INT64, FLOAT, DOUBLE, BYTE_ARRAY, FIXED_BYTES = 1, 2, 4, 5, 6, 7
CODECS: Final = frozenset({0, 1, 2, 4, 5, 6, 7})
"""Uncompressed, Snappy, gzip, Brotli, LZ4, Zstandard, raw LZ4."""

_UTF8, _DECIMAL = 0, 5  # converted types
_INTEGER_TYPES: Final = range(11, 19)  # converted types UINT_8 ... INT_64
_LOGICAL_TEXT, _LOGICAL_DECIMAL = (1, STRUCT), (5, STRUCT)
_LOGICAL_INTEGERS: Final = frozenset({(10, STRUCT), (11, STRUCT)})  # integer; unknown: all null
_REPEATED: Final = 2

T = TypeVar("T", int, bytes, ListOf, dict)


class FooterError(ValueError):
    """A footer without something that it must have, or that contradicts itself."""


@dataclass(frozen=True, slots=True)
class Column:
    """A leaf of the schema: its name, and its element without what is not needed."""

    name: str
    element: Struct

    @property
    def is_text(self) -> bool:
        """Whether it holds UTF-8 text."""
        return self._physical == BYTE_ARRAY and self._converted == _UTF8

    @property
    def is_number(self) -> bool:
        """Whether it holds floats, integers or decimals."""
        plain = self._physical in (INT32, INT64, FLOAT, DOUBLE) and self._converted is None
        return plain or self._converted == _DECIMAL

    @property
    def _physical(self) -> Value | None:
        return self.element.get((1, I32))

    @property
    def _converted(self) -> Value | None:
        return self.element.get((6, I32))


@dataclass(frozen=True, slots=True)
class Chunk:
    """The pages of one column in a row group: ``size`` bytes from ``start``."""

    start: int
    size: int
    values: int
    meta: Struct


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Rows, and a chunk for each column."""

    rows: int
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True, slots=True)
class Footer:
    """What is needed of a footer, all of it checked for form, none of it for truth."""

    columns: tuple[Column, ...]
    groups: tuple[RowGroup, ...]

    @property
    def rows(self) -> int:
        """Rows of all groups."""
        return sum(group.rows for group in self.groups)


def column_names(footer: Struct) -> list[str]:
    """Names of all schema elements but the root, for a look before anything else is checked."""
    elements = _structs(_get(footer, 2, LIST, ListOf))[1:]
    return [_get(e, 4, BINARY, bytes).decode("utf-8", "replace") for e in elements]


def parse_footer(data: memoryview) -> Struct:
    """All fields of a footer. Raises ``ThriftError``."""
    return read_struct(data, 0)[0]


def read_footer(footer: Struct) -> Footer:
    """The two flat columns and the row groups of a footer. Raises ``FooterError``."""
    elements = _structs(_get(footer, 2, LIST, ListOf))[1:]
    columns = tuple(_column(element) for element in elements)
    groups = [_group(group, columns) for group in _structs(_get(footer, 4, LIST, ListOf))]
    # Writers disagree on the offsets of a group without rows, and nothing is to be read there.
    result = Footer(columns, tuple(group for group in groups if group.rows))
    if _count(footer, 3, I64) != result.rows:
        raise FooterError("row counts differ")
    return result


def fresh_file(footer: Footer) -> bytes:
    """A Parquet file without pages, whose metadata says what ``footer`` says and no more."""
    root: Struct = {(4, BINARY): b"schema", (5, I32): len(footer.columns)}
    content = write_struct(
        {
            (1, I32): 2,
            (2, LIST): ListOf(STRUCT, [root, *(c.element for c in footer.columns)]),
            (3, I64): footer.rows,
            (4, LIST): ListOf(STRUCT, [_written_group(g) for g in footer.groups]),
        }
    )
    return MAGIC + content + len(content).to_bytes(4, "little") + MAGIC


def _written_group(group: RowGroup) -> Struct:
    chunks: list[Value] = [{(2, I64): 0, (3, STRUCT): c.meta} for c in group.chunks]
    size = sum(_count(c.meta, 6, I64) for c in group.chunks)
    return {(1, LIST): ListOf(STRUCT, chunks), (2, I64): size, (3, I64): group.rows}


def _column(element: Struct) -> Column:
    name = _get(element, 4, BINARY, bytes)
    repetition = _get(element, 3, I32, int)
    if (5, I32) in element and element[5, I32] != 0:
        raise FooterError("nested columns")
    if repetition not in range(_REPEATED):
        raise FooterError("repeated columns")
    kept: Struct = {(1, I32): _get(element, 1, I32, int), (3, I32): repetition, (4, BINARY): name}
    if kept[1, I32] == FIXED_BYTES:
        kept[2, I32] = _count(element, 2, I32)
    return Column(name.decode("utf-8"), kept | _annotation(element))


def _annotation(element: Struct) -> Struct:
    """Converted type of text and decimals, none for plain numbers, -1 for all else."""
    converted = element.get((6, I32))
    logical = _get(element, 10, STRUCT, dict) if (10, STRUCT) in element else {}
    if converted == _UTF8 or _LOGICAL_TEXT in logical:
        return {(6, I32): _UTF8}
    if converted == _DECIMAL:
        scale, precision = element.get((7, I32), 0), _count(element, 8, I32)
        return {(6, I32): _DECIMAL, (7, I32): scale, (8, I32): precision}
    if _LOGICAL_DECIMAL in logical:
        decimal = _get(logical, 5, STRUCT, dict)
        scale, precision = _count(decimal, 1, I32), _count(decimal, 2, I32)
        return {(6, I32): _DECIMAL, (7, I32): scale, (8, I32): precision}
    if converted in _INTEGER_TYPES or (converted is None and logical.keys() <= _LOGICAL_INTEGERS):
        return {}
    return {(6, I32): -1}


def _group(group: Struct, columns: tuple[Column, ...]) -> RowGroup:
    chunks = _structs(_get(group, 1, LIST, ListOf))
    if len(chunks) != len(columns):
        raise FooterError("a row group lacks a column")
    rows = _count(group, 3, I64)
    pairs = zip(chunks, columns, strict=True)
    return RowGroup(rows, tuple(_chunk(chunk, column, rows) for chunk, column in pairs))


def _chunk(chunk: Struct, column: Column, rows: int) -> Chunk:
    meta = _get(chunk, 3, STRUCT, dict)
    path = _get(meta, 3, LIST, ListOf)
    if (1, BINARY) in chunk or (8, STRUCT) in chunk:
        raise FooterError("a column in another file, or encrypted")
    if path.items != [column.element[4, BINARY]] or meta.get((1, I32)) != column.element[1, I32]:
        raise FooterError("a column does not fit the schema")
    if _count(meta, 4, I32) not in CODECS or _count(meta, 5, I64) != rows:
        raise FooterError("an unknown codec, or row counts differ")
    start = _count(meta, 9, I64)
    kept: Struct = {
        (1, I32): _get(meta, 1, I32, int),
        (2, LIST): ListOf(I32, [0]),
        (3, LIST): ListOf(BINARY, path.items),
        (4, I32): _count(meta, 4, I32),
        (5, I64): rows,
        (6, I64): _count(meta, 6, I64),
        (7, I64): _count(meta, 7, I64),
        (9, I64): start,
    }
    if (11, I64) in meta and (dictionary := _count(meta, 11, I64)) > 0:
        kept[11, I64] = dictionary
        start = min(start, dictionary)
    return Chunk(start, _count(meta, 7, I64), rows, kept)


def _get(fields: Struct, field: int, kind: int, expected: type[T]) -> T:
    value = fields.get((field, kind))
    if not isinstance(value, expected):
        raise FooterError(f"field {field} is missing")
    return value


def _count(fields: Struct, field: int, kind: int) -> int:
    value = _get(fields, field, kind, int)
    if value < 0:
        raise FooterError(f"field {field} is negative")
    return value


def _structs(items: ListOf) -> list[Struct]:
    structs = [item for item in items.items if isinstance(item, dict)]
    if len(structs) != len(items.items):
        raise FooterError("a list of something else")
    return structs
