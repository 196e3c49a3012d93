"""Bounds on what a Parquet file's pages decode to, from the pages' own headers.

A footer can lie about sizes: each page carries a decompressed size and a value count of its own,
which are what a decoder allocates. Every header is walked here; contents are not touched.

Source: Apache Parquet format, parquet.thrift (PageHeader).
"""

from dataclasses import dataclass
from typing import Final

from oracle.tournaments.thrift_compact import I32, STRUCT, Struct, ThriftError, read_struct

MAX_PAGES: Final = 10_000
MAX_HEADER_BYTES: Final = 1 << 20
"""Of all pages together; a header may carry statistics."""

_DATA, _DICTIONARY, _DATA_V2 = 0, 2, 3
_PLAIN, _PLAIN_DICTIONARY, _RLE_DICTIONARY, _BYTE_STREAM_SPLIT = 0, 2, 8, 9
# The delta encodings are left out: what they expand to is not bounded by a page's size.
_ENCODINGS: Final = frozenset({_PLAIN, _PLAIN_DICTIONARY, _RLE_DICTIONARY, _BYTE_STREAM_SPLIT})
_DICTIONARY_ENCODINGS: Final = frozenset({_PLAIN, _PLAIN_DICTIONARY})


class PageError(ValueError):
    """Pages that are malformed, of a kind that is not read, or too large."""


@dataclass(slots=True)
class PageBudget:
    """What the columns of a file together may still use; each page draws on it."""

    decoded_bytes: int
    dictionary_entries: int
    header_bytes: int = MAX_HEADER_BYTES
    pages: int = MAX_PAGES

    def draw(self, header: int, decoded: int) -> None:
        """Take one page of these sizes. Raises ``PageError`` when the budget is spent."""
        self.decoded_bytes -= decoded
        self.header_bytes -= header
        self.pages -= 1
        if self.decoded_bytes < 0:
            raise PageError("decompresses to more than is allowed")
        if self.header_bytes < 0 or self.pages < 0:
            raise PageError("has too many pages")

    def draw_dictionary(self, entries: int) -> None:
        """Take a dictionary. Raises ``PageError`` when the budget is spent."""
        self.dictionary_entries -= entries
        if self.dictionary_entries < 0:
            raise PageError("has too many dictionary entries")


def check_chunk(chunk: memoryview, values: int, budget: PageBudget) -> None:
    """Walk a column chunk's pages: at most one dictionary, first, then data of ``values`` values.

    Raises ``PageError`` if the headers are malformed, do not fill ``chunk`` exactly, or exceed
    ``budget``.
    """
    position, seen, first = 0, 0, True
    while position < len(chunk):
        header, body = _header(chunk, position, budget.header_bytes)
        decoded, stored = _number(header, 2), _number(header, 3)
        if stored > len(chunk) - body:
            raise PageError("has a page cut short")
        budget.draw(body - position, decoded)
        if _number(header, 1) == _DICTIONARY:
            if not first:
                raise PageError("has a dictionary page out of place")
            budget.draw_dictionary(_dictionary_entries(header, decoded))
        else:
            seen += _data_values(header)
        first = False
        position = body + stored
    if seen != values:
        raise PageError(f"has pages of {seen} values, expected {values}")


def _header(chunk: memoryview, position: int, most: int) -> tuple[Struct, int]:
    # Decoders do not compare a list's element type with the one they expect, and could read on
    # from another place than here: but page headers, unlike footers, have no lists.
    try:
        return read_struct(chunk[: position + most], position)
    except ThriftError as error:
        raise PageError("has a malformed page header") from error


def _dictionary_entries(header: Struct, decoded: int) -> int:
    page = _inner(header, 7)
    entries = _number(page, 1)
    # A decoder reserves room for every entry before it decodes one.
    if entries > decoded:
        raise PageError("has more dictionary entries than it can hold")
    if _number(page, 2) not in _DICTIONARY_ENCODINGS:
        raise PageError("has an encoding that is not read")
    return entries


def _data_values(header: Struct) -> int:
    kind = _number(header, 1)
    if kind == _DATA:
        page, encoding = _inner(header, 5), 2
    elif kind == _DATA_V2:
        page, encoding = _inner(header, 8), 4
    else:
        raise PageError("has a page of unknown type")
    if _number(page, encoding) not in _ENCODINGS:
        raise PageError("has an encoding that is not read; write it with the default encodings")
    return _number(page, 1)


def _number(fields: Struct, field: int) -> int:
    value = fields.get((field, I32))
    if not isinstance(value, int) or value < 0:
        raise PageError("has a malformed page header")
    return value


def _inner(fields: Struct, field: int) -> Struct:
    value = fields.get((field, STRUCT))
    if not isinstance(value, dict):
        raise PageError("has a malformed page header")
    return value
