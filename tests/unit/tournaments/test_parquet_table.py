"""Parquet: writers, types and layouts that are accepted, and those that are refused."""

import dataclasses
import io
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from submission_files import float_table, live_ids, parquet_file, texts

from oracle.tournaments import classic, signals
from oracle.tournaments.parquet_table import MAX_FOOTER_BYTES
from oracle.tournaments.submissions import SubmissionError, parse_submission

UNIVERSE = live_ids(50)
TABLE = float_table(UNIVERSE, texts(50))
FLOATS = TABLE["prediction"].to_pylist()
EXPECTED = [round(Fraction(v) * 10**9) for v in FLOATS]
FRAME = pd.DataFrame({"id": UNIVERSE, "prediction": FLOATS})


def parsed(raw: bytes) -> list[int]:
    return parse_submission(raw, UNIVERSE, classic.RULES).values.tolist()


def refusal(raw: bytes) -> str:
    with pytest.raises(SubmissionError) as caught:
        parse_submission(raw, UNIVERSE, classic.RULES)
    return str(caught.value)


@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "zstd", "lz4", "brotli"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("dictionary", [True, False])
def test_parquet__codec_page_version_dictionary__read(
    codec: str, version: str, dictionary: bool
) -> None:
    options = {"data_page_version": version, "use_dictionary": dictionary}
    assert parsed(parquet_file(TABLE, compression=codec, **options)) == EXPECTED


@pytest.mark.parametrize(
    "options",
    [
        {"row_group_size": 7},
        {"data_page_size": 64, "write_batch_size": 4},
        {"dictionary_pagesize_limit": 64, "write_batch_size": 4},
        {"write_statistics": False},
        {"write_page_index": True},
        {"write_page_checksum": True},
        {"store_schema": False},
        {"version": "1.0"},
        {"use_dictionary": False, "use_byte_stream_split": ["prediction"]},
    ],
    ids=lambda options: "-".join(options),
)
def test_parquet__writer_option__read(options: dict[str, object]) -> None:
    assert parsed(parquet_file(TABLE, **options)) == EXPECTED


def to_parquet(frame: pd.DataFrame, **options: object) -> bytes:
    sink = io.BytesIO()
    frame.to_parquet(sink, **options)
    return sink.getvalue()


@pytest.mark.parametrize(
    "raw",
    [
        to_parquet(FRAME),
        to_parquet(FRAME, index=False),
        to_parquet(FRAME.set_index("id")),
        to_parquet(FRAME.set_index("id").rename_axis(None)),
        to_parquet(FRAME.astype({"id": "category"})),
        to_parquet(FRAME.convert_dtypes()),
        parquet_file(TABLE.set_column(0, "id", TABLE["id"].cast(pa.large_string()))),
        parquet_file(TABLE.set_column(0, "id", TABLE["id"].cast(pa.string_view()))),
    ],
    ids=[
        "plain",
        "no-index",
        "index",
        "unnamed-index",
        "category",
        "nullable",
        "large-string",
        "view",
    ],
)
def test_parquet__frame_as_pandas_and_arrow_store_it__read(raw: bytes) -> None:
    assert parsed(raw) == EXPECTED


def test_parquet__unnamed_index_in_signals__ambiguous() -> None:
    raw = to_parquet(FRAME.set_index("id").rename_axis(None))
    with pytest.raises(SubmissionError, match=r"^invalid_submission_headers: .*name it"):
        parse_submission(raw, UNIVERSE, signals.RULES)


def with_predictions(values: pa.Array) -> bytes:
    return parquet_file(pa.table({"id": UNIVERSE, "prediction": values}))


def test_parquet__float32__exact_value_of_the_float32() -> None:
    narrow = np.array(FLOATS, dtype=np.float32)
    expected = [round(Fraction(v) * 10**9) for v in narrow.tolist()]
    assert parsed(with_predictions(pa.array(narrow))) == expected
    assert expected != EXPECTED


@pytest.mark.parametrize("kind", ["int8", "uint8", "int16", "int32", "uint32", "int64", "uint64"])
def test_parquet__integers__only_0_and_1(kind: str) -> None:
    bits = [0, 1] * 25
    assert parsed(with_predictions(pa.array(bits, kind))) == [0, 10**9] * 25
    text = refusal(with_predictions(pa.array([*bits[1:], 2], kind)))
    assert text.startswith("invalid_submission_values: row 50: prediction '2.0' is outside")


@pytest.mark.parametrize("value", [2**64 - 1, 2**63, 2**53 + 1])
def test_parquet__huge_integer__outside(value: int) -> None:
    text = refusal(with_predictions(pa.array([0, 1] * 24 + [1, value], "uint64")))
    assert "is outside [0, 1]" in text


@pytest.mark.parametrize(
    "kind", [pa.decimal32(9, 8), pa.decimal64(18, 12), pa.decimal128(38, 30), pa.decimal256(76, 60)]
)
def test_parquet__decimals__exact(kind: pa.DataType) -> None:
    values = [Decimal(n).scaleb(-8) for n in range(50)]
    assert parsed(with_predictions(pa.array(values, kind))) == [10 * n for n in range(50)]


def test_parquet__decimal_half_way__to_even() -> None:
    values = [Decimal(n).scaleb(-1) / 10**9 for n in range(5, 1005, 20)]
    expected = [round(Fraction(v) * 10**9) for v in values]
    assert parsed(with_predictions(pa.array(values, pa.decimal128(38, 20)))) == expected


