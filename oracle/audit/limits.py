"""The limits a person sets before staking, and which of them hold."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from fractions import Fraction

from oracle.audit.diagnose import Diagnostics
from oracle.audit.live import Live
from oracle.audit.payouts import Payouts
from oracle.scoring.limits import SCALE


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What must hold, as fractions of one (of the stake, for burns and changes); None: no limit."""

    max_exposure: Fraction | None = None
    max_correlation: Fraction | None = None
    max_level: Fraction | None = None
    max_burn: Fraction | None = None
    max_burn_probability: Fraction | None = None
    min_fnc: Fraction | None = None
    min_expected: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One limit; where there is nothing to judge by, ``value`` is None and it does not hold."""

    name: str
    limit: Fraction
    value: Fraction | None

    @property
    def holds(self) -> bool:
        if self.value is None:
            return False
        if self.name.startswith("min_"):
            return self.value >= self.limit
        return self.value <= self.limit


def check(
    limits: Limits, live: Live | None, model: Diagnostics | None, payouts: Payouts | None
) -> list[Check]:
    """The limits that are set, each with what it limits."""
    found = {
        "max_exposure": _largest(
            [Fraction(live.max_exposure, SCALE) if live else None, _mean(model, "max_exposure")]
        ),
        "max_correlation": _largest(
            value
            for name in ("meta_model_correlation", "benchmark_correlation")
            for value in (_mean(model, name), _live(live, name))
        ),
        "max_level": _largest(
            [
                Fraction(live.level) if live and live.level is not None else None,
                _highest_level(model),
            ]
        ),
        "max_burn": _worst_burn(payouts),
        "max_burn_probability": payouts.burn_probability if payouts else None,
        "min_fnc": _mean(model, "fnc"),
        "min_expected": _per_stake(payouts, payouts.expected) if payouts else None,
    }
    set_limits = [(f.name, getattr(limits, f.name)) for f in fields(limits)]
    return [Check(name, limit, found[name]) for name, limit in set_limits if limit is not None]


def _largest(values: Iterable[Fraction | None]) -> Fraction | None:
    return max((value for value in values if value is not None), default=None)


def _mean(model: Diagnostics | None, name: str) -> Fraction | None:
    known = [value for value in model.values[name] if value is not None] if model else []
    return Fraction(sum(known), len(known) * SCALE) if known else None


def _live(live: Live | None, name: str) -> Fraction | None:
    value = live.values[name] if live else None
    return None if value is None else Fraction(value, SCALE)


def _highest_level(model: Diagnostics | None) -> Fraction | None:
    """The highest level of the eras that have a rho."""
    if model is None:
        return None
    pairs = zip(model.levels, model.values["rho"], strict=True)
    return _largest(Fraction(level) for level, rho in pairs if rho is not None)


def _worst_burn(payouts: Payouts | None) -> Fraction | None:
    if payouts is None or payouts.worst is None:
        return None
    return _per_stake(payouts, Fraction(max(0, -payouts.worst.change)))


def _per_stake(payouts: Payouts, amount: Fraction | None) -> Fraction | None:
    return None if amount is None else amount / payouts.stake
