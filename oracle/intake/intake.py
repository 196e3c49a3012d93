"""Submissions through the server: an upload becomes a file that operators have signed for."""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from oracle.errors import InputError, RefusedError
from oracle.intake import making
from oracle.intake.desk import Desk
from oracle.intake.history import Submissions
from oracle.intake.permits import Permits
from oracle.intake.rows import Caller, Purpose, Status, Submission, UploadAuth
from oracle.intake.uploads import Uploads
from oracle.records.rounds import Rounds
from oracle.records.rows import ModelRow, RoundRow
from oracle.store.database import Database

FILES_FAULT = "invalid_submission_"
"""How reasons begin that no second try can mend."""

_LONGEST = {"source": 128, "trigger_id": 64}
_LOOK_BACK = 100
_log = logging.getLogger("assay.intake")


@dataclass(frozen=True)
class Intake:
    """``desks`` by number of the tournament; ``now`` tells the chain's time of one."""

    database: Database
    uploads: Uploads
    desks: Mapping[int, Desk]
    permits: Permits
    now: Callable[[int], int]

    @property
    def history(self) -> Submissions:
        return Submissions(self.database)

    def authorize(
        self,
        caller: Caller,
        tournament: int,
        model: ModelRow,
        filename: str,
        purpose: str = Purpose.SUBMISSION,
    ) -> UploadAuth:
        """A name and an address for a file that is to be sent for a model of the caller's."""
        require_own(caller, tournament, model)
        account = caller.signed_in()
        return self.uploads.authorize(account.id, model, filename, Purpose(purpose))

    def create(
        self,
        caller: Caller,
        tournament: int,
        model: ModelRow,
        filename: str,
        *,
        trigger_id: str | None = None,
        source: str | None = None,
        data_datestamp: int | None = None,
    ) -> Submission:
        """The uploaded file as a submission for the open round; asked again, the same one.

        Without an open round it is late: for the newest round that still takes files, and queued
        for the next one. Raises ``InputError`` in the documented form for a file that the rules
        refuse, ``RefusedError`` where the owner's word is missing or operators refuse; the history
        has both. Where too few operators answered, the same call may be made again.
        """
        require_own(caller, tournament, model)
        _require_short(source=source, trigger_id=trigger_id)
        account = caller.signed_in()
        upload = self.uploads.find(account.id, model, filename, Purpose.SUBMISSION)
        before = self.history.by_id(upload.id)
        if before is not None and _is_settled(before):
            return _told(before)
        raw = self.uploads.take(upload)
        try:
            found = self._round(tournament)
            row = making.new(upload, self.uploads.fixed(upload, raw), raw, found.number)
            row = replace(row, source=source, trigger_id=trigger_id, data_datestamp=data_datestamp)
            return self._made(row, found, model.owner, raw)
        except BaseException:
            self.uploads.give_back(upload)
            raise

    def submissions(self, models: Collection[ModelRow]) -> list[Submission]:
        """What was sent for these models, the newest first, with what became of it."""
        found: list[Submission] = []
        for tournament in sorted({model.tournament for model in models}):
            ids = [model.model for model in models if model.tournament == tournament]
            found += self.history.of_models(tournament, ids)
        return sorted(found, key=lambda row: -row.inserted_at)

    def download(self, caller: Caller, wanted: str) -> UploadAuth:
        """An address to get a submission back from; only who sent it gets one."""
        account = caller.signed_in()
        row = self.history.by_id(wanted)
        if row is None or row.account != account.id:
            raise InputError("there is no submission of yours with this id")
        return self.uploads.download(row.key, row.filename, row.sha256)

    # ------------------------------------------------------------------ one submission

    def send(self, row: Submission, owner: str, raw: bytes) -> Submission:
        """The row as the operators took it. Raises as ``create`` does."""
        desk = self.desks[row.tournament]
        desk.check(row.round, raw)
        allowed = self.permits.require(row.tournament, row.model, owner, row.round)
        sent = desk.send(row.round, row.model, raw, allowed)
        for url, failure in sent.failures.items():
            _log.warning("operator %s did not take a file: %s", url, failure.code)
        return making.accepted(row, sent, desk.domain, desk.terms(row.round))

    def _made(self, row: Submission, found: RoundRow, owner: str, raw: bytes) -> Submission:
        """The submission, and where it is late the one that waits for the next round."""
        try:
            if not self.takes(found):
                self.desks[row.tournament].check(row.round, raw)
                waiting = replace(making.queued(row), id=row.id)
                self.history.keep(waiting)
                return waiting
            row = self.send(row, owner, raw)
        except (InputError, RefusedError) as error:
            self.history.keep(making.refused(row, error.message))
            raise
        self.history.keep(row, *([making.queued(row)] if row.late else []))
        return row

    def takes(self, found: RoundRow) -> bool:
        """Whether operators take files for the round now."""
        now = self.now(found.tournament)
        return not (found.ended or found.cancelled) and (found.opens or 0) <= now < found.due

    def _round(self, tournament: int) -> RoundRow:
        """The open round, or else the newest one that was."""
        if tournament not in self.desks:
            raise InputError(f"there is no tournament {tournament} here")
        now, rounds = self.now(tournament), Rounds(self.database)
        found = rounds.current(tournament, now)
        if found is not None:
            return found
        for row in rounds.list(tournament, limit=_LOOK_BACK):
            if row.opens is not None and row.opens <= now and not row.cancelled:
                return row
        raise RefusedError(
            f"no round of tournament {tournament} has opened yet", "see the list of rounds"
        )


def require_own(caller: Caller, tournament: int, model: ModelRow) -> None:
    """Raises ``RefusedError`` for somebody else's model, ``InputError`` for one from elsewhere."""
    caller.signed_in()
    if not caller.owns(model.owner):
        raise RefusedError("this model is not yours", "account.models names yours")
    if model.tournament != tournament:
        raise InputError(f"this model is in tournament {model.tournament}, not {tournament}")


def _require_short(**texts: str | None) -> None:
    for name, text in texts.items():
        if text is not None and len(text) > _LONGEST[name]:
            raise InputError(f"{name} has more than {_LONGEST[name]} characters")


def _is_settled(row: Submission) -> bool:
    """Whether another try can only come to the same."""
    return row.status != Status.REFUSED or row.reason.startswith(FILES_FAULT)


def _told(row: Submission) -> Submission:
    """The row, or its refusal once more."""
    if row.status == Status.REFUSED:
        raise InputError(row.reason)
    return row
