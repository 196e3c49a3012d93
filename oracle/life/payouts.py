"""What rounds did to stakes, and what they would do by the scores that are there."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from oracle.life.configs import configs_of
from oracle.life.rows import DayResult, DayScore, Payout
from oracle.life.scores import DailyScores
from oracle.records.asking import among
from oracle.records.results import Results
from oracle.records.rounds import Rounds
from oracle.records.rows import ResultRow, RoundRow, Settlement
from oracle.records.schema.chain import positions, tournaments
from oracle.records.schema.life import daily_rounds
from oracle.records.stakes import Stakes
from oracle.settlement.payout import Coefficients, begin, change
from oracle.settlement.shares import shares
from oracle.settlement.words import ScoreLane, pack_score
from oracle.store.database import Database
from oracle.tournaments.score_configs import score_days

_Day = tuple[int, int, int]
"""Round, model, day."""


@dataclass(frozen=True, slots=True)
class Payouts:
    """Queries, by the tables alone."""

    database: Database

    def of(self, tournament: int, models: Collection[int]) -> list[Payout]:
        """The newest of each round that has scores and has not been given up, the newest first."""
        newest = {(one.round, one.model): one for one in self.by_day(tournament, models)}
        return sorted(newest.values(), key=lambda one: (-one.round, one.model))

    def by_day(self, tournament: int, models: Collection[int]) -> list[Payout]:
        """One of each scored day, in order of round, model, day. Of a round with final scores
        only the last day is left; of a settled one it is what settling did."""
        daily = DailyScores(self.database)
        final = Results(self.database).list(tournament, models=models)
        scored = daily.of(tournament, models)
        before = daily.results(tournament, models)
        numbers = {one.round for one in final} | {one.round for one in before}
        rows = {row.number: row for row in Rounds(self.database).list(tournament, numbers=numbers)}
        words = _words(scored, rows)
        stakes = Stakes(self.database)
        held = stakes.positions(tournament, models)
        settled = {
            (one.round, one.model): one for one in stakes.settlements(tournament, models=models)
        }
        terms = self._terms(tournament, rows.values())
        found = []
        for one in _days(final, before, rows):
            row = rows[one.round]
            lane = ScoreLane(words.get((one.round, one.model, one.day), (0, 0, 0)), one.level)
            done = settled.get((one.round, one.model))
            if done is not None and row.coefficients is not None:
                found.append(_settled(one, row.coefficients, lane, done))
            elif one.round in terms:
                position = held.get(one.model)
                stake = position.stake if position and one.at_risk else 0
                moved = change(terms[one.round], stake, lane)
                parts = shares(terms[one.round], lane.scores, moved)
                found.append(Payout(one.round, one.model, one.day, moved, parts, is_settled=False))
        return sorted(found, key=lambda one: (one.round, one.model, one.day))

    def _terms(self, tournament: int, rows: Iterable[RoundRow]) -> dict[int, Coefficients]:
        """Coefficients that rounds under way have begun with, or would begin with now."""
        going = [row for row in rows if row.ended is None and row.void_at is None]
        going = [row for row in going if not row.cancelled]
        guessed = self._guessed(tournament, [row.number for row in going if not row.at_risk])
        totals, found = None, {}
        for row in going:
            if row.coefficients is not None:
                found[row.number] = row.coefficients
                continue
            totals = totals or self._totals(tournament)
            assert row.template is not None
            at_risk = row.at_risk if row.at_risk is not None else guessed.get(row.number, 0)
            found[row.number] = begin(row.template, row.phi or 0, at_risk, *totals)
        return found

    def _totals(self, tournament: int) -> tuple[int, int]:
        """All stake, and what the vault has for gains."""

        def work(connection: Connection) -> tuple[int, int]:
            staked = select(func.sum(positions.c.stake))
            staked = staked.where(positions.c.tournament == tournament)
            state = select(tournaments.c.state).where(tournaments.c.tournament == tournament)
            text = connection.execute(state).scalar()
            vault = json.loads(text)["vault"] if text else 0
            return int(connection.execute(staked).scalar() or 0), vault

        return self.database.read(work)

    def _guessed(self, tournament: int, numbers: Collection[int]) -> dict[int, int]:
        """All stake at the close of rounds that have daily scores only: what can be at risk at
        most, so that nothing is promised that the factor takes back."""
        table = daily_rounds

        def work(connection: Connection) -> dict[int, int]:
            query = select(table.c.round, table.c.at_risk).where(table.c.tournament == tournament)
            return {
                row.round: row.at_risk
                for condition in among(table.c.round, numbers)
                for row in connection.execute(query.where(condition))
            }

        return self.database.read(work)


def _days(
    final: Iterable[ResultRow], before: Iterable[DayResult], rows: Mapping[int, RoundRow]
) -> list[DayResult]:
    """Final results as the last day, and the days of rounds that have none."""
    found = [
        DayResult(
            one.round,
            one.model,
            score_days(rows[one.round].horizon or 0),
            one.at_risk,
            one.level or 0,
        )
        for one in final
    ]
    done = {number for number, row in rows.items() if row.scored}
    return [*found, *(one for one in before if one.round not in done)]


def _settled(one: DayResult, terms: Coefficients, lane: ScoreLane, done: Settlement) -> Payout:
    parts = shares(terms, lane.scores, done.change)
    return Payout(one.round, one.model, one.day, done.change, parts, is_settled=True)


def _words(
    scored: Iterable[DayScore], rows: Mapping[int, RoundRow]
) -> dict[_Day, tuple[int, int, int]]:
    """Score words' scores at 10^-6 by round, model and day."""
    places = {
        (number, config.score): config.place
        for number, row in rows.items()
        for config in configs_of(row)
    }
    found: dict[_Day, list[int]] = defaultdict(lambda: [0, 0, 0])
    for one in scored:
        place = places.get((one.round, one.name))
        if place is not None:
            found[one.round, one.model, one.day][place] = pack_score(one.value)[0]
    return {key: (word[0], word[1], word[2]) for key, word in found.items()}
