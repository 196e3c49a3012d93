"""What CORR and MMC need of a target."""

from math import gcd

import numpy as np

from oracle.scoring.arithmetic import div_sqrt_half_even
from oracle.scoring.limits import POWER_BITS, SCALE


def centred(target: np.ndarray) -> list[int]:
    """N * t - sum(t) for each row: N times the target less its mean, exactly."""
    values = target.tolist()
    total = sum(values)
    return [len(values) * value - total for value in values]


def powered(target: np.ndarray) -> np.ndarray:
    """int64 (N,): sign(u) |u / U|**1.5 * 2**32 rounded half to even, where u is the
    centred target and U its largest |u|.

    CORR does not depend on the scale of the powered target, so it is scaled to use all of its
    bits whatever the target's spread.
    """
    deviations = centred(target)
    divisor = gcd(*deviations)
    reduced = [deviation // divisor for deviation in deviations]
    cube = max(map(abs, reduced)) ** 3
    entry = {u: _power(u, cube) for u in set(reduced)}
    return np.array([entry[u] for u in reduced], np.int64)


def _power(u: int, cube: int) -> int:
    """sign(u) * sqrt(|u|**3 / cube) * 2**32, as u * |u| * 2**32 / sqrt(|u| * cube)."""
    return div_sqrt_half_even(u * abs(u) << POWER_BITS, abs(u) * cube) if u else 0


def contribution_factor(target: np.ndarray) -> int:
    """4 for a target within [0, 1], else 1: numerai-tools' rule, which makes buckets -2..2."""
    return 4 if int(target.min()) >= 0 and int(target.max()) <= SCALE else 1
