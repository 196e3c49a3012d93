"""Damaged and hostile files: always a SubmissionError, always within bounded memory."""

import gzip
import io
import random
import resource
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from submission_files import (
    MAGIC_BYTES,
    csv_file,
    data_page,
    decimal_table,
    dictionary_page,
    float_table,
    live_ids,
    parquet_file,
    split,
    texts,
    with_footer,
    with_meta,
)

from oracle.tournaments import classic
from oracle.tournaments.parquet_footer import (
    BYTE_ARRAY,
    DOUBLE,
    Chunk,
    Column,
    Footer,
    RowGroup,
)
from oracle.tournaments.submissions import SubmissionError, parse_submission
from oracle.tournaments.thrift_compact import BINARY, I32, I64, LIST, STRUCT, ListOf, Struct

ROOT = Path(__file__).parents[3]
MEBIBYTE = 1 << 20
UNIVERSE = live_ids(30)
TABLE = float_table(UNIVERSE, texts(30))
VALID = parquet_file(TABLE)
ZSTD = 6


def refusal(raw: bytes) -> str:
    with pytest.raises(SubmissionError) as caught:
        parse_submission(raw, UNIVERSE, classic.RULES)
    return str(caught.value)


BASES = [
    csv_file(UNIVERSE, texts(30)),
    VALID,
    parquet_file(TABLE, compression="zstd", data_page_version="2.0"),
    parquet_file(TABLE, compression="none", use_dictionary=False, row_group_size=8),
    parquet_file(TABLE, compression="gzip", write_page_checksum=True, write_page_index=True),
    parquet_file(decimal_table(UNIVERSE, texts(30)), compression="lz4"),
]


def corrupted(raw: bytes, source: random.Random) -> bytes:
    data = bytearray(raw)
    for _ in range(source.choice((1, 1, 2, 4, 16))):
        # Half of the damage goes to the end, where Parquet keeps its metadata.
        reach = len(data) if source.random() < 0.5 else min(len(data), 800)
        at = len(data) - 1 - source.randrange(reach)
        change = source.randrange(4)
        if change == 0:
            data[at] ^= 1 << source.randrange(8)
        elif change == 1:
            data[at] = source.choice((0, 1, 127, 128, 255))
        elif change == 2 and len(data) > 16:
            del data[at : at + source.randrange(1, 6)]
        else:
            data[at:at] = source.randbytes(source.randrange(1, 5))
    return bytes(data)


@pytest.mark.parametrize("base", range(len(BASES)))
def test_fuzz__random_corruption__result_or_submission_error(base: int) -> None:
    source = random.Random(base)
    refused = 0
    for _ in range(400):
        try:
            result = parse_submission(corrupted(BASES[base], source), UNIVERSE, classic.RULES)
        except SubmissionError:
            refused += 1
            continue
        assert result.positions.tolist() == list(range(30))
        assert 0 <= int(result.values.min()) <= int(result.values.max()) <= 10**9
    assert refused > 100


@pytest.mark.parametrize("base", range(1, len(BASES)))
def test_parquet__cut_anywhere__refused(base: int) -> None:
    raw = BASES[base]
    for size in [*range(0, len(raw), 37), *range(len(raw) - 12, len(raw))]:
        prefix = "invalid_submission_file: the " + (
            "Parquet file is cut short" if size >= 4 else ""
        )
        assert refusal(raw[:size]).startswith(prefix) or size in range(1, 4)


def test_parquet__page_checksum_wrong__refused() -> None:
    raw = parquet_file(TABLE, compression="none", use_dictionary=False, write_page_checksum=True)
    at = raw.index(UNIVERSE[3].encode())
    changed = raw[:at] + b"X" + raw[at + 1 :]
    assert "the Parquet file is damaged" in refusal(changed)


