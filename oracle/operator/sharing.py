"""Taking in what the other operators accepted, so that all evaluate the same round."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from oracle.errors import InputError, RefusedError
from oracle.operator.context import Context
from oracle.operator.failpoints import Failpoint
from oracle.operator.ingest import Known
from oracle.operator.peers import Peer, ask_all
from oracle.operator.wrapping import MAX_BODY
from oracle.settlement.wire import SubmissionMessage, unhex

_log = structlog.get_logger("sharing")


@dataclass
class Sharing:
    """Adopts peers' submissions and receipts."""

    context: Context
    _complete: dict[tuple[int, str], bool] = field(default_factory=dict)

    def synchronise(self, number: int, what: str) -> bool:
        """Adopts all that is new. False while a peer is silent and there is time to wait for it;
        ``what`` it is wanted for has a wait of its own. Asked again soon, it answers as before:
        lists are long, and a round may take many cycles to be agreed on."""
        turns, key = self.context.turns, (number, what)
        if turns.is_time(number, f"share {what}"):
            self._complete[key] = self._exchange(number)
        return self._complete.get(key, False) or turns.waited(*key) >= self.context.patience

    def _exchange(self, number: int) -> bool:
        """Adopts what every peer has; returns whether all of them answered."""
        known = self._known(number)
        all_answered = True
        for peer, items in ask_all(self.context.peers, lambda peer: peer.submissions(number)):
            if items is None:
                all_answered = False
                continue
            for item in items:
                if item.round == number:
                    self._adopt([peer], item, known)
        return all_answered

    def forget_before(self, number: int) -> None:
        self._complete = {key: done for key, done in self._complete.items() if key[0] >= number}

    def adopt(self, peers: Sequence[Peer], item: SubmissionMessage) -> None:
        """Takes in one submission, its file from whichever of the peers has it."""
        self._adopt(peers, item, self._known(item.round))

    def _known(self, number: int) -> set[Known]:
        journal = self.context.journal
        signatures = journal.signatures(number)
        return {
            (r.key, r.operator, r.received, signatures[r.key]) for r in journal.receipts(number)
        }

    def _adopt(self, peers: Sequence[Peer], item: SubmissionMessage, known: set[Known]) -> None:
        """Fetches and keeps a submission if the message brings a good receipt that is new."""
        ingest = self.context.ingest
        receipts = ingest.new_receipts(item, known)
        if not receipts:
            return
        is_kept, sealed = self._sealed(peers, item)
        if sealed is None and not is_kept:
            return
        try:
            ingest.adopt(item, sealed, receipts)
        except (InputError, RefusedError) as error:
            names = [peer.url for peer in peers]
            _log.warning("refused a peer's submission", peers=names, error=error.message)
            return
        key, signature = item.key(), unhex(item.signature)
        known.update((key, r.operator, r.received, signature) for r in receipts)
        self.context.at(Failpoint.SUBMISSION_ADOPTED)

    def _sealed(self, peers: Sequence[Peer], item: SubmissionMessage) -> tuple[bool, bytes | None]:
        """Whether the file is kept here; if not, what the first peer that has it sends."""
        key = item.key()
        if self.context.journal.find(key.round, key.sha256) is not None:
            return True, None
        found = (peer.sealed_submission(key.round, key.sha256, MAX_BODY) for peer in peers)
        return False, next((sealed for sealed in found if sealed is not None), None)
