"""Crypto: token symbols; at least 100 of the live universe."""

from typing import Final

from oracle.tournaments.rules import SubmissionRules

RULES: Final = SubmissionRules(
    number=12,
    name="crypto",
    id_columns=("symbol",),
    prediction_columns=("prediction", "signal"),
    scores=("CORR", "MMC", "NONE"),
    need_all_ids=False,
    min_ids=100,
)
