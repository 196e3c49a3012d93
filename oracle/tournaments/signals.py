"""Signals: real tickers under any of five identifiers; at least 100 of the live universe."""

from typing import Final

from oracle.tournaments.rules import SubmissionRules

RULES: Final = SubmissionRules(
    number=11,
    name="signals",
    id_columns=("ticker", "sedol", "bloomberg_ticker", "composite_figi", "numerai_ticker"),
    prediction_columns=("prediction", "signal"),
    scores=("ALPHA", "MPC", "NONE"),
    need_all_ids=False,
    min_ids=100,
)
