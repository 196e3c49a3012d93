"""Decimal text and floats to integers at 10^-9, against Decimal and Fraction."""

from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from oracle.scoring.limits import SCALE
from oracle.tournaments.decimals import (
    MAX_TEXT,
    UnitsError,
    decimal_text,
    floats_to_integers,
    parse_unit,
    parse_units,
)

digits = st.text("0123456789", min_size=1, max_size=30)


def rounded(value: Fraction) -> int:
    return round(value * SCALE)  # Fraction rounds half to even


@given(digits)
@example("0000000005")
@example("0000000015")
@example("00000000050000000001")
@example("9999999995")
def test_parse_unit__fraction__half_even_of_exact_value(fraction: str) -> None:
    exact = Decimal(f"0.{fraction}")
    expected = exact.quantize(Decimal("1e-9"), ROUND_HALF_EVEN).scaleb(9)
    assert parse_unit(f"0.{fraction}") == parse_unit(f".{fraction}") == int(expected)
    assert parse_unit(f"0.{fraction}") == rounded(Fraction(exact))


@given(st.integers(0, 10**25), st.integers(-40, 10), st.sampled_from("eE"))
def test_parse_unit__exponent__agrees_with_fraction(mantissa: int, power: int, e: str) -> None:
    text, exact = f"{mantissa}{e}{power}", Fraction(mantissa) * Fraction(10) ** power
    if exact <= 1:
        assert parse_unit(text) == rounded(exact)
    else:
        with pytest.raises(ValueError, match=r"outside \[0, 1\]"):
            parse_unit(text)


_TEXTS = st.one_of(
    digits.map("0.{}".format),
    st.text("05", min_size=1, max_size=26).map("0.{}".format),
    st.floats(0, 1).map(repr),
    st.sampled_from(["0", "1", "1.0", ".5", "1e-7", "-0", "0.", "+0.5", "0" * 40 + ".5"]),
)
_FAULTS = st.sampled_from(["", "nan", "1.1", "-0.1", "0.5 ", "0.٣", "0.1.2", "0,5", "0.1_0", "a"])


@given(st.lists(_TEXTS, max_size=40), st.none() | st.tuples(_FAULTS, st.integers(0, 40)))
@example(["0.0000000005", "0.0000000015", "0.00000000050000000001", "0.9999999995"], None)
def test_parse_units__many__as_each_alone(texts: list[str], fault: tuple[str, int] | None) -> None:
    if fault is None:
        assert parse_units(texts).tolist() == [parse_unit(text) for text in texts]
        return
    place = min(fault[1], len(texts))
    with pytest.raises(UnitsError) as caught:
        parse_units([*texts[:place], fault[0], *texts[place:]])
    assert caught.value.place == place


@given(st.floats(0, 1))
@example(5e-324)
@example(1.0)
def test_parse_unit__repr_of_float__agrees_with_fraction(value: float) -> None:
    assert parse_unit(repr(value)) == rounded(Fraction(repr(value)))
    assert parse_unit(f"{value:.1074f}") == rounded(Fraction(value))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("-0.0", 0),
        ("+0.5", 500_000_000),
        ("1.", SCALE),
        ("1.000", SCALE),
        ("0.9999999999", SCALE),
        ("10e-1", SCALE),
        ("0e999999999999999999999", 0),
        ("1e-999999999999999999999", 0),
        ("0.0000000005", 0),
        ("0.0000000015", 2),
        ("0.00000000050000000000000000000001", 1),
    ],
)
def test_parse_unit__edge__exact(text: str, expected: int) -> None:
    assert parse_unit(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("nan", "missing"),
        ("NaN", "missing"),
        ("null", "missing"),
        ("NA", "missing"),
        ("inf", "infinite"),
        ("-Infinity", "infinite"),
        (" 0.5", "spaces"),
        ("0.5 ", "spaces"),
        (".", "not a decimal"),
        ("+", "not a decimal"),
        ("e5", "not a decimal"),
        ("0.5e", "not a decimal"),
        ("0,5", "not a decimal"),
        ("1_0e-2", "not a decimal"),
        ("٠.٥", "not a decimal"),
        ("0x1p-1", "not a decimal"),
        ("0.5\n", "spaces"),
        ("0" * (MAX_TEXT + 1), "not a decimal"),
        ("1.0000000000000000000000000001", "outside"),
        ("-1e-300", "outside"),
        ("1e999999999999999999999", "outside"),
        ("2", "outside"),
    ],
)
def test_parse_unit__bad_text__says_what_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_unit(text)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_floats_to_integers__any_float__agrees_with_fraction(values: list[float]) -> None:
    expected = [rounded(Fraction(v)) for v in values]
    assert floats_to_integers(np.array(values)).tolist() == expected


@given(st.integers(0, SCALE - 1), st.integers(-40, 40))
def test_floats_to_integers__next_to_a_tie__agrees_with_fraction(k: int, steps: int) -> None:
    value = (k + 0.5) / SCALE
    for _ in range(abs(steps)):
        value = float(np.nextafter(value, 2.0 if steps > 0 else -1.0))
    value = min(max(value, 0.0), 1.0)
    assert floats_to_integers(np.array([value])).tolist() == [rounded(Fraction(value))]


def test_floats_to_integers__exact_ties__go_to_even() -> None:
    # (2j + 1) / 2^10 * 10^9 ends in exactly one half, as 10^9 = 2^9 * 5^9.
    values = np.arange(1, 1024, 2) / 1024
    expected = [rounded(Fraction(v)) for v in values.tolist()]
    assert floats_to_integers(values).tolist() == expected
    assert not np.array_equal(np.floor(values * SCALE + 0.5).astype(np.int64), expected)


def test_floats_to_integers__fast_path_alone__would_be_wrong() -> None:
    rng = np.random.default_rng(5)
    values = (rng.integers(2**28, 10**9, 200_000) + 0.5) / SCALE
    plain = np.rint(values * SCALE).astype(np.int64)
    exact = floats_to_integers(values)
    differ = np.flatnonzero(plain != exact)
    assert len(differ) > 1000
    assert exact[differ[:200]].tolist() == [rounded(Fraction(v)) for v in values[differ[:200]]]


@given(st.floats(0, 1, width=32))
def test_floats_to_integers__float32__agrees_with_fraction(value: float) -> None:
    widened = np.array([value], dtype=np.float32).astype(np.float64)
    assert floats_to_integers(widened).tolist() == [rounded(Fraction(value))]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -5e-324, float(np.nextafter(1, 2))])
def test_floats_to_integers__outside__raises(bad: float) -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        floats_to_integers(np.array([0.5, bad]))


@given(st.integers(0, SCALE))
@example(0)
@example(SCALE)
@example(1)
def test_decimal_text__any_value__round_trips_and_is_shortest(value: int) -> None:
    text = decimal_text(value)
    assert parse_unit(text) == value
    assert "e" not in text
    assert not ("." in text and text.endswith(("0", ".")))


@pytest.mark.parametrize("value", [-1, SCALE + 1])
def test_decimal_text__outside__raises(value: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        decimal_text(value)
