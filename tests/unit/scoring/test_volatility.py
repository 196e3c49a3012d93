"""Dynamic Eras: sigma and phi against plain definitions, their laws, and real markets."""

import hashlib
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cache
from math import isqrt

import mpmath
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.datasets.prices import ARCH, shipped_file
from oracle.scoring.errors import ScoringError
from oracle.scoring.limits import SCALE
from oracle.scoring.volatility import (
    GAMMA_ONE,
    MAX_PHI_STEP,
    MAX_RETURN,
    MAX_RETURNS,
    MIN_PHI,
    PHI_ONE,
    SEED_RETURNS,
    Volatility,
    announced_phi,
    canonical_series,
    decimal,
    free_phi,
    parse_canonical_series,
    phi_path,
    volatility_path,
)
from oracle.settlement import reference_oracle

TARGET = 9_000_000  # 0.009 a day.
START = 10_000

series = st.lists(st.integers(-(10**8), 10**8), min_size=SEED_RETURNS, max_size=SEED_RETURNS + 40)
targets = st.integers(10**5, 10**8)
gammas = st.integers(1, 10 * GAMMA_ONE)
phis = st.integers(MIN_PHI, PHI_ONE)
sigmas = st.integers(0, 10**9)


def announced(
    returns: list[int], target: int = TARGET, gamma: int = 100, previous: int = PHI_ONE
) -> Volatility:
    """Of a round announced on the day after the last of ``returns``, one a day."""
    days = START + np.arange(len(returns))
    return announced_phi(days, np.array(returns), START + len(returns), target, gamma, previous)


# ---------------------------------------------------------------------- the definition


def naive_sigma(returns: list[int]) -> int:
    """In fractions, as written; the root from one digit sequence twice as long."""
    square = Fraction(sum(r * r for r in returns[:SEED_RETURNS]), SEED_RETURNS)
    for r in returns[SEED_RETURNS:]:
        square = Fraction(94, 100) * square + Fraction(6, 100) * r * r
    floor = isqrt(int(square))
    over = square - (Fraction(2 * floor + 1, 2)) ** 2
    return floor + (over > 0 or (over == 0 and floor % 2 == 1))


@given(series)
def test_announced_phi__any_returns__sigma_of_the_recursion(returns):
    assert announced(returns).sigma == naive_sigma(returns)
    path = volatility_path(np.array(returns)).tolist()
    assert path == [naive_sigma(returns[:n]) for n in range(SEED_RETURNS, len(returns) + 1)]


@given(st.integers(1, 10**9), targets, gammas)
def test_free_phi__any_volatility__nearest_millionth_of_the_power(sigma, target, gamma):
    context = mpmath.MPContext()
    context.prec = 200
    power = (context.mpf(target) / sigma) ** (context.mpf(gamma) / GAMMA_ONE)
    clamped = min(max(power, context.mpf(1) / 2), context.mpf(1))
    assert abs(free_phi(sigma, target, gamma) - clamped * PHI_ONE) <= context.mpf("0.5")


@given(st.integers(MIN_PHI, PHI_ONE - 1))
def test_free_phi__exactly_between_two_millionths__the_even_one(below):
    """target / sigma = (2 below + 1) / 2,000,000, a tie; its neighbours are whole."""
    between = 2 * below + 1
    assert free_phi(2 * PHI_ONE, between, GAMMA_ONE) == below + below % 2
    assert free_phi(2 * PHI_ONE, between - 1, GAMMA_ONE) == below
    assert free_phi(2 * PHI_ONE, between + 1, GAMMA_ONE) == below + 1


