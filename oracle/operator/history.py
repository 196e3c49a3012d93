"""The history of diagnostics: noted for every accepted submission, read by the model's owner."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from oracle.chain.reader import PoolReader
from oracle.errors import InputError, RefusedError
from oracle.evaluation.describe import Sent, describe
from oracle.operator.targets import RoundData
from oracle.settlement.typed_data import Domain, HistoryRequest, Submission, recover
from oracle.store.diagnostics import DiagnosticsHistory
from oracle.store.sealing import is_recipient, seal
from oracle.tournaments.round_files import read_universe
from oracle.tournaments.rules import SubmissionRules
from oracle.tournaments.submissions import SubmissionError, parse_submission
from oracle.tournaments.universe import UniverseError

REQUEST_SECONDS = 300
"""How far from the newest block's time a request may be dated."""

_MOST = 200
_log = structlog.get_logger("history")


@dataclass(frozen=True, slots=True)
class History:
    """What submissions looked like. Never a reason to refuse one."""

    reader: PoolReader
    data: RoundData
    kept: DiagnosticsHistory
    rules: SubmissionRules

    def note(self, sent: Sent, received: int, recipient: str = "") -> None:
        """Describes a submission that was accepted; trouble is logged without its model."""
        self._guarded(lambda: sent, sent.key, received, recipient)

    def note_file(self, key: Submission, raw: bytes, received: int, recipient: str = "") -> None:
        """The same of one that another operator accepted, and whose file need not be valid."""
        self._guarded(lambda: self.sent(key, raw), key, received, recipient)

    def _guarded(
        self, make: Callable[[], Sent], key: Submission, received: int, recipient: str
    ) -> None:
        try:
            content = describe(make(), received, self._previous(key))
            self.kept.add(key, received, content, [recipient] if recipient else [])
        except Exception as error:  # noqa: BLE001 - the submission has its receipt already
            _log.warning("no diagnostics", round=key.round, error=type(error).__name__)

    def sent(self, key: Submission, raw: bytes) -> Sent:
        """The file as the rules read it. Raises ``SubmissionError``, or ``RefusedError`` without
        the round's universe."""
        universe = read_universe(self.data.universe(key.round), self.rules)
        parsed = parse_submission(raw, universe.ids, self.rules, universe.names)
        return Sent(key, parsed, universe.ids)

    def _previous(self, key: Submission) -> Sent | None:
        found = self.kept.before(key)
        if found is None:
            return None
        try:
            return self.sent(*found)
        except (RefusedError, SubmissionError, UniverseError):
            return None  # its universe is not kept any more

    def read(self, request: HistoryRequest, signature: bytes, domain: Domain, now: int) -> bytes:
        """The model's history as a JSON list, sealed to the recipient that its owner names."""
        if not is_recipient(request.recipient):
            raise InputError("recipient is not an age recipient (age1...)")
        if abs(now - request.asked_at) > REQUEST_SECONDS:
            raise RefusedError(
                f"the request is of {request.asked_at}, the newest block of {now}",
                f"sign one that is at most {REQUEST_SECONDS} s old",
            )
        owner = self.reader.owner_of(request.model)
        if owner is None or recover(request, domain, signature) != owner:
            raise RefusedError(f"the request is not signed by the owner of model {request.model}")
        listed = b",".join(self.kept.of(request.model, _MOST))
        return seal(b"[" + listed + b"]", [request.recipient])