def test_gzip_bomb__refused_unopened() -> None:
    bomb = gzip.compress(bytes(64 * MEBIBYTE))
    tracemalloc.start()
    assert "compressed files are not accepted: this is gzip" in refusal(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MEBIBYTE


def test_zip__refused_unopened() -> None:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("predictions.csv", BASES[0])
    assert "compressed files are not accepted: this is zip" in refusal(sink.getvalue())


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"h" * 10 * MEBIBYTE + b"\n", "line 1: is 10485760 bytes long"),
        (b"id,prediction\n" + b"n1,0." + b"5" * 10 * MEBIBYTE, "line 2: is 10485765 bytes long"),
        (b"\n" * 60 * MEBIBYTE + b"x", "62914560 rows; at most 200000"),
        (b"a,0\n" * 15 * MEBIBYTE, "15728639 rows; at most 200000"),
        (b'"' * 60 * MEBIBYTE, "line 1: is 62914560 bytes long"),
        (b"id,prediction\n" + b"\x00" * 60 * MEBIBYTE, "line 2: holds a zero byte"),
    ],
    ids=["header", "value", "newlines", "rows", "quotes", "zeros"],
)
def test_csv_bomb__memory_stays_a_few_copies(raw: bytes, reason: str) -> None:
    tracemalloc.start()
    text = refusal(raw)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert reason in text
    assert len(text) < 300
    assert peak < 2 * len(raw) + MEBIBYTE


def test_csv__widest_characters__memory_bounded() -> None:
    raw = b"id,prediction\n" + ("\U0001f600".encode() * 60 + b",0.5\n") * 20_000
    tracemalloc.start()
    assert "30 of 30 live ids are missing" in refusal(raw)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * len(raw)


# Parquet files whose metadata lies


def set_field(field: int, value: int) -> Callable[[int, Struct], None]:
    def change(_: int, meta: Struct) -> None:
        meta[field, I64] = value

    return change


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        (5, 29, "damaged"),  # values
        (7, 2**40, "points outside the file"),  # compressed size
        (7, 1, "malformed page header"),
        (9, 2**62, "points outside the file"),  # data page offset
        (9, 3, "points outside the file"),
        (9, 0, "points outside the file"),
        (11, 1, "points outside the file"),  # dictionary page offset
        (11, -1, "damaged"),
    ],
)
def test_parquet__footer_lies_about_a_chunk__refused(field: int, value: int, reason: str) -> None:
    text = refusal(with_meta(parquet_file(TABLE, use_dictionary=False), set_field(field, value)))
    assert text.startswith("invalid_submission_file: ")
    assert reason in text


@pytest.mark.parametrize("rows", [29, 31, 2**40])
def test_parquet__footer_lies_about_rows__refused(rows: int) -> None:
    pages, footer = split(VALID)
    chunks = []
    for chunk in footer.groups[0].chunks:
        meta = {**chunk.meta, (5, I64): rows}
        chunks.append(Chunk(chunk.start, chunk.size, rows, meta))
    hostile = with_footer(pages, Footer(footer.columns, (RowGroup(rows, tuple(chunks)),)))
    assert refusal(hostile).startswith("invalid_submission_file: ")


def hostile_file(id_pages: bytes, value_pages: bytes, rows: int, codec: int = 0) -> bytes:
    """A file of one row group with these pages and a footer that claims modest sizes."""
    columns = []
    for name, physical, note in ((b"id", BYTE_ARRAY, {(6, I32): 0}), (b"prediction", DOUBLE, {})):
        element: Struct = {(1, I32): physical, (3, I32): 0, (4, BINARY): name}
        columns.append(Column(name.decode(), element | note))
    body = b"PAR1"
    chunks = []
    for column, pages in zip(columns, (id_pages, value_pages), strict=True):
        meta: Struct = {
            (1, I32): column.element[1, I32],
            (2, LIST): ListOf(I32, [0]),
            (3, LIST): ListOf(BINARY, [column.element[4, BINARY]]),
            (4, I32): codec,
            (5, I64): rows,
            (6, I64): 100,
            (7, I64): len(pages),
            (9, I64): len(body),
        }
        chunks.append(Chunk(len(body), len(pages), rows, meta))
        body += pages
    return with_footer(body, Footer(tuple(columns), (RowGroup(rows, tuple(chunks)),)))


