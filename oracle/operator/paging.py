"""Long lists of submissions in pages: how a server cuts them, how a client goes on.

A list is in order of (model, sequence, SHA-256), strictly ascending. ``after=<model>,<sequence>,
<64 hex digits>`` asks for what comes behind that submission; a page that is not full is the last.
So a list that grows while it is read shows what is new if it lies ahead, and nothing twice.
"""

from collections.abc import Iterable
from typing import Annotated

from fastapi import Query

from oracle.settlement.typed_data import Submission
from oracle.settlement.units import MAX_MODELS
from oracle.settlement.wire import MAX_SEQUENCE, SubmissionMessage, unhex

PAGE = 256
"""Submissions in a full page: with the receipts of seven operators, half a megabyte."""
MAX_PAGE = 2**21
"""No page is larger in bytes, whatever the number of operators."""
MAX_LISTED = 4 * MAX_MODELS
"""Submissions after which a list is taken to have no end."""

Position = tuple[int, int, bytes]
After = Annotated[str | None, Query(pattern=r"^[0-9]{1,7},[0-9]{1,16},[0-9a-f]{64}$")]
Limit = Annotated[int, Query(ge=1, le=PAGE)]


def position(key: Submission) -> Position:
    """What lists are ordered by."""
    return key.model, key.sequence, key.sha256


def place(item: SubmissionMessage) -> Position:
    """The same of a message."""
    return item.model, item.sequence, unhex(item.sha256)


def cursor(at: Position) -> str:
    """A position as the query has it."""
    model, sequence, sha256 = at
    return f"{model},{sequence},{sha256.hex()}"


def parse_cursor(text: str | None) -> Position | None:
    """What ``After`` has let through; numbers that no submission has lie behind all of them."""
    if text is None:
        return None
    model, sequence, sha256 = text.split(",")
    return int(model), min(int(sequence), MAX_SEQUENCE), bytes.fromhex(sha256)


def page_path(path: str, after: Position | None) -> str:
    """``path`` with the query for its next page."""
    return path if after is None else f"{path}?after={cursor(after)}"


def page_bytes(items: Iterable[SubmissionMessage]) -> bytes:
    """The JSON of a page."""
    return b"[%b]" % b",".join(item.model_dump_json().encode() for item in items)


def goes_on(items: Iterable[SubmissionMessage], after: Position | None) -> bool:
    """Whether a page ascends strictly from ``after`` on."""
    for item in items:
        at = place(item)
        if after is not None and at <= after:
            return False
        after = at
    return True
