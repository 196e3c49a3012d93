"""What a round's models are scored on, as it was fixed when the round was announced."""

from dataclasses import dataclass
from typing import Final

from oracle.settlement.payout import SCORE_KINDS, Template
from oracle.settlement.specs import Spec
from oracle.settlement.units import MILLIONTH, RATE_ONE
from oracle.tournaments import by_number

DAY: Final = 86_400
_NONE = "NONE"


@dataclass(frozen=True, slots=True)
class ScoreConfig:
    """One score of a round. ``score``: its name in the round's results; ``place`` in score words,
    None where it is not paid on.

    A template fixes the multiplier, so that the least, the usual and the highest are one.
    ``clip_threshold``: the share of a stake that a round can burn at most. ``scoring_end``: when
    the final score is due; ``total_score_days`` from the close to then.
    """

    id: str
    score: str
    version: str
    place: int | None
    multiplier: float
    clip_threshold: float
    stake_threshold: int
    total_score_days: int
    scoring_end: int
    universe: str

    @property
    def is_payout(self) -> bool:
        return self.place is not None and self.multiplier > 0


def score_days(horizon: int) -> int:
    """Days of a horizon in seconds, each that began counted."""
    return max(1, -(-horizon // DAY))


def score_configs(
    tournament: int, spec: Spec, template: Template, closes: int, horizon: int
) -> tuple[ScoreConfig, ...]:
    """Scores of a round with these terms, those that score words hold first, in their order."""
    rules = by_number(tournament)
    paid = {kind: place for place, kind in enumerate(template.kinds) if kind}
    names = [name for name in rules.scores if name != _NONE]
    ordered = sorted(names, key=lambda name: paid.get(SCORE_KINDS[name], len(paid)))
    found = []
    for name in ordered:
        place = paid.get(SCORE_KINDS[name])
        found.append(
            ScoreConfig(
                id=f"{tournament}-{name.lower()}-{spec.version}",
                score=name.lower(),
                version=str(spec.version),
                place=place,
                multiplier=0.0 if place is None else template.multipliers[place] / MILLIONTH,
                clip_threshold=template.clip_down / RATE_ONE,
                stake_threshold=template.threshold,
                total_score_days=score_days(horizon),
                scoring_end=closes + horizon,
                universe=rules.name,
            )
        )
    return tuple(found)
