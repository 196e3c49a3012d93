"""What a round says of its submissions, held against the operators' receipts."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
import sealed_round as rounds
import synthetic_round as given_round
from hypothesis import given
from hypothesis import strategies as st

from oracle.errors import DifferenceError
from oracle.evaluation.inputs import Entry
from oracle.settlement.evidence import ChainFacts
from oracle.settlement.manifest import ManifestError, canonical
from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.round_receipts import RECEIPTS, parse_receipts, receipts_bytes
from oracle.settlement.typed_data import Receipt, message
from oracle.verification.on_time import LISTING, check_receipts

RECEIVED = rounds.receipts()
ANNOUNCED = given_round.ANNOUNCEMENT
FACTS = ChainFacts(
    chain_id=given_round.DOMAIN.chain_id,
    pool=given_round.POOL,
    oracle=given_round.ORACLE,
    round=ANNOUNCED.round,
    opens=ANNOUNCED.opens,
    closes=ANNOUNCED.closes,
    due=ANNOUNCED.closes + ANNOUNCED.horizon,
    members=frozenset(rounds.operator_account(n).address for n in range(4)),
    receipts_needed=2,
    manifest=None,
)
ENTRIES = given_round.ENTRIES
NUMBER = ANNOUNCED.round


def signed(receipt: SignedReceipt, by: int, received: int) -> SignedReceipt:
    """The same submission, taken by another operator or at another time."""
    who, key = rounds.operator_account(by), receipt.key
    said = Receipt(key.round, key.model, key.sha256, key.sequence, received)
    signature = who.sign_message(message(said, given_round.DOMAIN)).signature
    return SignedReceipt(key, who.address, received, bytes(signature))


def test_check_receipts__enough_for_every_entry__counts_them() -> None:
    shown = check_receipts(RECEIVED, ENTRIES, FACTS)
    assert (shown.receipts, shown.operators) == (2 * len(ENTRIES), 2)


def test_check_receipts__of_a_submission_that_does_not_count__no_matter() -> None:
    """One operator alone may have taken a file that the others never saw."""
    entry = given_round.entry(12, sequence=5)
    key = replace(RECEIVED[0].key, model=12, sha256=entry.sha256, sequence=5)
    lonely = signed(replace(RECEIVED[0], key=key), 1, ANNOUNCED.closes - 5)
    check_receipts([*RECEIVED, lonely], ENTRIES, FACTS)
    both = [*RECEIVED, lonely, signed(lonely, 2, ANNOUNCED.closes - 5)]
    with pytest.raises(DifferenceError, match=r"model 12, .*not listed") as caught:
        check_receipts(both, ENTRIES, FACTS)
    assert caught.value.path == LISTING


@pytest.mark.parametrize("place", range(len(RECEIVED)))
def test_check_receipts__one_missing__too_few(place: int) -> None:
    kept = [*RECEIVED[:place], *RECEIVED[place + 1 :]]
    with pytest.raises(DifferenceError, match=f"model {RECEIVED[place].key.model}, .*too few"):
        check_receipts(kept, ENTRIES, FACTS)


@pytest.mark.parametrize("entry", ENTRIES)
def test_check_receipts__listed_otherwise_than_received__named(entry: Entry) -> None:
    turned = [replace(e, on_time=not e.on_time) if e == entry else e for e in ENTRIES]
    says = "late" if entry.on_time else "on time"
    with pytest.raises(DifferenceError, match=f"{LISTING}: model {entry.model}, .* as {says},"):
        check_receipts(RECEIVED, turned, FACTS)


def test_check_receipts__one_of_two_from_after_the_close__late() -> None:
    late = [signed(RECEIVED[0], 0, ANNOUNCED.closes), *RECEIVED[1:]]
    with pytest.raises(DifferenceError, match="listed as on time, its receipts say late"):
        check_receipts(late, ENTRIES, FACTS)


@pytest.mark.parametrize(
    "change",
    [
        lambda r: replace(r, received=r.received - 1),
        lambda r: replace(r, operator=rounds.operator_account(3).address),
        lambda r: replace(r, operator=r.operator.lower()),
        lambda r: replace(r, key=replace(r.key, sequence=77)),
        lambda r: replace(r, key=replace(r.key, round=8)),
        lambda r: replace(r, signature=bytes(65)),
        lambda r: signed(r, 9, r.received),
        lambda r: signed(r, 0, ANNOUNCED.opens - 1),
        lambda r: signed(r, 0, ANNOUNCED.closes + ANNOUNCED.horizon),
    ],
)
def test_check_receipts__not_an_operators_word_from_the_round__named(
    change: Callable[[SignedReceipt], SignedReceipt],
) -> None:
    with pytest.raises(DifferenceError, match=rf"^{RECEIPTS}: model 0, ") as caught:
        check_receipts([change(RECEIVED[0]), *RECEIVED[1:]], ENTRIES, FACTS)
    assert caught.value.path == RECEIPTS


# ---------------------------------------------------------------------- the file


def test_receipts_bytes__any_order_and_repeats__one_file() -> None:
    raw = receipts_bytes(NUMBER, RECEIVED)
    assert receipts_bytes(NUMBER, [*RECEIVED[::-1], RECEIVED[0]]) == raw
    assert set(parse_receipts(raw)) == set(RECEIVED)
    assert parse_receipts(receipts_bytes(NUMBER, [])) == []


@given(st.data())
def test_parse_receipts__any_bit_flipped__refused_or_seen_in_what_is_read(
    data: st.DataObject,
) -> None:
    raw = bytearray(receipts_bytes(NUMBER, RECEIVED))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found = parse_receipts(bytes(raw))
    except ManifestError as error:
        assert RECEIPTS in str(error)  # noqa: PT017 - either outcome is right
        return
    with pytest.raises(DifferenceError, match=RECEIPTS):
        check_receipts(found, ENTRIES, FACTS)


@pytest.mark.parametrize(
    "change",
    [
        lambda v: v["submissions"].reverse(),
        lambda v: v["submissions"][0]["receipts"].reverse(),
        lambda v: v["submissions"].append(v["submissions"][-1]),
        lambda v: v["submissions"][0]["receipts"].append(v["submissions"][0]["receipts"][0]),
        lambda v: v["submissions"][0]["receipts"].clear(),
        lambda v: v.update(more=1),
        lambda v: v.pop("schema"),
        lambda v: v.update(schema="assay/round-receipts/2"),
        lambda v: v.update(round="7"),
    ],
)
def test_parse_receipts__another_spelling__refused(change: Callable[[dict], None]) -> None:

    value = json.loads(receipts_bytes(NUMBER, RECEIVED))
    change(value)
    with pytest.raises(ManifestError, match=RECEIPTS):
        parse_receipts(canonical(value))