def plain_pages(ids: list[str], values: list[float]) -> tuple[bytes, bytes]:
    packed = b"".join(len(i).to_bytes(4, "little") + i.encode() for i in ids)
    numbers = np.array(values).tobytes()
    return (
        data_page(len(ids), len(packed), packed),
        data_page(len(values), len(numbers), numbers),
    )


VALUES = [float(t) for t in texts(30)]


def test_hostile_file__with_honest_pages__is_readable() -> None:
    """The helper's files are refused below for their lies, not for their form."""
    raw = hostile_file(*plain_pages(UNIVERSE, VALUES), 30)
    assert len(parse_submission(raw, UNIVERSE, classic.RULES).values) == 30


@pytest.mark.parametrize(
    ("pages", "reason"),
    [
        (data_page(30, 2**31 - 1, b""), "decompresses to more than is allowed"),
        (data_page(2**31 - 1, 8, b"12345678"), "pages of 2147483647 values, expected 30"),
        (data_page(0, 0, b"") * 10_001, "too many pages"),
        (dictionary_page(2**31 - 1, 8, b"12345678"), "more dictionary entries than it can hold"),
        (dictionary_page(10**6, 10**6, b""), "too many dictionary entries"),
        (data_page(30, 0, b"") + dictionary_page(0, 0, b""), "out of place"),
        (data_page(30, 8, b"1234", encoding=6), "an encoding that is not read"),
        (data_page(30, 8, b"1234")[:-1], "a page cut short"),
        (b"\xff" * 50, "malformed page header"),
        (b"\x15\x00\x15\x02\x15\x00\x00", "malformed page header"),
    ],
    ids=[
        "size",
        "values",
        "pages",
        "entries",
        "many-entries",
        "order",
        "delta",
        "cut",
        "garbage",
        "no-detail",
    ],
)
def test_parquet__pages_lie__refused_undecoded(pages: bytes, reason: str) -> None:
    raw = hostile_file(plain_pages(UNIVERSE, VALUES)[0], pages, 30)
    text = refusal(raw)
    assert text.startswith("invalid_submission_file: column prediction ")
    assert reason in text


@pytest.mark.parametrize("name", [b"\xff\xfe", b"n\xc3"])
def test_parquet__id_not_utf8__damaged(name: bytes) -> None:
    packed = len(name).to_bytes(4, "little") + name
    raw = hostile_file(data_page(1, len(packed), packed), plain_pages([], [0.5])[1], 1)
    assert "the Parquet file is damaged" in refusal(raw)


def test_parquet__index_beyond_the_dictionary__damaged() -> None:
    entry = (2).to_bytes(4, "little") + b"n1"
    indices = bytes([8, 2 << 1, 5])  # 8-bit indices: a run of two times entry 5
    pages = dictionary_page(1, len(entry), entry) + data_page(2, len(indices), indices, 8)
    raw = hostile_file(pages, plain_pages([], [0.25, 0.5])[1], 2)
    assert "the Parquet file is damaged" in refusal(raw)
    good = raw.replace(indices, bytes([8, 2 << 1, 0]))
    assert "30 of 30 live ids are missing" in refusal(good)


@pytest.mark.parametrize("change", [{(3, I32): 2}, {(5, I32): 1}], ids=["repeated", "nested"])
def test_parquet__column_not_flat__refused(change: Struct) -> None:
    pages, footer = split(VALID)
    for column in footer.columns:
        column.element.update(change)
    assert "the Parquet file is damaged" in refusal(with_footer(pages, footer))


def histogram_file() -> bytes:
    """Statistics that contradict the schema, at which a decoder may abort its process."""
    levels = ListOf(I64, [1, 2, 3])
    return with_meta(VALID, lambda _, meta: meta.update({(16, STRUCT): {(3, LIST): levels}}))


