"""Thrift compact structs, read strictly and written: the wire format of Parquet's metadata.

The reader refuses what two Thrift decoders could read differently (a field twice, bits that a
narrower integer drops), and bounds depth. Source: Apache Thrift, compact protocol specification.
"""

from typing import Final, NamedTuple

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET = range(1, 11)
STRUCT: Final = 12

_LONG_LIST: Final = 15
_MAX_DEPTH: Final = 24
_MAX_FIELD: Final = (1 << 15) - 1
_BITS: Final = {I16: 16, I32: 32, I64: 64}


class ListOf(NamedTuple):
    """A list and the wire type of its elements."""

    kind: int
    items: list["Value"]


Value = int | bytes | ListOf | dict[tuple[int, int], "Value"]
Struct = dict[tuple[int, int], Value]
"""Values by (field number, wire type): a decoder skips a known field of another type."""


class ThriftError(ValueError):
    """Bytes that are not one unambiguous Thrift compact struct."""


def read_struct(data: memoryview, position: int) -> tuple[Struct, int]:
    """The struct at ``position`` and the position after it. Raises ``ThriftError``."""
    reader = _Reader(data, position)
    return reader.struct(0), reader.position


def write_struct(fields: Struct) -> bytes:
    """Compact bytes of ``fields``; field numbers must differ and lie 1 to 15 apart, from 0."""
    parts = []
    last = 0
    for (field, kind), value in sorted(fields.items(), key=lambda item: item[0]):
        parts.append(bytes([(field - last) << 4 | kind]) + _written(kind, value))
        last = field
    return b"".join(parts) + b"\x00"


def _written(kind: int, value: Value) -> bytes:
    if isinstance(value, dict):
        return write_struct(value)
    if isinstance(value, ListOf):
        head = bytes([_LONG_LIST << 4 | value.kind]) + _varint(len(value.items))
        return head + b"".join(_written(value.kind, item) for item in value.items)
    if isinstance(value, bytes):
        return _varint(len(value)) + value
    return _varint((value << 1) ^ (value >> (_BITS[kind] - 1)))


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


class _Reader:
    def __init__(self, data: memoryview, position: int) -> None:
        self._data = data
        self.position = position

    def struct(self, depth: int) -> Struct:
        fields: Struct = {}
        seen: set[int] = set()
        last = 0
        while byte := self._byte():
            delta, kind = byte >> 4, byte & 15
            last = last + delta if delta else self._integer(16)
            if last in seen or not 0 < last <= _MAX_FIELD:
                raise ThriftError("a field is repeated or out of range")
            seen.add(last)
            # A boolean field is its type; in a list it is a byte.
            fields[last, kind] = kind if kind in (TRUE, FALSE) else self._value(kind, depth + 1)
        return fields

    def _value(self, kind: int, depth: int) -> Value:
        if depth > _MAX_DEPTH:
            raise ThriftError("nested too deeply")
        if kind in _BITS:
            return self._integer(_BITS[kind])
        if kind == BINARY:
            return self._take(self._unsigned(32))
        if kind == STRUCT:
            return self.struct(depth)
        if kind in (LIST, SET):
            return self._list(depth)
        if kind in (TRUE, FALSE, BYTE):
            return self._byte()
        if kind == DOUBLE:
            return self._take(8)
        raise ThriftError("unknown type")  # Parquet's metadata has no maps

    def _list(self, depth: int) -> ListOf:
        byte = self._byte()
        length, kind = byte >> 4, byte & 15
        if length == _LONG_LIST:
            length = self._unsigned(32)
        # An element takes a byte at least, so the end of the data ends a list that lies.
        return ListOf(kind, [self._value(kind, depth + 1) for _ in range(length)])

    def _integer(self, bits: int) -> int:
        value = self._unsigned(bits)
        return (value >> 1) ^ -(value & 1)

    def _unsigned(self, bits: int) -> int:
        result = shift = 0
        while shift < bits:
            byte = self._byte()
            result |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                if result >> bits:
                    break
                return result
        raise ThriftError("an integer is too long")

    def _byte(self) -> int:
        return self._take(1)[0]

    def _take(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self._data):
            raise ThriftError("cut short")
        taken = bytes(self._data[self.position : end])
        self.position = end
        return taken
