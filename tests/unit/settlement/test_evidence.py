"""Evidence against a round: what it shows, and all that does not show it."""

import hashlib
import json
from dataclasses import replace

import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from oracle.settlement.evidence import (
    MAX_BYTES,
    ChainFacts,
    Equivocation,
    EvidenceError,
    Late,
    Omitted,
    Published,
    Wrong,
    check,
    good_receipts,
    parse,
    submission_evidence,
)
from oracle.settlement.manifest import canonical, hex32
from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.typed_data import Commit, Domain, Submission, message
from oracle.settlement.wire import attestation_message, receipt_of

OPERATORS = [Account.from_key(hashlib.sha256(b"operator %d" % i).digest()) for i in range(4)]
OWNER = Account.from_key(hashlib.sha256(b"owner").digest())
STRANGER = Account.from_key(hashlib.sha256(b"stranger").digest())
POOL, ORACLE = "0x" + "aB" * 20, "0x" + "Cd" * 20
DOMAIN = Domain(731371, POOL)
OPENS, CLOSES, DUE = 1_000, 2_000, 5_000
KEY = Submission(7, 3, hashlib.sha256(b"predictions").digest(), 12)
OTHER = Submission(7, 4, hashlib.sha256(b"others").digest(), 1)


def sign(account, struct, domain=DOMAIN) -> bytes:
    return bytes(account.sign_message(message(struct, domain)).signature)


def receipt(account, received=CLOSES - 1, key=KEY) -> SignedReceipt:
    said = receipt_of(key, received)
    return SignedReceipt(key, account.address, received, sign(account, said))


def evidence(kind, receipts, key=KEY):
    return submission_evidence(kind, DOMAIN, key, sign(OWNER, key), receipts)


def facts(**changes) -> ChainFacts:
    known = ChainFacts(
        chain_id=731371,
        pool=POOL,
        oracle=ORACLE,
        round=7,
        opens=OPENS,
        closes=CLOSES,
        due=DUE,
        members=frozenset(one.address for one in OPERATORS),
        receipts_needed=2,
        manifest=b"\x01" * 32,
    )
    return replace(known, **changes)


def published(listed: dict[Submission, bool]) -> Published:
    places = {(key.model, key.sha256, key.sequence): there for key, there in listed.items()}
    files = {"outputs/scores.csv": b"\x05" * 32}
    return Published(b"\x01" * 32, places, files)


def commit(**changes) -> Commit:
    told = Commit(
        POOL, 8, 7, 1, b"\x11" * 32, b"\x12" * 32, b"\x13" * 32, 5, 1, b"\x14" * 32, b"\x15" * 32
    )
    return replace(told, **changes)


def equivocation(first, second, signers=(OPERATORS[0], OPERATORS[0])) -> Equivocation:
    domain = Domain(731371, ORACLE)
    shown = [
        attestation_message(one, sign(who, one, domain))
        for one, who in zip((first, second), signers, strict=True)
    ]
    return Equivocation(
        chain_id=731371, pool=POOL.lower(), round=7, first=shown[0], second=shown[1]
    )


# ---------------------------------------------------------------------- omitted and late


def test_omitted__enough_receipts_and_not_listed__is_shown():
    shown = evidence(Omitted, [receipt(OPERATORS[0]), receipt(OPERATORS[1])])
    told = check(shown, facts(), published({OTHER: True}))
    assert "model 3: 2 operators signed" in told
    assert "before the close" in told


@pytest.mark.parametrize("on_time", [True, False])
def test_omitted__listed_in_any_way__is_refused(on_time):
    shown = evidence(Omitted, [receipt(OPERATORS[0]), receipt(OPERATORS[1])])
    with pytest.raises(EvidenceError, match="the round lists it"):
        check(shown, facts(), published({KEY: on_time}))


def test_omitted__another_sequence_of_the_file_listed__is_still_omitted():
    shown = evidence(Omitted, [receipt(OPERATORS[0]), receipt(OPERATORS[1])])
    assert check(shown, facts(), published({replace(KEY, sequence=13): True}))


