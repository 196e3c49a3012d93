"""Late files: each is sent for the next round once that opens, under its ids."""

import hashlib
import logging
from dataclasses import replace

from oracle.errors import InputError, RefusedError, UnreachableError
from oracle.files.blobs import MissingBlobError, read_whole
from oracle.intake import making
from oracle.intake.desk import Desk
from oracle.intake.intake import Intake
from oracle.intake.rows import Status, Submission
from oracle.operator.client import TooFewError
from oracle.records.models import Models
from oracle.records.rounds import Rounds
from oracle.tournaments import crypto, signals
from oracle.tournaments.remapping import RemappingError, remapped

_SAME_IDS = frozenset({signals.RULES.number, crypto.RULES.number})
_log = logging.getLogger("assay.intake")


class FinalError(RefusedError):
    """No later try can end otherwise."""


def send_queued(intake: Intake, tournament: int) -> int:
    """Sends what waits for the round that is open, if one is, and what a process was sending when
    it was killed; how many were sent.

    What lacks something that may still come (ids, the universe, the owner's word, operators) waits
    on until the round closes, and its reason says for what. Raises ``UnreachableError`` where it is
    operators, so that they are asked ever less often.
    """
    now = intake.now(tournament)  # raises while the tables do not show what is
    sent = sum(_resumed(intake, row.id) for row in intake.history.interrupted(tournament))
    current = Rounds(intake.database).current(tournament, now)
    if current is None:
        return sent
    held: list[str] = []
    for row in intake.history.queued(tournament):
        if (row.queued_from or 0) < current.number:
            moved, left = making.moved(row, current.number)
            intake.history.keep(*left)
            sent += _send(intake, moved, held)
    if held:
        raise UnreachableError(f"{len(held)} queued files wait for operators: {held[0]}")
    return sent


def _send(intake: Intake, row: Submission, held: list[str]) -> bool:
    """Whether it was sent; if not, the history says why, and ``held`` where it is operators."""
    desk = intake.desks[row.tournament]
    try:
        owner = _owner(intake, row)
        _require_first(intake, row)
        intake.permits.require(row.tournament, row.model, owner, row.round)
        desk.universe(row.round)
        raw = for_its_round(desk, row, _read(intake, row))
        allowed = intake.check(row, owner, raw)
    except (FinalError, MissingBlobError, InputError, RemappingError) as error:
        intake.history.keep(making.failed(row, f"queued, then refused: {error}"))
        return False
    except RefusedError as error:
        _wait(intake, row, error.message)
        return False
    kept = intake.uploads.keep(f"kept/{row.id}-{hashlib.sha256(raw).hexdigest()[:16]}", raw)
    try:
        sent = intake.send(replace(row, key=kept, size=len(raw)), raw, allowed)
    except (InputError, RefusedError) as error:
        if isinstance(error, TooFewError):
            row = making.signed(row, error.sent, desk.domain)
        _wait(intake, row, error.message)
        held.append(error.message)
        return False
    intake.history.keep(sent)
    return True


def _wait(intake: Intake, row: Submission, lack: str) -> None:
    reason = f"queued, and not sent yet: {lack}"
    if row.reason != reason:
        _log.info("a queued file of model %d waits: %s", row.model, lack)
        intake.history.keep(replace(row, reason=reason))


def _resumed(intake: Intake, wanted: str) -> bool:
    """Sends once more, under its old time, what nobody is sending any more; operators that had
    signed sign the same again."""
    try:
        with intake.uploads.working(wanted):
            row = intake.history.by_id(wanted)
            return row is not None and row.status == Status.SENDING and _finished(intake, row)
    except (InputError, RefusedError):
        return False  # somebody works on it, or the history says why


def _finished(intake: Intake, row: Submission) -> bool:
    found = Rounds(intake.database).get(row.tournament, row.round)
    if found is None or not intake.takes(found):
        over = f"the server was stopped while it sent this file, and round {row.round} is over"
        intake.history.keep(making.failed(row, f"{over}; operators may have it"))
        return False
    try:
        owner, raw = _owner(intake, row), _read(intake, row)
    except RefusedError as error:
        intake.history.keep(making.failed(row, error.message))
        return False
    intake.uploads.use(row.id)
    intake.finish(row, owner, raw)
    return True


def _read(intake: Intake, row: Submission) -> bytes:
    return read_whole(intake.uploads.blobs, row.key, row.size)


def _owner(intake: Intake, row: Submission) -> str:
    """The model's owner, who must still be the one that sent the file."""
    [model] = Models(intake.database).by_id(row.tournament, [row.model])
    address = intake.history.address_of(row.account)
    if address is None or address.lower() != model.owner.lower():
        raise FinalError("the model changed hands since")
    return model.owner


def _require_first(intake: Intake, row: Submission) -> None:
    """A file that was sent for this round goes before, and so does one that waits since later."""
    others = intake.history.of_models(row.tournament, [row.model], [row.round])
    if any(other.status == Status.ACCEPTED for other in others):
        raise FinalError(f"another file was sent for round {row.round}")
    later = [
        other
        for other in intake.history.of_models(row.tournament, [row.model])
        if other.status == Status.QUEUED
        and (other.inserted_at, other.id) > (row.inserted_at, row.id)
    ]
    if later:
        raise FinalError("a later file waits for the round, too")


def for_its_round(desk: Desk, row: Submission, raw: bytes) -> bytes:
    """The file under the ids of the row's round."""
    assert row.queued_from is not None
    ids = None
    if row.tournament not in _SAME_IDS:
        ids = desk.new_ids(row.round)
        if ids is None:
            raise RefusedError(
                f"the data provider does not say which ids of round {row.queued_from} are which in "
                f"round {row.round}; send a file for that round"
            )
        if row.round != row.queued_from + 1:
            raise FinalError(f"round {row.queued_from + 1}, for which it waited, is over")
    before, after = desk.universe(row.queued_from), desk.universe(row.round)
    return remapped(desk.check(row.queued_from, raw), before, after, desk.rules, ids)