@pytest.mark.parametrize(
    ("sigma", "target", "gamma", "phi"),
    [
        (0, 9_000_000, 100, 1_000_000),
        (9_000_000, 9_000_000, 100, 1_000_000),
        (9_000_001, 9_000_000, 100, 1_000_000),
        (9_000_005, 9_000_000, 100, 999_999),
        (10_000_000, 9_000_000, 100, 900_000),
        (10_000_000, 9_000_000, 200, 810_000),
        (10_000_000, 9_000_000, 50, 948_683),
        (12_345_678, 9_000_000, 73, 793_946),
        (12_345_678, 9_000_000, 1, 996_844),
        (18_000_000, 9_000_000, 100, 500_000),
        (10**12, 1, 1000, 500_000),
    ],
)
def test_free_phi__golden(sigma, target, gamma, phi):
    assert free_phi(sigma, target, gamma) == phi


# ---------------------------------------------------------------------- golden series


def golden_returns(count: int) -> list[int]:
    """Signs and sizes from a fixed rule, so that any language can make them."""
    return [((k * 7919 + 104_729) % 40_009 - 20_004) * 1_000 for k in range(count)]


GOLDEN_SIGMAS = (11_648_041, 11_293_376, 11_108_853, 11_426_320)
# Returns, target, gamma, previous: sigma, phi, free phi, series hash.
GOLDEN = {
    (60, 9_000_000, 100, 1_000_000): (
        *(11_648_041, 900_000, 772_662),
        "a5183ebc4e1bf9dd9ed1997d670bf26b605097cafabe1260bf68006ba5ae421b",
    ),
    (100, 9_000_000, 100, 1_000_000): (
        *(11_917_388, 900_000, 755_199),
        "4a4a2bcca038b198370ddd98f884c129670c85e85d58b6a0c0af77242a7d172c",
    ),
    (100, 9_000_000, 150, 600_000): (
        *(11_917_388, 656_284, 656_284),
        "5c435f415942b0043999abe6d6e975949b929fb137473be893645315f3d7ae55",
    ),
    (1000, 8_000_000, 73, 750_000): (
        *(11_737_738, 755_891, 755_891),
        "895b6604b7d24cd852cb506cf14e26fd0d7b01d8274c35f8ba973cffdf1a15cc",
    ),
}


def test_announced_phi__golden_series__committed_integers_and_hash():
    for (count, target, gamma, previous), expected in GOLDEN.items():
        found = announced(golden_returns(count), target, gamma, previous)
        assert (found.sigma, found.phi, found.free_phi, found.series_hash.hex()) == expected


def test_volatility_path__golden_series__committed_integers():
    assert tuple(volatility_path(np.array(golden_returns(63))).tolist()) == GOLDEN_SIGMAS


def test_announced_phi__text__canonical_and_its_sha256():
    returns = [0, -1, 10**9, -15 * 10**6] + [5] * 56
    found = announced(returns, 10**6, 150)
    lines = found.text.decode().split("\n")
    assert lines[:6] == [
        "# assay/volatility/1 target=0.001 gamma=1.5",
        "day,return",
        "1997-05-19,0",
        "1997-05-20,-0.000000001",
        "1997-05-21,1",
        "1997-05-22,-0.015",
    ]
    assert len(lines) == 60 + 3
    assert lines[-1] == ""
    assert found.series_hash == hashlib.sha256(found.text).digest()
    assert found.returns_used == 60


@given(st.integers(-(10**11), 10**11))
def test_decimal__any_integer__exact_and_shortest(value):
    text = decimal(value, SCALE)
    assert Decimal(text).scaleb(9) == value
    assert not text.endswith(".")
    assert "." not in text or not text.endswith("0")


# ---------------------------------------------------------------------- laws


@given(series, targets, gammas, phis)
def test_announced_phi__any_series__within_what_the_contract_takes(
    returns, target, gamma, previous
):
    phi = announced(returns, target, gamma, previous).phi
    assert (reference_oracle.MIN_PHI, reference_oracle.MAX_PHI_STEP) == (MIN_PHI, MAX_PHI_STEP)
    assert MIN_PHI <= phi <= PHI_ONE
    assert abs(phi - previous) <= MAX_PHI_STEP


