"""What each accepted submission looked like: sealed to the operator and to the model's owner."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, and_, or_, select

from oracle.settlement.typed_data import Submission
from oracle.store.database import Database
from oracle.store.schema import diagnostics, submissions
from oracle.store.sealing import Identity, SealError, seal


class DiagnosticsHistory:
    """One operator's history; an entry is a JSON document, opaque here."""

    def __init__(self, database: Database, identity: Identity) -> None:
        self.database, self.identity = database, identity

    def add(self, key: Submission, made_at: int, content: bytes, also: Iterable[str] = ()) -> None:
        """Keeps ``content`` of a submission, once; ``also`` are recipients besides the operator."""
        sealed = seal(content, [self.identity.recipient, *also])
        row = {**asdict(key), "made_at": made_at, "sealed": sealed}
        statement = self.database.insert(diagnostics).values(row).on_conflict_do_nothing()
        self.database.run(lambda connection: connection.execute(statement).close())

    def of(self, model: int, limit: int) -> list[bytes]:
        """The model's newest ``limit`` entries, oldest first; one sealed to others is left out."""
        columns = diagnostics.c
        query = (
            select(columns.sealed)
            .where(columns.model == model)
            .order_by(columns.round.desc(), columns.sequence.desc(), columns.sha256.desc())
            .limit(limit)
        )
        rows = self.database.read(lambda c: c.execute(query).scalars().all())
        found = []
        for sealed in reversed(rows):
            try:
                found.append(self.identity.open(sealed))
            except SealError:
                continue
        return found

    def before(self, key: Submission) -> tuple[Submission, bytes] | None:
        """The model's last submission before ``key``, by round and sequence, and its plain file.

        None if there is none, or if it is sealed to others.
        """
        columns = submissions.c
        earlier = or_(
            columns.round < key.round,
            and_(columns.round == key.round, columns.sequence < key.sequence),
        )
        query = (
            select(submissions)
            .where(columns.model == key.model, earlier)
            .order_by(columns.round.desc(), columns.sequence.desc(), columns.sha256.desc())
            .limit(1)
        )
        row: Row[Any] | None = self.database.read(lambda c: c.execute(query).first())
        if row is None:
            return None
        try:
            raw = self.identity.open(row.sealed)
        except SealError:
            return None
        return Submission(row.round, row.model, row.sha256, row.sequence), raw
