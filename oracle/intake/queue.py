"""Late files: each is sent for the next round once that opens, under its ids."""

import logging
from dataclasses import replace

from oracle.errors import InputError, RefusedError
from oracle.files.blobs import read_whole
from oracle.intake import making
from oracle.intake.desk import Desk
from oracle.intake.intake import Intake
from oracle.intake.rows import Status, Submission
from oracle.records.models import Models
from oracle.records.rounds import Rounds
from oracle.tournaments import crypto, signals
from oracle.tournaments.remapping import RemappingError, remapped

_SAME_IDS = frozenset({signals.RULES.number, crypto.RULES.number})
_log = logging.getLogger("assay.intake")


def send_queued(intake: Intake, tournament: int) -> int:
    """Sends what waits for the round that is open, if one is; how many were sent.

    Raises ``UnreachableError`` where too few operators answer: what is left waits on.
    """
    now = intake.now(tournament)
    current = Rounds(intake.database).current(tournament, now)
    if current is None:
        return 0
    waiting = [
        row for row in intake.history.queued(tournament) if (row.queued_from or 0) < current.number
    ]
    return sum(_send(intake, replace(row, round=current.number)) for row in waiting)


def _send(intake: Intake, row: Submission) -> bool:
    """Whether it was sent; if not, the history says why."""
    try:
        owner = _owner(intake, row)
        _require_first(intake, row)
        raw = for_its_round(intake.desks[row.tournament], row, _read(intake, row))
        row = replace(row, key=intake.uploads.keep(f"kept/{row.id}", raw), size=len(raw))
        sent = intake.send(row, owner, raw)
    except (InputError, RefusedError, RemappingError) as error:
        intake.history.keep(making.refused(row, f"queued, then refused: {error}"))
        return False
    intake.history.keep(sent)
    return True


def _read(intake: Intake, row: Submission) -> bytes:
    return read_whole(intake.uploads.blobs, row.key, row.size)


def _owner(intake: Intake, row: Submission) -> str:
    """The model's owner, who must still be the one that sent the file."""
    [model] = Models(intake.database).by_id(row.tournament, [row.model])
    address = intake.history.address_of(row.account)
    if address is None or address.lower() != model.owner.lower():
        raise RefusedError("the model changed hands since")
    return model.owner


def _require_first(intake: Intake, row: Submission) -> None:
    """A file that was sent for this round goes before, and so does one that waits since later."""
    others = intake.history.of_models(row.tournament, [row.model], [row.round])
    if any(other.status == Status.ACCEPTED for other in others):
        raise RefusedError(f"another file was sent for round {row.round}")
    later = [
        other
        for other in intake.history.of_models(row.tournament, [row.model])
        if other.status == Status.QUEUED
        and (other.inserted_at, other.id) > (row.inserted_at, row.id)
    ]
    if later:
        raise RefusedError("a later file waits for the round, too")


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
            raise RefusedError(f"round {row.queued_from + 1}, for which it waited, is over")
    before, after = desk.universe(row.queued_from), desk.universe(row.round)
    return remapped(desk.check(row.queued_from, raw), before, after, desk.rules, ids)
