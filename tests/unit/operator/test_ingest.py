"""What an operator takes in, from owners and from other operators, and what it refuses.

The journal, the checks and all signatures are real; only the chain's answers are given.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount
from ingest_world import (
    CHAIN_ID,
    CLOSES,
    DOMAIN,
    DUE,
    IDENTITIES,
    MODEL,
    OPENS,
    OTHER_PEER,
    OWNER,
    PEER,
    RAW,
    ROUND,
    SELF,
    STRANGER,
    ChainStandIn,
    kept,
    key_of,
    new_ingest,
    plain_files,
    signed,
    to_operators,
)
from synthetic_round import ANNOUNCEMENT, INVALID, ORACLE, POOL

from oracle.errors import InputError, RefusedError
from oracle.operator.ingest import MAX_BYTES, MAX_PER_MODEL, Ingest
from oracle.operator.tries import BusyError, Tries
from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.typed_data import Domain, Submission, recover
from oracle.settlement.wire import (
    MAX_SEQUENCE,
    ReceiptMessage,
    SubmissionMessage,
    receipt_message,
    receipt_of,
    submission_message,
)
from oracle.store.sealing import Identity, SealError


def adopt(ingest: Ingest, item: SubmissionMessage, raw: bytes) -> None:
    """As the worker does: the receipts that are good, then the submission with them."""
    ingest.adopt(item, to_operators(raw), ingest.new_receipts(item, ()))


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
    return submission_message(key, signed(key, owner), []).model_copy(
        update={"receipts": list(receipts)}
    )


def acquainted(folder: Path, chain: ChainStandIn) -> tuple[Ingest, Ingest]:
    """Two operators, each with the other's card."""
    mine, theirs = new_ingest(folder, chain), new_ingest(folder, chain, PEER)
    for one, other in ((mine, theirs), (theirs, mine)):
        assert one.cards.take(other.cards.own, chain.operators())
    return mine, theirs


@pytest.fixture
def chain() -> ChainStandIn:
    return ChainStandIn()


@pytest.fixture
def ingest(tmp_path: Path, chain: ChainStandIn) -> Ingest:
    return new_ingest(tmp_path, chain)


# ---------------------------------------------------------------------- from an owner


def accept(ingest: Ingest, raw: bytes = RAW, sequence: int = 1, model: int = MODEL) -> Any:
    signature = signed(key_of(raw, model=model, sequence=sequence), OWNER)
    return ingest.accept(to_operators(raw), ROUND, model, sequence, signature)


def test_accept__own_file__receipt_is_signed_over_the_block_time(ingest, chain):
    chain.now = CLOSES - 1
    found = accept(ingest)
    assert (found.operator, found.received) == (SELF.address, CLOSES - 1)
    assert recover(receipt_of(key_of(), CLOSES - 1), DOMAIN, found.signature) == SELF.address
    assert plain_files(ingest) == {key_of(): RAW}


def test_accept__same_again_after_the_close__first_receipt_stands(ingest, chain):
    first = accept(ingest)
    chain.now = CLOSES + 5
    assert accept(ingest) == first
    assert kept(ingest) == [(key_of(), SELF.address, OPENS)]


def test_accept__same_bytes_with_a_later_sequence__is_another_submission(ingest, chain):
    accept(ingest, sequence=1)
    chain.now = CLOSES + 5
    assert accept(ingest, sequence=2).received == CLOSES + 5
    assert [s.key.sequence for s in ingest.journal.listed(ROUND)] == [1, 2]


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
        ingest.accept(to_operators(RAW), ROUND, MODEL, sequence, bytes(65))


def test_accept__one_byte_too_many__refused(ingest):
    with pytest.raises(InputError, match=f"larger than {MAX_BYTES}"):
        ingest.accept(to_operators(bytes(MAX_BYTES + 1)), ROUND, MODEL, 1, bytes(65))


@pytest.mark.parametrize("field_name", ["round", "model", "sequence", "sha256"])
def test_accept__owner_signed_another_submission__refused(ingest, field_name):
    key = key_of()
    value = b"\x01" * 32 if field_name == "sha256" else getattr(key, field_name) + 1
    signature = signed(replace(key, **{field_name: value}), OWNER)
    with pytest.raises(RefusedError, match="not signed by the owner of model 2"):
        ingest.accept(to_operators(RAW), ROUND, MODEL, 1, signature)
    assert kept(ingest) == []


