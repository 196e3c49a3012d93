"""What an operator takes in, from owners and from other operators, and what it refuses.

The journal, the checks and all signatures are real; only the chain's answers are given.
"""

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from synthetic_round import ANNOUNCEMENT, IDS, INVALID, ORACLE, POOL, csv, predictions

from oracle.chain.reader import Addresses
from oracle.chain.rpc import Block
from oracle.errors import InputError, RefusedError
from oracle.operator.ingest import MAX_BYTES, Ingest
from oracle.operator.targets import RoundData
from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.typed_data import Announcement, Domain, Submission, message, recover
from oracle.settlement.wire import (
    MAX_SEQUENCE,
    ReceiptMessage,
    SubmissionMessage,
    receipt_message,
    receipt_of,
    submission_message,
)
from oracle.store.journal import Journal, StoredSubmission
from oracle.tournaments.universe import universe_bytes

ROUND, OPENS, CLOSES = ANNOUNCEMENT.round, ANNOUNCEMENT.opens, ANNOUNCEMENT.closes
DUE = CLOSES + ANNOUNCEMENT.horizon
CHAIN_ID = 731371
DOMAIN = Domain(CHAIN_ID, POOL)
ADDRESSES = Addresses(
    CHAIN_ID, POOL, ORACLE, registry=POOL, relay=POOL, token=POOL, burn_vault=POOL, tournament=8
)
OWNER, STRANGER, SELF, PEER, OTHER_PEER = (Account.from_key(bytes([n]) * 32) for n in range(1, 6))
SIGNERS = frozenset(a.address for a in (SELF, PEER, OTHER_PEER))
MODEL = 2
RAW = csv(predictions(MODEL))


@dataclass
class ChainStandIn:
    """Stands in for the chain: answers what a ``PoolReader`` would, from plain fields."""

    now: int = OPENS
    owners: dict[int, str] = field(default_factory=lambda: {MODEL: OWNER.address})
    rounds: dict[int, Announcement] = field(default_factory=lambda: {ROUND: ANNOUNCEMENT})
    addresses: Addresses = ADDRESSES

    def members(self, number: int) -> list[str]:
        return sorted(SIGNERS)

    def newest(self) -> Block:
        return Block(7, "0x" + "00" * 32, self.now)

    def announced(self, number: int) -> Announcement | None:
        return self.rounds.get(number)

    def owner_of(self, model: int) -> str | None:
        return self.owners.get(model)


def new_ingest(folder: Path, chain: ChainStandIn, account: LocalAccount = SELF) -> Ingest:
    provider = folder / "provider" / str(ROUND)
    provider.mkdir(parents=True, exist_ok=True)
    (provider / "universe.csv").write_bytes(universe_bytes(IDS))
    journal = Journal(folder / f"{account.address}.sqlite")
    return Ingest(chain, journal, RoundData(folder / "provider"), account)  # type: ignore[arg-type]


def adopt(ingest: Ingest, item: SubmissionMessage, raw: bytes) -> None:
    """As the worker does: the receipts that are good, then the submission with them."""
    ingest.adopt(item, raw, ingest.new_receipts(item, ()))


def signed(struct: Any, account: LocalAccount, domain: Domain = DOMAIN) -> bytes:
    return bytes(account.sign_message(message(struct, domain)).signature)


def key_of(raw: bytes = RAW, *, model: int = MODEL, sequence: int = 1) -> Submission:
    return Submission(ROUND, model, hashlib.sha256(raw).digest(), sequence)


def receipt(
    key: Submission, by: LocalAccount, received: int, domain: Domain = DOMAIN
) -> ReceiptMessage:
    signature = signed(receipt_of(key, received), by, domain)
    return receipt_message(SignedReceipt(key, by.address, received, signature))


def shared(
    *receipts: ReceiptMessage, key: Submission | None = None, owner: LocalAccount = OWNER
) -> SubmissionMessage:
    """What a peer's list says about a submission."""
    key = key or key_of()
    stored = StoredSubmission(key, signed(key, owner), b"")
    return submission_message(stored.key, stored.signature, []).model_copy(
        update={"receipts": list(receipts)}
    )


def kept(ingest: Ingest) -> list[tuple[Submission, str, int]]:
    return [(r.key, r.operator, r.received) for r in ingest.journal.receipts(ROUND)]


