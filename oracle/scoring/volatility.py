"""Dynamic Eras: the factor phi that a round's payouts and burns shrink by in volatile times.

Volatility is an exponentially weighted mean of squared daily returns (RiskMetrics, decay 0.94).
phi = (target / sigma) ** gamma, held inside [0.5, 1] and within 0.1 of the last round's. Both are
integers that follow from integers: sigma from an exact fraction, phi from comparisons of integer
powers, each rounded once. See docs/scoring.md.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from math import gcd
from typing import Final

import numpy as np
from numpy.typing import NDArray

from oracle.scoring.arithmetic import div_sqrt_half_even
from oracle.scoring.checks import require_integers
from oracle.scoring.errors import ScoringError
from oracle.scoring.limits import SCALE

PHI_ONE: Final = 10**6
MIN_PHI: Final = 500_000
MAX_PHI_STEP: Final = 100_000
GAMMA_ONE: Final = 100
MAX_GAMMA: Final = 10 * GAMMA_ONE
MAX_TARGET: Final = SCALE
"""A daily volatility of 1: far above any market's."""

MAX_RETURN: Final = 10 * SCALE
SEED_RETURNS: Final = 60
"""The first sigma is the root mean square of as many returns."""

MAX_RETURNS: Final = 50_000
"""Two centuries of trading days: bounds the exact fraction to 280,000 bits."""

MAX_AGE: Final = 10
"""Days from the last return to the announcement: longer than any holiday of an exchange."""

FORMAT: Final = "assay/volatility/1"

Integers = NDArray[np.int64]

# The weights 0.94 and 0.06 as 47 / 50 and 3 / 50.
_KEEP, _TAKE, _WHOLE = 47, 3, 50
_EPOCH: Final = date(1970, 1, 1).toordinal()
_FIRST_DAY, _LAST_DAY = date.min.toordinal() - _EPOCH, date.max.toordinal() - _EPOCH
# Wide enough for every bound above, and narrow enough for 64 bits.
_NUMBER = r"-?[0-9]{1,2}(?:\.[0-9]{1,9})?"
_TITLE = re.compile(rf"# {re.escape(FORMAT)} target=({_NUMBER}) gamma=({_NUMBER})")
_ENTRY = re.compile(rf"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}),({_NUMBER})")


@dataclass(frozen=True, eq=False)
class Volatility:
    """What an announcement takes from a return series.

    ``sigma``: daily volatility at 1e-9. ``phi`` at 1e-6, as `announce` takes it, and ``free_phi``
    what it were without the bound on its step. ``returns_used`` entries of the series precede the
    announcement's day; ``text`` is their canonical form and ``series_hash`` (32 bytes) its sha256.
    """

    sigma: int
    phi: int
    free_phi: int
    returns_used: int
    text: bytes
    series_hash: bytes


@dataclass(frozen=True, eq=False)
class PublishedSeries:
    """What a canonical text holds: arguments of `announced_phi`, in its units."""

    days: Integers
    returns: Integers
    target: int
    gamma: int


def announced_phi(
    days: Integers,
    returns: Integers,
    day: int,
    target: int,
    gamma: int,
    previous: int = PHI_ONE,
) -> Volatility:
    """phi and series hash of a round announced on ``day``, from the returns of earlier days only.

    ``days``: (T,) ascending days since 1970-01-01, those without a return left out; ``returns``:
    (T,) integers at 1e-9, |r| <= 10; ``day``: days since 1970-01-01; ``target``: daily volatility
    at 1e-9 at and below which phi is 1; ``gamma`` in hundredths; ``previous``: phi of the last
    announced round at 1e-6, 1e6 before the first. Raises ScoringError: ``dtype``, ``shape``,
    ``days``, ``return_range``, ``short_series``, ``long_series``, ``stale_series``,
    ``target_volatility``, ``gamma``, ``previous_phi``.
    """
    _require_parameters(target, gamma, previous)
    _require_integer("day", day)
    _require_days(days)
    require_integers(returns, "returns", days.shape)
    used = int(np.searchsorted(days, day))
    past = returns[:used]
    _require_returns(past)
    _require_length(used)
    age = day - int(days[used - 1])
    if age > MAX_AGE:
        raise ScoringError(
            "stale_series",
            f"the last return is {age} days before the announcement, at most {MAX_AGE} may pass",
        )
    sigma = _path(past.tolist(), last_only=True)[-1]
    free = _free_phi(sigma, target, gamma)
    text = canonical_series(days[:used], past, target, gamma)
    return Volatility(sigma, _step(free, previous), free, used, text, hashlib.sha256(text).digest())


