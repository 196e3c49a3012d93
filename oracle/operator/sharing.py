"""Taking in what the other operators accepted, so that all evaluate the same round."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from oracle.errors import InputError, RefusedError
from oracle.operator.context import Context
from oracle.operator.failpoints import Failpoint
from oracle.operator.ingest import Known
from oracle.operator.peers import Peer, ask_all
from oracle.operator.wrapping import MAX_BODY
from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.typed_data import Submission
from oracle.settlement.wire import SubmissionMessage, unhex
from oracle.store.journal import Journal

_log = structlog.get_logger("sharing")


@dataclass
class Sharing:
    """Adopts peers' submissions and receipts."""

    context: Context
    _complete: dict[tuple[int, str], bool] = field(default_factory=dict)

    def synchronise(self, number: int, what: str) -> bool:
        """Adopts all that is new. False while a peer is silent and there is time to wait for it;
        ``what`` it is wanted for has a wait of its own. Asked again soon, it answers as before:
        lists are long, and a round may take many cycles to be agreed on.

        After an exchange that failed on this side it is False, however long that lasts: what peers
        have accepted is not known then, and a result without it would be wrong."""
        turns, key = self.context.turns, (number, what)
        is_over = turns.waited(*key) >= self.context.patience
        if turns.is_time(number, f"share {what}"):
            self._complete.pop(key, None)
            self._complete[key] = self._exchange(number)
        return key in self._complete and (self._complete[key] or is_over)

    def _exchange(self, number: int) -> bool:
        """Adopts what every peer has; returns whether all of them answered."""
        known = self._known(number)
        asked = list(ask_all(self.context.peers, lambda peer: peer.submissions(number)))
        lists = [(peer, items) for peer, items in asked if items and is_a_list(items, number)]
        claimed = _claimed(known, (items for _, items in lists))
        for peer, items in lists:
            if not self._adopt_list(peer, items, known, claimed):
                _log.warning("a peer shows a receipt that nobody signed", peer=peer.url)
        return all(items is not None for _, items in asked)

    def _adopt_list(
        self,
        peer: Peer,
        items: Iterable[SubmissionMessage],
        known: set[Known],
        claimed: Mapping[Submission, set[str]],
    ) -> bool:
        """False, and no more of the list is read, where a receipt is forged: no honest peer keeps
        such a one.

        A submission without enough receipts to count is left where it is, or whoever signs
        receipts for all and everything would fill the disks of the others.
        """
        kept = {key for key, *_ in known}
        for item in items:
            key = item.key()
            needed = self.context.terms(key.round).receipts_needed
            if key not in kept and len(claimed[key]) < needed:
                continue
            receipts = self.context.ingest.new_receipts(item, known)
            if len(receipts) < sum(news not in known for news in _receipts(item)):
                return False
            self._adopt([peer], item, receipts, known)
        return True

    def forget_before(self, number: int) -> None:
        self._complete = {key: done for key, done in self._complete.items() if key[0] >= number}

    def adopt(self, peers: Sequence[Peer], item: SubmissionMessage) -> None:
        """Takes in one submission, its file from whichever of the peers has it."""
        known = self._known(item.round)
        self._adopt(peers, item, self.context.ingest.new_receipts(item, known), known)

    def _known(self, number: int) -> set[Known]:
        return known_receipts(self.context.journal, number)

    def _adopt(
        self,
        peers: Sequence[Peer],
        item: SubmissionMessage,
        receipts: list[SignedReceipt],
        known: set[Known],
    ) -> None:
        """Fetches and keeps a submission if there are ``receipts``, good ones that are new."""
        if not receipts:
            return
        is_kept, sealed = self._sealed(peers, item)
        if sealed is None and not is_kept:
            return
        try:
            self.context.ingest.adopt(item, sealed, receipts)
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


def known_receipts(journal: Journal, number: int) -> set[Known]:
    """All that are kept of a round."""
    signatures = journal.signatures(number)
    return {(r.key, r.operator, r.received, signatures[r.key]) for r in journal.receipts(number)}


def is_a_list(items: Sequence[SubmissionMessage], number: int) -> bool:
    """Whether each submission of the round is in it once, with one receipt an operator."""
    once = len({item.key() for item in items}) == len(items)
    return once and all(
        item.round == number
        and len({receipt.operator.lower() for receipt in item.receipts}) == len(item.receipts)
        for item in items
    )


def _receipts(item: SubmissionMessage) -> list[Known]:
    key, signature = item.key(), unhex(item.signature)
    return [(key, receipt.operator, receipt.received, signature) for receipt in item.receipts]


def _claimed(
    known: Iterable[Known], lists: Iterable[Iterable[SubmissionMessage]]
) -> Mapping[Submission, set[str]]:
    """By submission, the operators that have signed a receipt or are said to."""
    found: defaultdict[Submission, set[str]] = defaultdict(set)
    for key, operator, *_ in known:
        found[key].add(operator)
    for items in lists:
        for item in items:
            found[item.key()].update(receipt.operator for receipt in item.receipts)
    return found
