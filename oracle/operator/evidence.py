"""Evidence against a round's result: taken from anyone, checked, kept, shown, and taken in."""

import hashlib
from dataclasses import dataclass

import structlog

from oracle.chain.facts import chain_facts
from oracle.errors import InputError, RefusedError
from oracle.operator.context import Context
from oracle.operator.peers import ask_all
from oracle.operator.sharing import Sharing
from oracle.settlement.evidence import (
    Equivocation,
    Evidence,
    EvidenceError,
    Late,
    Omitted,
    check,
    parse,
)
from oracle.settlement.rounds import Status

_MOST = 64
"""Pieces of a kind kept for a round, lest anyone fill the disk: `wrong` takes no signature, and
must leave room for what does. One that a challenge names is always kept."""
_IN_PLAY = (Status.COMMITTED, Status.CHALLENGED)
_log = structlog.get_logger("evidence")


@dataclass
class EvidenceDesk:
    """What speaks against rounds, by round and SHA-256."""

    context: Context
    sharing: Sharing

    def accept(self, number: int, raw: bytes) -> bytes:
        """Keeps evidence that shows what it says; returns its SHA-256.

        Raises ``InputError`` for anything else, ``RefusedError`` where there is too much of it or
        the round has no result that can still be challenged.
        """
        self._require_in_play(number)
        found = self._checked(number, raw)
        same = [e for e in self.context.journal.evidence(number) if e.kind == found.kind]
        is_new = found.digest() not in {e.sha256 for e in same}
        if len(same) >= _MOST and is_new and found.digest() != self._challenged_by(number):
            raise RefusedError(
                f"round {number} has {_MOST} pieces of evidence of this kind already"
            )
        return self.context.journal.add_evidence(number, found.kind, "", raw)

    def _require_in_play(self, number: int) -> None:
        reader = self.context.reader
        head = reader.state()["head"]
        facts = reader.facts(number, reader.newest(), head)
        if number < head or facts.status not in _IN_PLAY:
            raise RefusedError(
                f"round {number} has no result that can be challenged",
                "evidence is taken from the commit until the result is final",
            )

    def _checked(self, number: int, raw: bytes) -> Evidence:
        try:
            found = parse(raw)
            check(found, chain_facts(self.context.reader, number))
        except EvidenceError as error:
            raise InputError(str(error)) from None
        return found

    def _challenged_by(self, number: int) -> bytes | None:
        challenge = self.context.reader.challenge_of(number)
        return None if challenge is None else challenge.evidence

    def all(self, number: int) -> list[bytes]:
        """Everything kept for the round, canonical JSON."""
        return [item.content for item in self.context.journal.evidence(number)]

    def find(self, number: int, sha256: bytes) -> bytes | None:
        return next(
            (e.content for e in self.context.journal.evidence(number) if e.sha256 == sha256), None
        )

    def take_in(self, number: int, sha256: bytes) -> bool:
        """Adopts what the evidence with this hash shows; False where nobody has it."""
        raw = self.find(number, sha256) or self._fetch(number, sha256)
        if raw is None:
            return False
        found = parse(raw)
        if isinstance(found, Omitted | Late):
            self.sharing.adopt(self.context.peers, found.submission)
        elif isinstance(found, Equivocation):
            _log.info("evidence of two signatures", round=number)
        return True

    def _fetch(self, number: int, sha256: bytes) -> bytes | None:
        for _, raw in ask_all(self.context.peers, lambda peer: peer.evidence(number, sha256)):
            # Nothing else is kept: a peer may send what it likes.
            if raw is None or hashlib.sha256(raw).digest() != sha256:
                continue
            try:
                self.accept(number, raw)
                return raw
            except (InputError, RefusedError) as error:
                _log.warning("a peer's evidence shows nothing", round=number, error=error.message)
        return None
