"""Days on which tournaments score: those after a session of the stock market."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any, Final

_MARKET: Final = "XNYS"
_DAY = timedelta(days=1)
_SATURDAY = 5


def is_scoring_day(midnight: int) -> bool:
    """Whether the day that begins at ``midnight`` (seconds, UTC) follows a session, whose prices
    are known by then. Beyond what the calendar knows, Monday to Friday are sessions."""
    before = datetime.fromtimestamp(midnight, UTC).date() - _DAY
    return _is_session(before)


def _is_session(day: date) -> bool:
    known = _calendar()
    first, last = known.first_session.date(), known.last_session.date()
    if first <= day <= last:
        return bool(known.is_session(day.isoformat()))
    return day.weekday() < _SATURDAY


@cache
def _calendar() -> Any:
    """Imported when it is asked for the first time: it brings much along."""
    from exchange_calendars import get_calendar

    return get_calendar(_MARKET)