def deep_schema_file() -> bytes:
    """A schema 32,000 levels deep in 256 KB, which overflows a recursive decoder's stack."""
    group = bytes([0x35, 0x00, 0x18, 1, ord("a"), 0x15, 2, 0])
    leaf = bytes([0x15, 10, 0x25, 0, 0x18, 1, ord("b"), 0])
    count = bytes([0xFC, 0x81, 0xFA, 0x01])  # a list of 32,001 structs
    content = b"\x15\x02\x19" + count + group * 32_000 + leaf + bytes([0x16, 0, 0x19, 0x0C, 0])
    return b"PAR1" + content + len(content).to_bytes(4, "little") + b"PAR1"


def long_text_file() -> bytes:
    """150,000 rows that share one id of 8 MiB: 1.2 TB as plain text."""
    codes = pa.array(np.zeros(150_000, dtype=np.int32))
    ids = pa.DictionaryArray.from_arrays(codes, pa.array(["x" * 8 * MEBIBYTE]))
    table = pa.table({"id": ids, "prediction": np.linspace(0, 1, 150_000)})
    return parquet_file(
        table,
        compression="zstd",
        dictionary_pagesize_limit=32 * MEBIBYTE,
        write_statistics=False,
        store_schema=False,
    )


def page_bomb_file() -> bytes:
    """A few kilobytes of Zstandard that decompress to 700 MiB; the footer says 100 bytes."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        for _ in range(700):
            stream.write(bytes(MEBIBYTE))
    bomb = sink.getvalue().to_pybytes()
    assert len(bomb) < MEBIBYTE
    pages = data_page(200_000, 700 * MEBIBYTE, bomb)
    return hostile_file(pages, pages, 200_000, codec=ZSTD)


LIMITED = """
import resource, sys
import pyarrow as pa, pyarrow.parquet as pq
from oracle.tournaments import classic
from oracle.tournaments.submissions import SubmissionError, parse_submission
mode, path = sys.argv[1:]
raw = open(path, "rb").read()
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + (256 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    if mode == "plain":
        file = pq.ParquetFile(pa.BufferReader(raw))
        file.metadata.row_group(0).column(0)
        file.read(use_threads=False)
        print("read")
    else:
        parse_submission(raw, ["n1", "n2"], classic.RULES)
except SubmissionError as error:
    print(error)
except (MemoryError, pa.ArrowException, OSError) as error:
    print("out of bounds:", type(error).__name__)
"""


def run_limited(mode: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Read a file in a process that may grow by 256 MiB of address space, and no more."""
    return subprocess.run(
        [sys.executable, "-c", LIMITED, mode, str(path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
    )


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and RLIMIT_AS")
@pytest.mark.parametrize(
    ("build", "error"),
    [
        (page_bomb_file, "invalid_submission_file: column id decompresses to more than is"),
        (long_text_file, "invalid_submission_file: column id holds a text of 8388608 bytes"),
        (deep_schema_file, "invalid_submission_headers: the columns must be one of"),
        (histogram_file, "invalid_submission_ids: 2 of 2 live ids are missing"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_parquet_bomb__in_256_mib__refused_where_a_plain_read_fails(
    build: Callable[[], bytes], error: str, tmp_path: Path
) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(build())
    ours = run_limited("ours", path)
    assert ours.returncode == 0, ours.stderr
    assert ours.stdout.startswith(error)
    plain = run_limited("plain", path)
    assert plain.returncode != 0 or plain.stdout.startswith("out of bounds")


def test_fresh_file__of_a_real_footer__drops_what_is_not_needed() -> None:
    pages, footer = split(parquet_file(TABLE, write_page_index=True))
    raw = with_footer(pages, footer)
    assert len(raw) - len(pages) < 300
    assert raw[:MAGIC_BYTES] == b"PAR1"
    assert len(parse_submission(raw, UNIVERSE, classic.RULES).values) == 30
