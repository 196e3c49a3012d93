"""What a stake would have gained or burned on past eras, by the pool's own arithmetic."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from oracle.audit.diagnose import Diagnostics
from oracle.errors import InputError
from oracle.settlement.payout import SCORE_KINDS, Template, begin, change
from oracle.settlement.units import MAX_AMOUNT
from oracle.settlement.words import ScoreLane, pack_score

PAST_SCORES: Final = {"CORR": "corr", "MMC": "mmc", "FNC": "fnc"}
"""Score kinds that predictions and targets of past eras are enough for, and their series. TC, Alpha
and MPC depend on what everybody else submitted and staked."""

_KIND_NAMES: Final = {code: name for name, code in SCORE_KINDS.items()}


@dataclass(frozen=True, slots=True)
class Outcome:
    """One era as a round: packed scores at 10^-6, hardening level, change of the stake in U."""

    era: str
    scores: tuple[int, int, int]
    level: int
    change: int


@dataclass(frozen=True, slots=True)
class Payouts:
    """The same stake (U) in each of the past eras that have every score the template pays on.

    ``missing`` counts the others by reason.
    """

    stake: int
    outcomes: tuple[Outcome, ...]
    missing: dict[str, int]

    @property
    def expected(self) -> Fraction | None:
        """Mean change in U."""
        return self._mean([outcome.change for outcome in self.outcomes])

    @property
    def burn_probability(self) -> Fraction | None:
        """Share of the eras in which something was burned."""
        return self._mean([int(outcome.change < 0) for outcome in self.outcomes])

    @property
    def mean_burn(self) -> Fraction | None:
        """Mean burn in U of the eras with one."""
        return self._mean([-outcome.change for outcome in self.outcomes if outcome.change < 0])

    @property
    def worst(self) -> Outcome | None:
        """The era with the lowest change, the first of several."""
        return min(self.outcomes, key=lambda outcome: outcome.change, default=None)

    @property
    def best(self) -> Outcome | None:
        return max(self.outcomes, key=lambda outcome: outcome.change, default=None)

    def quantile(self, percent: int) -> int | None:
        """The lowest change such that ``percent`` of the eras are at it or below: one that really
        occurred, nothing interpolated."""
        if not self.outcomes:
            return None
        ordered = sorted(outcome.change for outcome in self.outcomes)
        return ordered[max(0, -(-percent * len(ordered) // 100) - 1)]

    @staticmethod
    def _mean(numbers: Sequence[int]) -> Fraction | None:
        return Fraction(sum(numbers), len(numbers)) if numbers else None


def settle(
    eras: Sequence[str],
    model: Diagnostics,
    template: Template,
    stake: int,
    phi: int,
    at_risk: int,
) -> Payouts:
    """Each era as a round of its own with ``stake`` U on the model.

    ``phi`` at 10^-6; ``at_risk`` U is the stake of all models together, which lowers the payout
    factor above the template's threshold. The vault is taken to hold enough for all gains. Raises
    `InputError` for a template that pays on a score which past eras do not tell.
    """
    series = [
        _series(kind, m) for kind, m in zip(template.kinds, template.multipliers, strict=True)
    ]
    coefficients = begin(template, phi, at_risk, total=stake, vault=MAX_AMOUNT)
    outcomes: list[Outcome] = []
    missing: Counter[str] = Counter()
    for position, era in enumerate(eras):
        values = [model.values[name][position] if name else 0 for name in series]
        reasons = [model.reasons[name][position] for name in series if name]
        reason = next((reason for reason in reasons if reason is not None), None)
        if reason is not None:
            missing[reason] += 1
            continue
        first, second, third = (pack_score(value or 0)[0] for value in values)
        lane = ScoreLane((first, second, third), model.levels[position])
        change_of_stake = change(coefficients, stake, lane)
        outcomes.append(Outcome(era, lane.scores, lane.level, change_of_stake))
    return Payouts(stake, tuple(outcomes), dict(missing))


def require_past_scores(template: Template) -> None:
    """Raises `InputError` for a template that pays on a score which past eras do not tell."""
    for kind, multiplier in zip(template.kinds, template.multipliers, strict=True):
        _series(kind, multiplier)


def _series(kind: int, multiplier: int) -> str:
    """Name of the series behind a score kind, empty where it pays nothing."""
    name = _KIND_NAMES.get(kind, str(kind))
    if not multiplier or name == "NONE":
        return ""
    if name not in PAST_SCORES:
        raise InputError(
            f"past eras do not tell {name}, on which this template pays",
            f"audit with --multiplier on {', '.join(PAST_SCORES)}",
        )
    return PAST_SCORES[name]