@pytest.mark.parametrize(
    "domain", [Domain(CHAIN_ID + 1, POOL), Domain(CHAIN_ID, ORACLE)], ids=["chain", "contract"]
)
def test_accept__signed_for_another_domain__refused(ingest, domain):
    with pytest.raises(RefusedError, match="not signed by the owner"):
        ingest.accept(to_operators(RAW), ROUND, MODEL, 1, signed(key_of(), OWNER, domain))


def test_accept__no_valid_table__refused_with_the_documented_prefix_and_no_trace(ingest):
    with pytest.raises(InputError, match=r"^invalid_submission_values"):
        accept(ingest, INVALID)
    assert list(ingest.journal.listed(ROUND)) == []


def test_accept__universe_not_published__refused(ingest, chain):
    chain.rounds[ROUND + 1] = replace(ANNOUNCEMENT, round=ROUND + 1)
    key = replace(key_of(), round=ROUND + 1)
    with pytest.raises(RefusedError, match="universe of round 8 is not published"):
        ingest.accept(to_operators(RAW), ROUND + 1, MODEL, 1, signed(key, OWNER))


# ---------------------------------------------------------------------- from another operator


def test_adopt__receipts_of_two_peers__both_kept_with_the_bytes(ingest):
    item = shared(receipt(key_of(), PEER, OPENS + 1), receipt(key_of(), OTHER_PEER, OPENS + 2))
    adopt(ingest, item, RAW)
    assert sorted(kept(ingest)) == sorted(
        [(key_of(), PEER.address, OPENS + 1), (key_of(), OTHER_PEER.address, OPENS + 2)]
    )
    assert plain_files(ingest) == {key_of(): RAW}


def test_adopt__own_receipt_comes_back__nothing_changes(ingest):
    own = accept(ingest)
    stored = next(ingest.journal.listed(ROUND))
    item = submission_message(stored.key, stored.signature, [own])
    adopt(ingest, item, RAW)
    assert kept(ingest) == [(key_of(), SELF.address, OPENS)]


def test_adopt__twice_and_from_either_side__operators_hold_the_same(tmp_path, chain):
    mine, theirs = acquainted(tmp_path, chain)
    accept(mine)
    chain.now += 1
    accept(theirs)
    for _ in range(2):
        for giver, taker in ((mine, theirs), (theirs, mine)):
            for item in giver.journal.listed(ROUND):
                message = submission_message(
                    item.key, item.signature, list(giver.journal.receipts(ROUND))
                )
                sealed = giver.shared(ROUND, item.key.sha256)
                taker.adopt(message, sealed, taker.new_receipts(message, ()))
    assert sorted(kept(mine)) == sorted(kept(theirs))
    assert len(kept(mine)) == 2
    assert list(mine.journal.listed(ROUND)) == list(theirs.journal.listed(ROUND))


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
    assert list(ingest.journal.listed(ROUND)) == []


def test_adopt__forged_beside_a_good_one__only_the_good_one_is_kept(ingest):
    forged = receipt(key_of(), STRANGER, OPENS)
    adopt(ingest, shared(forged, receipt(key_of(), PEER, CLOSES)), RAW)
    assert kept(ingest) == [(key_of(), PEER.address, CLOSES)]


def test_adopt__no_receipt__leaves_no_trace(ingest):
    adopt(ingest, shared(), RAW)
    assert list(ingest.journal.listed(ROUND)) == []


def test_adopt__other_bytes_than_the_hash__refused(ingest):
    with pytest.raises(InputError, match="the bytes differ from their SHA-256"):
        adopt(ingest, shared(receipt(key_of(), PEER, OPENS)), RAW + b"\n")
    assert kept(ingest) == []


def test_adopt__not_signed_by_the_owner__refused_whatever_the_receipt_says(ingest):
    with pytest.raises(RefusedError, match="not signed by the owner"):
        adopt(ingest, shared(receipt(key_of(), PEER, OPENS), owner=PEER), RAW)
    assert kept(ingest) == []


