"""What an operator must not forget: submissions it accepted, digests it signed, others' faults.

Every row is committed before the operator acts on it. One digest a round and phase: the unique key
makes a second signature impossible even after a crash or with two processes on one database.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    Row,
    Select,
    Table,
    and_,
    case,
    func,
    select,
    update,
)

from oracle.errors import RefusedError
from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.typed_data import Submission
from oracle.store.database import Database
from oracle.store.schema import evidence, receipts, signed, submissions

COMMIT = "commit"
"""The phase in which an operator signs a round's result."""

BLOCKED = bytes(32)
"""The digest of a round that this operator does not sign, lest it sign it a second time."""

_BLOCKED_UP_TO = "blocked"
_CHUNK = 100


class JournalError(RefusedError):
    """The journal refuses a digest: another one was signed, or the round is blocked."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A submission without its bytes; ``size`` of the plain file, ``recipient`` of its owner."""

    key: Submission
    signature: bytes
    size: int
    recipient: str


@dataclass(frozen=True, slots=True)
class StoredSubmission:
    """A submission with its owner's signature and its file, sealed to operators."""

    key: Submission
    signature: bytes
    sealed: bytes
    size: int
    recipient: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What proves an operator's fault; ``content`` is canonical JSON with this SHA-256."""

    sha256: bytes
    round: int
    kind: str
    operator: str
    content: bytes


_Chunk = list[tuple[StoredSubmission, list[SignedReceipt]]]
_LISTED = [submissions.c[name] for name in (*Submission.fields, "signature", "size", "recipient")]


def _key(row: Row[Any]) -> Submission:
    return Submission(row.round, row.model, row.sha256, row.sequence)


def _matching(table: Table, key: Submission) -> list[Any]:
    return [table.c[name] == value for name, value in asdict(key).items()]


def _in_order(query: Select[Any], table: Table, round_number: int) -> Select[Any]:
    columns = table.c
    return query.where(columns.round == round_number).order_by(
        columns.model, columns.sequence, columns.sha256
    )


