"""Submissions that came through the server, and what became of each."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from oracle.intake.rows import Status, Submission
from oracle.records.asking import among, as_row, columns_of
from oracle.records.results import Results
from oracle.records.rows import ResultRow
from oracle.records.schema.people import accounts
from oracle.records.schema.uploads import submissions
from oracle.store.database import Database

_Place = tuple[int, int, int]


class Submissions:
    """Queries about submissions, and changes to them."""

    def __init__(self, database: Database) -> None:
        self._database, self._results = database, Results(database)

    def keep(self, *rows: Submission) -> None:
        """Keeps the rows, or what has changed in those with the same ids; all or none."""

        def work(connection: Connection) -> None:
            for row in rows:
                values = _values(row)
                insert = self._database.insert(submissions).values(values)
                connection.execute(insert.on_conflict_do_update(index_elements=["id"], set_=values))

        self._database.run(work)

    def by_id(self, wanted: str) -> Submission | None:
        found = self._where([submissions.c.id == wanted])
        return found[0] if found else None

    def of_models(
        self, tournament: int, models: Collection[int], rounds: Collection[int] | None = None
    ) -> list[Submission]:
        """The newest first, each with whether it is the one that counts."""
        here = submissions.c.tournament == tournament
        found = [
            row
            for condition in among(submissions.c.model, models)
            for row in self._where([here, condition])
            if rounds is None or row.round in rounds
        ]
        return self._selected(tournament, found)

    def interrupted(self, tournament: int) -> list[Submission]:
        """What is being sent, or was when a process was killed."""
        here = submissions.c.tournament == tournament
        return self._where([here, submissions.c.status == Status.SENDING])

    def queued(self, tournament: int) -> list[Submission]:
        """What waits for the next round, the oldest first."""
        here = submissions.c.tournament == tournament
        return self._where([here, submissions.c.status == Status.QUEUED])[::-1]

    def address_of(self, account: str) -> str | None:
        """The wallet of who sent something."""
        query = select(accounts.c.address).where(accounts.c.id == account)
        return self._database.read(lambda connection: connection.execute(query).scalar())

    def _where(self, conditions: Iterable[ColumnElement[bool]]) -> list[Submission]:
        query = columns_of(submissions, Submission).where(*conditions)
        query = query.order_by(submissions.c.inserted_at.desc(), submissions.c.sequence.desc())

        def work(connection: Connection) -> list[Submission]:
            return [as_row(row, Submission) for row in connection.execute(query)]

        return self._database.read(work)

    def _selected(self, tournament: int, rows: list[Submission]) -> list[Submission]:
        models = {row.model for row in rows}
        rounds = {row.round for row in rows}
        scored = {
            (tournament, result.round, result.model): result
            for result in self._results.list(tournament, models=models, rounds=rounds)
        }
        chosen = {row.id for row in _chosen(rows, scored)}
        return [replace(row, selected=row.id in chosen) for row in rows]


def _chosen(rows: list[Submission], scored: dict[_Place, ResultRow]) -> Iterable[Submission]:
    """Of each model and round the one that counts: by the result, and before there is one by the
    operators' rule (docs/formats.md, section 7)."""
    places: dict[_Place, list[Submission]] = defaultdict(list)
    for row in rows:
        places[row.tournament, row.round, row.model].append(row)
    for place, sent in places.items():
        result = scored.get(place)
        if result is None or result.sha256 is None:
            accepted = (row for row in sent if row.status == Status.ACCEPTED)
            order = sorted(accepted, key=lambda row: (not row.late, row.sequence or 0, row.sha256))
            yield from order[-1:]
            continue
        # Whatever became of it here: too few operators may have had it at first.
        yield from (
            row
            for row in sent
            if (row.sha256, row.sequence) == (bytes(result.sha256), result.sequence)
        )


def _values(row: Submission) -> dict[str, Any]:
    return {name: value for name, value in asdict(row).items() if name in submissions.c}