@given(series, targets, gammas, phis)
def test_announced_phi__free_phi_within_a_step__is_taken(returns, target, gamma, previous):
    found = announced(returns, target, gamma, previous)
    if abs(found.free_phi - previous) <= MAX_PHI_STEP:
        assert found.phi == found.free_phi
    else:
        assert abs(found.phi - previous) == MAX_PHI_STEP
        assert (found.phi > previous) == (found.free_phi > previous)


@given(sigmas, sigmas, targets, gammas)
def test_free_phi__higher_volatility__no_higher_phi(one, other, target, gamma):
    low, high = sorted((one, other))
    assert free_phi(low, target, gamma) >= free_phi(high, target, gamma)


@given(sigmas, targets, targets, gammas)
def test_free_phi__higher_target__no_lower_phi(sigma, one, other, gamma):
    low, high = sorted((one, other))
    assert free_phi(sigma, low, gamma) <= free_phi(sigma, high, gamma)


@given(sigmas, targets, gammas, gammas)
def test_free_phi__higher_gamma__no_higher_phi(sigma, target, one, other):
    low, high = sorted((one, other))
    assert free_phi(sigma, target, low) >= free_phi(sigma, target, high)


@given(series, st.data())
def test_announced_phi__a_larger_return__no_smaller_volatility(returns, data):
    position = data.draw(st.integers(0, len(returns) - 1))
    larger = list(returns)
    larger[position] = data.draw(st.sampled_from((-1, 1))) * (
        abs(returns[position]) + data.draw(st.integers(0, 10**8))
    )
    one, other = announced(returns), announced(larger)
    assert other.sigma >= one.sigma
    assert other.phi <= one.phi


@given(series, st.data())
def test_announced_phi__signs_flipped__same_phi_another_hash(returns, data):
    flips = data.draw(
        st.lists(st.sampled_from((-1, 1)), min_size=len(returns), max_size=len(returns))
    )
    flipped = [r * s for r, s in zip(returns, flips, strict=True)]
    one, other = announced(returns), announced(flipped)
    assert (one.sigma, one.phi) == (other.sigma, other.phi)
    assert (one.series_hash == other.series_hash) == (returns == flipped)


@given(series, series, phis, st.integers(0, 5))
def test_announced_phi__any_returns_from_the_announcement_on__nothing_changes(
    returns, future, previous, gap
):
    """The day of the announcement included: its return is not known yet."""
    day = START + len(returns) + gap
    after = day + np.arange(len(future))
    past = START + np.arange(len(returns))
    alone = announced_phi(past, np.array(returns), day, TARGET, 100, previous)
    known = announced_phi(
        np.concatenate([past, after]), np.array(returns + future), day, TARGET, 100, previous
    )
    assert vars(alone) == vars(known)


@given(series)
def test_announced_phi__another_return_before__another_hash(returns):
    changed = [*returns[:-1], returns[-1] + 1]
    assert announced(returns).series_hash != announced(changed).series_hash


def test_announced_phi__another_parameter_or_day__another_hash():
    returns = golden_returns(80)
    days = START + np.arange(80)
    shifted = days - (days < START + 40)
    variants = [
        announced(returns),
        announced(returns, TARGET + 1),
        announced(returns, TARGET, 101),
        announced_phi(shifted, np.array(returns), START + 80, TARGET, 100),
    ]
    assert len({found.series_hash for found in variants}) == len(variants)
    assert len({found.sigma for found in variants}) == 1


@given(series, targets, gammas, st.integers(1, 9))
def test_announced_phi__returns_and_target_scaled__same_up_to_the_rounding_of_sigma(
    returns, target, gamma, factor
):
    """sigma is rounded to 1e-9, so phi may differ by gamma * phi / sigma, in the units of both."""
    one = announced(returns, target, gamma)
    other = announced([factor * r for r in returns], factor * target, gamma)
    assert abs(other.sigma - factor * one.sigma) <= factor
    slack = gamma / GAMMA_ONE * PHI_ONE / max(one.sigma, 1) + 1
    assert abs(other.free_phi - one.free_phi) <= slack