def volatility_path(returns: Integers) -> Integers:
    """sigma after each return from the 60th on, at 1e-9: int64 (T - 59,) for returns (T,).

    Element i is known once return i + 59 is, so it is the sigma of a round announced on the day
    of return i + 60. Raises ScoringError as `announced_phi` does.
    """
    require_integers(returns, "returns", (None,))
    _require_returns(returns)
    _require_length(returns.size)
    return np.array(_path(returns.tolist(), last_only=False), np.int64)


def phi_path(sigmas: Integers, target: int, gamma: int, previous: int = PHI_ONE) -> Integers:
    """phi at 1e-6, int64 (T,), of successive rounds with ``sigmas`` (T,) at 1e-9.

    Each round's step is counted from the one before, the first's from ``previous``.
    """
    _require_parameters(target, gamma, previous)
    require_integers(sigmas, "sigmas", (None,))
    if (sigmas < 0).any():
        raise ScoringError("sigma", "a volatility is negative")
    phis = []
    for sigma in sigmas.tolist():
        previous = _step(_free_phi(sigma, target, gamma), previous)
        phis.append(previous)
    return np.array(phis, np.int64)


def free_phi(sigma: int, target: int, gamma: int) -> int:
    """phi at 1e-6 for a daily volatility of ``sigma`` at 1e-9, its step not bounded.

    1 where sigma is at most the target, 0 included. Raises ScoringError ``dtype``, ``sigma``,
    ``target_volatility``, ``gamma``.
    """
    _require_parameters(target, gamma, PHI_ONE)
    _require_integer("sigma", sigma)
    if sigma < 0:
        raise ScoringError("sigma", "the volatility is negative")
    return _free_phi(sigma, target, gamma)


def canonical_series(days: Integers, returns: Integers, target: int, gamma: int) -> bytes:
    """The text whose sha256 is announced: all that sigma and phi follow from, but the last phi.

    A first line of the format's name, target and gamma, a header, then a line ``day,return`` for
    each return; decimals as short as they can be; lines end in a line feed.
    """
    lines = [
        f"# {FORMAT} target={decimal(target, SCALE)} gamma={decimal(gamma, GAMMA_ONE)}",
        "day,return",
    ]
    for day, value in zip(days.tolist(), returns.tolist(), strict=True):
        lines.append(f"{date.fromordinal(day + _EPOCH).isoformat()},{decimal(value, SCALE)}")
    return ("\n".join(lines) + "\n").encode()


def parse_canonical_series(text: bytes) -> PublishedSeries:
    """Reads what `canonical_series` wrote, to the byte.

    Any other text is refused with ScoringError ``series_text``, even one of the same numbers: its
    sha256 would not be that of the series. Bounds and order are left to `announced_phi`.
    """
    # What is not ASCII becomes a character that no line allows.
    title, *rest = text.decode("ascii", "replace").split("\n")
    parameters = _TITLE.fullmatch(title)
    if parameters is None:
        raise ScoringError(
            "series_text", f"line 1 is not `# {FORMAT} target=.. gamma=..` and a line feed"
        )
    target, gamma = _scaled(parameters[1], SCALE), _scaled(parameters[2], GAMMA_ONE)
    entries = [_entry(line, number) for number, line in enumerate(rest[1:-1], 3)]
    days = np.array([day for day, _ in entries], np.int64)
    returns = np.array([value for _, value in entries], np.int64)
    if canonical_series(days, returns, target, gamma) != text:
        raise ScoringError(
            "series_text",
            "line 2 is not `day,return`, a decimal is longer than it must be, or the last line "
            "does not end in a line feed",
        )
    return PublishedSeries(days, returns, target, gamma)


def decimal(value: int, scale: int) -> str:
    """``value / scale`` (a power of ten) as the shortest decimal text: ``-0.015``, ``0``, ``2``."""
    whole, fraction = divmod(abs(value), scale)
    digits = f"{fraction:0{len(str(scale)) - 1}d}".rstrip("0")
    return f"{'-' if value < 0 else ''}{whole}{'.' if digits else ''}{digits}"


