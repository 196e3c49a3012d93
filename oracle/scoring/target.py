"""What CORR and MMC need of a target."""

import numpy as np

from oracle.scoring.arithmetic import div_sqrt_half_even
from oracle.scoring.limits import POWER_BITS, SCALE


def centred(target: np.ndarray) -> np.ndarray:
    """N * t - sum(t) for each row, int64 (N,): N times the target less its mean, exactly.

    Both are at most N * 4 * 10**9 <= 8 * 10**13 in size.
    """
    wide = target.astype(np.int64)
    deviations: np.ndarray = wide * wide.size - wide.sum()
    return deviations


def powered(target: np.ndarray) -> np.ndarray:
    """int64 (N,): sign(u) |u / U|**1.5 * 2**32 rounded half to even, where u is the
    centred target and U its largest |u|.

    CORR does not depend on the scale of the powered target, so it is scaled to use all of its
    bits whatever the target's spread.
    """
    deviations = centred(target)
    different, place = np.unique(deviations // np.gcd.reduce(deviations), return_inverse=True)
    reduced: list[int] = different.tolist()
    cube = max(-reduced[0], reduced[-1]) ** 3
    entries = np.array([_power(u, cube) for u in reduced], np.int64)
    return entries[place]


def _power(u: int, cube: int) -> int:
    """sign(u) * sqrt(|u|**3 / cube) * 2**32, as u * |u| * 2**32 / sqrt(|u| * cube)."""
    return div_sqrt_half_even(u * abs(u) << POWER_BITS, abs(u) * cube) if u else 0


def contribution_factor(target: np.ndarray) -> int:
    """4 for a target within [0, 1], else 1: numerai-tools' rule, which makes buckets -2..2."""
    return 4 if int(target.min()) >= 0 and int(target.max()) <= SCALE else 1