@given(st.integers(0, 10**8), st.integers(SEED_RETURNS, 200))
def test_announced_phi__returns_of_one_size__exactly_that_volatility(size, count):
    assert announced([(-1) ** k * size for k in range(count)]).sigma == size


def test_announced_phi__zero_volatility__phi_of_one():
    assert announced([0] * SEED_RETURNS).phi == PHI_ONE
    low = announced([0] * SEED_RETURNS, previous=MIN_PHI)
    assert (low.sigma, low.free_phi, low.phi) == (0, PHI_ONE, MIN_PHI + MAX_PHI_STEP)


def test_announced_phi__days_without_a_return__do_not_count():
    """Only returns move sigma: weekends or none, it is the same."""
    returns = np.array(golden_returns(80))
    weekdays = (
        START + np.flatnonzero(np.is_busday((START + np.arange(200)).astype("datetime64[D]")))[:80]
    )
    gaps = announced_phi(weekdays, returns, int(weekdays[-1]) + 1, TARGET, 100)
    assert gaps.sigma == announced(returns.tolist()).sigma


@given(st.lists(sigmas, min_size=1, max_size=30), targets, gammas, phis)
def test_phi_path__successive_rounds__each_a_step_from_the_last(path, target, gamma, previous):
    for sigma, phi in zip(path, phi_path(np.array(path), target, gamma, previous), strict=True):
        free = free_phi(sigma, target, gamma)
        assert abs(int(phi) - previous) == min(abs(free - previous), MAX_PHI_STEP)
        assert abs(free - int(phi)) <= abs(free - previous)
        previous = int(phi)


def test_announced_phi__longest_series_of_largest_returns__no_overflow():
    returns = np.full(MAX_RETURNS, MAX_RETURN)
    found = announced_phi(np.arange(MAX_RETURNS), returns, MAX_RETURNS, TARGET, 100)
    assert found.sigma == MAX_RETURN


# ---------------------------------------------------------------------- bad input

DAYS, RETURNS = START + np.arange(70), np.array(golden_returns(70))
END = START + 70


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"days": DAYS[:59], "returns": RETURNS[:59], "day": START + 59}, "short_series"),
        ({"days": DAYS[:0], "returns": RETURNS[:0]}, "short_series"),
        ({"day": START + 59}, "short_series"),
        ({"day": START - 100}, "short_series"),
        ({"day": END + 10}, "stale_series"),
        ({"day": 10**9}, "stale_series"),
        ({"returns": RETURNS[:-1]}, "shape"),
        ({"returns": RETURNS[None]}, "shape"),
        ({"returns": RETURNS / 1e9}, "dtype"),
        ({"returns": RETURNS.tolist()}, "dtype"),
        ({"days": DAYS.astype(float)}, "dtype"),
        ({"days": DAYS[::-1]}, "days"),
        ({"days": np.where(DAYS == START + 5, START + 4, DAYS)}, "days"),
        ({"days": DAYS - 10**6, "day": END - 10**6}, "days"),
        ({"days": DAYS + 10**8, "day": END + 10**8}, "days"),
        ({"returns": np.where(DAYS == START + 5, MAX_RETURN + 1, RETURNS)}, "return_range"),
        ({"returns": np.where(DAYS == START + 5, -(2**63), RETURNS)}, "return_range"),
        ({"target": 0}, "target_volatility"),
        ({"target": -1}, "target_volatility"),
        ({"target": SCALE + 1}, "target_volatility"),
        ({"target": 0.009}, "dtype"),
        ({"gamma": 0}, "gamma"),
        ({"gamma": 1001}, "gamma"),
        ({"gamma": True}, "dtype"),
        ({"previous": MIN_PHI - 1}, "previous_phi"),
        ({"previous": PHI_ONE + 1}, "previous_phi"),
        ({"day": 1.5}, "dtype"),
    ],
)
def test_announced_phi__bad_input__named_error(changes, code):
    good = {"days": DAYS, "returns": RETURNS, "day": END, "target": TARGET, "gamma": 100}
    assert announced_phi(**good).returns_used == 70
    with pytest.raises(ScoringError) as caught:
        announced_phi(**{**good, **changes})
    assert caught.value.code == code


