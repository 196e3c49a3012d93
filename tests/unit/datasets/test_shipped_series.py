"""Return series: read exactly, refused by line."""

from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.datasets.dataset import DatasetError
from oracle.datasets.series import (
    SHIPPED,
    VOLATILITIES,
    day_number,
    read_series,
    scaled,
    shipped_levels,
    shipped_series,
)
from oracle.scoring.volatility import announced_phi


def _file(folder: Path, text: str) -> Path:
    path = folder / "series.csv"
    path.write_text(text)
    return path


def test_read_series__returns__integers_from_their_text(tmp_path: Path) -> None:
    text = "day,return\n1970-01-01,0.01\n1970-01-02,\n1970-01-05,-1e-9\n1970-01-06,2\n"
    found = read_series(_file(tmp_path, text))
    assert found.days.tolist() == [0, 4, 5]
    assert found.returns.tolist() == [10_000_000, -1, 2_000_000_000]
    assert (found.target, found.gamma) == (None, None)


def test_read_series__closes__exact_simple_returns(tmp_path: Path) -> None:
    """1.1 / 3 has no float; a day without a close is passed over."""
    text = "Date,Close\n1999-12-31,3\n2000-01-01,\n2000-01-03,1.1\n2000-01-04,1.1\n"
    found = read_series(_file(tmp_path, text))
    assert found.days.tolist() == [day_number("2000-01-03"), day_number("2000-01-04")]
    assert found.returns.tolist() == [round((Fraction(11, 30) - 1) * 10**9), 0]


def test_read_series__published_text__gives_the_same_announcement(tmp_path: Path) -> None:
    shipped = shipped_series("sp500")
    day = day_number("2009-01-05")
    first = announced_phi(shipped.days, shipped.returns, day, 9_000_000, 125)
    (tmp_path / "series.csv").write_bytes(first.text)
    read = read_series(tmp_path / "series.csv")
    assert (read.target, read.gamma) == (9_000_000, 125)
    again = announced_phi(read.days, read.returns, day, read.target, read.gamma)
    assert vars(again) == vars(first)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the header must be"),
        ("day\n", "the header must be"),
        ("when,return\n", "the header must be"),
        ("day,profit\n", "column profit must be called"),
        ("# something\nday,return\n", "line 1"),
        ("# assay/volatility/1 target=x gamma=1\nday,return\n", "target or gamma"),
        ("day,return\n2020-01-01\n", "line 2 must be a day, a comma"),
        ("day,return\n2020-01-01,1,2\n", "line 2 must be a day, a comma"),
        ("day,return\n2020-1-1,0\n", "line 2 is not a date"),
        ("day,return\n2020-02-30,0\n", "line 2 is not a day of the calendar"),
        ("day,return\n2020-01-01,0\n2020-01-02,nan\n", "line 3 of 2020-01-02: the value is not"),
        ("day,return\n2020-01-01,inf\n", "not a decimal"),
        ("day,return\n2020-01-01,0x1\n", "not a decimal"),
        ("day,return\n2020-01-01,1_0\n", "not a decimal"),
        ("day,return\n2020-01-01, 1\n", "not a decimal"),
        (f"day,return\n2020-01-01,{'1' * 500}\n", "not a decimal"),
        ("day,return\n2020-01-01,1e99\n", "out of all bounds"),
        ("day,return\n2020-01-02,0\n2020-01-01,0\n", "2020-01-01 comes after 2020-01-02"),
        ("day,return\n2020-01-02,0\n2020-01-02,0\n", "2020-01-02 comes after 2020-01-02"),
        ("day,close\n2020-01-02,0\n", "a level is not above 0"),
        ("day,close\n2020-01-02,-3\n", "a level is not above 0"),
    ],
)
def test_read_series__bad_file__error_says_where(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DatasetError, match=said):
        read_series(_file(tmp_path, text))


def test_read_series__unreadable__error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be read"):
        read_series(tmp_path / "none.csv")
    (tmp_path / "series.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(DatasetError, match="not UTF-8"):
        read_series(tmp_path / "series.csv")


@given(st.decimals(-100, 100, allow_nan=False), st.sampled_from([1, 100, 10**9]))
def test_scaled__any_decimal__nearest_half_to_even(value, scale) -> None:
    exact = Fraction(str(value)) * scale if len(str(value)) < 300 else None
    try:
        found = scaled(str(value), scale)
    except ValueError:
        assert "E-" in str(value)  # Exponents below -99 are no decimals of this world.
    else:
        assert found == round(exact)


@given(st.dates())
def test_day_number__any_date__days_since_1970(day: date) -> None:
    assert date.fromordinal(date(1970, 1, 1).toordinal() + day_number(day.isoformat())) == day


@pytest.mark.parametrize("name", [name for name in SHIPPED if name not in VOLATILITIES])
def test_shipped_series__each__daily_changes_of_a_price(name: str) -> None:
    found = shipped_series(name)
    assert len(found.days) > 2_000
    assert (found.days[1:] > found.days[:-1]).all()
    assert 0.001 * 10**9 < found.returns.std() < 0.05 * 10**9
    assert len(shipped_levels(name)) == len(found.days) + 1


def test_shipped_series__sp500_of_two_packages__one_index() -> None:
    one, other = shipped_series("sp500"), shipped_series("sp500-1990")
    known = dict(zip(other.days.tolist(), other.returns.tolist(), strict=True))
    assert all(
        abs(known[day] - value) < 1_000
        for day, value in zip(one.days.tolist(), one.returns.tolist(), strict=True)
    )


def test_shipped_series__vix_or_unknown__error() -> None:
    with pytest.raises(DatasetError, match="vix is a volatility"):
        shipped_series("vix")
    with pytest.raises(DatasetError, match="no series moon") as caught:
        shipped_series("moon")
    assert "sp500" in caught.value.fix
