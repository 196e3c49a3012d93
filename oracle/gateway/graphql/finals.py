"""Final scores and what they come to: of rounds whose result is committed, and settled or not."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from oracle.gateway.services import Services
from oracle.records.rows import RoundRow
from oracle.settlement.payout import Coefficients, begin, change
from oracle.settlement.shares import shares
from oracle.settlement.specs import spec_of
from oracle.settlement.words import ScoreLane, pack_score
from oracle.tournaments.score_configs import ScoreConfig, score_configs, score_days


@dataclass(frozen=True, slots=True)
class DayScore:
    """A score of a model on a day of a round, at 10^-9; ``day`` counts from the close."""

    round: int
    model: int
    day: int
    name: str
    date: int
    value: int
    percentile: int


@dataclass(frozen=True, slots=True)
class Payout:
    """What a round did to a model's stake, or would do if it were settled now. ``shares``: of each
    place of the score word in ``change``."""

    round: int
    model: int
    change: int
    shares: tuple[int, int, int]
    is_settled: bool


def configs_of(row: RoundRow) -> tuple[ScoreConfig, ...]:
    """Scores of a round; of a skipped one, or of one whose terms this release does not know,
    none."""
    spec = None if row.spec_hash is None else spec_of(row.spec_hash)
    if spec is None or row.template is None or row.horizon is None:
        return ()
    return score_configs(row.tournament, spec, row.template, row.closes, row.horizon)


class Finals:
    """Queries over committed results. They block."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def scores(
        self, tournament: int, models: Collection[int], *, day: int | None = None
    ) -> list[DayScore]:
        """Final scores, each of the last day of its round."""
        found = self._services.results.scores(tournament, models=models)
        rows = self._rounds(tournament, {score.round for score in found})
        days = [
            DayScore(
                round=one.round,
                model=one.model,
                day=score_days(rows[one.round].horizon or 0),
                name=one.name,
                date=rows[one.round].due,
                value=one.value,
                percentile=one.percentile,
            )
            for one in found
        ]
        return [one for one in days if day in (None, one.day)]

    def payouts(self, tournament: int, models: Collection[int]) -> list[Payout]:
        """Of all rounds with final scores that have not been given up, the newest first."""
        here = self._services
        results = here.results.list(tournament, models=models)
        rows = self._rounds(tournament, {result.round for result in results})
        settled = {
            (one.round, one.model): one
            for one in here.stakes.settlements(tournament, models=models)
        }
        words = self._words(tournament, models, rows)
        positions = here.stakes.positions(tournament, models)
        terms = {
            number: self._coefficients(row)
            for number, row in rows.items()
            if row.ended is None and row.void_at is None
        }
        found = []
        for result in results:
            row, key = rows[result.round], (result.round, result.model)
            lane = ScoreLane(words.get(key, (0, 0, 0)), result.level or 0)
            if key in settled and row.coefficients is not None:
                moved = settled[key].change
                of_each = shares(row.coefficients, lane.scores, moved)
                found.append(Payout(*key, moved, of_each, is_settled=True))
            elif result.round in terms:
                position = positions.get(result.model)
                stake = position.stake if position and result.at_risk else 0
                moved = change(terms[result.round], stake, lane)
                of_each = shares(terms[result.round], lane.scores, moved)
                found.append(Payout(*key, moved, of_each, is_settled=False))
        return sorted(found, key=lambda one: (-one.round, one.model))

    def _coefficients(self, row: RoundRow) -> Coefficients:
        """Those that the round has begun with, or would begin with now."""
        if row.coefficients is not None:
            return row.coefficients
        assert row.template is not None
        totals = self._services.tournament(row.tournament).ledger.reader.totals()
        return begin(
            row.template, row.phi or 0, row.at_risk or 0, totals["staked"], totals["vault"]
        )

    def _words(
        self, tournament: int, models: Collection[int], rows: Mapping[int, RoundRow]
    ) -> dict[tuple[int, int], tuple[int, int, int]]:
        """Score words' scores at 10^-6 by round and model."""
        places = {
            (number, config.score): config.place
            for number, row in rows.items()
            for config in configs_of(row)
        }
        found: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0, 0])
        for score in self._services.results.scores(tournament, models=models):
            place = places.get((score.round, score.name))
            if place is not None:
                found[score.round, score.model][place] = pack_score(score.value)[0]
        return {key: (word[0], word[1], word[2]) for key, word in found.items()}

    def _rounds(self, tournament: int, numbers: Collection[int]) -> dict[int, RoundRow]:
        rows = self._services.rounds.list(tournament, numbers=numbers)
        return {row.number: row for row in rows}
