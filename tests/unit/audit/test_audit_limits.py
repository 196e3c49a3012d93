"""Limits: at the limit they hold, past it they fail, and what is not known fails."""

from dataclasses import fields
from fractions import Fraction

import numpy as np
import pytest

from oracle.audit.diagnose import SERIES, Diagnostics
from oracle.audit.limits import Check, Limits, check
from oracle.audit.live import Live
from oracle.audit.payouts import Outcome, Payouts

NAMES = [field.name for field in fields(Limits)]


def live(exposure: int = 300_000_000, level: int | None = 3, correlation: int | None = 1) -> Live:
    values = {"meta_model_correlation": correlation, "benchmark_correlation": None, "rho": None}
    return Live(10, 0, np.array([exposure, -exposure // 2]), values, {}, level)


def model() -> Diagnostics:
    found = Diagnostics("own", 2)
    for name in SERIES:
        found.values[name] = [100_000_000, 300_000_000, None]
    found.levels = [2, 9, 0]
    return found


def payouts(*changes: int) -> Payouts:
    return Payouts(100, tuple(Outcome("1", (0, 0, 0), 0, change) for change in changes), {})


def value(name: str, *found: object) -> Fraction | None:
    """What is found where ``name`` is limited."""
    [only] = check(Limits(**{name: Fraction(1, 2)}), *found)
    assert (only.name, only.limit) == (name, Fraction(1, 2))
    return only.value


def test_check__no_limits__nothing_to_check() -> None:
    assert check(Limits(), live(), model(), payouts(1)) == []


@pytest.mark.parametrize("name", NAMES)
def test_check__nothing_known__does_not_hold(name: str) -> None:
    [only] = check(Limits(**{name: Fraction(0)}), None, None, None)
    assert only.value is None
    assert not only.holds


@pytest.mark.parametrize("name", NAMES)
def test_holds__at_the_limit_and_past_it(name: str) -> None:
    past = Fraction(-1, 10**12) if name.startswith("min_") else Fraction(1, 10**12)
    assert Check(name, Fraction(1, 3), Fraction(1, 3)).holds
    assert Check(name, Fraction(1, 3), Fraction(1, 3) - past).holds
    assert not Check(name, Fraction(1, 3), Fraction(1, 3) + past).holds


def test_check__exposure__larger_of_live_and_the_past_mean() -> None:
    assert value("max_exposure", live(300_000_000), model(), None) == Fraction(3, 10)
    assert value("max_exposure", live(100_000_000), model(), None) == Fraction(1, 5)
    assert value("max_exposure", live(-100_000_000), None, None) == Fraction(1, 10)


def test_check__correlation__largest_of_those_known() -> None:
    assert value("max_correlation", live(), model(), None) == Fraction(1, 5)
    assert value("max_correlation", live(correlation=900_000_000), model(), None) == Fraction(9, 10)
    assert value("max_correlation", live(correlation=None), None, None) is None


def test_check__level__highest_of_any_era_with_a_rho_and_live() -> None:
    assert value("max_level", live(level=3), model(), None) == 9
    assert value("max_level", live(level=11), model(), None) == 11
    assert value("max_level", live(level=None), None, None) is None
    without = model()
    without.values["rho"] = [None] * 3
    assert value("max_level", live(level=None), without, None) is None


def test_check__burns__shares_of_the_stake() -> None:
    assert value("max_burn", None, None, payouts(4, -3, -5)) == Fraction(5, 100)
    assert value("max_burn", None, None, payouts(4)) == 0
    assert value("max_burn", None, None, payouts()) is None
    assert value("max_burn_probability", None, None, payouts(4, -3, -5)) == Fraction(2, 3)
    assert value("min_expected", None, None, payouts(4, -3, -5)) == Fraction(-4, 300)


def test_check__fnc__mean_of_the_past() -> None:
    assert value("min_fnc", live(), model(), None) == Fraction(1, 5)
