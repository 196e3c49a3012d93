"""A closed round as its scoring needs it, from the server's tables."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from oracle.evaluation.evaluate import Entry
from oracle.records.asking import among
from oracle.records.rounds import Rounds
from oracle.records.rows import RoundRow
from oracle.records.schema.chain import movements, rounds
from oracle.records.schema.uploads import submissions
from oracle.records.stakes import Stakes
from oracle.settlement import reference
from oracle.settlement.typed_data import Announcement
from oracle.store.database import Database

_ACCEPTED = "accepted"
_REGISTERED, _TRANSFERRED = "registered", "transferred"


@dataclass(frozen=True, slots=True)
class Sent:
    """A file that operators took: what was signed of it, and under which key it lies."""

    entry: Entry
    key: str


class Closing:
    """Queries about one tournament's rounds."""

    def __init__(self, database: Database, tournament: int) -> None:
        self._database, self._tournament = database, tournament

    def rounds(self) -> list[RoundRow]:
        """Those that have closed, go on and have no final scores yet, the oldest first; their
        stakes at the close are in the tables."""
        query = select(rounds.c.round).where(
            rounds.c.tournament == self._tournament,
            rounds.c.stakes_taken,
            rounds.c.ended.is_(None),
            rounds.c.void_at.is_(None),
            rounds.c.cancelled.is_(False),
            rounds.c.scored.is_(None),
        )
        numbers = self._database.read(lambda connection: connection.execute(query).scalars().all())
        return Rounds(self._database).list(self._tournament, numbers=list(numbers))[::-1]

    def stakes(self, row: RoundRow) -> reference.Stakes:
        """At the close. Who takes profits is left out: scores do not depend on it."""
        found = Stakes(self._database).at_close(self._tournament, rounds=[row.number])
        count = select(func.count()).where(
            movements.c.tournament == self._tournament,
            movements.c.kind == _REGISTERED,
            movements.c.time < row.closes,
        )
        models = self._database.read(lambda connection: connection.execute(count).scalar_one())
        return reference.Stakes(models, {one.model: one.stake for one in found}, frozenset())

    def owners(self, models: Collection[int], closes: int) -> dict[int, str]:
        """Of models that were registered before the close, the owner then."""
        query = (
            select(movements.c.model, movements.c.account)
            .where(
                movements.c.tournament == self._tournament,
                movements.c.kind.in_([_REGISTERED, _TRANSFERRED]),
                movements.c.time < closes,
            )
            .order_by(movements.c.block, movements.c.log_index)
        )

        def work(connection: Connection) -> dict[int, str]:
            return {
                row.model: row.account
                for condition in among(movements.c.model, models)
                for row in connection.execute(query.where(condition))
            }

        return self._database.read(work)

    def sent(self, number: int) -> list[Sent]:
        """The files for a round that operators took by this server."""
        query = select(submissions).where(
            submissions.c.tournament == self._tournament,
            submissions.c.round == number,
            submissions.c.status == _ACCEPTED,
        )
        found = self._database.read(lambda connection: connection.execute(query).all())
        return [
            Sent(
                Entry(
                    model=row.model,
                    sha256=bytes(row.sha256),
                    sequence=row.sequence,
                    on_time=not row.late,
                    signature=bytes(row.signature),
                    size=row.size,
                ),
                row.key,
            )
            for row in found
        ]


def announcement_of(row: RoundRow, pool: str) -> Announcement | None:
    """What the round was announced with; None of a skipped one."""
    known = (row.opens, row.horizon, row.phi, row.series_hash, row.spec_hash, row.epoch)
    if row.template is None or None in known:
        return None
    opens, horizon, phi, series_hash, spec_hash, epoch = known
    return Announcement(
        pool=pool,
        tournament=row.tournament,
        round=row.number,
        opens=opens or 0,
        closes=row.closes,
        horizon=horizon or 0,
        phi=phi or 0,
        series_hash=series_hash or b"",
        spec_hash=spec_hash or b"",
        epoch=epoch or 0,
        template=row.template,
    )
