"""Rows of submissions, from an upload to what became of it."""

import hashlib
import time
from dataclasses import replace
from uuid import uuid4

from oracle.intake.desk import Terms
from oracle.intake.rows import Status, Submission, Upload
from oracle.operator.client import Sent
from oracle.settlement.receipts import on_time
from oracle.settlement.typed_data import Domain


def new(upload: Upload, key: str, raw: bytes, number: int) -> Submission:
    """A file for round ``number`` of which nothing is known yet; one row an upload."""
    return Submission(
        id=upload.id,
        tournament=upload.tournament,
        round=number,
        model=upload.model,
        account=upload.account,
        filename=upload.filename,
        key=key,
        sha256=hashlib.sha256(raw).digest(),
        size=len(raw),
        sequence=None,
        signature=None,
        status=Status.REFUSED,
        reason="",
        late=False,
        queued_from=None,
        source=None,
        trigger_id=None,
        data_datestamp=None,
        receipts="",
        inserted_at=int(time.time()),
    )


def refused(row: Submission, reason: str) -> Submission:
    return replace(row, status=Status.REFUSED, reason=reason)


def accepted(row: Submission, sent: Sent, domain: Domain, terms: Terms) -> Submission:
    """With the operators' receipts; late unless enough of them are from before the close."""
    signed = [receipt.stored(sent.key) for receipt in sent.receipts.values()]
    in_time = on_time(signed, terms.announcement.closes, terms.needed)
    return replace(
        row,
        sha256=sent.key.sha256,
        sequence=sent.key.sequence,
        signature=sent.signature,
        status=Status.ACCEPTED,
        reason="",
        late=sent.key not in in_time,
        receipts=sent.file(domain).to_bytes().decode(),
    )


def queued(row: Submission) -> Submission:
    """The same file, waiting for the round after the row's."""
    return replace(
        row,
        id=str(uuid4()),
        round=row.round + 1,
        queued_from=row.round,
        sequence=None,
        signature=None,
        status=Status.QUEUED,
        reason="it came after the close: it is sent for the next round once that opens",
        late=False,
        receipts="",
    )
