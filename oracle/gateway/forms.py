"""Numbers and times as clients get them."""

from datetime import UTC, datetime

from oracle.settlement.units import UNITS_PER_NMR, nmr

SCORE_ONE = 10**9


def amount(units: int | None) -> str | None:
    """U as NMR: exact decimal text."""
    return None if units is None else nmr(units)


def units_of(text: str) -> int | None:
    """NMR as U, None for what is no such amount: a decimal of at most nine places, not negative."""
    whole, _, places = text.partition(".")
    is_number = (whole + places).isascii() and (whole + places).isdigit() and bool(whole)
    if not is_number or len(places) > 9 or len(whole) > 18 or text.endswith("."):
        return None
    return int(whole) * UNITS_PER_NMR + int(places.ljust(9, "0"))


def iso(timestamp: int | None) -> str | None:
    """Seconds since 1970 as ISO 8601 in UTC: 2026-11-23T13:00:00Z."""
    if timestamp is None:
        return None
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def score(value: int | None) -> float | None:
    """A score at 10^-9 as the nearest float."""
    return None if value is None else value / SCORE_ONE
