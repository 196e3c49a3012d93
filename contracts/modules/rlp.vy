# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title RLP headers and short strings
@license MIT
@notice Reads items out of words taken from an encoding, so that no part of it is copied. Refuses
        what an encoder would not write: longer headers than needed, leading zeros in numbers.
@dev No storage. Bounds are the caller's: an item may end beyond what contains it.
"""


# @dev An item's header: the bytes before its content, those of its content, and its kind.
struct Header:
    prefix: uint256
    size: uint256
    is_list: bool


# @dev First bytes from which an item is not its own encoding, and from which it is a list; each
# plus 55 is the longest content whose size is in the first byte.
_STRING: constant(uint256) = 128
_LIST: constant(uint256) = 192
_SHORT: constant(uint256) = 55


@internal
@pure
def _header(word: uint256) -> Header:
    """
    @param word 32 bytes from where the item begins; zeros where the encoding ends before.
    @return Header The item's header; the content has at most 65,535 bytes.
    """
    first: uint256 = word >> 248
    if first < _STRING:
        return Header(prefix=0, size=1, is_list=False)
    is_list: bool = first >= _LIST
    size: uint256 = first - _STRING
    if is_list:
        size = first - _LIST
    if size <= _SHORT:
        # A byte that is its own encoding has no header.
        assert is_list or size != 1 or (word >> 240) & 255 >= _STRING, "rlp: not canonical"
        return Header(prefix=1, size=size, is_list=is_list)
    bytes_of_size: uint256 = size - _SHORT
    assert bytes_of_size <= 2, "rlp: too long"
    size = (word << 8) >> (256 - 8 * bytes_of_size)
    if bytes_of_size == 1:
        assert size > _SHORT, "rlp: not canonical"
    else:
        assert size >= 256, "rlp: not canonical"
    return Header(prefix=1 + bytes_of_size, size=size, is_list=is_list)


@internal
@pure
def _short(word: uint256, most: uint256) -> (uint256, uint256):
    """
    @param word 32 bytes from where a string begins.
    @param most The most bytes that the string may have, at most 31.
    @return (uint256, uint256) The string, left-aligned and followed by zeros, and its size.
    """
    header: Header = self._header(word)
    assert not header.is_list, "rlp: a list"
    assert header.size <= most, "rlp: too long"
    rest: uint256 = 256 - 8 * header.size
    return ((word << (8 * header.prefix)) >> rest) << rest, header.size


@internal
@pure
def _number(word: uint256) -> uint256:
    """
    @param word 32 bytes from where a number begins.
    @return uint256 The number, below 2^64.
    """
    text: uint256 = 0
    size: uint256 = 0
    text, size = self._short(word, 8)
    assert size == 0 or text >> 248 != 0, "rlp: leading zero"
    return text >> (256 - 8 * size)