def test_adopt__model_has_changed_hands_since__taken_as_by_those_that_saw_it_before(ingest, chain):
    item = shared(receipt(key_of(), PEER, OPENS), receipt(key_of(), OTHER_PEER, OPENS))
    chain.owners[MODEL], chain.former[MODEL] = STRANGER.address, {OWNER.address}
    adopt(ingest, item, RAW)
    assert plain_files(ingest) == {key_of(): RAW}


@pytest.mark.parametrize("at_close", [OWNER, STRANGER], ids=["seller", "buyer"])
@pytest.mark.parametrize("first", [OWNER, STRANGER], ids=["seller first", "buyer first"])
def test_adopt__signed_by_two_owners__the_one_at_the_close_goes_before(
    ingest, chain, first, at_close
):
    chain.owners[MODEL], chain.former[MODEL] = STRANGER.address, {OWNER.address}
    chain.at_close[MODEL] = at_close.address
    second = STRANGER if first is OWNER else OWNER
    for by, owner in ((PEER, first), (OTHER_PEER, second), (SELF, first)):
        adopt(ingest, shared(receipt(key_of(), by, OPENS), owner=owner), RAW)
    [stored] = ingest.journal.listed(ROUND)
    assert stored.signature == signed(key_of(), at_close)


def test_adopt__unregistered_model__refused(ingest):
    key = key_of(model=9)
    with pytest.raises(RefusedError, match="model 9 is not registered"):
        adopt(ingest, shared(receipt(key, PEER, OPENS), key=key), RAW)


def test_adopt__file_sealed_to_others__refused_and_no_trace(ingest):
    item = shared(receipt(key_of(), PEER, OPENS))
    with pytest.raises(InputError, match="cannot be opened: damaged, or sealed to others"):
        ingest.adopt(item, to_operators(RAW, PEER), ingest.new_receipts(item, ()))
    assert list(ingest.journal.listed(ROUND)) == []


def test_adopt__plain_file__refused_even_where_owners_may_send_plain(tmp_path, chain):
    ingest = new_ingest(tmp_path, chain, allow_plaintext=True)
    item = shared(receipt(key_of(), PEER, OPENS))
    with pytest.raises(InputError, match="not encrypted"):
        ingest.adopt(item, RAW, ingest.new_receipts(item, ()))


def test_adopt__file_held_already__receipts_are_kept_and_nothing_is_fetched(ingest):
    accept(ingest)
    item = shared(receipt(key_of(), PEER, OPENS + 1))
    ingest.adopt(item, None, ingest.new_receipts(item, ()))
    assert {operator for _, operator, _ in kept(ingest)} == {SELF.address, PEER.address}


def test_adopt__same_bytes_held_for_another_model__kept_under_both(ingest, chain):
    accept(ingest)
    chain.owners[3] = OWNER.address
    other = key_of(model=3)
    item = shared(receipt(other, PEER, OPENS + 1), key=other)
    ingest.adopt(item, None, ingest.new_receipts(item, ()))
    assert plain_files(ingest) == {key_of(): RAW, other: RAW}


def test_adopt__owners_recipient_travels_with_the_file(tmp_path, chain):
    mine, theirs = acquainted(tmp_path, chain)
    owners = Identity.new().recipient
    body = to_operators(RAW, SELF, recipient=owners)
    mine.accept(body, ROUND, MODEL, 1, signed(key_of(), OWNER))
    [item] = mine.journal.listed(ROUND)
    message = submission_message(item.key, item.signature, list(mine.journal.receipts(ROUND)))
    sealed = mine.shared(ROUND, item.key.sha256)
    theirs.adopt(message, sealed, theirs.new_receipts(message, ()))
    assert [kept.recipient for kept in theirs.journal.listed(ROUND)] == [owners]
    assert plain_files(theirs) == {key_of(): RAW}


# ---------------------------------------------------------------------- encryption


def test_accept__plain_file__refused_unless_the_operator_allows_it(tmp_path, chain):
    signature = signed(key_of(), OWNER)
    strict, lenient = (
        new_ingest(tmp_path / name, chain, allow_plaintext=name == "lenient")
        for name in ("strict", "lenient")
    )
    with pytest.raises(InputError, match="the file is not encrypted"):
        strict.accept(RAW, ROUND, MODEL, 1, signature)
    assert kept(strict) == []
    lenient.accept(RAW, ROUND, MODEL, 1, signature)
    assert plain_files(lenient) == {key_of(): RAW}


