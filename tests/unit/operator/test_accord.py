"""Joining what more operators have signed than may be lying."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount
from ingest_world import (
    CHAIN_ID,
    CLOSES,
    OPENS,
    OTHER_PEER,
    OWNER,
    PEER,
    RAW,
    ROUND,
    SELF,
    ChainStandIn,
    key_of,
    new_ingest,
    signed,
    to_operators,
)
from synthetic_round import ANNOUNCEMENT, ORACLE

from oracle.evaluation.evaluate import Entry
from oracle.operator.accord import Accord, Joined
from oracle.operator.following import Following
from oracle.operator.ingest import Ingest
from oracle.operator.turns import Turns
from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.typed_data import Commit, Domain, digest
from oracle.settlement.wire import (
    AttestationMessage,
    SubmissionMessage,
    attestation_message,
    receipt_of,
    submission_message,
)

DOMAIN = Domain(CHAIN_ID, ORACLE)
FIRST, SECOND = key_of(sequence=1), key_of(sequence=2)


def item(sequence: int, *by: LocalAccount, received: int = OPENS) -> SubmissionMessage:
    key = key_of(sequence=sequence)
    receipts = [
        SignedReceipt(key, who.address, received, signed(receipt_of(key, received), who))
        for who in by
    ]
    return submission_message(key, signed(key, OWNER), receipts)


@dataclass(frozen=True)
class ManifestStandIn:
    hashed: bytes

    def digest(self) -> bytes:
        return self.hashed


def result_of(entries: list[Entry], _: object = None) -> Any:
    """A result that depends on every entry."""
    hashed = hashlib.sha256(repr(entries).encode()).digest()
    commit = Commit(
        pool=ANNOUNCEMENT.pool,
        tournament=8,
        round=ROUND,
        epoch=1,
        announce_hash=ANNOUNCEMENT.hash(),
        close_block_hash=bytes(32),
        chain_head=hashed,
        at_risk=0,
        words=1,
        manifest=hashed,
        meta_root=bytes(32),
    )
    return SimpleNamespace(commit=commit, manifest=ManifestStandIn(hashed))


def entry(sequence: int, on_time: bool = True) -> Entry:
    key = key_of(sequence=sequence)
    return Entry(key.model, key.sha256, sequence, on_time, signed(key, OWNER), len(RAW))


def attested(by: LocalAccount, *entries: Entry, number: int = ROUND) -> AttestationMessage:
    commit = replace(result_of(list(entries)).commit, round=number)
    return attestation_message(commit, signed(commit, by, DOMAIN))


class Shows:
    """A peer that shows a signed result and a list."""

    url = "http://peer"

    def __init__(self, shown: AttestationMessage | None, *items: SubmissionMessage) -> None:
        self.shown, self.items = shown, list(items)

    def attestation(self, number: int) -> AttestationMessage | None:
        return self.shown

    def submissions(self, number: int) -> list[SubmissionMessage]:
        return self.items

    def read(self, *_: object) -> None:
        """No targets."""


@pytest.fixture
def ingest(tmp_path: Path) -> Iterator[Ingest]:
    """One that knows enough receipts of two submissions."""
    made = new_ingest(tmp_path, ChainStandIn())
    for sequence in (1, 2):
        known = item(sequence, PEER, OTHER_PEER)
        made.adopt(known, to_operators(RAW), made.new_receipts(known, ()))
    yield made
    made.journal.database.close()


def accord(ingest: Ingest, *peers: Shows, **more: Any) -> Accord:
    context: Any = SimpleNamespace(
        **more,
        ingest=ingest,
        journal=ingest.journal,
        peers=peers,
        turns=Turns(1.0),
        address=SELF.address,
        domain=DOMAIN,
        terms=lambda number: SimpleNamespace(
            members=(SELF.address, PEER.address, OTHER_PEER.address), receipts_needed=2
        ),
    )
    inputs: Any = SimpleNamespace(
        closes=lambda number: CLOSES, of=lambda number, entries: entries, read=lambda number: None
    )
    return Accord(context, inputs, result_of)


def found(ingest: Ingest, *peers: Shows) -> Joined | None:
    own = digest(result_of([entry(1), entry(2)]).commit, DOMAIN)
    return accord(ingest, *peers).found(ROUND, own)


LIST = (item(1, PEER, OTHER_PEER), item(2, PEER))
"""Of operators that were never shown the second receipt of the second submission."""


def test_found__enough_signed_before_a_receipt_was_shown_to_them__their_result(ingest):
    joined = found(
        ingest,
        Shows(attested(PEER, entry(1)), *LIST),
        Shows(attested(OTHER_PEER, entry(1)), *LIST),
    )
    assert joined is not None
    assert joined.result == result_of([entry(1)])
    assert {(r.key, r.operator) for r in joined.receipts} == {
        (FIRST, PEER.address),
        (FIRST, OTHER_PEER.address),
        (SECOND, PEER.address),
    }


def test_found__as_many_as_may_be_lying_have_signed__nothing(ingest):
    assert found(ingest, Shows(attested(PEER, entry(1)), *LIST), Shows(None, *LIST)) is None


def test_found__one_signature_shown_by_two__nothing(ingest):
    shown = Shows(attested(PEER, entry(1)), *LIST)
    assert found(ingest, shown, shown) is None


def test_found__the_list_does_not_lead_to_what_was_signed__nothing(ingest):
    signatures = (attested(PEER), attested(OTHER_PEER))  # over a round without submissions
    assert found(ingest, *(Shows(shown, *LIST) for shown in signatures)) is None


def test_found__receipt_in_the_list_is_forged__does_not_count(ingest):
    late = item(2, OTHER_PEER, received=OPENS)
    forged = late.receipts[0].model_copy(update={"received": OPENS + 1})
    shown = (LIST[0], LIST[1].model_copy(update={"receipts": [*LIST[1].receipts, forged]}))
    joined = found(
        ingest,
        Shows(attested(PEER, entry(1)), *shown),
        Shows(attested(OTHER_PEER, entry(1)), *shown),
    )
    assert joined is not None
    assert joined.result == result_of([entry(1)])


def test_found__the_round_before_is_replayed__the_honest_ones_still_count(ingest):
    replayed = Shows(attested(PEER, entry(1), number=ROUND - 1))
    joined = found(
        ingest,
        replayed,
        Shows(attested(PEER, entry(1)), *LIST),
        Shows(attested(OTHER_PEER, entry(1)), *LIST),
    )
    assert joined is not None


def test_found__one_shows_what_no_contract_could_hold__the_others_still_count(ingest):
    absurd = attested(PEER, entry(1)).model_copy(update={"at_risk": "9" * 78})
    joined = found(
        ingest,
        Shows(absurd),
        Shows(attested(PEER, entry(1)), *LIST),
        Shows(attested(OTHER_PEER, entry(1)), *LIST),
    )
    assert joined is not None


# ---------------------------------------------------------------------- following the commit


def _named(receipt: SignedReceipt) -> tuple[int, str]:
    return receipt.key.sequence, receipt.operator


class AttestingStandIn:
    """By what is held here, both submissions count."""

    def __init__(self, made: Accord) -> None:
        self.accord = made

    def evaluated(self, number: int) -> Any:
        return result_of([entry(1), entry(2)])

    def publish(self, folder: Path, number: int, result: Any, receipts: Any = None) -> None:
        folder.mkdir()
        (folder / "manifest").write_bytes(result.manifest.digest())
        senders = "all" if receipts is None else sorted(map(_named, receipts))
        (folder / "receipts").write_text(str(senders))


def follow(tmp_path: Path, ingest: Ingest, *peers: Shows) -> Path:
    """The round's folder after a round with the first submission alone was committed."""
    folder = tmp_path / "rounds" / str(ROUND)
    folder.parent.mkdir()
    made = accord(ingest, *peers, folder=lambda number: folder, at=lambda where: None)
    attesting: Any = AttestingStandIn(made)
    synchronised: Any = SimpleNamespace(synchronise=lambda number, what: True)
    confirming: Any = SimpleNamespace(put_in_force=lambda number, manifest: False)
    following = Following(made.context, attesting, synchronised, confirming)
    following.follow(ROUND, result_of([entry(1)]).manifest.digest())
    return folder


def test_follow__committed_without_a_receipt_held_here__has_what_a_signers_list_leads_to(
    tmp_path, ingest
):
    """One that lies shows no list that leads there, and one signer that does is enough."""
    liar = Shows(attested(PEER, entry(1)), item(1, PEER, OTHER_PEER), item(2, PEER, OTHER_PEER))
    folder = follow(tmp_path, ingest, liar, Shows(attested(OTHER_PEER, entry(1)), *LIST))
    assert (folder / "manifest").read_bytes() == result_of([entry(1)]).manifest.digest()
    listed = sorted([(1, PEER.address), (1, OTHER_PEER.address), (2, PEER.address)])
    assert (folder / "receipts").read_text() == str(listed)


def test_follow__nobodys_receipts_lead_to_the_commit__no_folder(tmp_path, ingest):
    both = Shows(None, item(1, PEER, OTHER_PEER), item(2, PEER, OTHER_PEER))
    assert not follow(tmp_path, ingest, both, Shows(None)).exists()
