"""The artefacts of a round that was committed without this operator: evaluated, and kept if equal.

Where the receipts held here lead elsewhere, those of an operator that came to it are taken. So an
operator that was away can settle, show the round, and answer a challenge of it.
"""

from dataclasses import dataclass, field

import structlog

from oracle.operator.attesting import Attesting
from oracle.operator.confirming import Confirming
from oracle.operator.context import Context
from oracle.operator.folders import follower, move_aside, replace_by
from oracle.operator.sharing import Sharing

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
        result, receipts = self.attesting.evaluated(number), None
        own = result.manifest.digest()
        if own != manifest:
            self._say_once(number, own, manifest)
            # It was come to without a receipt that is held here, or with other targets.
            self.context.ingest.desk.fetch(self.context.peers, number)
            joined = self.attesting.accord.leading_to(number, manifest)
            if joined is None:
                return
            result, receipts = joined.result, joined.receipts
        folder = self.context.folder(number)
        beside = follower(folder)
        move_aside(beside)
        self.attesting.publish(beside, number, result, receipts)
        replace_by(folder, beside, self.context.at)
        _log.info("followed", round=number)

    def _say_once(self, number: int, own: bytes, manifest: bytes) -> None:
        if self._differs.get(number) != (own, manifest):
            self._differs[number] = (own, manifest)
            _log.error("the committed result is not mine", round=number, mine=own.hex())

    def forget_before(self, number: int) -> None:
        self._differs = {n: kept for n, kept in self._differs.items() if n >= number}
