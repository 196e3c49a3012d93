"""The Thrift reader: what it reads, and what it refuses because decoders could differ."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.tournaments.thrift_compact import (
    BINARY,
    DOUBLE,
    I32,
    I64,
    LIST,
    SET,
    STRUCT,
    TRUE,
    ListOf,
    Struct,
    ThriftError,
    read_struct,
    write_struct,
)

i32 = st.integers(-(2**31), 2**31 - 1)
i64 = st.integers(-(2**63), 2**63 - 1)


@st.composite
def structs(draw: st.DrawFn, depth: int = 3) -> Struct:
    result: Struct = {}
    for field in draw(st.lists(st.integers(1, 15), unique=True, max_size=4)):
        kinds = [I32, I64, BINARY, LIST] + [STRUCT] * (depth > 0)
        kind = draw(st.sampled_from(kinds))
        if kind == I32:
            result[field, kind] = draw(i32)
        elif kind == I64:
            result[field, kind] = draw(i64)
        elif kind == BINARY:
            result[field, kind] = draw(st.binary(max_size=20))
        elif kind == LIST:
            result[field, kind] = ListOf(I64, draw(st.lists(i64, max_size=20)))
        else:
            result[field, kind] = draw(structs(depth - 1))
    return result


@given(structs(), st.binary(max_size=5))
def test_read_struct__written_by_us__same_fields_and_end(fields: Struct, after: bytes) -> None:
    raw = write_struct(fields)
    assert read_struct(memoryview(raw + after), 0) == (fields, len(raw))


def test_read_struct__bytes_from_the_specification__read() -> None:
    # Field 1: i32 -3; field 2: true; field 20, long form: [1, 2] short list; field 21: double.
    raw = bytes.fromhex("1505 11 0928 25 02 04 17 0000000000000000 00")
    fields, end = read_struct(memoryview(raw), 0)
    assert end == len(raw)
    assert fields == {
        (1, I32): -3,
        (2, TRUE): TRUE,
        (20, LIST): ListOf(I32, [1, 2]),
        (21, DOUBLE): bytes(8),
    }


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("", "cut short"),
        ("1502", "cut short"),
        ("1802", "cut short"),
        ("19f5ffffffff0f00", "cut short"),
        ("1502 0502 02 00", "repeated"),  # field 1, then field 1 again in long form
        ("0501 02 00", "out of range"),  # field -1
        ("15ffffffff1f 00", "too long"),  # 33 bits
        ("15808080808000 00", "too long"),  # zero in six bytes
        ("1b00 00", "unknown type"),  # a map
        ("1d00 00", "unknown type"),
        ("19" * 40, "deeply"),
        ("1c" * 40, "deeply"),
    ],
)
def test_read_struct__ambiguous_or_broken__refused(raw: str, reason: str) -> None:
    with pytest.raises(ThriftError, match=reason):
        read_struct(memoryview(bytes.fromhex(raw)), 0)


def test_read_struct__same_number_other_type__is_another_key() -> None:
    fields, _ = read_struct(memoryview(bytes.fromhex("160200")), 0)
    assert (1, I32) not in fields
    assert fields == {(1, I64): 1}
    assert (1, SET) in read_struct(memoryview(bytes.fromhex("1a150200")), 0)[0]


@given(st.binary(max_size=60))
def test_read_struct__any_bytes__struct_or_thrift_error(raw: bytes) -> None:
    try:
        _, end = read_struct(memoryview(raw), 0)
    except ThriftError:
        return
    assert end <= len(raw)
