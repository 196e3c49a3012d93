"""From signatures to the commit: gathered from the others, sent by whoever's turn it is."""

from dataclasses import dataclass

import structlog

from oracle.operator.attesting import Attesting
from oracle.operator.context import Context
from oracle.operator.failpoints import Failpoint
from oracle.operator.peers import Peer, ask_all
from oracle.operator.reporting import Reporting
from oracle.settlement.quorum import Tally
from oracle.settlement.rounds import Status
from oracle.settlement.typed_data import digest
from oracle.settlement.wire import AttestationMessage

_log = structlog.get_logger("committing")


@dataclass
class Committing:
    """Gathers signatures of a round that this operator has signed."""

    context: Context
    attesting: Attesting
    reporting: Reporting

    def gather(self, number: int) -> bool:
        """Collects the others' signatures; once enough agree, sends the commit in turn.

        False if nothing is left to do unless another block comes: the newest one has the commit.
        """
        context, terms = self.context, self.context.terms(number)
        counted = self._collected(number)
        signed = counted.agreed(terms.needed)
        most = max(map(len, counted.signatures.values()), default=0)
        context.observe.signatures(number, most, terms.needed)
        if signed is None:
            return True
        context.at(Failpoint.QUORUM_REACHED)
        if context.writer is not None and context.is_my_turn(number, "commit"):
            return self._send(number, signed, counted.ordered(signed, terms.needed))
        return True

    def collect(self, number: int) -> None:
        """Completes the signatures of a committed round: who checks its folder asks for them."""
        if self.context.turns.is_time(number, "collect"):
            self._collected(number)

    def _collected(self, number: int) -> Tally:
        """All signatures, once the peers were asked for theirs."""
        context, kept = self.context, self.attesting.attestations(number)

        def answer(peer: Peer) -> AttestationMessage | None:
            found = peer.attestation(number)
            return found if found is not None and found.round == number else None

        for _, found in ask_all(context.peers, answer):
            if found is not None:
                kept.keep(found, context.terms(number).members)
                context.at(Failpoint.ATTESTATION_KEPT)
        signers = context.reader.signers(number)
        self.reporting.report(number, kept, signers)
        return kept.count(signers)

    def _send(self, number: int, signed: bytes, signatures: list[bytes]) -> bool:
        """Whether the newest block, asked before, does without the commit."""
        context, own = self.context, self.attesting.own(number)
        if own is None or digest(own.attestation().commit, context.domain) != signed:
            _log.error("the quorum's result is not mine; not sending it", round=number)
            context.observe.differs(number)
            return True
        # The newest block may show what the finalized one does not yet: that it is done.
        newest = context.reader.newest()
        if context.reader.facts(number, newest, number).status is not Status.ANNOUNCED:
            return False
        if context.writer and context.send(
            context.writer.commit, own.attestation().commit, signatures
        ):
            context.at(Failpoint.COMMIT_SENT)
        return True
