"""Operators sign only what enough of them have come to."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from synthetic_round import entry, inputs
from test_ingest import ROUND, SELF, ChainStandIn, new_ingest

from oracle.chain.pool import PoolWriter
from oracle.evaluation.evaluate import RoundInputs
from oracle.operator.proposals import Proposals
from oracle.operator.worker import Worker
from oracle.settlement.typed_data import Domain

NEEDED = 3


class Chain(ChainStandIn):
    """As the chain stand-in, with a threshold."""

    def needed(self, number: int) -> int:
        return NEEDED


@dataclass
class PeerStandIn:
    """Stands in for another operator: it has a proposal and nothing to share."""

    shown: bytes | None = None

    def submissions(self, _: int) -> list[object]:
        return []

    def proposal(self, _: int) -> bytes | None:
        return self.shown


class RoundWorker(Worker):
    """A worker whose round's inputs are given, not read."""

    given: RoundInputs

    def _inputs(self, number: int) -> RoundInputs:
        return self.given


@pytest.fixture
def worker(tmp_path: Path) -> RoundWorker:
    chain = Chain()
    ingest = new_ingest(tmp_path, chain)
    made = RoundWorker(
        reader=chain,  # type: ignore[arg-type]
        writer=PoolWriter(chain, None),  # type: ignore[arg-type]
        journal=ingest.journal,
        data=ingest.data,
        account=SELF,
        ingest=ingest,
        peers=[PeerStandIn(), PeerStandIn(), PeerStandIn()],
        artefacts=tmp_path / "artefacts",
    )
    made.given = inputs()
    return made


def test_attest__others_have_nothing_yet__proposes_and_does_not_sign(worker):
    worker._attest(ROUND)
    assert worker.proposal(ROUND) is not None
    assert worker.own_attestation(ROUND) is None
    assert worker.journal.signed_digest(ROUND, "commit") is None


def test_attest__one_other_agrees_and_one_lies__waits(worker):
    worker._attest(ROUND)
    worker.peers[0].shown = worker.proposal(ROUND)
    worker.peers[1].shown = b"\x66" * 32
    worker._attest(ROUND)
    assert worker.own_attestation(ROUND) is None


def test_attest__enough_agree__signs_what_was_proposed(worker):
    worker._attest(ROUND)
    proposed = worker.proposal(ROUND)
    for peer in worker.peers[:2]:
        peer.shown = proposed
    worker._attest(ROUND)
    assert worker.own_attestation(ROUND) is not None
    assert worker.journal.signed_digest(ROUND, "commit") == proposed
    assert worker.proposal(ROUND) == proposed


def test_attest__a_receipt_came_late__the_proposal_follows_and_no_signature_is_lost(worker):
    worker._attest(ROUND)
    early = worker.proposal(ROUND)
    worker.given = replace(worker.given, entries=[*worker.given.entries, entry(13, sequence=9)])
    worker._attest(ROUND)
    late = worker.proposal(ROUND)
    assert late != early
    for peer in worker.peers[:2]:
        peer.shown = late
    worker._attest(ROUND)
    assert worker.journal.signed_digest(ROUND, "commit") == late


def test_evaluated__same_inputs__are_not_evaluated_twice():
    proposals = Proposals(Domain(731371, "0x" + "bB" * 20))
    given = inputs()
    assert proposals.evaluated(given) is proposals.evaluated(inputs())
    changed = replace(given, targets=given.targets.replace(b",1\n", b",0\n", 1))
    assert proposals.evaluated(changed) is not proposals.evaluated(given)