def test_accept__encrypted_to_another_operator__refused_there_alone(tmp_path, chain):
    mine, theirs = acquainted(tmp_path, chain)
    body, signature = to_operators(RAW, PEER), signed(key_of(), OWNER)
    with pytest.raises(InputError, match="cannot be opened"):
        mine.accept(body, ROUND, MODEL, 1, signature)
    assert kept(mine) == []
    theirs.accept(body, ROUND, MODEL, 1, signature)
    assert kept(theirs) == [(key_of(), PEER.address, OPENS)]


@pytest.mark.parametrize("cut", [1, 16, 100, 500])
def test_accept__encrypted_file_cut_short__refused_and_no_trace(ingest, cut):
    body = to_operators(RAW)
    with pytest.raises(InputError, match="cannot be opened"):
        ingest.accept(body[:-cut], ROUND, MODEL, 1, signed(key_of(), OWNER))
    assert kept(ingest) == []


def test_accept__header_of_thousands_of_stanzas__refused_unread(ingest):
    """Reading it would take minutes: the library's time grows with the square."""
    stanza = b"-> X25519 " + b"A" * 43 + b"\n" + b"A" * 43 + b"\n"
    body = b"age-encryption.org/v1\n" + stanza * 80_000 + b"--- " + b"A" * 43 + b"\n"
    with pytest.raises(InputError, match="sealed to too many"):
        ingest.accept(body, ROUND, MODEL, 1, signed(key_of(), OWNER))


@pytest.mark.parametrize("recipient", ["age1" + "q" * 58, "age1" + "!" * 58, "age1"])
def test_accept__owners_recipient_is_none__refused(ingest, recipient):
    body = to_operators(RAW, SELF, recipient=recipient)
    with pytest.raises(InputError, match="not an age recipient"):
        ingest.accept(body, ROUND, MODEL, 1, signed(key_of(), OWNER))
    assert kept(ingest) == []


def test_shared__operators_that_came_later__can_open_it_and_a_revoked_one_cannot(tmp_path, chain):
    mine = new_ingest(tmp_path, chain)
    accept(mine)
    late, revoked = new_ingest(tmp_path, chain, PEER), new_ingest(tmp_path, chain, OTHER_PEER)
    for other in (late, revoked):
        mine.cards.take(other.cards.own, chain.operators())
    chain.revoked.add(OTHER_PEER.address)
    mine = new_ingest(tmp_path, chain)
    sealed = mine.shared(ROUND, key_of().sha256)
    assert IDENTITIES[PEER.address].open(sealed) == RAW
    with pytest.raises(SealError):
        IDENTITIES[OTHER_PEER.address].open(sealed)


# ---------------------------------------------------------------------- limits


def test_accept__more_files_of_a_model_than_allowed__refused_but_a_repeated_one(ingest):
    for sequence in range(MAX_PER_MODEL):
        accept(ingest, sequence=sequence)
    with pytest.raises(RefusedError, match=f"has sent {MAX_PER_MODEL} files for this round"):
        accept(ingest, sequence=MAX_PER_MODEL)
    accept(ingest, sequence=0)


def test_accept__invalid_files_without_end__refused_until_time_has_passed(ingest, chain):
    now = [0.0]
    ingest = replace(ingest, tries=Tries(most=3, seconds=10, clock=lambda: now[0]))
    for sequence in range(3):
        with pytest.raises(InputError, match="invalid_submission_values"):
            accept(ingest, INVALID, sequence=sequence)
    with pytest.raises(BusyError, match="model 2 has sent 3 files within 10 s"):
        accept(ingest)
    now[0] = 10.0
    accept(ingest)


def test_accept__a_strangers_tries__do_not_use_up_the_owners(ingest):
    ingest = replace(ingest, tries=Tries(most=1))
    for _ in range(5):
        with pytest.raises(RefusedError, match="not signed by the owner"):
            ingest.accept(to_operators(RAW), ROUND, MODEL, 1, signed(key_of(), STRANGER))
    accept(ingest)


def test_accept__without_a_key__takes_nothing(ingest):
    with pytest.raises(RefusedError, match="runs without a key"):
        accept(replace(ingest, signer=None))
    assert kept(ingest) == []
