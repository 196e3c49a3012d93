"""Trading days of exchanges whose price files have no dates: holidays, and days of closure.

Each calendar is checked against its file in the tests: the number of days, and single days on
which the market is known to have moved.
"""

import pandas as pd
from pandas.tseries.holiday import (
    MO,
    TH,
    AbstractHolidayCalendar,
    GoodFriday,
    Holiday,
    nearest_workday,
    next_monday,
    next_monday_or_tuesday,
    sunday_to_monday,
)
from pandas.tseries.offsets import DateOffset, Day


def _weekday(name: str, month: int, day: int, which: DateOffset, **years: str) -> Holiday:
    return Holiday(name, month=month, day=day, offset=DateOffset(weekday=which), **years)


class _Toronto(AbstractHolidayCalendar):
    rules = (
        Holiday("New Year", month=1, day=1, observance=next_monday),
        GoodFriday,
        _weekday("Victoria Day", 5, 24, MO(-1)),
        Holiday("Canada Day", month=7, day=1, observance=next_monday),
        _weekday("Civic Holiday", 8, 1, MO(1)),
        _weekday("Labour Day", 9, 1, MO(1)),
        _weekday("Thanksgiving", 10, 1, MO(2)),
        Holiday("Christmas", month=12, day=25, observance=next_monday),
        Holiday("Boxing Day", month=12, day=26, observance=next_monday_or_tuesday),
    )


def _election_day(name: str, first: int, last: int) -> Holiday:
    """The Tuesday after the first Monday of November."""
    return Holiday(
        name,
        month=11,
        day=1,
        offset=[DateOffset(weekday=MO(1)), Day(1)],
        start_date=f"{first}-01-01",
        end_date=f"{last}-12-31",
    )


class _NewYork(AbstractHolidayCalendar):
    """1962 to 1989. A Saturday's holiday is kept on Friday, but for New Year and in May 1970."""

    rules = (
        Holiday("New Year", month=1, day=1, observance=sunday_to_monday),
        Holiday("Washington", month=2, day=22, observance=nearest_workday, end_date="1970-12-31"),
        _weekday("Presidents", 2, 1, MO(3), start_date="1971-01-01"),
        GoodFriday,
        Holiday("Memorial", month=5, day=30, observance=nearest_workday, end_date="1969-12-31"),
        _weekday("Memorial Monday", 5, 31, MO(-1), start_date="1971-01-01"),
        Holiday("Independence", month=7, day=4, observance=nearest_workday),
        _weekday("Labor", 9, 1, MO(1)),
        _election_day("Election", 1962, 1968),
        *(_election_day(f"Election {year}", year, year) for year in (1972, 1976, 1980)),
        _weekday("Thanksgiving", 11, 1, TH(4)),
        Holiday("Christmas", month=12, day=25, observance=nearest_workday),
    )


# Funerals and mourning, snow, a landing on the moon, a blackout; and 1968, when paper work was
# caught up on Wednesdays from 12 June on, but in weeks that had a holiday.
_NEW_YORK_CLOSED = [
    *("1963-11-25", "1968-02-12", "1968-04-09", "1968-06-12", "1968-06-19", "1968-06-26"),
    *("1968-07-05", "1968-07-10", "1968-07-17", "1968-07-24", "1968-07-31", "1968-08-07"),
    *("1968-08-14", "1968-08-21", "1968-08-28", "1968-09-11", "1968-09-18", "1968-09-25"),
    *("1968-10-02", "1968-10-09", "1968-10-16", "1968-10-23", "1968-10-30", "1968-11-11"),
    *("1968-11-20", "1968-12-04", "1968-12-11", "1968-12-18", "1969-02-10", "1969-03-31"),
    *("1969-07-21", "1972-12-28", "1973-01-25", "1977-07-14"),
]


def _trading_days(
    holidays: AbstractHolidayCalendar, first: str, last: str, closed: list[str]
) -> pd.DatetimeIndex:
    days = pd.bdate_range(first, last).difference(holidays.holidays(first, last))
    return days.difference(pd.DatetimeIndex(closed))


def toronto_calendar(first: str, last: str) -> pd.DatetimeIndex:
    """Trading days of the Toronto Stock Exchange, in the 1990s."""
    return _trading_days(_Toronto(), first, last, [])


def new_york_calendar(first: str, last: str) -> pd.DatetimeIndex:
    """Trading days of the New York Stock Exchange, from 1962 to 1989.

    27 September 1985 is one of them, as it is in the file, though a hurricane closed the exchange.
    """
    return _trading_days(_NewYork(), first, last, _NEW_YORK_CLOSED)
