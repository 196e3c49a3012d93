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
from oracle.settlement.wire import ReceiptsFile


def new(upload: Upload, key: str, raw: bytes, number: int) -> Submission:
    """A file for round ``number``, which is about to be sent; one row an upload."""
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
        sequence=time.time_ns() // 1_000_000,
        signature=None,
        status=Status.SENDING,
        reason="",
        late=False,
        queued_from=None,
        source=None,
        trigger_id=None,
        data_datestamp=None,
        receipts="",
        inserted_at=int(time.time()),
    )


def failed(row: Submission, reason: str) -> Submission:
    """Refused; partial where operators signed receipts."""
    if not row.receipts:
        return replace(row, status=Status.REFUSED, reason=reason)
    shared = "operators that took the file share it, so that it may count"
    return replace(row, status=Status.PARTIAL, reason=f"{reason}; {shared}")


def signed(row: Submission, sent: Sent, domain: Domain) -> Submission:
    """With the receipts, and those that the row has of other operators for the same file."""
    file = sent.file(domain)
    before = ReceiptsFile.model_validate_json(row.receipts).submission if row.receipts else None
    if before is not None and before.key() == sent.key:
        found = {one.operator: one for one in (*before.receipts, *file.submission.receipts)}
        merged = file.submission.model_copy(update={"receipts": list(found.values())})
        file = file.model_copy(update={"submission": merged})
    return replace(row, signature=sent.signature, receipts=file.to_bytes().decode())


def moved(row: Submission, number: int) -> tuple[Submission, list[Submission]]:
    """The row for round ``number``, and what is to be kept of the round it was for before."""
    left = []
    if row.round != number and row.receipts:
        left = [failed(replace(row, id=str(uuid4())), f"sent again for round {number}")]
        row = replace(row, receipts="", signature=None)
    return replace(row, round=number), left


def accepted(row: Submission, sent: Sent, domain: Domain, terms: Terms) -> Submission:
    """With the operators' receipts; late unless enough of them are from before the close."""
    stored = [receipt.stored(sent.key) for receipt in sent.receipts.values()]
    in_time = on_time(stored, terms.announcement.closes, terms.needed)
    return replace(
        signed(row, sent, domain),
        sha256=sent.key.sha256,
        status=Status.ACCEPTED,
        reason="",
        late=sent.key not in in_time,
    )


def queued(row: Submission) -> Submission:
    """The same file, waiting for the round after the row's. It keeps its time, so that whatever
    its owner sends meanwhile is the newer one."""
    return replace(
        row,
        id=str(uuid4()),
        round=row.round + 1,
        queued_from=row.round,
        signature=None,
        status=Status.QUEUED,
        reason="it came after the close: it is sent for the next round once that opens",
        late=False,
        receipts="",
    )
