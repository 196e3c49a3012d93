"""An operator's journal: submissions it accepted and digests it signed, in SQLite.

Every row is committed before the operator acts on it. One digest a round: the unique key makes a
second signature impossible even after a crash or with two processes on one database.
"""

import sqlite3
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    Select,
    String,
    Table,
    create_engine,
    event,
    func,
    select,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.schema import CreateTable

from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.typed_data import Submission

_metadata = MetaData()


def _key_columns() -> list[Column[Any]]:
    """What tells one submission from another; ``sequence`` orders those of one model."""
    return [
        Column("round", Integer, primary_key=True),
        Column("model", Integer, primary_key=True),
        Column("sha256", LargeBinary(32), primary_key=True),
        Column("sequence", Integer, primary_key=True),
    ]


_submissions = Table(
    "submissions",
    _metadata,
    *_key_columns(),
    Column("signature", LargeBinary(65), nullable=False),
    Column("raw", LargeBinary, nullable=False),
)

_receipts = Table(
    "receipts",
    _metadata,
    *_key_columns(),
    Column("operator", String(42), primary_key=True),
    Column("received", Integer, nullable=False),
    Column("signature", LargeBinary(65), nullable=False),
)

_signed = Table(
    "signed",
    _metadata,
    Column("round", Integer, primary_key=True),
    Column("phase", String, primary_key=True),
    Column("digest", LargeBinary(32), nullable=False),
)


class JournalError(RuntimeError):
    """The journal refuses a second digest for a round."""


@dataclass(frozen=True, slots=True)
class StoredSubmission:
    """A submission with its owner's signature and its raw bytes."""

    key: Submission
    signature: bytes
    raw: bytes


def _key(row: Row[Any]) -> Submission:
    return Submission(row.round, row.model, row.sha256, row.sequence)


def _matching(table: Table, key: Submission) -> Select[Any]:
    return select(table).where(*(table.c[name] == value for name, value in asdict(key).items()))


def _durable(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    _use_wal(cursor)
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _use_wal(cursor: Any, attempts: int = 100) -> None:
    """SQLite waits for other processes everywhere but here, where a new database becomes WAL."""
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            attempts -= 1
            if not attempts:
                raise
            time.sleep(0.05)


class Journal:
    """One operator's database for one pool; safe to open anew after any crash."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._engine: Engine = create_engine(f"sqlite:///{path}")
        event.listen(self._engine, "connect", _durable)
        with self._engine.begin() as connection:
            for table in _metadata.sorted_tables:  # another process may be doing the same
                connection.execute(CreateTable(table, if_not_exists=True))

    def close(self) -> None:
        self._engine.dispose()

    def add(self, item: StoredSubmission, receipt: SignedReceipt) -> SignedReceipt:
        """Keeps a submission with an operator's receipt, both or neither.

        Answers with that operator's earliest receipt for it, whatever order they came in, so that
        a repeated upload changes nothing and all operators end up with the same receipts.
        Of several signatures of one submission the smallest stays: an owner can make as many as
        he likes, and operators that were sent different ones must end up with the same artefacts.
        """
        key = asdict(item.key)
        new = insert(_submissions).values(**key, signature=item.signature, raw=item.raw)
        with self._engine.begin() as connection:
            connection.execute(
                new.on_conflict_do_update(
                    index_elements=list(_submissions.primary_key),
                    set_={"signature": new.excluded.signature},
                    where=new.excluded.signature < _submissions.c.signature,
                )
            )
            given = insert(_receipts).values(
                **key,
                operator=receipt.operator,
                received=receipt.received,
                signature=receipt.signature,
            )
            connection.execute(
                given.on_conflict_do_update(
                    set_={"received": receipt.received, "signature": receipt.signature},
                    where=_receipts.c.received > receipt.received,
                )
            )
            kept = connection.execute(
                _matching(_receipts, item.key).where(_receipts.c.operator == receipt.operator)
            ).one()
        return SignedReceipt(item.key, kept.operator, kept.received, kept.signature)

    def has(self, key: Submission) -> bool:
        with self._engine.connect() as connection:
            return connection.execute(_matching(_submissions, key)).first() is not None

    def find(self, round_number: int, sha256: bytes) -> StoredSubmission | None:
        """A submission for the round with these bytes."""
        columns = _submissions.c
        query = (
            select(_submissions)
            .where(columns.round == round_number, columns.sha256 == sha256)
            .order_by(columns.model, columns.sequence)
            .limit(1)
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        return row and StoredSubmission(_key(row), row.signature, row.raw)

    def count(self, round_number: int, model: int) -> int:
        """How many submissions are kept for a model in a round."""
        query = (
            select(func.count())
            .select_from(_submissions)
            .where(_submissions.c.round == round_number, _submissions.c.model == model)
        )
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one()

    def signatures(self, round_number: int) -> dict[Submission, bytes]:
        """The owner's signature of every submission for a round, without reading the files."""
        columns = _submissions.c
        query = (
            select(*(columns[name] for name in Submission.fields), columns.signature)
            .where(columns.round == round_number)
            .order_by(columns.model, columns.sequence, columns.sha256)
        )
        with self._engine.connect() as connection:
            return {_key(row): row.signature for row in connection.execute(query)}

    def submissions(self, round_number: int) -> Iterator[StoredSubmission]:
        """All submissions kept for a round, in order of (model, sequence, sha256)."""
        for row in self._ordered(_submissions, round_number):
            yield StoredSubmission(_key(row), row.signature, row.raw)

    def receipts(self, round_number: int) -> Iterator[SignedReceipt]:
        """All receipts known for a round, own and others', in the same order."""
        for row in self._ordered(_receipts, round_number):
            yield SignedReceipt(_key(row), row.operator, row.received, row.signature)

    def _ordered(self, table: Table, round_number: int) -> Iterator[Row[Any]]:
        columns = table.c
        query = (
            select(table)
            .where(columns.round == round_number)
            .order_by(columns.model, columns.sequence, columns.sha256)
        )
        with self._engine.connect() as connection:
            yield from connection.execute(query)

    def reserve_digest(self, round_number: int, phase: str, digest: bytes) -> None:
        """Writes down what will be signed. Call before signing; raises on a second digest."""
        with self._engine.begin() as connection:
            connection.execute(
                insert(_signed)
                .values(round=round_number, phase=phase, digest=digest)
                .on_conflict_do_nothing()
            )
        kept = self.signed_digest(round_number, phase)
        if kept != digest:
            raise JournalError(
                f"round {round_number}: this operator already signed digest 0x{kept.hex()}; "
                f"it will not sign 0x{digest.hex()}"
            )

    def signed_digest(self, round_number: int, phase: str) -> bytes | None:
        query = select(_signed.c.digest).where(
            _signed.c.round == round_number, _signed.c.phase == phase
        )
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one_or_none()
