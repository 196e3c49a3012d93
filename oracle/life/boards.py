"""Leaderboards and seasons, made anew whenever what they follow from has changed."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Table, case, delete, func, insert, select

from oracle.life.points import Pointed, Points
from oracle.life.standings import POINTS, Standings
from oracle.life.views import Basis, View, Views
from oracle.records.asking import parts
from oracle.records.schema.life import (
    account_leaders,
    boards,
    leader_scores,
    leaders,
    pointed_rounds,
    round_points,
    season_scores,
)
from oracle.store.database import Database
from oracle.tournaments.standing import (
    ACCOUNT_WINDOWS,
    WINDOWS,
    ranks,
    season,
    season_of,
    season_span,
    sharpe,
    weighted_mean,
)

ALL: Final = 0
"""In place of a tournament: accounts over the models of all."""

STAKES_SECONDS: Final = 60
"""By the chain: how long a board may lack what happened to stakes alone."""

_ROWS = 500
_Rows = list[dict[str, Any]]


@dataclass
class Boards:
    """Of these ``tournaments``. One thread at a time updates them."""

    database: Database
    tournaments: Collection[int]
    _views: Views = field(init=False)

    def __post_init__(self) -> None:
        self._views = Views(self.database)

    def update(self, now: Mapping[int, int]) -> int:
        """Brings points, standings and boards up to the tables; how many tournaments' boards were
        made: those of which there is nothing left for the next call. ``now``: each tournament's
        time by its chain."""
        stale: dict[int, tuple[list[Pointed], Basis]] = {}
        bases: dict[int, Basis] = {}
        for tournament in self.tournaments:
            pointed, is_whole = Points(self.database, tournament).update()
            stand = Standings(self.database, tournament)
            basis = self._views.basis(tournament, pointed, now[tournament])
            bases[tournament] = basis
            if is_whole and stand.update(pointed, now[tournament]):
                made = self._made(tournament)
                if made is None or _is_stale(*made, basis, now[tournament]):
                    stale[tournament] = pointed, basis
        if not stale:
            return 0
        views = {n: self._views.of(n, bases[n], now[n]) for n in self.tournaments}
        for tournament, (pointed, basis) in stale.items():
            self._write_leaders(tournament, views[tournament])
            self._write_accounts(tournament, [views[tournament]])
            self._write_seasons(tournament, pointed)
            row = {"results": basis.results, "stakes": basis.stakes, "made_at": now[tournament]}
            self._replace(tournament, {boards: [{"tournament": tournament, **row}]})
        self._write_accounts(ALL, views.values())
        return len(stale)

    def _made(self, tournament: int) -> tuple[Basis, int] | None:
        """What the tournament's boards are of, and since when."""
        query = select(boards).where(boards.c.tournament == tournament)
        row = self.database.read(lambda connection: connection.execute(query).first())
        return None if row is None else (Basis(bytes(row.results), bytes(row.stakes)), row.made_at)

    # ------------------------------------------------------------------ models

    def _write_leaders(self, tournament: int, view: View) -> None:
        score, staked = view.means.get(POINTS, {}), view.staked
        ordered = sorted(
            staked.keys() | score.keys(),
            key=lambda m: (m not in score, -score.get(m, 0), -staked.get(m, 0), m),
        )
        rows = []
        for rank, model in enumerate(ordered, 1):
            one = view.sums.get(model)
            rates = {name: view.grown[name].get(model) for name in WINDOWS}
            rows.append(
                {
                    "tournament": tournament,
                    "model": model,
                    "rank": rank,
                    "prev_rank": view.before.get(model),
                    "stake": staked.get(model, 0),
                    "score": score.get(model),
                    "sharpe": one and sharpe(one.count, one.total_6, one.squares_6),
                    "today": view.newest.get(model),
                    **{f"return_{name}": one and one.rate for name, one in rates.items()},
                }
            )
        places = {name: ranks(values) for name, values in view.means.items() if name != POINTS}
        found = [
            {
                "tournament": tournament,
                "model": model,
                "name": name,
                "value": view.means[name][model],
                "rank": place,
            }
            for name, of_models in places.items()
            for model, place in of_models.items()
        ]
        self._replace(tournament, {leaders: rows, leader_scores: found})

    # ------------------------------------------------------------------ accounts

    def _write_accounts(self, tournament: int, views: Iterable[View]) -> None:
        """Everything of an account is the mean of its models', weighted by their stakes; gains are
        the sum."""
        stakes: dict[str, int] = defaultdict(int)
        values: dict[str, dict[str, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
        rates: dict[str, dict[str, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
        gains: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for view in views:
            for model, stake in view.staked.items():
                stakes[view.owners[model]] += stake
            for name, of_models in view.means.items():
                if name == POINTS:
                    continue
                for model, value in of_models.items():
                    pair = (view.staked.get(model, 0), value)
                    values[view.owners[model]][name].append(pair)
            for name in ACCOUNT_WINDOWS:
                for model, growth in view.grown[name].items():
                    pair = (view.staked.get(model, 0), growth.rate)
                    rates[view.owners[model]][name].append(pair)
                    gains[view.owners[model]][name] += growth.gained
        ordered = sorted(stakes.keys() | values.keys(), key=lambda who: (-stakes[who], who))
        rows = [
            {
                "tournament": tournament,
                "address": who,
                "rank": rank,
                "stake": stakes[who],
                "reputations": _text({k: weighted_mean(v) for k, v in values[who].items()}),
                "returns": _text({k: weighted_mean(v) for k, v in rates[who].items()}),
                "gains": _text(gains[who]),
            }
            for rank, who in enumerate(ordered, 1)
        ]
        self._replace(tournament, {account_leaders: rows})

    # ------------------------------------------------------------------ seasons

    def _write_seasons(self, tournament: int, pointed: Iterable[Pointed]) -> None:
        rounds_of: dict[int, int] = defaultdict(int)
        for one in pointed:
            rounds_of[season_of(one.due)] += 1
        rows = [
            {
                "tournament": tournament,
                "season": year,
                "model": one.model,
                "score": one.score,
                "rounds": one.rounds,
                "rank": one.rank,
                "tier": str(one.tier),
            }
            for year, count in rounds_of.items()
            for one in season(self._totals(tournament, year), count)
        ]
        self._replace(tournament, {season_scores: rows})

    def _totals(self, tournament: int, year: int) -> dict[int, tuple[int, int]]:
        """Of each model, its points of rounds of the year that count, and how many they are."""
        table, span = round_points, season_span(year)
        due = pointed_rounds.c.due
        counted = case((table.c.counts, table.c.points), else_=0)
        query = (
            select(table.c.model, func.sum(counted), func.sum(case((table.c.counts, 1), else_=0)))
            .select_from(
                table.join(
                    pointed_rounds,
                    (pointed_rounds.c.tournament == table.c.tournament)
                    & (pointed_rounds.c.round == table.c.round),
                )
            )
            .where(table.c.tournament == tournament, due >= span.start, due < span.stop)
            .group_by(table.c.model)
        )
        rows = self.database.read(lambda connection: connection.execute(query).all())
        return {model: (int(total), int(count)) for model, total, count in rows}

    def _replace(self, tournament: int, tables: Mapping[Table, _Rows]) -> None:
        """Puts rows in the place of all that the tournament had in these tables."""
        with self.database.begin() as connection:
            for table, rows in tables.items():
                connection.execute(delete(table).where(table.c.tournament == tournament))
                for part in parts(rows, _ROWS):
                    connection.execute(insert(table), part)


def _is_stale(made: Basis, made_at: int, basis: Basis, now: int) -> bool:
    if made.results != basis.results:
        return True
    return made.stakes != basis.stakes and not made_at <= now < made_at + STAKES_SECONDS


def _text(values: Mapping[str, int | None]) -> str:
    return json.dumps({name: value for name, value in values.items() if value is not None})
