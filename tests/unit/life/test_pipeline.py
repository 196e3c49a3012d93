"""How far a day's scoring is; both databases."""

from typing import Any

import pytest
from sqlalchemy import insert

from oracle.life.calendar import is_scoring_day
from oracle.life.pipeline import DayStatus, Pipeline
from oracle.records.schema.chain import rounds
from oracle.records.schema.life import daily_rounds
from oracle.store.database import Database

EIGHT = 8
DAY = 86_400
HOUR = 3_600
MONDAY = 1_793_577_600  # 2026-11-02, midnight
_PLAIN = {"cancelled": False, "gains": 0, "burns": 0, "stakes_taken": True}


def _round(database: Database, number: int, closes: int, days: int, **more: Any) -> None:
    values = {"tournament": EIGHT, "round": number, "closes": closes, "horizon": days * DAY}
    with database.begin() as connection:
        connection.execute(insert(rounds).values({**_PLAIN, **values, **more}))


def _scored(database: Database, number: int, day: int, closes: int, at: int) -> None:
    values = {"tournament": EIGHT, "round": number, "day": day, "date": closes + day * DAY}
    more = {"targets": bytes(32), "models": 3, "at_risk": 0, "scored_at": at}
    with database.begin() as connection:
        connection.execute(insert(daily_rounds).values({**values, **more}))


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        (MONDAY, False),  # after a Sunday
        (MONDAY + DAY, True),
        (MONDAY + 5 * DAY, True),  # a Saturday, after Friday's session
        (MONDAY + 6 * DAY, False),
        (MONDAY + 25 * DAY, False),  # 2026-11-27, after Thanksgiving
        (MONDAY + 26 * DAY, True),
        (MONDAY + 19_999 * DAY, False),  # a Monday beyond the calendar
        (MONDAY + 20_000 * DAY, True),
        (MONDAY + 19_998 * DAY, False),
    ],
)
def test_scoring_day__the_day_before__was_a_session(date: int, expected: bool) -> None:
    assert is_scoring_day(date) is expected


def test_status__nothing_due__only_what_the_calendar_says(database: Database) -> None:
    pipeline = Pipeline(database)
    assert pipeline.status(EIGHT, MONDAY, MONDAY + DAY) == DayStatus(MONDAY, False)
    tuesday = MONDAY + DAY
    assert pipeline.status(EIGHT, tuesday, tuesday + DAY) == DayStatus(tuesday, True)


def test_status__final_scores_of_two_rounds__times_of_the_later_one(database: Database) -> None:
    first, second = MONDAY + 13 * HOUR, MONDAY + 14 * HOUR
    done = {"scored": bytes(32), "manifest": bytes(32), "ended": "settled"}
    times = {"committed_at": first + 10, "final_at": first + 50, "ended_at": first + 90}
    _round(database, 1, first - 20 * DAY, 20, **times, **done)
    _round(database, 2, second - 20 * DAY, 20, committed_at=second + 10)
    pipeline = Pipeline(database)
    before = pipeline.status(EIGHT, MONDAY, first - 1)
    assert before == DayStatus(MONDAY, True)
    midst = pipeline.status(EIGHT, MONDAY, second + 20)
    assert midst == DayStatus(MONDAY, True, first, second + 10, None, None)
    with database.begin() as connection:
        change = rounds.update().where(rounds.c.round == 2)
        later = {"final_at": second + 50, "ended_at": second + 90}
        connection.execute(change.values(**later, **done))
    after = pipeline.status(EIGHT, MONDAY, second + 100)
    assert after == DayStatus(MONDAY, True, first, second + 10, second + 50, second + 90)


def test_status__daily_targets__every_round_that_has_them_must_be_scored(
    database: Database,
) -> None:
    closes = MONDAY + 13 * HOUR
    _round(database, 1, closes, 20)
    _round(database, 2, closes, 20)
    _round(database, 3, closes, 20)  # its provider publishes none
    tuesday, due = MONDAY + DAY, closes + DAY
    _scored(database, 1, 1, closes, due + 30)
    _scored(database, 2, 2, closes, due + DAY + 5)
    pipeline = Pipeline(database)
    assert pipeline.status(EIGHT, tuesday, due + 60) == DayStatus(tuesday, True, due)
    _scored(database, 2, 1, closes, due - 5)  # the chain's clock may run ahead of the wall's
    found = pipeline.status(EIGHT, tuesday, due + 60)
    assert found == DayStatus(tuesday, True, due, due + 30, due + 30)


def test_status__round_given_up_without_scores__waited_for_by_nobody(database: Database) -> None:
    due = MONDAY + 13 * HOUR
    done = {"scored": bytes(32), "ended": "settled", "ended_at": due + 90}
    _round(database, 1, due - DAY, 1, committed_at=due + 10, final_at=due + 50, **done)
    _round(database, 2, due - DAY, 1, ended="void", ended_at=due + 500)
    _round(database, 3, due - DAY, 1, cancelled=True)
    found = Pipeline(database).status(EIGHT, MONDAY, due + 1_000)
    assert found == DayStatus(MONDAY, True, due, due + 10, due + 50, due + 500)


def test_status__another_tournament__not_counted(database: Database) -> None:
    due = MONDAY + 13 * HOUR
    _round(database, 1, due - DAY, 1)
    assert Pipeline(database).status(11, MONDAY, due + 1) == DayStatus(MONDAY, False)