@pytest.mark.parametrize("kind", [pa.float64(), pa.float32(), pa.int64(), pa.decimal128(20, 10)])
def test_parquet__null_prediction__names_the_row(kind: pa.DataType) -> None:
    values = pa.array([0, 1] * 24 + [None, 1], kind)
    text = refusal(with_predictions(values))
    assert text.startswith("invalid_submission_values: row 49: prediction ")
    assert "is missing" in text


def test_parquet__all_null__missing() -> None:
    assert "row 1: prediction is missing" in refusal(with_predictions(pa.nulls(50)))


@pytest.mark.parametrize(
    "values",
    [
        pa.array(["0.5"] * 50),
        pa.array([True, False] * 25),
        pa.array([0, 1] * 25, pa.timestamp("ms")),
        pa.array([0, 1] * 25, pa.date32()),
        pa.array(np.array([0, 1] * 25, dtype=np.float16)),
        pa.array([b"x"] * 50),
    ],
    ids=lambda array: str(array.type),
)
def test_parquet__prediction_of_another_type__refused(values: pa.Array) -> None:
    text = refusal(with_predictions(values))
    assert text.startswith("invalid_submission_values: column prediction must be numbers")


@pytest.mark.parametrize(
    "ids", [pa.array(range(50)), pa.array([i.encode() for i in UNIVERSE])], ids=["int", "binary"]
)
def test_parquet__id_of_another_type__refused(ids: pa.Array) -> None:
    text = refusal(parquet_file(pa.table({"id": ids, "prediction": FLOATS})))
    assert text == "invalid_submission_ids: column id must be text"


@pytest.mark.parametrize("bad", [None, ""])
@pytest.mark.parametrize("dictionary", [True, False])
def test_parquet__missing_id__names_the_row(bad: str | None, dictionary: bool) -> None:
    table = pa.table({"id": [*UNIVERSE, bad], "prediction": [*FLOATS, 0.5]})
    raw = parquet_file(table, row_group_size=20, use_dictionary=dictionary)
    assert refusal(raw) == "invalid_submission_ids: row 51: id is empty"


def test_parquet__id_too_long__refused() -> None:
    table = pa.table({"id": [*UNIVERSE, "x" * 257], "prediction": [*FLOATS, 0.5]})
    assert "column id holds a text of 257 bytes; at most 256" in refusal(parquet_file(table))
    table = pa.table({"id": [*UNIVERSE, "x" * 256], "prediction": [*FLOATS, 0.5]})
    assert parsed(parquet_file(table)) == EXPECTED


@pytest.mark.parametrize(
    ("table", "found"),
    [
        (TABLE.append_column("era", pa.array(["1"] * 50)), "'era'"),
        (TABLE.select(["id"]), "'id'"),
        (TABLE.rename_columns(["symbol", "prediction"]), "'symbol'"),
        (TABLE.rename_columns(["id", "signal"]), "'signal'"),
        (TABLE.rename_columns(["id", "id"]), "'id', 'id'"),
        (TABLE.rename_columns(["Id", "prediction"]), "'Id'"),
        (pa.table({"row": pa.array([{"id": "a", "prediction": 0.5}])}), "'row'"),
    ],
    ids=["third", "one", "symbol", "signal", "twice", "case", "struct"],
)
def test_parquet__wrong_columns__says_what_was_found(table: pa.Table, found: str) -> None:
    text = refusal(parquet_file(table))
    assert text.startswith("invalid_submission_headers: the columns must be one of ['id'] and one")
    assert found in text


def test_parquet__nested_column__refused() -> None:
    table = pa.table({"id": UNIVERSE, "prediction": [[v] for v in FLOATS]})
    assert refusal(parquet_file(table)).startswith("invalid_submission_headers: ")


def test_parquet__thousands_of_columns__header_or_metadata_error() -> None:
    table = pa.table({f"feature_{i}": [0] for i in range(300)})
    assert refusal(parquet_file(table)).startswith("invalid_submission_headers: ")
    wide = pa.table({f"feature_{i}": [0] for i in range(3000)})
    assert f"at most {MAX_FOOTER_BYTES} are read" in refusal(parquet_file(wide))


def test_parquet__delta_encoding__refused_with_the_fix() -> None:
    encoding = {"id": "DELTA_BYTE_ARRAY"}
    text = refusal(parquet_file(TABLE, use_dictionary=False, column_encoding=encoding))
    assert text.startswith("invalid_submission_file: column id has an encoding that is not read")
    assert "default encodings" in text


def test_parquet__no_rows__all_ids_missing() -> None:
    assert refusal(parquet_file(TABLE.slice(0, 0))).startswith(
        "invalid_submission_ids: 50 of 50 live ids are missing"
    )


def test_parquet__rows__bounded_by_the_rules() -> None:
    rules = dataclasses.replace(classic.RULES, max_rows=49)
    with pytest.raises(SubmissionError, match="50 rows; at most 49"):
        parse_submission(parquet_file(TABLE), UNIVERSE, rules)


def test_parquet__more_rows_than_a_batch__all_read() -> None:
    extra = 150_000
    ids = [*(f"x{i}" for i in range(extra)), *UNIVERSE]
    raw = parquet_file(pa.table({"id": ids, "prediction": np.append(np.full(extra, 0.5), FLOATS)}))
    result = parse_submission(raw, UNIVERSE, classic.RULES)
    assert result.values.tolist() == EXPECTED
    assert len(result.ignored_ids) == extra
    assert result.ignored_ids[-1] == f"x{extra - 1}"