@pytest.fixture
def chain() -> ChainStandIn:
    return ChainStandIn()


@pytest.fixture
def ingest(tmp_path: Path, chain: ChainStandIn) -> Ingest:
    return new_ingest(tmp_path, chain)


# ---------------------------------------------------------------------- from an owner


def accept(ingest: Ingest, raw: bytes = RAW, sequence: int = 1, model: int = MODEL) -> Any:
    signature = signed(key_of(raw, model=model, sequence=sequence), OWNER)
    return ingest.accept(raw, ROUND, model, sequence, signature)


def test_accept__own_file__receipt_is_signed_over_the_block_time(ingest, chain):
    chain.now = CLOSES - 1
    found = accept(ingest)
    assert (found.operator, found.received) == (SELF.address, CLOSES - 1)
    assert recover(receipt_of(key_of(), CLOSES - 1), DOMAIN, found.signature) == SELF.address
    assert [s.raw for s in ingest.journal.submissions(ROUND)] == [RAW]


def test_accept__same_again_after_the_close__first_receipt_stands(ingest, chain):
    first = accept(ingest)
    chain.now = CLOSES + 5
    assert accept(ingest) == first
    assert kept(ingest) == [(key_of(), SELF.address, OPENS)]


def test_accept__same_bytes_with_a_later_sequence__is_another_submission(ingest, chain):
    accept(ingest, sequence=1)
    chain.now = CLOSES + 5
    assert accept(ingest, sequence=2).received == CLOSES + 5
    assert [s.key.sequence for s in ingest.journal.submissions(ROUND)] == [1, 2]


@pytest.mark.parametrize(
    ("now", "taken"),
    [(OPENS - 1, False), (OPENS, True), (CLOSES, True), (DUE - 1, True), (DUE, False)],
)
def test_accept__at_the_edges_of_a_round__from_opening_to_due(ingest, chain, now, taken):
    chain.now = now
    if taken:
        assert accept(ingest).received == now
    else:
        with pytest.raises(RefusedError, match=f"round {ROUND} (opens at|is being scored)"):
            accept(ingest)
        assert kept(ingest) == []


@pytest.mark.parametrize("sequence", [-1, MAX_SEQUENCE + 1])
def test_accept__sequence_out_of_range__refused(ingest, sequence):
    with pytest.raises(InputError, match="sequence must be"):
        ingest.accept(RAW, ROUND, MODEL, sequence, bytes(65))


def test_accept__one_byte_too_many__refused_before_anything_else(ingest):
    with pytest.raises(InputError, match=f"larger than {MAX_BYTES}"):
        ingest.accept(bytes(MAX_BYTES + 1), ROUND, MODEL, 1, bytes(65))


@pytest.mark.parametrize("field_name", ["round", "model", "sequence", "sha256"])
def test_accept__owner_signed_another_submission__refused(ingest, field_name):
    key = key_of()
    value = b"\x01" * 32 if field_name == "sha256" else getattr(key, field_name) + 1
    signature = signed(replace(key, **{field_name: value}), OWNER)
    with pytest.raises(RefusedError, match="not signed by the owner of model 2"):
        ingest.accept(RAW, ROUND, MODEL, 1, signature)
    assert kept(ingest) == []


@pytest.mark.parametrize(
    "domain", [Domain(CHAIN_ID + 1, POOL), Domain(CHAIN_ID, ORACLE)], ids=["chain", "contract"]
)
def test_accept__signed_for_another_domain__refused(ingest, domain):
    with pytest.raises(RefusedError, match="not signed by the owner"):
        ingest.accept(RAW, ROUND, MODEL, 1, signed(key_of(), OWNER, domain))


def test_accept__no_valid_table__refused_with_the_documented_prefix_and_no_trace(ingest):
    with pytest.raises(InputError, match=r"^invalid_submission_values"):
        accept(ingest, INVALID)
    assert list(ingest.journal.submissions(ROUND)) == []


def test_accept__universe_not_published__refused(ingest, chain):
    chain.rounds[ROUND + 1] = replace(ANNOUNCEMENT, round=ROUND + 1)
    key = replace(key_of(), round=ROUND + 1)
    with pytest.raises(RefusedError, match="universe of round 8 is not published"):
        ingest.accept(RAW, ROUND + 1, MODEL, 1, signed(key, OWNER))


