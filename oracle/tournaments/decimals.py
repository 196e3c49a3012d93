"""Numbers in [0, 1] to integers at 10^-9, exactly: round half to even of the exact value."""

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from oracle.scoring.limits import SCALE

SCALE_DIGITS: Final = len(str(SCALE)) - 1

MAX_TEXT: Final = 2048
"""Longest decimal text read; the exact value of any float64 in [0, 1] needs fewer characters."""

_MOST_DIGITS: Final = 24
"""After the point: more than any library writes of a float64 above 10^-5."""

_DECIMAL = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]+))?")
_NOT_NUMBERS = frozenset({"nan", "null", "none", "na", "n/a", "<na>"})
_INFINITIES = frozenset({"inf", "infinity"})

# For x in [0, 1] the product p = fl(x * 1e9) is at most 2^30, so it is within half an ulp, 2^-24,
# of the exact x * 10^9 (10^9 is a float64; a subnormal flushed to zero errs by less). The
# fractional part of p is exact. Farther than 2^-24 from a tie k + 1/2, p and the exact product
# lie on the same side of it, so rint(p) is the answer; nearer than 2^-23 integers decide.
_TIE_MARGIN: Final = 2.0**-23


def parse_unit(text: str) -> int:
    """Decimal text in [0, 1], with optional exponent, as an integer at 10^-9.

    The bounds are checked on the exact value, before rounding. No spaces, underscores or
    non-ASCII digits. Raises ``ValueError`` saying what is wrong, without repeating ``text``.
    """
    match = _DECIMAL.fullmatch(text) if len(text) <= MAX_TEXT else None
    if match is None:
        raise ValueError(_why_not_a_number(text))
    sign, whole, fraction, exponent = match.groups()
    digits = whole + (fraction or "")
    if not digits:
        raise ValueError(_why_not_a_number(text))
    mantissa = int(digits)
    if mantissa == 0:
        return 0
    power = (int(exponent) if exponent else 0) - len(fraction or "")
    # 10^power alone is past 1, or the value is below 10^-10: either way no huge power is built.
    if sign == "-" or power > 0:
        raise ValueError("is outside [0, 1]")
    if power + SCALE_DIGITS < -len(digits):
        return 0
    numerator, denominator = mantissa * SCALE, 10**-power
    if numerator > SCALE * denominator:
        raise ValueError("is outside [0, 1]")
    return _half_even(numerator, denominator)


class UnitsError(ValueError):
    """One of many texts is no number in [0, 1]: the one at ``place``."""

    def __init__(self, place: int, reason: str) -> None:
        super().__init__(reason)
        self.place = place


def parse_units(texts: Sequence[str]) -> NDArray[np.int64]:
    """``parse_unit`` of each text, int64 (n,) at 10^-9. Raises ``UnitsError`` for the first that
    is no number in [0, 1]."""
    values = np.zeros(len(texts), np.int64)
    if not texts:
        return values
    plain = _plain(texts, values)
    for place in np.flatnonzero(~plain).tolist():
        try:
            values[place] = parse_unit(texts[place])
        except ValueError as error:
            raise UnitsError(place, str(error)) from None
    return values


def _plain(texts: Sequence[str], values: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Writes the values of those texts that are ``0.`` and 1 to ``_MOST_DIGITS`` digits, as nearly
    all are; says which, bool (n,)."""
    joined = "".join(texts)
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    is_short = (lengths >= 3) & (lengths <= 2 + _MOST_DIGITS)
    if not joined.isascii() or not bool(is_short.any()):
        return np.zeros(len(texts), np.bool_)
    width = int(lengths[is_short].max())
    # Longer texts are cut off here, and not among the short ones.
    cells = np.array(texts, dtype=f"S{width}").view(np.uint8).reshape(len(texts), width)
    digits = cells[:, 2:] - np.uint8(ord("0"))  # others wrap around, and are above 9
    is_there = np.arange(2, width)[np.newaxis, :] < lengths[:, np.newaxis]
    digits[~is_there] = 0
    starts = (cells[:, 0] == ord("0")) & (cells[:, 1] == ord("."))
    plain: NDArray[np.bool_] = is_short & starts & (digits <= 9).all(axis=1)
    read = digits[plain]
    kept = np.zeros(len(read), np.int64)
    for place in range(SCALE_DIGITS):
        kept *= 10
        if place < read.shape[1]:
            kept += read[:, place]
    if read.shape[1] > SCALE_DIGITS:
        next_digit, has_more = read[:, SCALE_DIGITS], read[:, SCALE_DIGITS + 1 :].any(axis=1)
        kept += (next_digit > 5) | ((next_digit == 5) & (has_more | (kept & 1 == 1)))
    values[plain] = kept
    return plain


def floats_to_integers(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """float64 values in [0, 1], shape (n,), as int64 at 10^-9, shape (n,).

    A float is taken as the exact dyadic rational that it is. Raises ``ValueError`` if any value
    is NaN or outside [0, 1].
    """
    if not bool(np.all((values >= 0.0) & (values <= 1.0))):
        raise ValueError("values must be in [0, 1]")
    product = values * float(SCALE)
    result: NDArray[np.int64] = np.rint(product).astype(np.int64)
    near_tie = np.abs(product - np.floor(product) - 0.5) <= _TIE_MARGIN
    for index in np.flatnonzero(near_tie):
        numerator, denominator = float(values[index]).as_integer_ratio()
        result[index] = _half_even(numerator * SCALE, denominator)
    return result


def decimal_text(value: int) -> str:
    """Canonical decimal text of ``value`` (10^-9, in [0, 1]): ``0``, ``0.25``, ``1``."""
    if not 0 <= value <= SCALE:
        raise ValueError(f"{value} is outside [0, {SCALE}]")
    if value == SCALE:
        return "1"
    return f"0.{value:0{SCALE_DIGITS}d}".rstrip("0") if value else "0"


def _half_even(numerator: int, denominator: int) -> int:
    quotient, rest = divmod(numerator, denominator)
    twice = 2 * rest
    if twice > denominator or (twice == denominator and quotient & 1):
        return quotient + 1
    return quotient


def _why_not_a_number(text: str) -> str:
    lowered = text.lower()
    if not text:
        return "is empty"
    if lowered in _NOT_NUMBERS:
        return "is missing (NaN or null)"
    if lowered.lstrip("+-") in _INFINITIES:
        return "is infinite"
    if text != text.strip():
        return "has spaces around the number"
    return "is not a decimal number"