def _entry(line: str, number: int) -> tuple[int, int]:
    """Day and return of a line of a canonical text, its ``number``-th."""
    match = _ENTRY.fullmatch(line)
    try:
        if match is None:
            raise ValueError
        day = date.fromisoformat(match[1])
    except ValueError:
        raise ScoringError("series_text", f"line {number} is not a day and its return") from None
    return day.toordinal() - _EPOCH, _scaled(match[2], SCALE)


def _scaled(text: str, scale: int) -> int:
    """`decimal` reversed; digits that it does not write are cut off."""
    return int(Fraction(text) * scale)


def _path(returns: list[int], last_only: bool) -> list[int]:
    """sigma at 1e-9 after each return from the seed on, or only after the last.

    sigma^2 = V / (60 * 50^n) exactly, n returns after the seed: V' = 47 V + 3 * 60 r^2 50^n.
    """
    value, power = sum(r * r for r in returns[:SEED_RETURNS]), 1
    sigmas = []
    for position in range(SEED_RETURNS, len(returns) + 1):
        if not last_only or position == len(returns):
            sigmas.append(_root(value, SEED_RETURNS * power))
        if position < len(returns):
            newest = returns[position]
            value = _KEEP * value + _TAKE * SEED_RETURNS * newest * newest * power
            power *= _WHOLE
    return sigmas


def _root(numerator: int, denominator: int) -> int:
    """The square root of ``numerator / denominator``, rounded half to even."""
    return div_sqrt_half_even(numerator, numerator * denominator) if numerator else 0


def _free_phi(sigma: int, target: int, gamma: int) -> int:
    """(target / sigma) ** gamma in [0.5, 1] at 1e-6, correctly rounded, half to even.

    With gamma = p / q, phi >= b / c if and only if target^p c^q >= sigma^p b^q: integers below
    2^(34 * 1000). The largest k with phi >= (2k - 1) / (2 * 10^6) is phi rounded half up.
    """
    if sigma <= target:
        return PHI_ONE
    common = gcd(gamma, GAMMA_ONE)
    p, q = gamma // common, GAMMA_ONE // common
    left, right = target**p * (2 * PHI_ONE) ** q, sigma**p
    low, high = MIN_PHI, PHI_ONE
    while low < high:
        middle = (low + high + 1) // 2
        if left >= right * (2 * middle - 1) ** q:
            low = middle
        else:
            high = middle - 1
    tie = low > MIN_PHI and left == right * (2 * low - 1) ** q
    return low - 1 if tie and low & 1 else low


def _step(phi: int, previous: int) -> int:
    """``phi``, or as near to it as one step from ``previous`` comes."""
    return max(previous - MAX_PHI_STEP, min(previous + MAX_PHI_STEP, phi))


def _require_parameters(target: int, gamma: int, previous: int) -> None:
    for code, value, least, most, unit in (
        ("target_volatility", target, 1, MAX_TARGET, SCALE),
        ("gamma", gamma, 1, MAX_GAMMA, GAMMA_ONE),
        ("previous_phi", previous, MIN_PHI, PHI_ONE, PHI_ONE),
    ):
        _require_integer(code, value)
        if not least <= value <= most:
            raise ScoringError(
                code,
                f"{code} is {decimal(value, unit)}, it must lie in "
                f"{decimal(least, unit)} to {decimal(most, unit)}",
            )


def _require_integer(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ScoringError("dtype", f"{name} must be an integer, got {type(value).__name__}")


def _require_days(days: Integers) -> None:
    require_integers(days, "days", (None,))
    listed = days.astype(np.int64)
    later = np.flatnonzero(listed[1:] <= listed[:-1])
    if later.size:
        raise ScoringError("days", f"entry {int(later[0]) + 1} is not of a later day than the last")
    if listed.size and not (listed[0] >= _FIRST_DAY and listed[-1] <= _LAST_DAY):
        raise ScoringError("days", "a day lies outside the years 1 to 9999")


def _require_returns(returns: Integers) -> None:
    listed = returns.astype(np.int64)
    outside = np.flatnonzero((listed > MAX_RETURN) | (listed < -MAX_RETURN))
    if outside.size:
        raise ScoringError(
            "return_range", f"entry {int(outside[0])}: a return is at most 10, either way"
        )


def _require_length(count: int) -> None:
    if count < SEED_RETURNS:
        raise ScoringError(
            "short_series", f"{count} returns before the announcement, {SEED_RETURNS} are needed"
        )
    if count > MAX_RETURNS:
        raise ScoringError("long_series", f"{count} returns, at most {MAX_RETURNS} are taken")