# ---------------------------------------------------------------------- from another operator


def test_adopt__receipts_of_two_peers__both_kept_with_the_bytes(ingest):
    item = shared(receipt(key_of(), PEER, OPENS + 1), receipt(key_of(), OTHER_PEER, OPENS + 2))
    adopt(ingest, item, RAW)
    assert sorted(kept(ingest)) == sorted(
        [(key_of(), PEER.address, OPENS + 1), (key_of(), OTHER_PEER.address, OPENS + 2)]
    )
    assert ingest.journal.find(ROUND, key_of().sha256).raw == RAW


def test_adopt__own_receipt_comes_back__nothing_changes(ingest):
    own = accept(ingest)
    stored = next(iter(ingest.journal.submissions(ROUND)))
    item = submission_message(stored.key, stored.signature, [own])
    adopt(ingest, item, RAW)
    assert kept(ingest) == [(key_of(), SELF.address, OPENS)]


def test_adopt__twice_and_from_either_side__operators_hold_the_same(tmp_path, chain):
    mine, theirs = new_ingest(tmp_path, chain), new_ingest(tmp_path, chain, PEER)
    accept(mine)
    chain.now += 1
    accept(theirs)
    for _ in range(2):
        for giver, taker in ((mine, theirs), (theirs, mine)):
            for item in giver.journal.submissions(ROUND):
                receipts = list(giver.journal.receipts(ROUND))
                adopt(taker, submission_message(item.key, item.signature, receipts), item.raw)
    assert sorted(kept(mine)) == sorted(kept(theirs))
    assert len(kept(mine)) == 2
    assert list(mine.journal.submissions(ROUND)) == list(theirs.journal.submissions(ROUND))


def _forged() -> dict[str, ReceiptMessage]:
    good = receipt(key_of(), PEER, CLOSES + 9)
    signature = bytearray.fromhex(good.signature[2:])
    signature[10] ^= 1
    update = good.model_copy
    return {
        "not an operator": receipt(key_of(), STRANGER, OPENS),
        "signed by another operator": update(update={"operator": OTHER_PEER.address}),
        "dated back": update(update={"received": OPENS}),
        "one bit of the signature": update(update={"signature": "0x" + signature.hex()}),
        "for another sequence": receipt(key_of(sequence=2), PEER, OPENS),
        "for another model": receipt(key_of(model=3), PEER, OPENS),
        "for another pool": receipt(key_of(), PEER, OPENS, Domain(CHAIN_ID, ORACLE)),
        "for another chain": receipt(key_of(), PEER, OPENS, Domain(1, POOL)),
    }


@pytest.mark.parametrize("forgery", _forged().values(), ids=_forged().keys())
def test_adopt__forged_receipt__leaves_no_trace(ingest, forgery):
    adopt(ingest, shared(forgery), RAW)
    assert kept(ingest) == []
    assert list(ingest.journal.submissions(ROUND)) == []


def test_adopt__forged_beside_a_good_one__only_the_good_one_is_kept(ingest):
    forged = receipt(key_of(), STRANGER, OPENS)
    adopt(ingest, shared(forged, receipt(key_of(), PEER, CLOSES)), RAW)
    assert kept(ingest) == [(key_of(), PEER.address, CLOSES)]


def test_adopt__no_receipt__leaves_no_trace(ingest):
    adopt(ingest, shared(), RAW)
    assert list(ingest.journal.submissions(ROUND)) == []


def test_adopt__other_bytes_than_the_hash__refused(ingest):
    with pytest.raises(InputError, match="the bytes differ from their SHA-256"):
        adopt(ingest, shared(receipt(key_of(), PEER, OPENS)), RAW + b"\n")
    assert kept(ingest) == []


def test_adopt__not_signed_by_the_owner__refused_whatever_the_receipt_says(ingest):
    with pytest.raises(RefusedError, match="not signed by the owner"):
        adopt(ingest, shared(receipt(key_of(), PEER, OPENS), owner=PEER), RAW)
    assert kept(ingest) == []


def test_adopt__unregistered_model__refused(ingest):
    key = key_of(model=9)
    with pytest.raises(RefusedError, match="model 9 is not registered"):
        adopt(ingest, shared(receipt(key, PEER, OPENS), key=key), RAW)
