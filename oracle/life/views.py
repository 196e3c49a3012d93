"""What boards are made of, read from the other tables."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Table, func, select

from oracle.life.points import Pointed
from oracle.life.standings import Means, Standings, Sums, basis_of
from oracle.records.schema.chain import models, movements, positions, rounds, settlements
from oracle.store.database import Database
from oracle.tournaments.standing import ACCOUNT_WINDOWS, WINDOWS, Growth

_HOUR: Final = 3_600
_SPANS: Final[Mapping[str, int | None]] = {**WINDOWS, **ACCOUNT_WINDOWS}
_FETCHED = 10_000


@dataclass(frozen=True, slots=True)
class Basis:
    """Hashes of what boards follow from: ``results`` and settlements, and the hour, with which
    windows move on; ``stakes`` and owners."""

    results: bytes
    stakes: bytes


@dataclass(frozen=True, slots=True)
class View:
    """A tournament's models. Of a year: ``means`` by score, ``sums`` of points, the ``newest``
    points, places ``before`` the newest results. ``grown``: by window, of models that a round did
    something to."""

    means: Means
    sums: Mapping[int, Sums]
    newest: Mapping[int, int]
    before: Mapping[int, int]
    grown: Mapping[str, Mapping[int, Growth]]
    staked: Mapping[int, int]
    owners: Mapping[int, str]


class Views:
    """Queries; what follows from results is kept until they change."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: dict[int, tuple[bytes, dict[str, Any]]] = {}

    def basis(self, tournament: int, pointed: list[Pointed], now: int) -> Basis:
        by_results = (
            select(func.count(), func.max(settlements.c.round), settlements.c.tournament),
            select(func.count(), func.count(rounds.c.ended), rounds.c.tournament),
        )
        by_stakes = (
            select(func.count(), func.max(movements.c.block), movements.c.tournament),
            select(func.count(), func.sum(positions.c.stake), positions.c.tournament),
        )

        def work(connection: Connection) -> list[str]:
            found = []
            for query in (*by_results, *by_stakes):
                of = list(query.selected_columns)[-1]
                row = connection.execute(query.where(of == tournament).group_by(of)).first()
                found.append(str(row and tuple(map(str, row))))
            return found

        found = self._database.read(work)
        cut = len(by_results)
        return Basis(
            _hashed(basis_of(pointed).hex(), str(now // _HOUR), *found[:cut]),
            _hashed(*found[cut:]),
        )

    def of(self, tournament: int, basis: Basis, now: int) -> View:
        kept = self._kept.get(tournament)
        if kept is None or kept[0] != basis.results:
            stand = Standings(self._database, tournament)
            kept = (
                basis.results,
                {
                    "means": stand.means(now),
                    "sums": stand.sums(now),
                    "newest": stand.newest(now),
                    "before": stand.places_before(now),
                    "grown": self._grown(tournament, now),
                },
            )
            self._kept[tournament] = kept
        staked = self._pairs(positions, "stake", tournament)
        return View(
            **kept[1],
            staked={model: stake for model, stake in staked.items() if stake},
            owners=self._pairs(models, "owner", tournament),
        )

    def _pairs(self, table: Table, value: str, tournament: int) -> dict[int, Any]:
        query = select(table.c.model, table.c[value]).where(table.c.tournament == tournament)
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return {row[0]: row[1] for row in rows}

    def _grown(self, tournament: int, now: int) -> dict[str, dict[int, Growth]]:
        """What rounds made of stakes, each counted when its settling began."""
        table = settlements
        joined = table.join(
            rounds,
            (rounds.c.tournament == table.c.tournament) & (rounds.c.round == table.c.round),
        )
        query = (
            select(table.c.model, table.c.stake, table.c.change, rounds.c.begun_at)
            .select_from(joined)
            .where(table.c.tournament == tournament)
            .order_by(table.c.round)
            .execution_options(yield_per=_FETCHED)
        )

        def work(connection: Connection) -> dict[str, dict[int, Growth]]:
            found: dict[str, dict[int, Growth]] = {name: defaultdict(Growth) for name in _SPANS}
            for model, stake, change, begun in connection.execute(query):
                for name, span in _SPANS.items():
                    if span is None or (begun or 0) > now - span:
                        found[name][model].add(stake, change)
            return found

        return self._database.read(work)


def _hashed(*texts: str) -> bytes:
    return hashlib.sha256(" ".join(texts).encode()).digest()
