"""One pass over the lists of all peers, side by side in the order that all lists have.

So a submission is judged by all that is shown of it, and no list is ever held whole.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from oracle.errors import InputError, RefusedError
from oracle.operator.context import Context
from oracle.operator.failpoints import Failpoint
from oracle.operator.ingest import Known
from oracle.operator.paging import MAX_LISTED, PAGE, Position, place
from oracle.operator.peers import Peer, ask_all
from oracle.operator.wrapping import MAX_BODY
from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.typed_data import Submission
from oracle.settlement.wire import SubmissionMessage, unhex
from oracle.store.journal import Journal

_WAITED = 20.0
"""Seconds of waiting for its pages, all in all, after which a list is given up."""
_log = structlog.get_logger("sharing")


@dataclass(eq=False)
class _List:
    """A peer's list as far as it is read; ``waiting`` came in and is not taken in yet."""

    peer: Peer
    waiting: list[SubmissionMessage] = field(default_factory=list)
    after: Submission | None = None
    count: int = 0
    waited: float = 0.0
    goes_on: bool = True
    is_whole: bool = True

    def give_up(self, *, silent: bool) -> None:
        """Reads no more of it; a peer that is not ``silent`` has said what it had to say."""
        self.goes_on, self.is_whole = False, not silent
        self.waiting = []

    def take(self, page: list[SubmissionMessage] | None, number: int) -> None:
        """Goes on with the next page; None where none came."""
        if page is None:
            self.give_up(silent=True)
            return
        self.count += len(page)
        if not is_a_list(page, number) or self.count > MAX_LISTED:
            _log.warning("a peer shows a list that no honest one has", peer=self.peer.url)
            self.give_up(silent=False)
            return
        self.waiting, self.goes_on = page, len(page) == PAGE
        if page:
            self.after = page[-1].key()

    def pop_up_to(self, last: Position | None) -> list[SubmissionMessage]:
        """What waits up to a position; everything without one."""
        taken = [item for item in self.waiting if last is None or place(item) <= last]
        self.waiting = self.waiting[len(taken) :]
        return taken


class Exchange:
    """Adopts what peers have of a round, one submission at each ``step``."""

    def __init__(self, context: Context, number: int) -> None:
        self.context, self.number = context, number
        self.known = known_receipts(context.journal, number)
        self.operators: defaultdict[Submission, set[str]] = defaultdict(set)
        for key, operator, *_ in self.known:
            self.operators[key].add(operator)
        self.lists = [_List(peer) for peer in context.peers]
        self._lacks_files = False
        self._steps = self._run()

    @property
    def complete(self) -> bool:
        """Whether every peer has answered to the end, with the files that are new here."""
        return not self._lacks_files and all(a_list.is_whole for a_list in self.lists)

    def step(self) -> bool:
        """Goes on; False once it is over. After an error no result is to be taken from it."""
        return next(self._steps, False)

    def _run(self) -> Iterator[bool]:
        """Reads a page of every list that needs one and takes in what all have shown by then, until
        all lists have ended."""
        goes_on = True
        while goes_on:
            self._read()
            ends = [place(a_list.waiting[-1]) for a_list in self.lists if a_list.goes_on]
            last, goes_on = min(ends, default=None), bool(ends)
            shown = [(a_list, a_list.pop_up_to(last)) for a_list in self.lists]
            claimed = self._claimed([items for _, items in shown])
            for a_list, items in shown:
                yield from self._adopt_list(a_list, items, claimed)

    def _read(self) -> None:
        wanted = {id(one.peer): one for one in self.lists if one.goes_on and not one.waiting}

        def page(peer: Peer) -> list[SubmissionMessage] | None:
            one, started = wanted[id(peer)], time.monotonic()
            if one.waited > _WAITED:
                return None
            found = peer.submissions_after(self.number, one.after)
            one.waited += time.monotonic() - started
            return found

        for peer, found in ask_all([one.peer for one in wanted.values()], page):
            wanted[id(peer)].take(found, self.number)

    def _claimed(
        self, lists: Sequence[Sequence[SubmissionMessage]]
    ) -> Mapping[Submission, set[str]]:
        """By submission shown, the operators that have signed a receipt or are said to."""
        found: defaultdict[Submission, set[str]] = defaultdict(set)
        for items in lists:
            for item in items:
                found[item.key()].update(receipt.operator for receipt in item.receipts)
        for key, operators in found.items():
            operators |= self.operators.get(key, set())
        return found

    def _adopt_list(
        self,
        a_list: _List,
        items: Sequence[SubmissionMessage],
        claimed: Mapping[Submission, set[str]],
    ) -> Iterator[bool]:
        """No more of the list is read where a receipt is forged: no honest peer keeps such a one.

        A submission without enough receipts to count is left where it is, or whoever signs
        receipts for all and everything would fill the disks of the others.
        """
        for item in items:
            key = item.key()
            needed = self.context.terms(key.round).receipts_needed
            if key not in self.operators and len(claimed[key]) < needed:
                continue
            receipts = self.context.ingest.new_receipts(item, self.known)
            if len(receipts) < sum(news not in self.known for news in _receipts(item)):
                _log.warning("a peer shows a receipt that nobody signed", peer=a_list.peer.url)
                a_list.give_up(silent=False)
                return
            if not receipts:
                continue
            if not adopt(self.context, [a_list.peer], item, receipts, self.known):
                self._lacks_files = True
            yield True


def adopt(
    context: Context,
    peers: Sequence[Peer],
    item: SubmissionMessage,
    receipts: list[SignedReceipt],
    known: set[Known],
) -> bool:
    """Fetches and keeps a submission if there are ``receipts``, good ones that are new; its file
    comes from whichever of the peers has it. False where none of them gives it now."""
    if not receipts:
        return True
    is_kept, sealed = _sealed(context, peers, item)
    if sealed is None and not is_kept:
        return False
    try:
        context.ingest.adopt(item, sealed, receipts)
    except (InputError, RefusedError) as error:
        names = [peer.url for peer in peers]
        _log.warning("refused a peer's submission", peers=names, error=error.message)
        return True
    key, signature = item.key(), unhex(item.signature)
    known.update((key, r.operator, r.received, signature) for r in receipts)
    context.at(Failpoint.SUBMISSION_ADOPTED)
    return True


def _sealed(
    context: Context, peers: Sequence[Peer], item: SubmissionMessage
) -> tuple[bool, bytes | None]:
    """Whether the file is kept here; if not, what the first peer that has it sends."""
    key = item.key()
    if context.journal.find(key.round, key.sha256) is not None:
        return True, None
    found = (peer.sealed_submission(key.round, key.sha256, MAX_BODY) for peer in peers)
    return False, next((sealed for sealed in found if sealed is not None), None)


def known_receipts(journal: Journal, number: int) -> set[Known]:
    """All that are kept of a round."""
    receipts = list(journal.receipts(number))
    # Afterwards: a file that comes in between is then among them.
    signatures = journal.signatures(number)
    return {(r.key, r.operator, r.received, signatures[r.key]) for r in receipts}


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
