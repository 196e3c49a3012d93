"""Times as people read them."""

from datetime import UTC, datetime


def utc(timestamp: int) -> str:
    """A block time in seconds as text, in UTC."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
