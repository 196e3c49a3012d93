"""Operators that signed two results: the proof is kept, shown to all, and taken to the contract."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import structlog

from oracle.operator.attestations import Attestations
from oracle.operator.context import Context
from oracle.operator.failpoints import Failpoint
from oracle.settlement.evidence import Equivocation
from oracle.settlement.typed_data import recover
from oracle.settlement.wire import AttestationMessage, unhex

_log = structlog.get_logger("reporting")
_Pair = tuple[AttestationMessage, AttestationMessage]


@dataclass
class Reporting:
    """Keeps and reports equivocations of operators whose word still counts."""

    context: Context
    _said: set[tuple[int, str]] = field(default_factory=set)

    def report(self, number: int, kept: Attestations, signers: Iterable[str]) -> None:
        """Reports what the round's signatures show; ``signers`` are those not yet revoked."""
        counting = set(signers)
        for first, second in kept.equivocations():
            who = self._signer(first)
            if who not in counting:
                continue
            self._keep(number, who, (first, second))
            if self.context.writer and self.context.is_my_turn(number, f"report {who}"):
                self._send(first, second)

    def _signer(self, message: AttestationMessage) -> str:
        shown = message.attestation()
        return recover(shown.commit, self.context.domain, shown.signature) or ""

    def _keep(self, number: int, who: str, pair: _Pair) -> None:
        if (number, who) in self._said:
            return
        where = self.context.reader.addresses
        evidence = Equivocation(
            chain_id=where.chain_id,
            pool=where.pool.lower(),
            round=number,
            first=pair[0],
            second=pair[1],
        )
        self.context.journal.add_evidence(number, evidence.kind, who, evidence.to_bytes())
        self._said.add((number, who))
        self.context.observe.equivocation(who, number)
        _log.error("an operator signed two results", operator=who, round=number)

    def _send(self, first: AttestationMessage, second: AttestationMessage) -> None:
        one, other = first.attestation().commit, second.attestation().commit
        signatures = (unhex(first.signature), unhex(second.signature))
        writer = self.context.writer
        if writer and self.context.send(writer.report_equivocation, one, other, signatures):
            self.context.at(Failpoint.EQUIVOCATION_REPORTED)
