"""The data provider's two files of a round, in the form of its tournament."""

import numpy as np
from numpy.typing import NDArray

from oracle.scoring.signal_round import SignalTarget
from oracle.tournaments import signals
from oracle.tournaments.rules import SubmissionRules
from oracle.tournaments.signal_files import parse_signal_targets, parse_signal_universe
from oracle.tournaments.universe import Universe, parse_targets, parse_universe


def read_universe(raw: bytes, rules: SubmissionRules) -> Universe:
    """``universe.csv`` of a round. Raises ``UniverseError`` naming the line."""
    if rules.number == signals.RULES.number:
        return parse_signal_universe(raw)
    return Universe(parse_universe(raw))


def read_targets(
    raw: bytes, universe: Universe, rules: SubmissionRules
) -> NDArray[np.int64] | SignalTarget:
    """``targets.csv`` of a round: int64 (n,) at 10^-9, with what Signals weighs by where it is one
    of that tournament. Raises ``UniverseError`` naming the line."""
    if rules.number == signals.RULES.number:
        return parse_signal_targets(raw, universe.ids)
    return parse_targets(raw, universe.ids)
