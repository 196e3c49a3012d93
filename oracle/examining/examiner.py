"""Uploads that are to be examined, and what was found: rows of the server's database."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, func, select, update

from oracle.errors import RefusedError
from oracle.examining.material import validation_data
from oracle.examining.rows import Diagnostics, Status
from oracle.intake.intake import require_own
from oracle.intake.rows import Caller, Purpose, Upload
from oracle.intake.uploads import Uploads
from oracle.records.asking import as_row, columns_of
from oracle.records.rows import ModelRow
from oracle.records.schema.examining import diagnostics as table
from oracle.store.database import Database

MOST_WAITING: Final = 10
"""Uploads of one account that may wait at a time."""

_LISTED = 100


@dataclass(frozen=True)
class Examiner:
    """``folders`` of published data sets by the tournament's number."""

    database: Database
    uploads: Uploads
    folders: Mapping[int, Path | None]

    def data(self, tournament: int) -> Path:
        """What predictions are held against. Raises ``RefusedError`` where there is none."""
        found = validation_data(self.folders.get(tournament))
        if found is None:
            raise RefusedError(
                f"this server publishes no validation data for tournament {tournament}",
                "use `assay diagnostics FILE --data FOLDER` on your own machine",
            )
        return found

    def create(self, caller: Caller, tournament: int, model: ModelRow, filename: str) -> str:
        """The id of an uploaded file that is to be examined; asked again, the same one.

        Raises ``InputError`` where there is no such upload or nothing was put there,
        ``RefusedError`` for somebody else's model, without validation data, and where the account
        has too many waiting.
        """
        require_own(caller, tournament, model)
        account = caller.signed_in()
        upload = self.uploads.find(account.id, model, filename, Purpose.DIAGNOSTICS)
        with self.uploads.working(upload.id):
            if self.by_id(upload.id) is None:
                self.data(tournament)
                self._take(upload)
        return upload.id

    def get(self, caller: Caller, wanted: str | None, model: ModelRow) -> list[Diagnostics]:
        """The caller's upload of this id for the model, or the newest; empty where there is none.
        Raises ``RefusedError`` for somebody else's model."""
        require_own(caller, model.tournament, model)
        query = columns_of(table, Diagnostics).where(_sent_by(caller, model))
        if wanted is not None:
            query = query.where(table.c.id == wanted)
        query = query.order_by(table.c.inserted_at.desc(), table.c.id).limit(1)
        rows = self.database.read(lambda connection: connection.execute(query).all())
        return [as_row(row, Diagnostics) for row in rows]

    def listed(self, caller: Caller, model: ModelRow) -> list[Diagnostics]:
        """The caller's newest uploads for the model, without what was found."""
        require_own(caller, model.tournament, model)
        chosen = [column for column in table.c if column.name != "result"]
        query = (
            select(*chosen)
            .where(_sent_by(caller, model))
            .order_by(table.c.inserted_at.desc(), table.c.id)
        )
        rows = self.database.read(lambda c: c.execute(query.limit(_LISTED)).mappings().all())
        return [Diagnostics(**_plain(row), result="") for row in rows]

    def by_id(self, wanted: str) -> Diagnostics | None:
        """Whoever it is of: for who has looked whether he may see it, or does."""
        query = columns_of(table, Diagnostics).where(table.c.id == wanted)
        row = self.database.read(lambda connection: connection.execute(query).first())
        return None if row is None else as_row(row, Diagnostics)

    # ------------------------------------------------------------------ the queue

    def next(self) -> Diagnostics | None:
        """Of the account whose turn was the longest ago, what has waited longest: so one account
        with many holds up the others by one."""
        waiting = columns_of(table, Diagnostics).where(table.c.status == Status.PENDING)
        done = table.alias()
        turn = select(func.coalesce(func.max(done.c.updated_at), 0)).where(
            done.c.account == table.c.account, done.c.status != Status.PENDING
        )
        query = waiting.order_by(turn.scalar_subquery(), table.c.inserted_at, table.c.id).limit(1)
        row = self.database.read(lambda connection: connection.execute(query).first())
        return None if row is None else as_row(row, Diagnostics)

    def end(self, wanted: str, status: Status, message: str = "", result: str = "") -> None:
        """What became of one that waited."""
        change = (
            update(table)
            .where(table.c.id == wanted, table.c.status == Status.PENDING)
            .values(status=status, message=message, result=result, updated_at=self.uploads.now())
        )
        self.database.run(lambda connection: connection.execute(change))

    def _take(self, upload: Upload) -> None:
        self.uploads.claim(upload)
        try:
            self._insert(upload)
        except BaseException:
            self.uploads.give_back(upload)
            raise

    def _insert(self, upload: Upload) -> None:
        now = self.uploads.now()
        row = Diagnostics(
            id=upload.id,
            account=upload.account,
            tournament=upload.tournament,
            model=upload.model,
            filename=upload.filename,
            key=upload.key,
            sha256=upload.sha256 or self.uploads.hashed(upload),
            status=Status.PENDING,
            message="",
            result="",
            inserted_at=now,
            updated_at=now,
        )
        counted = select(func.count()).where(
            table.c.account == upload.account, table.c.status == Status.PENDING
        )

        def work(connection: Connection) -> None:
            if connection.execute(counted).scalar_one() >= MOST_WAITING:
                raise RefusedError(
                    f"{MOST_WAITING} uploads of this account wait to be examined",
                    "ask again when one of them is done",
                )
            insert = self.database.insert(table).values(asdict(row)).on_conflict_do_nothing()
            connection.execute(insert)

        self.database.run(work)


def _sent_by(caller: Caller, model: ModelRow) -> ColumnElement[bool]:
    """What owners before the caller had examined stays theirs."""
    here = (table.c.tournament == model.tournament) & (table.c.model == model.model)
    return here & (table.c.account == caller.signed_in().id)


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {k: bytes(v) if isinstance(v, memoryview) else v for k, v in row.items()}
