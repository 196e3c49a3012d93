"""A result that others have signed already, come to from the receipts that they had.

An operator signs one result a round and cannot take it back. One that lies can agree with each of
the others in turn, and hand the receipt it held back to the last of them only: then that one comes
to a result that nobody can sign any more, and the others lack its signature. So it joins what more
operators have signed than may be lying: an honest one among them came to it by all it knew then.
What is missing in it is a matter for a challenge, for which the receipts are the evidence.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from oracle.evaluation.evaluate import Entry, Evaluation, RoundInputs, evaluate
from oracle.operator.context import Context
from oracle.operator.inputs import Inputs
from oracle.operator.peers import Peer, ask_all
from oracle.operator.sharing import is_a_list, known_receipts
from oracle.settlement.quorum import Attestation, tally
from oracle.settlement.receipts import SignedReceipt, counted, on_time
from oracle.settlement.typed_data import digest, recover
from oracle.settlement.wire import SubmissionMessage, unhex

_log = structlog.get_logger("accord")


@dataclass(frozen=True, slots=True)
class Joined:
    """Others' result, and the receipts that it follows from."""

    result: Evaluation
    receipts: Sequence[SignedReceipt]


@dataclass
class Accord:
    """Looks for a result to join, where this operator's own finds no quorum."""

    context: Context
    inputs: Inputs
    evaluate: Callable[[RoundInputs, Callable[[bytes], bytes]], Evaluation] = evaluate

    def found(self, number: int, own: bytes) -> Joined | None:
        """What enough others have signed, if it is not ``own`` and its receipts lead to it."""
        context, terms = self.context, self.context.terms(number)
        if not context.turns.is_time(number, "accord"):
            return None
        asked = ask_all(context.peers, lambda peer: peer.attestation(number))
        shown = [
            (peer, found.attestation())
            for peer, found in asked
            if found is not None and found.round == number
        ]
        # First of all: what nobody can have signed has no digest either.
        shown = [pair for pair in shown if self._signer(pair[1]) is not None]
        others = set(terms.members) - {context.address}
        signed = tally((item for _, item in shown), context.domain, others).signatures
        for peer, item in shown:
            hashed = digest(item.commit, context.domain)
            if hashed == own or len(signed.get(hashed, ())) < terms.receipts_needed:
                continue
            joined = self._of(number, peer)
            if joined and digest(joined.result.commit, context.domain) == hashed:
                _log.warning("joins what others have signed", round=number, digest=hashed.hex())
                return joined
        return None

    def leading_to(self, number: int, manifest: bytes) -> Joined | None:
        """What is in force, from whichever peer's receipts lead to it; None while none do.

        No signatures are counted: that it is in force, the chain says.
        """
        if not self.context.turns.is_time(number, "accord in force"):
            return None
        for peer in self.context.peers:
            joined = self._of(number, peer)
            if joined and joined.result.manifest.digest() == manifest:
                return joined
        return None

    def _signer(self, item: Attestation) -> str | None:
        return recover(item.commit, self.context.domain, item.signature)

    def _of(self, number: int, peer: Peer) -> Joined | None:
        """The result of what the peer shows; None where it is not had here."""
        items = peer.submissions(number)
        if items is None or not is_a_list(items, number):
            return None
        needed, journal = self.context.terms(number).receipts_needed, self.context.journal
        receipts = self._genuine(number, items)
        count = counted(receipts, needed)
        sizes = {item.key: item.size for item in journal.listed(number) if item.key in count}
        if len(sizes) < len(count):
            return None
        in_time = on_time(receipts, self.inputs.closes(number), needed)
        entries = [
            Entry(
                key.model,
                key.sha256,
                key.sequence,
                key in in_time,
                unhex(item.signature),
                sizes[key],
            )
            for item in items
            if (key := item.key()) in count
        ]
        inputs = self.inputs.of(number, entries)
        return Joined(self.evaluate(inputs, self.inputs.read(number)), receipts)

    def _genuine(self, number: int, items: Sequence[SubmissionMessage]) -> list[SignedReceipt]:
        """The receipts shown that operators have truly signed; those held here are known to be."""
        held = {(r.key, r.operator, r.received) for r in self.context.journal.receipts(number)}
        known = known_receipts(self.context.journal, number)
        found = []
        for item in items:
            key = item.key()
            stored = [receipt.stored(key) for receipt in item.receipts]
            new = self.context.ingest.new_receipts(item, known)
            found += [r for r in stored if r in new or (r.key, r.operator, r.received) in held]
        return found
