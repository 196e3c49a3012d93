"""Payout and burn: the documented formulas, and the laws that hold whatever the scores say."""

from dataclasses import replace
from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from settlement_strategies import amounts, edged, levels, phis, score_lanes, shares, templates

from oracle.settlement.payout import Coefficients, Template, begin, change
from oracle.settlement.units import MAX_AMOUNT, MAX_SCORE, MILLIONTH, RATE_ONE, UNITS_PER_NMR
from oracle.settlement.words import ScoreLane

MILLION, TRILLION = Fraction(10**6), Fraction(10**12)


def _exact_change(
    template: Template,
    phi: int,
    at_risk: int,
    total: int,
    vault: int,
    stake: int,
    lane: ScoreLane,
) -> int:
    """docs/formats.md, section 5, in exact fractions: every floor stands where the text has it."""
    factor = Fraction(1) if at_risk <= template.threshold else Fraction(template.threshold, at_risk)
    c = [floor(m * phi / MILLION * factor) for m in template.multipliers]
    hk = floor(Fraction(template.kappa * 65536, 15) / MILLION)
    up = min(template.clip_up, sum(c) * 524287)
    need = ceil(total * up / TRILLION)
    f = 2**40 if vault >= need else floor(Fraction(vault * 2**40, need))
    x = sum(ci * si for ci, si in zip(c, lane.scores, strict=True))
    if x >= 0:
        return floor(Fraction(stake * min(x, up) * f, 2**40) / TRILLION)
    hardened = floor(Fraction(-x * (65536 + hk * lane.level), 65536))
    return -floor(stake * min(hardened, template.clip_down) / TRILLION)


@given(templates, phis, amounts, shares(), amounts, score_lanes)
def test_change__any_round__equals_exact_fractions(
    template: Template, phi: int, at_risk: int, stakes: list[int], vault: int, lane: ScoreLane
) -> None:
    total = sum(stakes)
    coefficients = begin(template, phi, at_risk, total, vault)
    for stake in stakes:
        expected = _exact_change(template, phi, at_risk, total, vault, stake, lane)
        assert change(coefficients, stake, lane) == expected


