"""Rules and score sets of the three tournaments."""

import dataclasses

import pytest

from oracle.tournaments import by_number, classic, crypto, signals
from oracle.tournaments.rules import SubmissionRules


@pytest.mark.parametrize(
    ("number", "rules", "scores"),
    [
        (8, classic.RULES, ("CORR", "MMC", "TC")),
        (11, signals.RULES, ("ALPHA", "MPC", "NONE")),
        (12, crypto.RULES, ("CORR", "MMC", "NONE")),
    ],
)
def test_by_number__known__its_rules(
    number: int, rules: SubmissionRules, scores: tuple[str, str, str]
) -> None:
    assert by_number(number) is rules
    assert rules.scores == scores


def test_by_number__unknown__names_the_known() -> None:
    with pytest.raises(ValueError, match=r"no tournament 9; .*8 \(classic\), 11 .*, 12"):
        by_number(9)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id_columns": ()}, "at least one id column"),
        ({"prediction_columns": ("id",)}, "both"),
        ({"scores": ("CORR", "MMC", "LUCK")}, "LUCK"),
        ({"min_ids": 0}, "min_ids"),
        ({"max_rows": 0}, "limits"),
    ],
)
def test_rules__contradictory__raise(change: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        dataclasses.replace(classic.RULES, **change)
