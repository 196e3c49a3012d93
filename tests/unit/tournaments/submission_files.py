"""Submission files for the tests, well-formed and hostile."""

import io
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from oracle.tournaments.parquet_footer import Footer, fresh_file, parse_footer, read_footer
from oracle.tournaments.thrift_compact import I32, STRUCT, Struct, write_struct

MAGIC_BYTES = 4
TAIL_BYTES = 8


def live_ids(count: int) -> list[str]:
    """Ids of the form of the classic tournament."""
    return [f"n{(index + 1) * 0x9E3779B97F4A7 % 16**15:015x}" for index in range(count)]


def texts(count: int) -> list[str]:
    """Distinct decimals of 9 places strictly inside (0, 1)."""
    return [f"0.{(index + 1) * 7_654_321 % 999_999_937:09d}" for index in range(count)]


def csv_file(ids: Sequence[str], values: Sequence[str], header: str = "id,prediction") -> bytes:
    """A CSV as any tool writes it."""
    return "\n".join([header, *map(",".join, zip(ids, values, strict=True)), ""]).encode()


def parquet_file(table: pa.Table, **options: Any) -> bytes:
    """Bytes of ``table`` as pyarrow writes it."""
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def float_table(ids: Sequence[str], values: Sequence[str]) -> pa.Table:
    """Ids and the float64 nearest to each decimal."""
    return pa.table({"id": list(ids), "prediction": np.array([float(v) for v in values])})


def decimal_table(ids: Sequence[str], values: Sequence[str]) -> pa.Table:
    """Ids and exact decimals."""
    numbers = pa.array([Decimal(v) for v in values], pa.decimal128(38, 20))
    return pa.table({"id": list(ids), "prediction": numbers})


def split(raw: bytes) -> tuple[bytes, Footer]:
    """A Parquet file's part before the footer, and its footer."""
    size = int.from_bytes(raw[-TAIL_BYTES:-4], "little")
    start = len(raw) - TAIL_BYTES - size
    view = memoryview(raw)
    return raw[:start], read_footer(parse_footer(view[start : start + size]))


def with_footer(pages: bytes, footer: Footer) -> bytes:
    """``pages`` under a footer that may say anything."""
    return pages + fresh_file(footer)[MAGIC_BYTES:]


def with_meta(raw: bytes, change: Callable[[int, Struct], None]) -> bytes:
    """``raw`` after ``change(column index, column metadata)`` for each chunk."""
    pages, footer = split(raw)
    for group in footer.groups:
        for index, chunk in enumerate(group.chunks):
            change(index, chunk.meta)
    return with_footer(pages, footer)


def page(kind: int, decoded: int, stored: bytes, inner: tuple[int, Struct]) -> bytes:
    """One page: a header that claims ``decoded`` bytes, and its ``stored`` bytes."""
    field, detail = inner
    header: Struct = {
        (1, I32): kind,
        (2, I32): decoded,
        (3, I32): len(stored),
        (field, STRUCT): detail,
    }
    return write_struct(header) + stored


def data_page(values: int, decoded: int, stored: bytes, encoding: int = 0) -> bytes:
    """A version 1 data page."""
    detail: Struct = {(1, I32): values, (2, I32): encoding, (3, I32): 3, (4, I32): 3}
    return page(0, decoded, stored, (5, detail))


def dictionary_page(entries: int, decoded: int, stored: bytes) -> bytes:
    """A dictionary page of plain entries."""
    return page(2, decoded, stored, (7, {(1, I32): entries, (2, I32): 0}))
