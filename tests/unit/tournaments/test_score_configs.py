"""A round's scores by its announced terms."""

from oracle.settlement.payout import SCORE_KINDS, Template
from oracle.settlement.specs import NEWEST, SPECS
from oracle.settlement.units import UNITS_PER_NMR
from oracle.tournaments.score_configs import DAY, score_configs, score_days


def _template(*kinds: str) -> Template:
    codes = tuple(SCORE_KINDS[kind] for kind in kinds)
    return Template(
        kinds=(codes[0], codes[1], codes[2]),
        multipliers=(500_000, 2_000_000, 0),
        clip_up=50_000_000_000,
        clip_down=50_000_000_000,
        threshold=72_000 * UNITS_PER_NMR,
        kappa=0,
    )


def test_score_configs__paid_on_two_scores__then_these_say_so_with_their_multipliers() -> None:
    corr, mmc, tc = score_configs(8, SPECS[NEWEST], _template("CORR", "MMC", "NONE"), 1_000, 50)
    assert [(one.score, one.place, one.is_payout, one.multiplier) for one in (corr, mmc, tc)] == [
        ("corr", 0, True, 0.5),
        ("mmc", 1, True, 2.0),
        ("tc", None, False, 0.0),
    ]
    assert (corr.clip_threshold, corr.stake_threshold) == (0.05, 72_000 * UNITS_PER_NMR)
    assert (corr.scoring_end, corr.total_score_days, corr.universe) == (1_050, 1, "classic")
    assert corr.id == f"8-corr-{SPECS[NEWEST].version}"


def test_score_configs__words_in_another_order__then_that_is_theirs() -> None:
    found = score_configs(8, SPECS[NEWEST], _template("MMC", "CORR", "TC"), 0, DAY)
    assert [(one.score, one.place, one.is_payout) for one in found] == [
        ("mmc", 0, True),
        ("corr", 1, True),
        ("tc", 2, False),  # its multiplier is zero
    ]


def test_score_configs__portfolios__then_the_unused_place_is_none() -> None:
    found = score_configs(11, SPECS[NEWEST], _template("ALPHA", "MPC", "NONE"), 0, DAY)
    assert [one.score for one in found] == ["alpha", "mpc"]


def test_score_days__begun_ones__then_they_count() -> None:
    assert [score_days(one) for one in (50, DAY, DAY + 1, 20 * DAY)] == [1, 1, 2, 20]
