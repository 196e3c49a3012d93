"""A round's result together with what it follows from: what operators vote on.

A draft lists submissions with the receipts for them. Receipts may still arrive while operators
agree, and one that lies may show them to some only; a draft that was voted for stays as it is, so
that every operator can come to the same result by it.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import structlog
from pydantic import TypeAdapter

from oracle.evaluation.evaluate import (
    Entry,
    Evaluation,
    EvaluationError,
    RoundInputs,
    evaluate,
)
from oracle.operator.context import Context
from oracle.operator.exchange import adopt, is_a_list, known_receipts
from oracle.operator.inputs import Inputs
from oracle.operator.paging import PAGE, goes_on, page_bytes
from oracle.operator.peers import Peer
from oracle.operator.wrapping import MAX_BYTES
from oracle.settlement.receipts import SignedReceipt, counted, on_time
from oracle.settlement.submitters import submitter
from oracle.settlement.typed_data import Submission, digest
from oracle.settlement.wire import SubmissionMessage, submission_message, unhex
from oracle.store.listing import Listed, listed_after
from oracle.store.sealing import SealError, largest_sealed, seal
from oracle.tournaments.universe import UniverseError

_RESULTS_A_ROUND = 2
_PAGE = TypeAdapter(list[SubmissionMessage])
_log = structlog.get_logger("drafts")


@dataclass(frozen=True)
class Draft:
    """``digest`` of the result's Commit; ``items`` in order of (model, sequence, SHA-256);
    ``targets`` that it was evaluated by, which the provider may have replaced since."""

    number: int
    digest: bytes
    result: Evaluation
    items: Sequence[Listed]
    entries: Sequence[Entry]
    targets: bytes

    @property
    def receipts(self) -> Iterator[SignedReceipt]:
        """All that the result follows from."""
        for _, _, receipts in self.items:
            yield from receipts

    def pages(self) -> Iterator[bytes]:
        """As it is kept and shown: JSON, the last page not full, so that a reader knows it."""
        for start in range(0, len(self.items) + 1, PAGE):
            some = self.items[start : start + PAGE]
            yield page_bytes(submission_message(*item) for item in some)

    @cached_property
    def by_key(self) -> Mapping[tuple[int, bytes, int], Entry]:
        """Its entries by model, SHA-256 and sequence."""
        return {(e.model, e.sha256, e.sequence): e for e in self.entries}


@dataclass
class Drafts:
    """Makes drafts of what is known here, and takes those of others."""

    context: Context
    inputs: Inputs
    evaluate: Callable[[RoundInputs, Callable[[bytes], bytes]], Evaluation] = evaluate
    seconds: float = 0.0
    """What the last evaluation took."""
    _results: dict[int, dict[bytes, Evaluation]] = field(default_factory=dict)

    # ------------------------------------------------------------------ of what is known here

    def newest(self, number: int) -> Draft:
        """The draft of all submissions that count by the receipts kept here."""
        needed = self.context.terms(number).receipts_needed
        items = [
            item
            for item in listed_after(self.context.journal.database, number, None, None)
            if len({receipt.operator for receipt in item[2]}) >= needed
        ]
        return self._of(number, items)

    def kept(self, number: int, digest: bytes) -> Draft | None:
        """The draft with this digest, if it was kept, and still leads there."""
        pages = list(self.context.ballots.pages(number, digest))
        if not pages:
            return None
        sealed = self.context.ballots.targets(number, digest)
        targets = None if sealed is None else self.context.identity.open(sealed)
        items = [_listed(m) for page in pages for m in _PAGE.validate_json(page)]
        found = self._of(number, items, targets)
        if found.digest != digest:
            _log.error("a draft that was kept leads elsewhere now", round=number)
            return None
        return found

    def keep(self, draft: Draft) -> None:
        """Keeps it, to be shown to others; do so before any vote for it."""
        if self.context.ballots.page(draft.number, draft.digest, 0) is None:
            sealed = seal(draft.targets, [self.context.identity.recipient])
            self.context.ballots.keep_draft(draft.number, draft.digest, draft.pages(), sealed)

    def shared_targets(self, number: int, digest: bytes) -> bytes | None:
        """The targets of a draft that is kept, for the round's operators."""
        sealed = self.context.ballots.targets(number, digest)
        if sealed is None:
            return None
        return self.context.seal(number, self.context.identity.open(sealed))

    def _of(self, number: int, items: Sequence[Listed], targets: bytes | None = None) -> Draft:
        entries = self._entries(number, items)
        inputs = self.inputs.of(number, entries, targets)
        result = self._evaluated(inputs)
        hashed = digest(result.commit, self.context.domain)
        return Draft(number, hashed, result, items, entries, inputs.targets)

    def _entries(self, number: int, items: Sequence[Listed]) -> list[Entry]:
        needed = self.context.terms(number).receipts_needed
        receipts = [receipt for _, _, given in items for receipt in given]
        in_time = on_time(receipts, self.inputs.closes(number), needed)
        sizes = {item.key: item.size for item in self.context.journal.listed(number)}
        return [
            Entry(key.model, key.sha256, key.sequence, key in in_time, signature, sizes[key])
            for key, signature, _ in items
        ]

    def _evaluated(self, inputs: RoundInputs) -> Evaluation:
        """Evaluated anew only if the inputs have changed."""
        number, basis = inputs.announcement.round, _basis(inputs)
        known = self._results.setdefault(number, {})
        if basis not in known:
            started = time.monotonic()
            result = self.evaluate(inputs, self.inputs.read(number))
            self.seconds = time.monotonic() - started
            while len(known) >= _RESULTS_A_ROUND:
                del known[next(iter(known))]
            known[basis] = result
        return known[basis]

    # ------------------------------------------------------------------ of what others show

    def fetched(self, number: int, digest: bytes, *, backed: bool = True) -> Draft | None:
        """The draft with this digest from whichever peer's leads there. Its submissions and
        receipts are taken in; None where nobody's does. Only with targets that stand here, unless
        it is ``backed`` by an honest operator, which had those of the draft from the provider."""
        # Who comes to another result may have been given other targets, too.
        self.context.ingest.desk.fetch(self.context.peers, number)
        for peer in self.context.peers:
            messages = peer.draft(number, digest)
            if messages is None:
                continue
            found = self._taken_in(number, peer, messages)
            if found is not None and found.digest != digest and backed:
                found = self._by_its_targets(found, peer, digest)
            if found is not None and found.digest == digest:
                return found
            _log.warning("a draft does not lead where its digest says", peer=peer.url)
        return None

    def _taken_in(
        self, number: int, peer: Peer, messages: Sequence[SubmissionMessage]
    ) -> Draft | None:
        if not (is_a_list(messages, number) and goes_on(messages, None)):
            return None
        items = [_listed(message) for message in messages]
        receipts = [receipt for _, _, given in items for receipt in given]
        if counted(receipts, self.context.terms(number).receipts_needed) != {k for k, *_ in items}:
            return None
        context, known = self.context, known_receipts(self.context.journal, number)
        for message, (key, signature, given) in zip(messages, items, strict=True):
            new = [r for r in given if (key, r.operator, r.received, signature) not in known]
            if not new:
                continue
            good = context.ingest.new_receipts(message, known)
            if len(good) < len(new) or not adopt(context, [peer], message, good, known):
                return None
        kept = {item.key for item in context.journal.listed(number)}
        return self._of(number, items) if all(key in kept for key, *_ in items) else None

    def _by_its_targets(self, draft: Draft, peer: Peer, digest: bytes) -> Draft | None:
        """The same submissions by the targets that a peer has kept with them."""
        sealed = peer.draft_targets(draft.number, digest, largest_sealed(MAX_BYTES))
        try:
            targets = None if sealed is None else self.context.identity.open(sealed)
        except SealError:
            targets = None
        if targets is None or targets == draft.targets:
            return None
        try:
            return self._of(draft.number, draft.items, targets)
        except (EvaluationError, UniverseError):
            return None

    def lacks_nothing(self, other: Draft, own: Draft) -> bool:
        """Whether every submission of ``own`` is in ``other``, on time if it was, and signed by
        the model's owner if it was."""
        signed_anew = []
        for key, mine in own.by_key.items():
            theirs = other.by_key.get(key)
            if theirs is None or theirs.on_time < mine.on_time:
                return False
            if theirs.signature != mine.signature:
                signed_anew.append((theirs, mine))
        return not signed_anew or self._are_as_good(own.number, signed_anew)

    def _are_as_good(self, number: int, signed_anew: Sequence[tuple[Entry, Entry]]) -> bool:
        owners = self.inputs.of(number, [mine for _, mine in signed_anew]).lower_owners()
        domain = self.context.ingest.domain

        def is_owners(entry: Entry) -> bool:
            key = Submission(number, entry.model, entry.sha256, entry.sequence)
            signer = submitter(key, domain, entry.signature)
            return signer is not None and signer.lower() == owners.get(entry.model)

        return all(is_owners(theirs) or not is_owners(mine) for theirs, mine in signed_anew)

    def forget_before(self, number: int) -> None:
        """Drops results and drafts of rounds that have ended."""
        self._results = {n: kept for n, kept in self._results.items() if n >= number}

    def forget(self, number: int) -> None:
        """Frees the memory that a signed round's results take."""
        self._results.pop(number, None)


def _listed(message: SubmissionMessage) -> Listed:
    key = message.key()
    return key, unhex(message.signature), [receipt.stored(key) for receipt in message.receipts]


def _basis(inputs: RoundInputs) -> bytes:
    """A fingerprint of all that can change between two evaluations of one round."""
    entries = sorted(
        (e.model, e.sequence, e.sha256, e.on_time, e.signature) for e in inputs.entries
    )
    owners = sorted(inputs.owners.items())
    parts = (inputs.close_block, inputs.stakes, owners, inputs.universe, inputs.targets, entries)
    return hashlib.sha256(repr(parts).encode()).digest()
