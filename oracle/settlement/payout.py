"""Payout and burn arithmetic in plain integers (docs/formats.md, section 5).

The pool computes the same numbers on chain; tests hold the two against each other.
"""

from dataclasses import dataclass

from oracle.settlement.units import MAX_SCORE, MILLIONTH, RATE_ONE, SCALE_BITS, SCALE_ONE
from oracle.settlement.words import ScoreLane

SCORE_KINDS = {"NONE": 0, "CORR": 1, "MMC": 2, "TC": 3, "ALPHA": 4, "MPC": 5, "FNC": 6}
"""Codes of the scores a template can pay on."""


@dataclass(frozen=True, slots=True)
class Template:
    """A tournament's payout rule: kinds and multipliers (10^-6) of three scores, clips (10^-12),
    stake threshold (U) and hardening strength kappa (10^-6)."""

    kinds: tuple[int, int, int]
    multipliers: tuple[int, int, int]
    clip_up: int
    clip_down: int
    threshold: int
    kappa: int


@dataclass(frozen=True, slots=True)
class Coefficients:
    """What a round's arithmetic needs, fixed when the round begins.

    ``c`` at 10^-6, ``up`` and ``down`` at 10^-12, ``hk`` at 2^-16 a hardening level, ``scale`` at
    2^-40.
    """

    c: tuple[int, int, int]
    up: int
    down: int
    hk: int
    scale: int


def begin(template: Template, phi: int, at_risk: int, total: int, vault: int) -> Coefficients:
    """Coefficients of a round. ``phi`` at 10^-6; ``at_risk``, ``total`` and ``vault`` in U.

    The scale makes the sum of all gains at most ``vault`` whatever the scores are.
    """
    if at_risk <= template.threshold:
        c1, c2, c3 = (m * phi // MILLIONTH for m in template.multipliers)
    else:
        divisor = MILLIONTH * at_risk
        c1, c2, c3 = (m * phi * template.threshold // divisor for m in template.multipliers)
    up = min(template.clip_up, (c1 + c2 + c3) * MAX_SCORE)
    need = -(-total * up // RATE_ONE)
    scale = SCALE_ONE if vault >= need else (vault << SCALE_BITS) // need
    hk = template.kappa * 65536 // (15 * MILLIONTH)
    return Coefficients((c1, c2, c3), up, template.clip_down, hk, scale)


def change(coefficients: Coefficients, stake: int, lane: ScoreLane) -> int:
    """Gain (positive) or burn (negative) in U of ``stake`` U with the scores of ``lane``."""
    x = sum(c * s for c, s in zip(coefficients.c, lane.scores, strict=True))
    if x >= 0:
        rate = min(x, coefficients.up)
        return stake * rate * coefficients.scale // (RATE_ONE << SCALE_BITS)
    hardened = -x * (65536 + coefficients.hk * lane.level) >> 16
    return -(stake * min(hardened, coefficients.down) // RATE_ONE)
