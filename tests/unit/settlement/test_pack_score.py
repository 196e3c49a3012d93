"""Units on the way to the chain: rounding, saturation, decimal text, counts of words."""

from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from settlement_strategies import edged

from oracle.settlement.units import MAX_MODELS, MAX_SCORE, UNITS_PER_NMR, nmr, words_for
from oracle.settlement.words import pack_score

_EDGE = MAX_SCORE * 1000
published_scores = st.one_of(
    edged(-2 * _EDGE, 2 * _EDGE),
    st.integers(-1100, 1100).map(lambda k: 500 * k),
    st.integers(-600, 600).map(lambda k: _EDGE + k),
    st.integers(-600, 600).map(lambda k: k - _EDGE),
)


@given(published_scores)
def test_pack_score__any__is_half_even_then_saturated(published: int) -> None:
    exact = int((Decimal(published) / 1000).quantize(Decimal(1), ROUND_HALF_EVEN))
    packed, saturated = pack_score(published)
    assert packed == min(max(exact, -MAX_SCORE), MAX_SCORE)
    assert saturated == (abs(exact) > MAX_SCORE)


@given(published_scores)
def test_pack_score__not_saturated__errs_by_half_at_most(published: int) -> None:
    packed, saturated = pack_score(published)
    assert saturated or abs(packed - Fraction(published, 1000)) <= Fraction(1, 2)


@given(published_scores)
def test_pack_score__other_sign__is_the_mirror(published: int) -> None:
    packed, saturated = pack_score(published)
    assert pack_score(-published) == (-packed, saturated)


@pytest.mark.parametrize(
    ("published", "packed", "saturated"),
    [
        (0, 0, False),
        (499, 0, False),
        (500, 0, False),
        (501, 1, False),
        (1500, 2, False),
        (2500, 2, False),
        (-500, 0, False),
        (-1500, -2, False),
        (-2500, -2, False),
        (524_287_000, 524_287, False),
        (524_287_499, 524_287, False),
        (524_287_500, 524_287, True),  # half to even would be 524288
        (-524_287_499, -524_287, False),
        (-524_287_500, -524_287, True),
        (10**9, 524_287, True),
        (-(10**9), -524_287, True),
    ],
)
def test_pack_score__ties_and_ends__as_documented(
    published: int, packed: int, saturated: bool
) -> None:
    assert pack_score(published) == (packed, saturated)


@given(st.integers(-(2**60), 2**60))
def test_nmr__any_units__text_is_exact_and_shortest(units: int) -> None:
    text = nmr(units)
    assert Decimal(text) * UNITS_PER_NMR == units
    assert "." not in text or not text.endswith(("0", "."))


@given(st.integers(0, MAX_MODELS))
def test_words_for__any_count__holds_all_and_no_word_too_many(models: int) -> None:
    words = words_for(models)
    assert 4 * words - 4 < models <= 4 * words
