"""What a tournament's models are scored on, and how that is published."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from oracle.evaluation.inputs import EvaluationError
from oracle.settlement.specs import Spec
from oracle.tournaments import classic, crypto, signals


@dataclass(frozen=True, slots=True, eq=False)
class ScoreSet:
    """``scores``: kinds of scores, all at 10^-9, that a template may name; ``rests_on``: of those
    that may be missing, the status in ``outputs/statuses.json`` that is ``ok`` where they are not,
    and says otherwise why all of them are 0."""

    scores: tuple[str, ...]
    rests_on: Mapping[str, str]

    @property
    def columns(self) -> tuple[str, ...]:
        """What scoring finds of a model, as ``outputs/scores.csv`` names it."""
        return (*self.scores, "rho", "level")

    @property
    def header(self) -> str:
        """The first line of ``outputs/scores.csv``."""
        return ",".join(("model", "on_time", "stake", *self.columns))

    @property
    def statuses(self) -> tuple[str, ...]:
        """The keys of ``outputs/statuses.json``, all of them."""
        return tuple(dict.fromkeys(("meta_model", *self.rests_on.values())))


FORECASTS: Final = ScoreSet(("corr", "mmc", "tc"), {"mmc": "meta_model", "tc": "tc"})
"""How well predictions foretell the target."""

PORTFOLIOS: Final = ScoreSet(("alpha", "mpc"), {"alpha": "alpha", "mpc": "mpc"})
"""What the portfolios that predictions stand for earn."""

_SCORED: Final = {
    1: {classic.RULES.number: FORECASTS},
    2: {
        classic.RULES.number: FORECASTS,
        signals.RULES.number: PORTFOLIOS,
        crypto.RULES.number: FORECASTS,
    },
}
"""By version of the specification and number of the tournament."""


def score_set(spec: Spec, tournament: int) -> ScoreSet:
    """Raises ``EvaluationError`` for a tournament that the specification does not score."""
    scored = _SCORED[spec.version]
    if tournament not in scored:
        known = ", ".join(map(str, scored))
        raise EvaluationError(
            f"specification {spec.name} does not score tournament {tournament}, only {known}"
        )
    return scored[tournament]