def test_announced_phi__too_long_a_series__named_error():
    count = MAX_RETURNS + 1
    with pytest.raises(ScoringError, match="at most 50000") as caught:
        announced_phi(np.arange(count), np.zeros(count, np.int64), count, TARGET, 100)
    assert caught.value.code == "long_series"


def test_volatility_path_and_phi_path__bad_input__named_error():
    for code, call in {
        "short_series": lambda: volatility_path(RETURNS[:59]),
        "return_range": lambda: volatility_path(RETURNS * 10**7),
        "dtype": lambda: volatility_path(RETURNS / 1),
        "sigma": lambda: phi_path(np.array([5, -1]), TARGET, 100),
        "gamma": lambda: phi_path(np.array([5]), TARGET, 0),
        "target_volatility": lambda: free_phi(5, 0, 100),
    }.items():
        with pytest.raises(ScoringError) as caught:
            call()
        assert caught.value.code == code
    with pytest.raises(ScoringError, match="negative"):
        free_phi(-1, TARGET, 100)


# ---------------------------------------------------------------------- canonical text, read back


@given(series, targets, gammas)
def test_parse_canonical_series__any_series__all_that_the_text_was_made_of(returns, target, gamma):
    text = announced(returns, target, gamma).text
    read = parse_canonical_series(text)
    assert (read.target, read.gamma) == (target, gamma)
    assert read.days.tolist() == list(range(START, START + len(returns)))
    assert read.returns.tolist() == returns
    again = announced_phi(
        read.days, read.returns, START + len(returns), read.target, read.gamma, PHI_ONE
    )
    assert again.text == text


def test_parse_canonical_series__largest_numbers__no_overflow():
    days, returns = np.array([-719_162, 2_932_896]), np.array([-MAX_RETURN, MAX_RETURN])
    read = parse_canonical_series(canonical_series(days, returns, SCALE, 1000))
    assert read.days.tolist() == days.tolist()
    assert read.returns.tolist() == returns.tolist()
    assert (read.target, read.gamma) == (SCALE, 1000)