class Journal:
    """One operator's memory for one pool; safe to open anew after any crash."""

    def __init__(self, database: Database) -> None:
        self.database = database

    # ------------------------------------------------------------------ submissions

    def add(self, item: StoredSubmission, receipt: SignedReceipt) -> SignedReceipt:
        """Keeps a submission with an operator's receipt, both or neither.

        Answers with that operator's earliest receipt for it, whatever order they came in, so that
        a repeated upload changes nothing and all operators end up with the same receipts.
        Of several signatures of one submission the smallest stays: an owner can make as many as
        he likes, and operators that were sent different ones must end up with the same artefacts.
        The file and the owner's recipient stay those that came first.
        """
        return self.database.run(lambda connection: self._add(connection, item, receipt))

    def _add(
        self, connection: Connection, item: StoredSubmission, receipt: SignedReceipt
    ) -> SignedReceipt:
        new = self.database.insert(submissions).values(
            **asdict(item.key),
            signature=item.signature,
            size=item.size,
            recipient=item.recipient,
            sealed=item.sealed,
        )
        connection.execute(
            new.on_conflict_do_update(
                index_elements=list(submissions.primary_key),
                set_={"signature": new.excluded.signature},
                where=new.excluded.signature < submissions.c.signature,
            )
        )
        given = self.database.insert(receipts).values(
            **asdict(item.key),
            operator=receipt.operator,
            received=receipt.received,
            signature=receipt.signature,
        )
        connection.execute(
            given.on_conflict_do_update(
                index_elements=list(receipts.primary_key),
                set_={"received": receipt.received, "signature": receipt.signature},
                where=receipts.c.received > receipt.received,
            )
        )
        of_operator = receipts.c.operator == receipt.operator
        kept = connection.execute(
            select(receipts).where(*_matching(receipts, item.key), of_operator)
        ).one()
        return SignedReceipt(item.key, kept.operator, kept.received, kept.signature)

    def add_all(self, items: Iterable[tuple[StoredSubmission, Iterable[SignedReceipt]]]) -> None:
        """The same for many submissions with several receipts each, a hundred at a time."""
        waiting = iter(items)
        while chunk := [(item, list(given)) for item, given in islice(waiting, _CHUNK)]:

            def work(connection: Connection, chunk: _Chunk = chunk) -> None:
                for item, given in chunk:
                    for receipt in given:
                        self._add(connection, item, receipt)

            self.database.run(work)

    def sign_anew(self, key: Submission, signature: bytes) -> None:
        """Puts ``signature`` in the place of the one that is kept of a submission."""
        self._keep(
            update(submissions).where(*_matching(submissions, key)).values(signature=signature)
        )

    def has(self, key: Submission) -> bool:
        query = select(submissions.c.round).where(*_matching(submissions, key))
        return self.database.read(lambda c: c.execute(query).first() is not None)

    def find(
        self, round_number: int, sha256: bytes, rather: Submission | None = None
    ) -> StoredSubmission | None:
        """A submission for the round with this SHA-256 of its plain file: ``rather``, if kept."""
        columns = submissions.c
        query = select(submissions).where(columns.round == round_number, columns.sha256 == sha256)
        order: list[ColumnElement[Any]] = [columns.model, columns.sequence]
        if rather is not None:
            order.insert(0, case((and_(*_matching(submissions, rather)), 0), else_=1))
        query = query.order_by(*order).limit(1)
        row = self.database.read(lambda c: c.execute(query).first())
        return row and StoredSubmission(
            _key(row), row.signature, row.sealed, row.size, row.recipient
        )

    def sealed(self, round_number: int, sha256: bytes) -> bytes:
        """The sealed file of a submission; KeyError if there is none."""
        found = self.find(round_number, sha256)
        if found is None:
            raise KeyError(f"round {round_number}: no submission 0x{sha256.hex()}")
        return found.sealed

    def count(self, round_number: int, model: int | None = None) -> int:
        """How many submissions are kept for a round, of one model or of all."""
        query = select(func.count()).where(submissions.c.round == round_number)
        if model is not None:
            query = query.where(submissions.c.model == model)
        return self.database.read(lambda c: c.execute(query).scalar_one())

    def listed(self, round_number: int) -> Iterator[Listed]:
        """All submissions kept for a round, in order of (model, sequence, sha256), no files."""
        query = _in_order(select(*_LISTED), submissions, round_number)
        rows = self.database.read(lambda c: c.execute(query).all())
        return (Listed(_key(row), row.signature, row.size, row.recipient) for row in rows)

    def signatures(self, round_number: int) -> dict[Submission, bytes]:
        """The owner's signature of every submission for a round."""
        return {item.key: item.signature for item in self.listed(round_number)}

    def receipts(self, round_number: int) -> Iterator[SignedReceipt]:
        """All receipts known for a round, own and others', in the same order."""
        query = _in_order(select(receipts), receipts, round_number).order_by(receipts.c.operator)
        rows = self.database.read(lambda c: c.execute(query).all())
        return (SignedReceipt(_key(row), row.operator, row.received, row.signature) for row in rows)

    # ------------------------------------------------------------------ signing

    def reserve_digest(self, round_number: int, phase: str, digest: bytes) -> None:
        """Writes down what will be signed. Call before signing; raises on a second digest."""

        def work(connection: Connection) -> bytes:
            kept = _signed_digest(connection, round_number, phase)
            if kept is not None:
                return kept
            row = {"round": round_number, "phase": phase, "digest": digest}
            connection.execute(self.database.insert(signed).values(row).on_conflict_do_nothing())
            return _own_row(connection, round_number, phase)

        kept = self.database.run(work)
        if kept == BLOCKED:
            raise JournalError(
                f"round {round_number} was due when this operator's database was made anew; "
                "what it signed before is not known, so it signs nothing",
                "the other operators sign this round",
            )
        if kept != digest:
            raise JournalError(
                f"round {round_number}: this operator already signed digest 0x{kept.hex()}; "
                f"it will not sign 0x{digest.hex()}",
                "compare this round's folder with another operator's",
            )

    def signed_digest(self, round_number: int, phase: str) -> bytes | None:
        """What was written down to be signed; ``BLOCKED`` where nothing may be, or None."""
        return self.database.read(lambda c: _signed_digest(c, round_number, phase))

    def own_digest(self, round_number: int, phase: str) -> bytes | None:
        """What was written down for the round itself, whether it is blocked or not."""
        return self.database.read(lambda c: _own_row(c, round_number, phase))

    def learn_digest(self, round_number: int, phase: str, digest: bytes) -> bool:
        """Writes down a digest that was signed once, as is seen elsewhere, blocked or not.

        False if another one is written down; then that stays.
        """
        row = {"round": round_number, "phase": phase, "digest": digest}

        def work(connection: Connection) -> bool:
            connection.execute(self.database.insert(signed).values(row).on_conflict_do_nothing())
            return _own_row(connection, round_number, phase) == digest

        return self.database.run(work)

    def signed_rounds(self) -> dict[tuple[int, str], bytes]:
        """Every digest that was written down, by round and phase."""
        query = select(signed).where(signed.c.phase != _BLOCKED_UP_TO)
        rows = self.database.read(lambda c: c.execute(query).all())
        return {(row.round, row.phase): row.digest for row in rows}

    def block(self, up_to: int) -> None:
        """From now on nothing new is signed for rounds up to this one; 0 blocks none."""
        row = {"round": up_to, "phase": _BLOCKED_UP_TO, "digest": BLOCKED}
        self._keep(self.database.insert(signed).values(row).on_conflict_do_nothing())

    def blocked_up_to(self) -> int:
        """The last round for which nothing new is signed; 0 for none, -1 before any `block`."""
        return self.database.read(_blocked_up_to)

    # ------------------------------------------------------------------ faults of operators

    def add_evidence(self, round_number: int, kind: str, operator: str, content: bytes) -> bytes:
        """Keeps what proves an operator's fault, once; returns its SHA-256."""
        sha256 = hashlib.sha256(content).digest()
        row = asdict(Evidence(sha256, round_number, kind, operator, content))
        self._keep(self.database.insert(evidence).values(row).on_conflict_do_nothing())
        return sha256

    def evidence(self, round_number: int) -> list[Evidence]:
        """Everything of a round, in order of SHA-256."""
        query = select(evidence).where(evidence.c.round == round_number).order_by(evidence.c.sha256)
        rows = self.database.read(lambda c: c.execute(query).mappings().all())
        return [Evidence(**row) for row in rows]

    def _keep(self, statement: Executable) -> None:
        self.database.run(lambda connection: connection.execute(statement).close())


def _signed_digest(connection: Connection, round_number: int, phase: str) -> bytes | None:
    own = _own_row(connection, round_number, phase)
    return BLOCKED if own is None and round_number <= _blocked_up_to(connection) else own


def _own_row(connection: Connection, round_number: int, phase: str) -> bytes | None:
    query = select(signed.c.digest).where(signed.c.round == round_number, signed.c.phase == phase)
    return connection.execute(query).scalar_one_or_none()


def _blocked_up_to(connection: Connection) -> int:
    query = select(func.coalesce(func.max(signed.c.round), -1))
    return connection.execute(query.where(signed.c.phase == _BLOCKED_UP_TO)).scalar_one()
