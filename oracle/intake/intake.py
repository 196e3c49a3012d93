"""Submissions through the server: an upload becomes a file that operators have signed for."""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from oracle.errors import InputError, RefusedError, UnreachableError
from oracle.intake import making
from oracle.intake.desk import Desk
from oracle.intake.history import Submissions
from oracle.intake.permits import Permits
from oracle.intake.rows import Caller, Purpose, Status, Submission, UploadAuth
from oracle.intake.uploads import Uploads
from oracle.operator.client import TooFewError
from oracle.records.rounds import Rounds
from oracle.records.rows import ModelRow, RoundRow
from oracle.settlement.submitters import SubmissionKey
from oracle.store.database import Database

Allowed = tuple[SubmissionKey, bytes]
"""An owner's word that the server's key may sign, and his signature."""

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
        has both. Where too few operators answered, the same call may be made again: of the owner's
        files the later one counts, by when it was first asked for.
        """
        require_own(caller, tournament, model)
        _require_short(source=source, trigger_id=trigger_id)
        account = caller.signed_in()
        upload = self.uploads.find(account.id, model, filename, Purpose.SUBMISSION)
        with self.uploads.working(upload.id):
            before = self.history.by_id(upload.id)
            if before is not None and _is_settled(before):
                return _told(before)
            raw = self.uploads.take(upload)
            try:
                found = self._round(tournament)
                row = making.new(upload, self.uploads.fixed(upload, raw), raw, found.number)
                row = replace(
                    row, source=source, trigger_id=trigger_id, data_datestamp=data_datestamp
                )
                return self._made(self._again(row, before), found, model.owner, raw)
            except TooFewError:
                raise  # those operators have it: it stays
            except BaseException:
                self.uploads.give_back(upload)
                raise

    def submissions(self, caller: Caller, models: Collection[ModelRow]) -> list[Submission]:
        """What the caller sent for these models, the newest first, with what became of it. What
        owners before him sent stays theirs."""
        mine = caller.signed_in().id
        found: list[Submission] = []
        for tournament in sorted({model.tournament for model in models}):
            ids = [model.model for model in models if model.tournament == tournament]
            sent = self.history.of_models(tournament, ids)
            found += [row for row in sent if row.account == mine]
        return sorted(found, key=lambda row: -row.inserted_at)

    def download(self, caller: Caller, wanted: str) -> UploadAuth:
        """An address to get a submission back from; only who sent it gets one."""
        account = caller.signed_in()
        row = self.history.by_id(wanted)
        if row is None or row.account != account.id:
            raise InputError("there is no submission of yours with this id")
        return self.uploads.download(row.key, row.filename, row.sha256)

    # ------------------------------------------------------------------ one submission

    def check(self, row: Submission, owner: str, raw: bytes) -> Allowed:
        """The owner's word for the row's round, whose rules take the file. Raises as ``create``."""
        self.desks[row.tournament].check(row.round, raw)
        return self.permits.require(row.tournament, row.model, owner, row.round)

    def send(self, row: Submission, raw: bytes, allowed: Allowed) -> Submission:
        """The row as the operators took it; sent again, with the same word of theirs. Raises as
        ``create`` does."""
        desk = self.desks[row.tournament]
        sequence = row.inserted_at * 1000 if row.sequence is None else row.sequence
        sent = desk.send(row.round, row.model, raw, allowed, sequence)
        for url, failure in sent.failures.items():
            _log.warning("operator %s did not take a file: %s", url, failure.code)
        row = replace(row, sequence=sequence)
        return making.accepted(row, sent, desk.domain, desk.terms(row.round))

    def finish(self, row: Submission, owner: str, raw: bytes) -> Submission:
        """The submission, sent; where it is late also the one that waits for the next round. The
        history knows of it before operators do, and of every refusal."""
        try:
            allowed = self.check(row, owner, raw)
            self.history.keep(row)
            made = self.send(row, raw, allowed)
        except TooFewError as error:
            row = making.signed(row, error.sent, self.desks[row.tournament].domain)
            self.history.keep(making.failed(row, error.message))
            raise
        except (InputError, RefusedError) as error:
            self.history.keep(making.failed(row, error.message))
            raise
        self.history.keep(made, *([making.queued(made)] if made.late else []))
        return made

    def _made(self, row: Submission, found: RoundRow, owner: str, raw: bytes) -> Submission:
        if self.takes(found):
            try:
                return self.finish(row, owner, raw)
            except UnreachableError as error:
                self.history.keep(making.failed(row, error.message))
                raise
        try:
            self.desks[row.tournament].check(row.round, raw)
        except (InputError, RefusedError) as error:
            self.history.keep(making.failed(row, error.message))
            raise
        _, left = making.moved(row, row.round + 1)
        waiting = replace(making.queued(row), id=row.id)
        self.history.keep(waiting, *left)
        return waiting

    def _again(self, row: Submission, before: Submission | None) -> Submission:
        """The row with the time of the first try and what operators signed then."""
        if before is None:
            return row
        before, left = making.moved(before, row.round)
        self.history.keep(*left)
        return replace(
            row,
            sequence=row.sequence if before.sequence is None else before.sequence,
            signature=before.signature,
            receipts=before.receipts,
            inserted_at=before.inserted_at,
        )

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
    if row.status == Status.REFUSED:
        return row.reason.startswith(FILES_FAULT) or row.queued_from is not None
    return row.status in {Status.ACCEPTED, Status.QUEUED}


def _told(row: Submission) -> Submission:
    """The row, or its refusal once more."""
    if row.status == Status.REFUSED:
        raise InputError(row.reason)
    return row
