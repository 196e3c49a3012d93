"""Addresses in declarations and records."""

from typing import Annotated

from eth_utils import (
    is_checksum_address,
    is_checksum_formatted_address,
    is_hex_address,
    to_checksum_address,
)
from pydantic import AfterValidator

_ZERO = "0x" + "00" * 20


def _address(text: str) -> str:
    if not (text.startswith("0x") and is_hex_address(text)):
        raise ValueError("is not 0x and 40 hex digits")
    if is_checksum_formatted_address(text) and not is_checksum_address(text):
        raise ValueError("has a wrong checksum: a digit is wrong, or a letter's case")
    if text == _ZERO:
        raise ValueError("is the zero address")
    return str(to_checksum_address(text))


Address = Annotated[str, AfterValidator(_address)]
"""0x and 40 hex digits, not zero; letters of both cases must be the checksum."""
