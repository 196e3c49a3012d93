"""Evidence from anyone: what is kept of it, and peers that send something else."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ingest_world import CHAIN_ID, CLOSES, OPENS, PEER, ROUND, ChainStandIn, new_ingest
from ingest_world import signed as signed_by
from synthetic_round import ANNOUNCEMENT, ORACLE, POOL

from oracle.chain.rpc import Block
from oracle.errors import RefusedError
from oracle.operator import evidence as module
from oracle.operator.evidence import EvidenceDesk
from oracle.settlement.evidence import Equivocation, Wrong
from oracle.settlement.manifest import hex32
from oracle.settlement.rounds import RoundFacts, Status
from oracle.settlement.typed_data import Commit, Domain
from oracle.settlement.wire import AttestationMessage, attestation_message

WANTED, OTHER = b"wanted", b"other evidence"
COMMITTED = b"\x01" * 32


class Desk(EvidenceDesk):
    """One that is full: it keeps the evidence that a challenge names and nothing else."""

    def accept(self, number: int, raw: bytes) -> bytes:
        if raw != WANTED:
            raise RefusedError("too much of it")
        return hashlib.sha256(raw).digest()


def desk(*answers: bytes | None) -> EvidenceDesk:
    peers = [
        SimpleNamespace(hesitates=False, evidence=lambda number, sha256, raw=raw: raw)
        for raw in answers
    ]
    context: Any = SimpleNamespace(peers=peers)
    sharing: Any = None
    return Desk(context, sharing)


def test_fetch__a_peer_sends_other_evidence_and_the_desk_is_full__the_next_peers_is_taken():
    wanted = hashlib.sha256(WANTED).digest()
    assert desk(OTHER, None, WANTED)._fetch(7, wanted) == WANTED
    assert desk(OTHER)._fetch(7, wanted) is None


# ---------------------------------------------------------------------- what is kept


class Chain(ChainStandIn):
    """One with a committed round."""

    status = Status.COMMITTED
    head = ROUND
    named: bytes | None = None

    def state(self) -> dict[str, int]:
        return {"head": self.head}

    def facts(self, number: int, at: Block, head: int) -> RoundFacts:
        return RoundFacts(number, self.status, OPENS, CLOSES, 1, None, head, True)

    def committed(self, number: int) -> Any:
        return SimpleNamespace(manifest=COMMITTED)

    def receipts_needed(self, number: int) -> int:
        return 2

    def challenge_of(self, number: int) -> Any:
        return None if self.named is None else SimpleNamespace(evidence=self.named)


@pytest.fixture
def chain() -> Chain:
    return Chain()


@pytest.fixture
def small(tmp_path: Path, chain: Chain, monkeypatch: pytest.MonkeyPatch) -> Iterator[EvidenceDesk]:
    """A desk that keeps two pieces of a kind."""
    monkeypatch.setattr(module, "_MOST", 2)
    ingest = new_ingest(tmp_path, chain)
    context: Any = SimpleNamespace(reader=chain, journal=ingest.journal, peers=[])
    sharing: Any = None
    yield EvidenceDesk(context, sharing)
    ingest.journal.database.close()


def wrong(n: int) -> Wrong:
    return Wrong(
        chain_id=CHAIN_ID,
        pool=POOL.lower(),
        round=ROUND,
        manifest=hex32(COMMITTED),
        path="outputs/scores.csv",
        published="",
        recomputed=hex32(bytes([n]) * 32),
        difference="a claim",
    )


def equivocation() -> Equivocation:
    return Equivocation(
        chain_id=CHAIN_ID, pool=POOL.lower(), round=ROUND, first=signed(1), second=signed(2)
    )


def signed(root: int) -> AttestationMessage:
    commit = Commit(
        pool=POOL,
        tournament=8,
        round=ROUND,
        epoch=1,
        announce_hash=ANNOUNCEMENT.hash(),
        close_block_hash=bytes(32),
        chain_head=bytes([root]) * 32,
        at_risk=0,
        words=1,
        manifest=COMMITTED,
        meta_root=bytes(32),
    )
    return attestation_message(commit, signed_by(commit, PEER, Domain(CHAIN_ID, ORACLE)))


def accept(small: EvidenceDesk, *pieces: Wrong | Equivocation) -> None:
    for piece in pieces:
        assert small.accept(ROUND, piece.to_bytes()) == piece.digest()


def test_accept__strangers_claims_fill_their_quota__proofs_and_known_claims_are_still_taken(small):
    accept(small, wrong(1), wrong(2))
    with pytest.raises(RefusedError, match="2 pieces of evidence of this kind"):
        small.accept(ROUND, wrong(3).to_bytes())
    accept(small, equivocation(), wrong(1))
    assert len(small.all(ROUND)) == 3


def test_accept__full__the_one_that_a_challenge_names_is_taken(small, chain):
    accept(small, wrong(1), wrong(2))
    chain.status, chain.named = Status.CHALLENGED, wrong(3).digest()
    accept(small, wrong(3))


@pytest.mark.parametrize(
    ("status", "head"),
    [
        (Status.UNKNOWN, ROUND),
        (Status.ANNOUNCED, ROUND),
        (Status.FINAL, ROUND),
        (Status.VOID, ROUND),
        (Status.COMMITTED, ROUND + 1),
    ],
)
def test_accept__nothing_that_can_be_challenged__refused(small, chain, status, head):
    """Else every round there will be could be filled."""
    chain.status, chain.head = status, head
    with pytest.raises(RefusedError, match="no result that can be challenged"):
        small.accept(ROUND, equivocation().to_bytes())
    assert small.all(ROUND) == []
