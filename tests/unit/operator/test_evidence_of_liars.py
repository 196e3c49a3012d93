"""Fetching the evidence that a challenge names, from peers that send something else."""

import hashlib
from types import SimpleNamespace
from typing import Any

from oracle.errors import RefusedError
from oracle.operator.evidence import EvidenceDesk

WANTED, OTHER = b"wanted", b"other evidence"


class Desk(EvidenceDesk):
    """One that is full: it keeps the evidence that a challenge names and nothing else."""

    def accept(self, number: int, raw: bytes) -> bytes:
        if raw != WANTED:
            raise RefusedError("too much of it")
        return hashlib.sha256(raw).digest()


def desk(*answers: bytes | None) -> EvidenceDesk:
    peers = [SimpleNamespace(evidence=lambda number, sha256, raw=raw: raw) for raw in answers]
    context: Any = SimpleNamespace(peers=peers)
    sharing: Any = None
    return Desk(context, sharing)


def test_fetch__a_peer_sends_other_evidence_and_the_desk_is_full__the_next_peers_is_taken():
    wanted = hashlib.sha256(WANTED).digest()
    assert desk(OTHER, None, WANTED)._fetch(7, wanted) == WANTED
    assert desk(OTHER)._fetch(7, wanted) is None
