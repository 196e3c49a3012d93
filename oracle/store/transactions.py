"""Every transaction an account signed, kept before it is sent.

Several rows of one nonce do the same thing at different fees: the chain takes one of them. The
dearest is the current one. Status of a row: ``pending`` (current, in no block), ``mined`` (in a
block that may still go), ``final`` (in a block that stays), ``failed`` (reverted, or never to be
mined), ``replaced`` (another of its nonce counts).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from oracle.store.database import Database
from oracle.store.schema import transactions as table

PENDING, MINED, FINAL, FAILED, REPLACED = "pending", "mined", "final", "failed", "replaced"
OPEN = (PENDING, MINED)
"""What may still change."""


class NonceTakenError(Exception):
    """Another call of the same account has the nonce."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A signed transaction. ``max_fee`` and ``tip`` in wei per gas.

    ``block_number`` is the block it is in; of one that is in none, the newest block at signing.
    """

    hash: bytes
    account: str
    nonce: int
    call: str
    to: str
    data: bytes
    gas: int
    max_fee: int
    tip: int
    raw: bytes
    sent_at: int
    block_number: int
    block_hash: bytes | None = None
    status: str = PENDING


class TransactionStore:
    """The table of one operator's database, as far as one chain goes; safe for threads.

    ``chain``: 0 for the tournament's own, for another one its id.
    """

    def __init__(self, database: Database, chain: int = 0) -> None:
        self._database, self._chain = database, chain

    def add(self, sent: Sent, *, new: bool = False) -> None:
        """Keeps a transaction as its nonce's current one; others of the nonce are replaced.

        Raises NonceTakenError if the nonce is that of another open call; of a ``new`` one, if it
        is that of any: a second process may have sent the very same call meanwhile.
        """

        def work(connection: Connection) -> None:
            same_nonce = self._of_nonce(sent.account, sent.nonce)
            for other in connection.execute(select(table).where(same_nonce)):
                same_call = (other.destination, other.data) == (sent.to, sent.data)
                may_stay = other.hash == sent.hash if new else same_call
                if other.status in OPEN and not may_stay:
                    raise NonceTakenError
            kept = (table.c.hash != sent.hash, table.c.status == PENDING)
            connection.execute(update(table).where(same_nonce, *kept).values(status=REPLACED))
            row = self._database.insert(table).values(self._values(sent))
            # Signed again with the nonce and fees of one that was given up, it is that very one.
            given_up = table.c.status.in_((FAILED, REPLACED)) & table.c.block_hash.is_(None)
            again = {name: row.excluded[name] for name in ("status", "sent_at", "block_number")}
            connection.execute(
                row.on_conflict_do_update(index_elements=["hash"], set_=again, where=given_up)
            )

        self._database.run(work)

    def waiting(self, account: str, to: str, data: bytes) -> Sent | None:
        """The pending transaction that makes this very call, or None."""
        same_call = (table.c.destination == to, table.c.data == data)
        query = select(table).where(self._of(account), table.c.status == PENDING, *same_call)
        found = self._database.read(lambda connection: connection.execute(query).first())
        return None if found is None else _sent(found)

    def of_nonce(self, account: str, nonce: int) -> list[Sent]:
        """All with a nonce that is or may be mined, the current one last."""
        counts = (table.c.status != FAILED) | table.c.block_hash.is_not(None)
        query = select(table).where(self._of_nonce(account, nonce), counts)
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return _by_fee(rows)

    def open(self, account: str) -> dict[int, list[Sent]]:
        """By nonce, in order: all that may be mined with it, where none is final yet."""
        nonces = select(table.c.nonce).where(self._of(account), table.c.status.in_(OPEN))
        query = select(table).where(
            self._of(account), table.c.nonce.in_(nonces), table.c.status != FAILED
        )
        groups: dict[int, list[Any]] = defaultdict(list)
        for row in self._database.read(lambda connection: connection.execute(query).all()):
            groups[row.nonce].append(row)
        return {nonce: _by_fee(groups[nonce]) for nonce in sorted(groups)}

    def mined(self, sent: Sent, block_number: int, block_hash: bytes, status: str = MINED) -> None:
        """``sent`` is in a block, and so no other of its nonce is."""

        def work(connection: Connection) -> None:
            others = (table.c.hash != sent.hash, table.c.status.in_(OPEN))
            connection.execute(
                update(table)
                .where(self._of_nonce(sent.account, sent.nonce), *others)
                .values(status=REPLACED, block_hash=None)
            )
            connection.execute(
                update(table)
                .where(table.c.hash == sent.hash)
                .values(status=status, block_number=block_number, block_hash=block_hash)
            )

        self._database.run(work)

    def reopened(self, group: Sequence[Sent], head: int) -> Sent:
        """No block has any of a nonce's transactions any more: the last of them waits again."""
        current = replace(group[-1], status=PENDING, block_hash=None, block_number=head)

        def work(connection: Connection) -> None:
            others = self._of_nonce(current.account, current.nonce), table.c.status.in_(OPEN)
            connection.execute(
                update(table).where(*others).values(status=REPLACED, block_hash=None)
            )
            connection.execute(
                update(table).where(table.c.hash == current.hash).values(self._values(current))
            )

        self._database.run(work)
        return current

    def failed(self, sent: Sent) -> None:
        """Nothing with the nonce of ``sent`` will be mined."""
        query = update(table).where(
            self._of_nonce(sent.account, sent.nonce), table.c.status.in_((*OPEN, REPLACED))
        )
        self._database.run(lambda connection: connection.execute(query.values(status=FAILED)))

    def prune(self, account: str, before: int) -> int:
        """Drops what nobody needs of transactions sent before a time, their nonce being closed:
        all of those in no block, of the others the call's data and the signed bytes. The name, hash
        and time of what was mined stay, for reckoning costs. Returns how many rows that changed."""
        open_ = select(table.c.nonce).where(self._of(account), table.c.status.in_(OPEN))
        old = (
            self._of(account),
            table.c.sent_at < before,
            table.c.nonce.not_in(open_.scalar_subquery()),
        )
        in_block = table.c.block_hash.is_not(None)

        def work(connection: Connection) -> int:
            gone = connection.execute(delete(table).where(*old, ~in_block))
            emptied = connection.execute(
                update(table).where(*old, in_block, table.c.raw != b"").values(data=b"", raw=b"")
            )
            return gone.rowcount + emptied.rowcount

        return self._database.run(work)

    def _of(self, account: str) -> Any:
        return (table.c.account == account) & (table.c.chain == self._chain)

    def _of_nonce(self, account: str, nonce: int) -> Any:
        return self._of(account) & (table.c.nonce == nonce)

    def _values(self, sent: Sent) -> dict[str, Any]:
        return {
            "hash": sent.hash,
            "account": sent.account,
            "nonce": sent.nonce,
            "call": sent.call,
            "destination": sent.to,
            "data": sent.data,
            "gas": sent.gas,
            "max_fee": str(sent.max_fee),
            "tip": str(sent.tip),
            "raw": sent.raw,
            "status": sent.status,
            "sent_at": sent.sent_at,
            "block_number": sent.block_number,
            "block_hash": sent.block_hash,
            "chain": self._chain,
        }


def _by_fee(rows: Any) -> list[Sent]:
    return sorted((_sent(row) for row in rows), key=lambda sent: sent.max_fee)


def _sent(row: Row[Any]) -> Sent:
    return Sent(
        hash=row.hash,
        account=row.account,
        nonce=row.nonce,
        call=row.call,
        to=row.destination,
        data=row.data,
        gas=row.gas,
        max_fee=int(row.max_fee),
        tip=int(row.tip),
        raw=row.raw,
        sent_at=row.sent_at,
        block_number=row.block_number,
        block_hash=row.block_hash,
        status=row.status,
    )
