"""When rounds open, close and are due: the next one from a calendar and the contract's bounds.

All times are seconds since 1970, hence UTC: there is no summer time, and a day has 86,400 seconds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Protocol

HOUR, DAY = 3_600, 86_400
MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = range(7)
OPENING_DAYS = (TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY)
"""The weekdays on which rounds open: after each of the five market days."""

_FIRST_WEEKDAY = THURSDAY  # of 1970-01-01


class CalendarError(ValueError):
    """The calendar and the contract's bounds leave no time for a round; the text says which."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What RoundOracle asks of an announcement, in seconds."""

    notice: int
    gap: int
    max_ahead: int
    max_horizon: int


@dataclass(frozen=True, slots=True)
class Times:
    """A round's times: it opens, closes, and its scores are due ``horizon`` after the close."""

    opens: int
    closes: int
    horizon: int


class Calendar(Protocol):
    """The rounds a tournament would have if nobody ever missed one."""

    @property
    def longest(self) -> int:
        """The longest time that a round is open, seconds."""
        ...

    def after(self, opens: int) -> Iterator[Times]:
        """Rounds that open at ``opens`` or later, in order, without end."""
        ...


@dataclass(frozen=True, slots=True)
class Seconds:
    """A round every ``every`` seconds, counted from 1970: for devnets."""

    every: int
    window: int
    horizon: int

    def __post_init__(self) -> None:
        for name in ("every", "window", "horizon"):
            if getattr(self, name) < 1:
                raise CalendarError(f"{name} must be a second at least")

    @property
    def longest(self) -> int:
        return self.window

    def after(self, opens: int) -> Iterator[Times]:
        for number in count(-(-opens // self.every)):
            start = number * self.every
            yield Times(start, start + self.window, self.horizon)


@dataclass(frozen=True, slots=True)
class Weekdays:
    """A round on each of ``days`` at ``hour`` o'clock UTC, open for ``window`` seconds; one that
    opens on a Saturday for ``weekend_window``.

    Its scores are due ``weekdays`` market days after the close, at the same time of day: Saturdays
    and Sundays do not count.
    """

    hour: int
    window: int
    weekdays: int
    weekend_window: int = 0
    days: tuple[int, ...] = OPENING_DAYS

    def __post_init__(self) -> None:
        if not 0 <= self.hour < 24:
            raise CalendarError("hour must be 0..23")
        if self.window < 1 or self.weekend_window < 0 or self.weekdays < 1:
            raise CalendarError("window and weekdays must be 1 at least")
        if not self.days or not set(self.days) <= set(range(7)):
            raise CalendarError("days are 0 (Monday) to 6 (Sunday), one at least")

    @property
    def longest(self) -> int:
        return max(self.window, self.weekend_window)

    def after(self, opens: int) -> Iterator[Times]:
        for day in count(opens // DAY):
            start = day * DAY + self.hour * HOUR
            if start >= opens and weekday(start) in self.days:
                yield self._times(start)

    def _times(self, opens: int) -> Times:
        is_weekend = weekday(opens) == SATURDAY and self.weekend_window
        closes = opens + (self.weekend_window if is_weekend else self.window)
        return Times(opens, closes, add_weekdays(closes, self.weekdays) - closes)


def weekday(timestamp: int) -> int:
    """0 for a Monday to 6 for a Sunday."""
    return (timestamp // DAY + _FIRST_WEEKDAY) % 7


def add_weekdays(timestamp: int, days: int) -> int:
    """The same time of day, ``days`` Mondays to Fridays later."""
    # From a weekend one counts as from the Friday before: Monday is one later.
    timestamp -= max(0, weekday(timestamp) - FRIDAY) * DAY
    weeks, rest = divmod(days, 5)
    weekend = 2 if weekday(timestamp) + rest > FRIDAY else 0
    return timestamp + (7 * weeks + rest + weekend) * DAY


def next_round(
    calendar: Calendar, now: int, last_close: int, bounds: Bounds, *, ahead: int, margin: int = 0
) -> Times | None:
    """The round to announce at ``now``, or None while it is too early for the next one.

    ``last_close`` is the close of the last announced round, 0 before the first. A round is
    announced ``ahead`` seconds before it opens, or later where the contract's ``max_ahead`` asks
    for that, and ``margin`` seconds before it at the latest, so that the announcement is on chain
    by then; what can no longer be announced in time is left out. Raises ``CalendarError`` if the
    calendar never keeps the bounds.
    """
    earliest_close = max(now + margin + bounds.notice, last_close + bounds.gap)
    slots = calendar.after(max(now + margin, earliest_close - calendar.longest))
    times = next(slot for slot in slots if slot.closes >= earliest_close)
    if times.horizon > bounds.max_horizon:
        raise CalendarError(
            f"a horizon of {times.horizon} s is above the contract's {bounds.max_horizon} s"
        )
    if times.closes - times.opens + margin > bounds.max_ahead:
        raise CalendarError(
            f"a window of {times.closes - times.opens} s is too long for the contract, which wants "
            f"the close within {bounds.max_ahead} s of the announcement"
        )
    is_early = times.opens > now + ahead or times.closes > now + bounds.max_ahead
    return None if is_early else times