@given(templates, phis, amounts, shares(), st.data())
def test_change__any_scores__gains_never_exceed_the_vault(
    template: Template, phi: int, at_risk: int, stakes: list[int], data: st.DataObject
) -> None:
    vault = data.draw(st.one_of(amounts, edged(0, max(1, sum(stakes) // 20))))
    coefficients = begin(template, phi, at_risk, sum(stakes), vault)
    best = ScoreLane((MAX_SCORE, MAX_SCORE, MAX_SCORE))
    lanes = data.draw(st.lists(st.one_of(st.just(best), score_lanes), min_size=len(stakes)))
    gains = (change(coefficients, s, lane) for s, lane in zip(stakes, lanes, strict=False))
    assert sum(gain for gain in gains if gain > 0) <= vault


@given(templates, phis, amounts, amounts, amounts, score_lanes, st.data())
def test_change__any_scores__stays_within_the_clips(
    template: Template,
    phi: int,
    at_risk: int,
    total: int,
    vault: int,
    lane: ScoreLane,
    data: st.DataObject,
) -> None:
    stake = data.draw(edged(0, total))
    moved = change(begin(template, phi, at_risk, total, vault), stake, lane) * RATE_ONE
    assert -template.clip_down * stake <= moved <= template.clip_up * stake


@given(templates, phis, amounts, shares(), score_lanes, levels, levels)
def test_change__harder_level__raises_burns_only(
    template: Template,
    phi: int,
    at_risk: int,
    stakes: list[int],
    lane: ScoreLane,
    one: int,
    other: int,
) -> None:
    coefficients = begin(template, phi, at_risk, sum(stakes), MAX_AMOUNT)
    soft, hard = replace(lane, level=min(one, other)), replace(lane, level=max(one, other))
    for stake in stakes:
        before, after = change(coefficients, stake, soft), change(coefficients, stake, hard)
        if before > 0:
            assert after == before
        else:  # kappa is at most 1: at most twice the burn, but for one floor
            assert 2 * before - 1 <= after <= before


@given(phis, phis, amounts, amounts, templates, score_lanes, amounts)
def test_change__smaller_factor__moves_no_stake_further(
    one: int,
    other: int,
    at_risk: int,
    lower_risk: int,
    template: Template,
    lane: ScoreLane,
    stake: int,
) -> None:
    """phi and the payout factor shrink gains and burns alike (scores of one sign, full vault)."""
    small, large = sorted((one, other))
    less, more = sorted((at_risk, lower_risk))
    weak = begin(template, small, more, MAX_AMOUNT, MAX_AMOUNT)
    strong = begin(template, large, less, MAX_AMOUNT, MAX_AMOUNT)
    for sign in (1, -1):
        first, second, third = (sign * abs(score) for score in lane.scores)
        signed = ScoreLane((first, second, third), lane.level)
        small_move, large_move = change(weak, stake, signed), change(strong, stake, signed)
        assert abs(small_move) <= abs(large_move)
        assert small_move * large_move >= 0


@given(templates, phis, amounts, score_lanes, amounts, st.integers(0, 2), edged(0, 2 * MAX_SCORE))
def test_change__higher_score__pays_no_less(
    template: Template,
    phi: int,
    at_risk: int,
    lane: ScoreLane,
    stake: int,
    place: int,
    more: int,
) -> None:
    coefficients = begin(template, phi, at_risk, MAX_AMOUNT, MAX_AMOUNT)
    scores = list(lane.scores)
    scores[place] = min(MAX_SCORE, scores[place] + more)
    better = ScoreLane((scores[0], scores[1], scores[2]), lane.level)
    assert change(coefficients, stake, better) >= change(coefficients, stake, lane)


@given(templates, phis, amounts, amounts, amounts, amounts, levels)
def test_change__null_scores__nothing_moves(
    template: Template,
    phi: int,
    at_risk: int,
    total: int,
    vault: int,
    stake: int,
    level: int,
) -> None:
    coefficients = begin(template, phi, at_risk, total, vault)
    assert change(coefficients, stake, ScoreLane(level=level)) == 0


@given(templates, phis, amounts, amounts, amounts)
def test_begin__any_terms__every_coefficient_fits_its_field(
    template: Template, phi: int, at_risk: int, total: int, vault: int
) -> None:
    """The pool keeps c in 40 bits, clips in 40, hk in 15, the scale in 41."""
    found = begin(template, phi, at_risk, total, vault)
    assert all(0 <= c <= m < 2**40 for c, m in zip(found.c, template.multipliers, strict=True))
    assert 0 <= found.up <= template.clip_up < 2**40
    assert found.down == template.clip_down
    assert 0 <= found.hk <= 65536 // 15 < 2**15
    assert 0 <= found.scale <= 2**40


@pytest.mark.parametrize(
    ("scores", "level", "expected"),
    [
        ((20_000, 0, 0), 0, 15_000),  # 0.75 * 0.02 = 1.5 % of 1,000,000
        ((20_000, 10_000, 0), 0, 37_500),  # + 2.25 * 0.01
        ((0, 40_000, 0), 0, 50_000),  # 9 %: clipped at 5 %
        ((-20_000, 0, 0), 0, -15_000),
        (
            (-20_000, 0, 0),
            15,
            -22_498,
        ),  # hk = 2184: times 98296 / 65536, floor
        ((0, -20_000, 0), 15, -50_000),  # 6.75 %: hardening acts inside the clip
    ],
)
def test_change__worked_example__as_by_hand(
    scores: tuple[int, int, int], level: int, expected: int
) -> None:
    clip = RATE_ONE // 20
    template = Template((1, 2, 0), (750_000, 2_250_000, 0), clip, clip, 10**13, MILLIONTH // 2)
    coefficients = begin(template, MILLIONTH, 10**13, 10**6, MAX_AMOUNT)
    assert coefficients.c == (750_000, 2_250_000, 0)
    assert change(coefficients, 10**6, ScoreLane(scores, level)) == expected


def test_begin__at_risk_twice_the_threshold__halves_the_coefficients() -> None:
    template = Template((1, 2, 0), (750_000, 2_250_000, 1), RATE_ONE, RATE_ONE, 1000, 0)
    assert begin(template, MILLIONTH, 1000, 0, 0).c == (750_000, 2_250_000, 1)
    assert begin(template, MILLIONTH, 1001, 0, 0).c == (749_250, 2_247_752, 0)
    assert begin(template, MILLIONTH, 2000, 0, 0).c == (375_000, 1_125_000, 0)


def test_begin__short_vault__everyone_gets_the_same_part() -> None:
    template = Template((1, 0, 0), (MILLIONTH, 0, 0), RATE_ONE // 10, RATE_ONE, MAX_AMOUNT, 0)
    total = 1000 * UNITS_PER_NMR
    full = begin(template, MILLIONTH, 0, total, total // 10)
    half = begin(template, MILLIONTH, 0, total, total // 20)
    best = ScoreLane((MAX_SCORE, 0, 0))
    assert full.scale == 2 * half.scale == 2**40
    assert change(full, total, best) == 2 * change(half, total, best) == total // 10


def test_begin__empty_vault__pays_nothing_and_still_burns() -> None:
    template = Template((1, 0, 0), (MILLIONTH, 0, 0), RATE_ONE, RATE_ONE, MAX_AMOUNT, 0)
    empty = begin(template, MILLIONTH, 0, 10**9, 0)
    assert empty == Coefficients((MILLIONTH, 0, 0), MAX_SCORE * MILLIONTH, RATE_ONE, 0, 0)
    assert change(empty, 10**9, ScoreLane((MAX_SCORE, 0, 0))) == 0
    assert change(empty, 10**9, ScoreLane((-MAX_SCORE, 0, 0))) == -524_287_000
