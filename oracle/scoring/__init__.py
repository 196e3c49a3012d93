"""Deterministic scores. Pure: integers and arrays in, integers out (docs/scoring.md).

The functions live in `ranks`, `tables`, `corr`, `mmc`, `meta_model` and `hardening`; `score_round`
scores a whole round in one call.
"""

from oracle.scoring.errors import ScoringError
from oracle.scoring.limits import SCALE
from oracle.scoring.round import RoundScores, score_round

__all__ = ["SCALE", "RoundScores", "ScoringError", "score_round"]
