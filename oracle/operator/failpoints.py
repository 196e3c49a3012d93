"""Named places at which a test kills the process: between any two steps that must survive it.

``ASSAY_FAILPOINT=commit-signed`` kills it the first time it comes to that place,
``commit-signed:3`` the third time. Nothing else is changed: SIGKILL runs no handler and flushes
no buffer, as in a power cut that spares the disk.
"""

import os
import signal
from collections import Counter
from enum import StrEnum

from oracle.errors import InputError

VARIABLE = "ASSAY_FAILPOINT"


class Failpoint(StrEnum):
    """Every place; named after what has just been done there."""

    RECEIPT_STORED = "receipt-stored"
    SUBMISSION_ADOPTED = "submission-adopted"
    TARGETS_STORED = "targets-stored"
    EVALUATED = "evaluated"
    VOTE_KEPT = "vote-kept"
    AGREED = "agreed"
    FOLDER_WRITTEN = "folder-written"
    COMMIT_RESERVED = "commit-reserved"
    COMMIT_SIGNED = "commit-signed"
    COMMIT_SHOWN = "commit-shown"
    ATTESTATION_KEPT = "attestation-kept"
    QUORUM_REACHED = "quorum-reached"
    COMMIT_SENT = "commit-sent"
    COMMIT_SEEN = "commit-seen"
    DISCLOSED = "disclosed"
    MIRRORED = "mirrored"
    ANNOUNCE_DECIDED = "announce-decided"
    ANNOUNCED = "announced"
    DRAINED = "drained"
    BATCH_SETTLED = "batch-settled"
    SETTLED = "settled"
    VOID_ENDED = "void-ended"
    SKIPPED = "skipped"
    BURN_FLUSHED = "burn-flushed"
    BOND_SETTLED = "bond-settled"
    EQUIVOCATION_REPORTED = "equivocation-reported"
    CONFIRM_EVALUATED = "confirm-evaluated"
    CONFIRM_WRITTEN = "confirm-written"
    CONFIRM_RESERVED = "confirm-reserved"
    CONFIRM_SIGNED = "confirm-signed"
    CONFIRM_SHOWN = "confirm-shown"
    CONFIRM_SENT = "confirm-sent"
    OLD_RESULT_MOVED = "old-result-moved"
    RESULT_REPLACED = "result-replaced"
    OUTBOX_SIGNED = "outbox-signed"
    OUTBOX_STORED = "outbox-stored"
    OUTBOX_BROADCAST = "outbox-broadcast"
    OUTBOX_MINED = "outbox-mined"
    INDEX_STORED = "index-stored"


_seen: Counter[str] = Counter()


def failpoint(name: str) -> None:
    """Marks a place; ends the process there if the environment names it."""
    chosen = os.environ.get(VARIABLE)
    if not chosen:
        return
    wanted, times = parse(chosen)
    if name != wanted:
        return
    _seen[name] += 1
    if _seen[name] >= times:
        os.kill(os.getpid(), signal.SIGKILL)


def check() -> None:
    """Raises InputError if the environment names a place that does not exist."""
    chosen = os.environ.get(VARIABLE)
    if chosen:
        parse(chosen)


def parse(text: str) -> tuple[Failpoint, int]:
    """A place and how often it is passed before the process ends there; raises InputError."""
    name, _, times = text.partition(":")
    try:
        found, number = Failpoint(name), int(times or "1")
    except ValueError:
        found, number = None, 0
    if found is None or number < 1:
        raise InputError(
            f"{VARIABLE}={text} names no place to stop at",
            f"use one of {', '.join(Failpoint)}, and :COUNT for a later time",
        )
    return found, number
