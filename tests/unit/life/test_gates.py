"""Advice on a Signals file, by its churn and turnover."""

import numpy as np
import pytest

from oracle.life.gates import MAX_CHURN, MAX_TURNOVER, WEEK, Parsed, advise, newest_by_round
from oracle.tournaments import signals
from oracle.tournaments.submissions import parse_submission

IDS = [f"T{n:03d}" for n in range(200)]
DICE = np.random.default_rng(5)
VALUES = DICE.permutation(200) / 200


def _file(values: np.ndarray, sent_at: int = 0) -> Parsed:
    lines = [f"{name},{value:.6f}" for name, value in zip(IDS, values, strict=True)]
    raw = "\n".join(["ticker,prediction", *lines, ""]).encode()
    names = {"ticker": {name: row for row, name in enumerate(IDS)}}
    return Parsed(parse_submission(raw, IDS, signals.RULES, names), IDS, sent_at)


def _moved(share: float) -> np.ndarray:
    """The same values, a share of them dealt anew."""
    values = VALUES.copy()
    some = DICE.choice(200, int(200 * share), replace=False)
    values[some] = DICE.permutation(values[some])
    return values


def test_advise__nearly_the_same_files__pass() -> None:
    found = advise(_file(VALUES), [_file(_moved(0.05)), _file(VALUES)], now=WEEK)
    assert found.reasons == ()
    assert found.compared == 2
    assert 0 < found.churn < MAX_CHURN
    assert 0 < found.turnover < MAX_TURNOVER


def test_advise__one_of_them_quite_another__does_not_pass() -> None:
    found = advise(_file(VALUES), [_file(VALUES), _file(1 - VALUES)], now=0)
    assert found.churn == pytest.approx(2)
    assert found.turnover == pytest.approx(1)
    assert [reason.split(" of ")[0] for reason in found.reasons] == ["a churn", "a turnover"]


def test_advise__too_long_ago__is_said() -> None:
    old, now = _file(VALUES, sent_at=1), WEEK + 1
    assert advise(old, [_file(VALUES)], now).reasons == ()
    assert "last week" in advise(old, [_file(VALUES)], now + 1).reasons[0]


def test_advise__the_first_file__has_nothing_to_compare_with() -> None:
    found = advise(_file(VALUES), [], now=0)
    assert (found.churn, found.turnover, found.compared) == (None, None, 0)
    assert len(found.reasons) == 1


def test_newest_by_round__many_rows__are_the_newest_and_five_before() -> None:
    rows = [(n, counts) for n in range(10) for counts in (True, False)]
    found = newest_by_round(rows, lambda row: row[1], lambda row: row[0])
    assert found == [(n, True) for n in (9, 8, 7, 6, 5, 4)]