@pytest.mark.parametrize(
    ("name", "receipts"),
    [
        ("one operator only", [receipt(OPERATORS[0])]),
        ("one operator twice", [receipt(OPERATORS[0]), receipt(OPERATORS[0], CLOSES - 2)]),
        ("a stranger's", [receipt(OPERATORS[0]), receipt(STRANGER)]),
        ("before the opening", [receipt(OPERATORS[0]), receipt(OPERATORS[1], OPENS - 1)]),
        ("after the horizon", [receipt(OPERATORS[0]), receipt(OPERATORS[1], DUE)]),
        (
            "another's signature",
            [receipt(OPERATORS[0]), replace(receipt(OPERATORS[1]), operator=OPERATORS[2].address)],
        ),
        ("another time", [receipt(OPERATORS[0]), replace(receipt(OPERATORS[1]), received=1_500)]),
    ],
)
def test_omitted__receipts_that_do_not_count__are_refused(name, receipts):
    with pytest.raises(EvidenceError, match="1 operators signed a receipt for it, 2 make"):
        check(evidence(Omitted, receipts), facts(), published({}))


def test_omitted__receipts_after_the_close__count_but_not_as_on_time():
    receipts = [receipt(OPERATORS[0]), receipt(OPERATORS[1], CLOSES)]
    assert "after the close" in check(evidence(Omitted, receipts), facts(), published({}))


def test_late__listed_late_with_receipts_in_time__is_shown():
    shown = evidence(Late, [receipt(OPERATORS[0]), receipt(OPERATORS[1])])
    assert "lists it as late" in check(shown, facts(), published({KEY: False}))


@pytest.mark.parametrize(
    ("listed", "receipts", "reason"),
    [
        ({KEY: True}, [CLOSES - 1, CLOSES - 1], "lists it as on time"),
        ({}, [CLOSES - 1, CLOSES - 1], "of kind omitted"),
        ({KEY: False}, [CLOSES - 1, CLOSES], "1 operators signed a receipt before the close"),
    ],
)
def test_late__not_wronged__is_refused(listed, receipts, reason):
    signed = [receipt(who, at) for who, at in zip(OPERATORS, receipts, strict=False)]
    with pytest.raises(EvidenceError, match=reason):
        check(evidence(Late, signed), facts(), published(listed))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"chain_id": 1}, "another chain"),
        ({"pool": "0x" + "12" * 20}, "another pool"),
        ({"round": 8}, "another round"),
        ({"manifest": b"\x02" * 32}, "not the committed"),
        ({"members": frozenset()}, "0 operators signed"),
        ({"receipts_needed": 3}, "2 operators signed a receipt for it, 3 make"),
    ],
)
def test_check__facts_of_something_else__are_refused(changes, reason):
    shown = evidence(Omitted, [receipt(OPERATORS[0]), receipt(OPERATORS[1])])
    assert check(shown, facts(), published({}))
    with pytest.raises(EvidenceError, match=reason):
        check(shown, facts(**changes), published({}))


def test_check__submission_of_another_round_inside__is_refused():
    moved = replace(KEY, round=8)
    shown = evidence(Omitted, [receipt(who, key=moved) for who in OPERATORS], moved)
    with pytest.raises(EvidenceError, match="for another round"):
        check(shown.model_copy(update={"round": 7}), facts(), published({}))


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.sampled_from([OPENS - 1, OPENS, CLOSES - 1, CLOSES, DUE])),
        max_size=6,
    ),
    st.sampled_from([None, True, False]),
)
def test_check__any_receipts_and_listing__agree_with_counting_by_hand(signed, listed):
    accounts = [*OPERATORS, STRANGER]
    receipts = [receipt(accounts[who], at) for who, at in signed]
    counting = {who for who, at in signed if who < 4 and OPENS <= at < DUE}
    early = {who for who, at in signed if who < 4 and OPENS <= at < CLOSES}
    listing = published({} if listed is None else {KEY: listed})
    for kind, proven in (
        (Omitted, len(counting) >= 2 and listed is None),
        (Late, len(early) >= 2 and listed is False),
    ):
        shown = parse(evidence(kind, receipts).to_bytes())
        if proven:
            assert check(shown, facts(), listing)
        else:
            with pytest.raises(EvidenceError):
                check(shown, facts(), listing)


def test_good_receipts__order_of_the_receipts__does_not_change_the_hash():
    receipts = [receipt(who, at) for who in OPERATORS for at in (OPENS, CLOSES)]
    shown = evidence(Omitted, receipts)
    assert shown.digest() == evidence(Omitted, receipts[::-1]).digest()
    assert len(good_receipts(shown.submission, facts())) == 8


# ---------------------------------------------------------------------- wrong