CANONICAL = (
    b"# assay/volatility/1 target=0.009 gamma=1\nday,return\n1999-01-05,0.5\n1999-01-06,-1\n"
)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (CANONICAL, b"", "line 1 is not"),
        (CANONICAL, b"\xff\x00" * 40, "line 1 is not"),
        (b"volatility/1", b"volatility/2", "line 1 is not"),
        (b"target=0.009", b"target=9e-3", "line 1 is not"),
        (b"target=0.009", b"target=x", "line 1 is not"),
        (b"gamma=1", b"gamma=1 ", "line 1 is not"),
        (b"gamma=1", b"gamma=1.0", "longer than it must be"),
        (b"gamma=1", b"gamma=1.001", "longer than it must be"),
        (b"gamma=1\n", b"gamma=1\r\n", "line 1 is not"),
        (b"day,return", b"date,return", "line 2 is not"),
        (b"day,return\n", b"", "line 2 is not"),
        (b",0.5", b",0.50", "longer than it must be"),
        (b",0.5", b",-0", "longer than it must be"),
        (b",0.5", b",.5", "line 3 is not a day and its return"),
        (b",0.5", b",0.0000000001", "line 3 is not a day and its return"),
        (b",0.5", b",100", "line 3 is not a day and its return"),
        (b",0.5", b",nan", "line 3 is not a day and its return"),
        (b",0.5", b", 0.5", "line 3 is not a day and its return"),
        (b",0.5", ",٠.٥".encode(), "line 3 is not a day and its return"),
        (b",0.5\n", b",0.5\n\n", "line 4 is not a day and its return"),
        (b",0.5\n", b",0.5\r\n", "line 3 is not a day and its return"),
        (b"1999-01-06", b"1999-02-30", "line 4 is not a day and its return"),
        (b"1999-01-06", b"0000-01-06", "line 4 is not a day and its return"),
        (b"1999-01-06", b"19990106", "line 4 is not a day and its return"),
        (b",-1\n", b",-1", "does not end in a line feed"),
        (b",-1\n", b",-1\n\n", "line 5 is not a day and its return"),
    ],
)
def test_parse_canonical_series__any_other_text__named_error(old, new, said):
    assert parse_canonical_series(CANONICAL).returns.tolist() == [SCALE // 2, -SCALE]
    text = CANONICAL.replace(old, new)
    assert text != CANONICAL
    with pytest.raises(ScoringError, match=said) as caught:
        parse_canonical_series(text)
    assert caught.value.code == "series_text"


# ---------------------------------------------------------------------- real markets


@cache
def shipped(name: str, column: str) -> pd.Series:
    """A series of the arch package by date."""
    frame = pd.read_csv(shipped_file(ARCH, f"data/{name}/{name}.csv.gz"), na_values=".")
    dates = pd.DatetimeIndex(pd.to_datetime(frame["Date"], format="%m/%d/%Y"))
    return pd.Series(frame[column].to_numpy(float), dates).dropna()


@cache
def market_sigma() -> pd.Series:
    """Daily sigma at 1e-9 of the S&P 500, dated by the last return in it."""
    closes = shipped("sp500", "Close")
    returns = np.rint(closes.pct_change().to_numpy()[1:] * SCALE).astype(np.int64)
    return pd.Series(volatility_path(returns), closes.index[SEED_RETURNS:])


def test_phi_path__sp500__low_in_2008_and_one_in_2004():
    sigma = market_sigma()
    phi = pd.Series(phi_path(sigma.to_numpy(), TARGET, 100), sigma.index) / PHI_ONE
    by_year = phi.groupby(phi.index.year).mean()
    assert by_year[2004] > 0.99
    assert by_year[2017] == 1
    assert by_year[2008] < 0.7
    assert by_year.idxmin() == 2008
    assert phi["2008-10":"2008-12"].max() == 0.5
    assert phi.diff().abs().max() <= 0.1 + 1e-12


def test_volatility_path__sp500__moves_with_the_vix():
    both = pd.concat([market_sigma(), shipped("vix", "vix")], axis=1).dropna()
    assert len(both) > 1_200
    assert both.corr().iloc[0, 1] > 0.8
    assert both.corr("spearman").iloc[0, 1] > 0.7
    # Annualised, it lies below the VIX, which pays for the risk, but not by much.
    ratio = both.iloc[:, 0] / SCALE * 252**0.5 * 100 / both.iloc[:, 1]
    assert 0.6 < ratio.median() < 1


def test_volatility_path__sp500__as_a_float_recursion_by_pandas():
    closes = shipped("sp500", "Close")
    squares = closes.pct_change().to_numpy()[1:] ** 2
    seeded = np.r_[squares[:SEED_RETURNS].mean(), squares[SEED_RETURNS:]]
    expected = np.sqrt(pd.Series(seeded).ewm(alpha=0.06, adjust=False).mean())
    assert (market_sigma() / SCALE).to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-6)


def test_announced_phi__sp500_on_a_day_of_2008__the_last_element_known_then():
    closes = shipped("sp500", "Close")
    days = closes.index.to_numpy().astype("datetime64[D]").astype(np.int64)[1:]
    returns = np.rint(closes.pct_change().to_numpy()[1:] * SCALE).astype(np.int64)
    monday = (date(2008, 10, 13) - date(1970, 1, 1)).days
    found = announced_phi(days, returns, monday, TARGET, 100, 800_000)
    assert found.sigma == market_sigma()["2008-10-10"]
    assert (found.phi, found.free_phi) == (700_000, MIN_PHI)
    assert found.text.decode().splitlines()[-1].startswith("2008-10-10,")
