"""Past eras as rounds: the reference pool's arithmetic, and its distribution."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.audit.diagnose import SERIES, Diagnostics
from oracle.audit.payouts import Outcome, Payouts, require_past_scores, settle
from oracle.errors import InputError
from oracle.settlement.payout import SCORE_KINDS, Template, begin, change
from oracle.settlement.units import MAX_AMOUNT, MILLIONTH, RATE_ONE, UNITS_PER_NMR
from oracle.settlement.words import ScoreLane, pack_score

KINDS = (SCORE_KINDS["CORR"], SCORE_KINDS["MMC"], SCORE_KINDS["NONE"])
CLIP = RATE_ONE // 20
TEMPLATE = Template(KINDS, (750_000, 2_250_000, 0), CLIP, CLIP, 72_000 * UNITS_PER_NMR, MILLIONTH)
STAKE = 25 * UNITS_PER_NMR


def model_with(levels: list[int] | None = None, **series: list[int | None]) -> Diagnostics:
    """A model of which only some series are known."""
    eras = len(next(iter(series.values())))
    model = Diagnostics("own", 0)
    for name in SERIES:
        model.values[name] = series.get(name, [None] * eras)
        model.reasons[name] = [None if v is not None else "why" for v in model.values[name]]
    model.levels = levels or [0] * eras
    return model


def run(model: Diagnostics, template: Template = TEMPLATE, **options: int) -> Payouts:
    eras = [f"{n:04d}" for n in range(len(model.levels))]
    return settle(
        eras,
        model,
        template,
        options.get("stake", STAKE),
        options.get("phi", MILLIONTH),
        options.get("at_risk", 0),
    )


def test_settle__by_hand__gain_burn_and_hardened_burn() -> None:
    # 0.75 * 0.02 + 2.25 * 0.004 = 0.024; the burns of -0.024 double at level 15 and kappa 1, all
    # but the rounding of hk, and stay inside the clip.
    scores = {"corr": [20_000_000, -20_000_000] * 2, "mmc": [4_000_000, -4_000_000] * 2}
    found = run(model_with(levels=[0, 0, 15, 15], **scores))
    first, second, third, fourth = (outcome.change for outcome in found.outcomes)
    assert (first, second) == (600_000_000, -600_000_000)
    assert third == first
    assert -1_200_000_000 <= fourth <= -1_199_000_000


@given(
    st.lists(
        st.tuples(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9), st.integers(0, 15)),
        min_size=1,
        max_size=12,
    ),
    st.integers(1, 10**6 * UNITS_PER_NMR),
    st.integers(500_000, MILLIONTH),
    st.integers(0, 10**6 * UNITS_PER_NMR),
)
def test_settle__any_scores__change_of_the_settlement_room(
    rows: list[tuple[int, int, int]], stake: int, phi: int, at_risk: int
) -> None:
    corrs, mmcs, levels = (list(column) for column in zip(*rows, strict=True))
    found = run(
        model_with(levels=levels, corr=corrs, mmc=mmcs), stake=stake, phi=phi, at_risk=at_risk
    )
    coefficients = begin(TEMPLATE, phi, at_risk, stake, MAX_AMOUNT)
    for outcome, (corr, mmc, level) in zip(found.outcomes, rows, strict=True):
        lane = ScoreLane((pack_score(corr)[0], pack_score(mmc)[0], 0), level)
        assert outcome.change == change(coefficients, stake, lane)
        assert abs(outcome.change) * 20 <= stake


def test_settle__missing_score__era_left_out_and_counted() -> None:
    found = run(model_with(corr=[1, 2, 3], mmc=[1, None, 3]))
    assert [outcome.era for outcome in found.outcomes] == ["0000", "0002"]
    assert found.missing == {"why": 1}


def test_settle__score_that_pays_nothing__may_be_missing() -> None:
    template = replace(TEMPLATE, multipliers=(MILLIONTH, 0, 0))
    assert len(run(model_with(corr=[1, 2]), template).outcomes) == 2


def test_settle__pays_on_fnc__uses_it() -> None:
    kinds = (SCORE_KINDS["FNC"], SCORE_KINDS["NONE"], SCORE_KINDS["NONE"])
    template = replace(TEMPLATE, kinds=kinds, multipliers=(MILLIONTH, 0, 0))
    assert run(model_with(fnc=[10_000_000]), template).outcomes[0].change == STAKE // 100


@pytest.mark.parametrize("kind", ["TC", "ALPHA", "MPC"])
def test_settle__pays_on_what_past_eras_do_not_tell__refused(kind: str) -> None:
    template = replace(TEMPLATE, kinds=(SCORE_KINDS[kind], *KINDS[1:]))
    with pytest.raises(InputError, match=f"past eras do not tell {kind}"):
        require_past_scores(template)
    with pytest.raises(InputError, match=kind):
        run(model_with(corr=[1], mmc=[1]), template)
    require_past_scores(replace(template, multipliers=(0, 1, 0)))


def payouts(*changes: int) -> Payouts:
    return Payouts(100, tuple(Outcome(str(n), (0, 0, 0), 0, c) for n, c in enumerate(changes)), {})


def test_payouts__by_hand__all_numbers() -> None:
    found = payouts(5, -3, 0, -3, 10)
    assert found.expected == Fraction(9, 5)
    assert found.burn_probability == Fraction(2, 5)
    assert found.mean_burn == 3
    assert (found.worst.era, found.worst.change) == ("1", -3)
    assert (found.best.era, found.best.change) == ("4", 10)


def test_payouts__no_burn__probability_zero_and_no_mean_burn() -> None:
    found = payouts(5, 0)
    assert found.burn_probability == 0
    assert found.mean_burn is None


def test_payouts__no_eras__nothing_is_known() -> None:
    found = payouts()
    assert found.expected is None
    assert found.burn_probability is None
    assert found.worst is None
    assert found.quantile(50) is None


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=30), st.integers(0, 100))
def test_quantile__any_changes__as_numpy_inverts_the_distribution(
    changes: list[int], percent: int
) -> None:
    wanted = np.percentile(changes, percent, method="inverted_cdf")
    assert payouts(*changes).quantile(percent) == wanted
