"""Scores a round's models in blocks over a pool of processes, in bounded memory.

The work on a block is `oracle.scoring.block`'s and `oracle.scoring.hardening`'s, which know nothing
of processes: any other way to spread blocks calls the same functions and gets the same integers.
"""

from oracle.engine.engine import ScoringEngine
from oracle.engine.pool import EngineError

__all__ = ["EngineError", "ScoringEngine"]