def wrong(**changes) -> Wrong:
    told = {
        "chain_id": 731371,
        "pool": POOL.lower(),
        "round": 7,
        "manifest": hex32(b"\x01" * 32),
        "path": "outputs/scores.csv",
        "published": hex32(b"\x05" * 32),
        "recomputed": hex32(b"\x06" * 32),
        "difference": "line 2",
    }
    return Wrong(**(told | changes))


def test_wrong__file_of_the_committed_round__is_a_claim():
    told = check(wrong(), facts(), published({}))
    assert told == "it claims that outputs/scores.csv is wrong: line 2"
    whole = wrong(path="manifest.json", published=hex32(b"\x01" * 32))
    assert check(whole, facts(), published({}))
    assert check(wrong(path="outputs/new.csv", published=""), facts(), published({}))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"manifest": hex32(b"\x02" * 32)}, "another commit"),
        ({"recomputed": hex32(b"\x05" * 32)}, "no difference"),
        ({"published": hex32(b"\x09" * 32)}, "is another file"),
        ({"path": "outputs/new.csv"}, "is another file"),
    ],
)
def test_wrong__not_about_what_was_published__is_refused(changes, reason):
    with pytest.raises(EvidenceError, match=reason):
        check(wrong(**changes), facts(), published({}))


def test_wrong__no_commit__is_refused():
    with pytest.raises(EvidenceError, match="no commit"):
        check(wrong(), facts(manifest=None))


# ---------------------------------------------------------------------- equivocation


def test_equivocation__two_results_of_one_operator__names_it():
    told = check(equivocation(commit(), commit(at_risk=6)), facts())
    assert told == f"{OPERATORS[0].address} signed two results of round 7"


@pytest.mark.parametrize(
    ("second", "signers", "reason"),
    [
        (commit(), (OPERATORS[0], OPERATORS[0]), "over one result"),
        (commit(at_risk=6), (OPERATORS[0], OPERATORS[1]), "two operators signed"),
        (commit(at_risk=6), (STRANGER, STRANGER), "no operator of the round signed"),
        (commit(at_risk=6, round=8), (OPERATORS[0], OPERATORS[0]), "another round or pool"),
        (commit(at_risk=6, epoch=2), (OPERATORS[0], OPERATORS[0]), "two announcements"),
    ],
)
def test_equivocation__anything_less__convicts_nobody(second, signers, reason):
    with pytest.raises(EvidenceError, match=reason):
        check(equivocation(commit(), second, signers), facts())


def test_equivocation__result_that_no_contract_could_hold__is_refused():
    shown = equivocation(commit(), commit(at_risk=6))
    absurd = shown.second.model_copy(update={"at_risk": "9" * 78})
    with pytest.raises(EvidenceError, match="nobody's signature"):
        check(shown.model_copy(update={"second": absurd}), facts())


# ---------------------------------------------------------------------- bytes


def test_parse__what_to_bytes_wrote__is_the_same_evidence():
    for one in (
        evidence(Omitted, [receipt(OPERATORS[0])]),
        evidence(Late, []),
        wrong(),
        equivocation(commit(), commit(at_risk=6)),
    ):
        assert parse(one.to_bytes()) == one
        assert one.digest() == hashlib.sha256(one.to_bytes()).digest()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda v: v | {"kind": "rude"}, "kind"),
        (lambda v: v | {"more": 1}, "more"),
        (lambda v: {k: v[k] for k in v if k != "schema"}, "must be given"),
        (lambda v: v | {"path": "../secret"}, "path"),
        (lambda v: v | {"path": "inputs/submissions/" + "a" * 300}, "path"),
        (lambda v: v | {"difference": "x" * 1001}, "difference"),
        (lambda v: v | {"pool": POOL}, "pool"),
    ],
)
def test_parse__other_content__is_refused(change, reason):
    value = change(json.loads(wrong().to_bytes()))
    with pytest.raises(EvidenceError, match=reason):
        parse(canonical(value))


def test_parse__bytes_that_are_not_canonical_or_too_many__are_refused():
    with pytest.raises(EvidenceError, match="not canonical"):
        parse(json.dumps(json.loads(wrong().to_bytes()), indent=1).encode())
    with pytest.raises(EvidenceError, match="larger than"):
        parse(b" " * (MAX_BYTES + 1))
    with pytest.raises(EvidenceError, match="not JSON"):
        parse(b"\xff")
