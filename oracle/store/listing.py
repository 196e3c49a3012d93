"""A round's submissions and their receipts page by page, for lists too long to hold whole."""

from collections import defaultdict
from collections.abc import Iterator

from sqlalchemy import select, tuple_

from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.typed_data import Submission
from oracle.store.database import Database
from oracle.store.schema import receipts, submissions

Listed = tuple[Submission, bytes, list[SignedReceipt]]
"""A submission, its owner's signature, and all receipts known for it."""

_KEY = [submissions.c[name] for name in Submission.fields]


def listed_after(
    database: Database, round_number: int, after: tuple[int, int, bytes] | None, limit: int | None
) -> Iterator[Listed]:
    """Submissions of a round, all or at most ``limit``, behind (model, sequence, sha256), in that
    order."""
    columns = submissions.c
    query = select(*_KEY, columns.signature).where(columns.round == round_number)
    ordered = (columns.model, columns.sequence, columns.sha256)
    if after is not None:
        # The first condition is implied by the second; only it can use the primary key.
        query = query.where(columns.model >= after[0], tuple_(*ordered) > tuple_(*after))
    query = query.order_by(*ordered).limit(limit)
    rows = database.read(lambda c: c.execute(query).all())
    if not rows:
        return
    given = _receipts(database, round_number, rows[0].model, rows[-1].model)
    for row in rows:
        key = Submission(row.round, row.model, row.sha256, row.sequence)
        yield key, row.signature, given.get(key, [])


def _receipts(
    database: Database, round_number: int, first: int, last: int
) -> dict[Submission, list[SignedReceipt]]:
    """Receipts for a range of models, in order of the operators."""
    columns = receipts.c
    query = (
        select(receipts)
        .where(columns.round == round_number, columns.model.between(first, last))
        .order_by(columns.operator)
    )
    found = defaultdict(list)
    for row in database.read(lambda c: c.execute(query).all()):
        key = Submission(row.round, row.model, row.sha256, row.sequence)
        found[key].append(SignedReceipt(key, row.operator, row.received, row.signature))
    return found
