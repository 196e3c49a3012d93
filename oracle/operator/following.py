"""The artefacts of a round that was committed without this operator: evaluated, and kept if equal.

Where the receipts held here lead elsewhere, the draft of an operator that signed it is taken. So an
operator that was away can settle, show the round, and answer a challenge of it.
"""

from dataclasses import dataclass, field

import structlog

from oracle.operator.attesting import Attesting
from oracle.operator.confirming import Confirming
from oracle.operator.context import Context
from oracle.operator.drafts import Draft
from oracle.operator.folders import follower, move_aside, replace_by
from oracle.operator.sharing import Sharing
from oracle.settlement.typed_data import digest

_log = structlog.get_logger("following")


@dataclass
class Following:
    """Comes to the result in force, which it has not signed, or not first."""

    context: Context
    attesting: Attesting
    sharing: Sharing
    confirming: Confirming
    _differs: dict[int, tuple[bytes, bytes]] = field(default_factory=dict)

    def follow(self, number: int, manifest: bytes) -> None:
        """Makes the folder of the result with this manifest the round's, if it can be had."""
        if self.confirming.put_in_force(number, manifest):
            return
        if not self.sharing.synchronise(number, f"follow {manifest.hex()}"):
            return
        draft = self._draft(number, manifest)
        if draft is None:
            return
        folder = self.context.folder(number)
        beside = follower(folder)
        move_aside(beside)
        self.attesting.publish(beside, draft)
        replace_by(folder, beside, self.context.at)
        self.attesting.agreeing.forget(number)
        _log.info("followed", round=number)

    def _draft(self, number: int, manifest: bytes) -> Draft | None:
        """What is in force: come to by what is held here, or by the draft of those who signed it.
        No signatures are counted: that it is in force, the chain says."""
        drafts = self.attesting.drafts
        own = drafts.newest(number)
        if own.result.manifest.digest() == manifest:
            return own
        self._say_once(number, own.result.manifest.digest(), manifest)
        committed = self.context.reader.committed(number)
        if committed is None or not self.context.turns.is_time(number, "draft in force"):
            return None
        hashed = digest(committed, self.context.domain)
        found = drafts.kept(number, hashed) or drafts.fetched(number, hashed)
        is_it = found is not None and found.result.manifest.digest() == manifest
        return found if is_it else None

    def _say_once(self, number: int, own: bytes, manifest: bytes) -> None:
        if self._differs.get(number) != (own, manifest):
            self._differs[number] = (own, manifest)
            _log.error("the committed result is not mine", round=number, mine=own.hex())

    def forget_before(self, number: int) -> None:
        self._differs = {n: kept for n, kept in self._differs.items() if n >= number}
