"""Operators sign only what enough of them have come to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from ingest_world import IDENTITIES, PEER, ROUND, SELF, ChainStandIn
from synthetic_round import RAW, entry, inputs, read

from oracle.chain.signing import LocalSigner
from oracle.evaluation.evaluate import Entry, RoundInputs
from oracle.operator.attesting import Attesting
from oracle.operator.context import Context
from oracle.operator.failpoints import Failpoint
from oracle.operator.inputs import Inputs
from oracle.operator.intake import open_ingest
from oracle.operator.proposals import Proposals
from oracle.operator.sharing import Sharing
from oracle.operator.targets import TargetDesk
from oracle.operator.turns import Turns
from oracle.settlement.manifest import TARGETS
from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.typed_data import Domain, Submission, digest
from oracle.store.artefacts import RoundFolder, write_file
from oracle.store.database import Database
from oracle.store.journal import COMMIT, StoredSubmission
from oracle.store.sealing import seal

NEEDED = 3


class Chain(ChainStandIn):
    """As the chain stand-in, with a threshold."""

    def needed(self, number: int) -> int:
        return NEEDED

    def super_quorum(self, number: int) -> int:
        return 0


@dataclass
class PeerStandIn:
    """Stands in for another operator: it has a proposal and nothing to share."""

    shown: bytes | None = None
    url: str = "http://peer"

    def submissions(self, _: int) -> list[object]:
        return []

    def proposal(self, _: int) -> bytes | None:
        return self.shown

    def attestation(self, _: int) -> None:
        """It signs nothing here."""


class GivenInputs(Inputs):
    """A round's inputs that are given, not read; submissions' bytes come from the journal."""

    given: RoundInputs

    def of(self, number: int, entries: Sequence[Entry] | None = None) -> RoundInputs:
        return self.given


class Killed(BaseException):
    """The process ended."""


@dataclass
class World:
    """One operator and three peers; ``doom`` is where it dies next."""

    context: Context
    inputs: GivenInputs
    attesting: Attesting
    peers: list[PeerStandIn]
    doom: str = ""

    def at(self, place: str) -> None:
        if place == self.doom:
            raise Killed

    def restart(self) -> None:
        """All that is not on disk is lost."""
        self.doom = ""
        given = self.inputs.given
        self.context.turns = Turns(0.0)
        self.inputs = GivenInputs(self.context)
        self.inputs.given = given
        proposals = Proposals(self.context.domain)
        sharing = Sharing(self.context)
        self.attesting = Attesting(self.context, sharing, self.inputs, proposals)

    @property
    def signed(self) -> bytes | None:
        """What the journal says."""
        return self.context.journal.signed_digest(ROUND, COMMIT)

    def agree(self, count: int, shown: bytes | None) -> None:
        for peer in self.peers[:count]:
            peer.shown = shown


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    chain = Chain()
    database = Database.open(tmp_path / "journal.sqlite")
    peers = [PeerStandIn(), PeerStandIn(), PeerStandIn()]
    ingest = open_ingest(
        chain,  # type: ignore[arg-type]
        database,
        tmp_path / "provider",
        LocalSigner(SELF),
        IDENTITIES[SELF.address],
        url="http://self",
    )
    given = inputs()
    for item in given.entries:
        key = Submission(ROUND, item.model, item.sha256, item.sequence)
        sealed = seal(RAW[item.sha256], [IDENTITIES[SELF.address].recipient])
        ingest.journal.add(
            StoredSubmission(key, item.signature, sealed, item.size),
            SignedReceipt(key, PEER.address, 1_800_000_001, bytes(65)),
        )
    write_file(tmp_path / "provider" / str(ROUND) / "targets.csv", given.targets)
    context = Context(
        reader=chain,  # type: ignore[arg-type]
        writer=None,
        journal=ingest.journal,
        data=ingest.data,
        signer=LocalSigner(SELF),
        ingest=ingest,
        peers=peers,  # type: ignore[arg-type]
        artefacts=tmp_path / "artefacts",
        turns=Turns(0.0),
        identity=ingest.identity,
        patience=0.0,
    )
    ingest.journal.block(0)
    made = World(context, GivenInputs(context), None, peers)  # type: ignore[arg-type]
    made.inputs.given = given
    made.restart()
    context.at = made.at
    yield made
    database.close()


def test_attest__others_have_nothing_yet__proposes_and_does_not_sign(world: World) -> None:
    world.attesting.attest(ROUND)
    assert world.attesting.proposal(ROUND) is not None
    assert world.attesting.own(ROUND) is None
    assert world.signed is None
    assert not world.context.folder(ROUND).exists()


def test_attest__one_other_agrees_and_one_lies__waits(world: World) -> None:
    world.attesting.attest(ROUND)
    world.agree(1, world.attesting.proposal(ROUND))
    world.peers[1].shown = b"\x66" * 32
    world.attesting.attest(ROUND)
    assert world.attesting.own(ROUND) is None


def test_attest__enough_agree__signs_what_was_proposed_and_publishes_it_sealed(
    world: World,
) -> None:
    world.attesting.attest(ROUND)
    proposed = world.attesting.proposal(ROUND)
    world.agree(2, proposed)
    world.attesting.attest(ROUND)
    own = world.attesting.own(ROUND)
    assert own is not None
    assert digest(own.attestation().commit, world.context.domain) == proposed == world.signed
    folder = RoundFolder(world.context.folder(ROUND), world.context.identity)
    folder.check()
    assert folder.unreadable == []
    assert folder.disclosed() is None
    assert folder.read(TARGETS) == world.inputs.given.targets


def test_attest__a_receipt_came_late__the_proposal_follows_and_no_signature_is_lost(
    world: World,
) -> None:
    world.attesting.attest(ROUND)
    early = world.attesting.proposal(ROUND)
    given = world.inputs.given
    world.inputs.given = replace(given, entries=given.entries[:-1])
    world.attesting.attest(ROUND)
    late = world.attesting.proposal(ROUND)
    assert late != early
    world.agree(2, late)
    world.attesting.attest(ROUND)
    assert world.signed == late


@pytest.mark.parametrize(
    "place",
    [
        Failpoint.EVALUATED,
        Failpoint.AGREED,
        Failpoint.FOLDER_WRITTEN,
        Failpoint.COMMIT_RESERVED,
        Failpoint.COMMIT_SIGNED,
        Failpoint.COMMIT_SHOWN,
    ],
)
def test_attest__killed_on_the_way__ends_with_the_same_signature(
    world: World, place: Failpoint
) -> None:
    world.attesting.attest(ROUND)
    proposed = world.attesting.proposal(ROUND)
    world.agree(3, proposed)
    world.doom = place
    with pytest.raises(Killed):
        world.attesting.attest(ROUND)
    world.restart()
    world.attesting.attest(ROUND)
    own = world.attesting.own(ROUND)
    assert own is not None
    assert digest(own.attestation().commit, world.context.domain) == proposed == world.signed
    RoundFolder(world.context.folder(ROUND), world.context.identity).check()


def test_attest__row_written_then_inputs_changed__signs_the_folder_that_was_written(
    world: World,
) -> None:
    """Nothing is evaluated anew, and what came since changes nothing."""
    world.attesting.attest(ROUND)
    proposed = world.attesting.proposal(ROUND)
    world.agree(3, proposed)
    world.doom = Failpoint.COMMIT_RESERVED
    with pytest.raises(Killed):
        world.attesting.attest(ROUND)
    world.restart()
    world.doom = Failpoint.EVALUATED
    given = world.inputs.given
    world.inputs.given = replace(given, entries=given.entries[:-1])
    world.attesting.attest(ROUND)
    assert world.attesting.own(ROUND) is not None
    assert world.attesting.proposal(ROUND) == proposed


def test_attest__blocked_round__shows_no_proposal_and_signs_nothing(world: World) -> None:
    world.context.journal.block(ROUND)
    world.agree(3, b"\x11" * 32)
    world.attesting.attest(ROUND)
    assert world.attesting.proposal(ROUND) is None
    assert world.attesting.own(ROUND) is None
    assert not world.context.folder(ROUND).exists()


def test_attest__without_a_key__nothing_is_shown_or_written(world: World) -> None:
    world.context.signer = None
    for _ in range(2):
        world.attesting.attest(ROUND)
    assert world.attesting.proposal(ROUND) is None
    assert not world.context.folder(ROUND).exists()


def test_evaluated__same_inputs__are_not_evaluated_twice() -> None:
    proposals = Proposals(Domain(731371, "0x" + "bB" * 20))
    given = inputs()
    assert proposals.evaluated(given, read) is proposals.evaluated(inputs(), read)
    changed = replace(given, targets=given.targets.replace(b",1\n", b",0\n", 1))
    assert proposals.evaluated(changed, read) is not proposals.evaluated(given, read)
    more = replace(given, entries=[*given.entries, entry(13, sequence=9)])
    assert proposals.evaluated(more, read).manifest != proposals.evaluated(given, read).manifest


def test_attest__others_disagree__asks_them_for_targets(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(TargetDesk, "fetch", lambda desk, peers, number: asked.append(number))
    world.agree(NEEDED, bytes(32))
    world.attesting.attest(ROUND)
    assert world.signed is None
    assert asked == [ROUND]
