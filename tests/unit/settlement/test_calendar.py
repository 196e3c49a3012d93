"""When the next round is announced, opens, closes and is due."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.settlement.calendar import (
    DAY,
    HOUR,
    Bounds,
    CalendarError,
    Seconds,
    Times,
    Weekdays,
    add_weekdays,
    next_round,
    weekday,
)

PRODUCTION = Bounds(notice=86_400, gap=72_000, max_ahead=1_209_600, max_horizon=7_776_000)
CLASSIC = Weekdays(hour=13, window=HOUR, weekdays=24, weekend_window=2 * DAY + HOUR)


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text + "+00:00").timestamp())


def shown(timestamp: int) -> str:
    return datetime.fromtimestamp(timestamp, UTC).strftime("%a %Y-%m-%d %H:%M")


times = st.integers(0, 2**32 - 1)


@given(times)
def test_weekday__any_time__is_the_one_of_the_calendar(timestamp: int) -> None:
    assert weekday(timestamp) == datetime.fromtimestamp(timestamp, UTC).weekday()


@given(times, st.integers(0, 80))
def test_add_weekdays__any_time__counts_mondays_to_fridays(timestamp: int, days: int) -> None:
    when = datetime.fromtimestamp(timestamp, UTC)
    while when.weekday() > 4:
        when -= timedelta(days=1)
    for _ in range(days):
        when += timedelta(days=3 if when.weekday() == 4 else 1)
    assert add_weekdays(timestamp, days) == int(when.timestamp())


def test_weekdays__one_week__opens_tuesday_to_saturday() -> None:
    week = list(islice(CLASSIC.after(utc("2026-11-23T00:00")), 6))
    assert [shown(round.opens) for round in week] == [
        "Tue 2026-11-24 13:00",
        "Wed 2026-11-25 13:00",
        "Thu 2026-11-26 13:00",
        "Fri 2026-11-27 13:00",
        "Sat 2026-11-28 13:00",
        "Tue 2026-12-01 13:00",
    ]
    assert [shown(round.closes) for round in week[3:5]] == [
        "Fri 2026-11-27 14:00",
        "Mon 2026-11-30 14:00",
    ]
    assert shown(week[0].closes + week[0].horizon) == "Mon 2026-12-28 14:00"


def test_weekdays__over_the_change_of_clocks__keeps_the_hour_of_utc() -> None:
    opens = [round.opens for round in islice(CLASSIC.after(utc("2026-10-20T00:00")), 20)]
    assert {opening % DAY for opening in opens} == {13 * HOUR}


def test_next_round__tuesday_to_come__is_announced_when_it_is_ahead_enough() -> None:
    opens = utc("2026-11-24T13:00")
    ahead = 2 * DAY
    assert next_round(CLASSIC, opens - ahead - 1, 0, PRODUCTION, ahead=ahead) is None
    found = next_round(CLASSIC, opens - ahead, 0, PRODUCTION, ahead=ahead)
    assert found == Times(opens, opens + HOUR, 34 * DAY)


def test_next_round__too_late_for_the_notice__takes_the_next_slot() -> None:
    now = utc("2026-11-23T14:00")  # the round of Tuesday would close in 24 hours
    on_time = next_round(CLASSIC, now, 0, PRODUCTION, ahead=2 * DAY)
    assert on_time is not None
    assert shown(on_time.opens) == "Tue 2026-11-24 13:00"
    late = next_round(CLASSIC, now + 1, 0, PRODUCTION, ahead=3 * DAY)
    assert late is not None
    assert shown(late.opens) == "Wed 2026-11-25 13:00"


def test_next_round__last_close__the_same_slot_is_not_announced_twice() -> None:
    now = utc("2026-11-23T12:00")
    first = next_round(CLASSIC, now, 0, PRODUCTION, ahead=3 * DAY)
    assert first is not None
    second = next_round(CLASSIC, now, first.closes, PRODUCTION, ahead=3 * DAY)
    assert second is not None
    assert shown(second.opens) == "Wed 2026-11-25 13:00"


def test_next_round__seconds__follow_each_other() -> None:
    bounds = Bounds(notice=5, gap=10, max_ahead=100, max_horizon=50)
    calendar = Seconds(every=60, window=20, horizon=7)
    found = next_round(calendar, 1_000, 0, bounds, ahead=30, margin=2)
    assert found == Times(1_020, 1_040, 7)
    assert next_round(calendar, 1_000, 1_040, bounds, ahead=30) is None
    assert next_round(calendar, 1_050, 1_040, bounds, ahead=30) == Times(1_080, 1_100, 7)


def test_next_round__window_too_long_for_the_contract__is_refused_by_name() -> None:
    calendar = Seconds(every=60, window=99, horizon=7)
    bounds = Bounds(notice=5, gap=10, max_ahead=100, max_horizon=50)
    assert next_round(calendar, 59, 0, bounds, ahead=30, margin=1) == Times(60, 159, 7)
    with pytest.raises(CalendarError, match="window of 99 s"):
        next_round(calendar, 0, 0, bounds, ahead=30, margin=2)


def test_next_round__horizon_too_long_for_the_contract__is_refused_by_name() -> None:
    calendar = Seconds(every=60, window=9, horizon=51)
    bounds = Bounds(notice=5, gap=10, max_ahead=100, max_horizon=50)
    with pytest.raises(CalendarError, match="horizon of 51 s"):
        next_round(calendar, 0, 0, bounds, ahead=30)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Seconds, {"every": 0, "window": 1, "horizon": 1}),
        (Seconds, {"every": 1, "window": 0, "horizon": 1}),
        (Seconds, {"every": 1, "window": 1, "horizon": 0}),
        (Weekdays, {"hour": 24, "window": 1, "weekdays": 1}),
        (Weekdays, {"hour": 1, "window": 0, "weekdays": 1}),
        (Weekdays, {"hour": 1, "window": 1, "weekdays": 0}),
        (Weekdays, {"hour": 1, "window": 1, "weekdays": 1, "days": ()}),
        (Weekdays, {"hour": 1, "window": 1, "weekdays": 1, "days": (7,)}),
    ],
)
def test_calendar__impossible__is_refused(kind: type, values: dict[str, object]) -> None:
    with pytest.raises(CalendarError):
        kind(**values)


calendars = st.one_of(
    st.builds(
        Seconds,
        every=st.integers(1, 10**6),
        window=st.integers(1, 10**5),
        horizon=st.integers(1, 10**5),
    ),
    st.builds(
        Weekdays,
        hour=st.integers(0, 23),
        window=st.integers(1, 2 * DAY),
        weekdays=st.integers(1, 64),
        weekend_window=st.integers(0, 3 * DAY),
        days=st.lists(st.integers(0, 6), min_size=1, max_size=7, unique=True).map(tuple),
    ),
)
bounds = st.builds(
    Bounds,
    notice=st.integers(1, 2 * DAY),
    gap=st.integers(1, 2 * DAY),
    max_ahead=st.integers(4 * DAY, 14 * DAY),
    max_horizon=st.just(90 * DAY),
)


@given(calendars, bounds, times, st.integers(0, 20 * DAY), st.integers(0, 600))
def test_next_round__any_calendar__keeps_the_contracts_bounds_until_the_margin_is_over(
    calendar: Seconds | Weekdays, bounds: Bounds, now: int, since: int, margin: int
) -> None:
    last_close = max(0, now - since)
    found = next_round(calendar, now, last_close, bounds, ahead=14 * DAY, margin=margin)
    if found is None:
        return
    for at in (now, now + margin):
        assert found.opens >= at
        assert at + bounds.notice <= found.closes <= at + bounds.max_ahead
    assert found.opens < found.closes
    assert found.closes >= last_close + bounds.gap
    assert 0 < found.horizon <= bounds.max_horizon
    assert found in list(islice(calendar.after(found.opens), 1))


@given(calendars, bounds, times)
def test_next_round__announced_one_after_another__none_is_left_out_but_for_the_gap(
    calendar: Seconds | Weekdays, bounds: Bounds, now: int
) -> None:
    """Announcing as early as allowed, whoever is asked meets every slot that the gap allows."""
    last_close, announced = 0, []
    for _ in range(5):
        found = None
        while found is None:
            found = next_round(calendar, now, last_close, bounds, ahead=14 * DAY)
            now += 0 if found else HOUR
        announced.append(found)
        last_close = found.closes
    for earlier, later in pairwise(announced):
        for slot in calendar.after(earlier.opens + 1):
            if slot.opens >= later.opens:
                break
            assert slot.closes < earlier.closes + bounds.gap
