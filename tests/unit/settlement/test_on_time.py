"""When a submission counts as on time."""

from hypothesis import given
from hypothesis import strategies as st

from oracle.settlement.receipts import SignedReceipt, on_time
from oracle.settlement.typed_data import Submission

CLOSES = 1_000
KEY = Submission(round=1, model=2, sha256=b"\x07" * 32, sequence=3)
OTHER = Submission(round=1, model=2, sha256=b"\x08" * 32, sequence=3)


def receipt(operator: str, received: int, key: Submission = KEY) -> SignedReceipt:
    return SignedReceipt(key, operator, received, b"\x01" * 65)


def test_on_time__one_operator_dates_back__does_not_count():
    backdated = receipt("0xliar", CLOSES - 500)
    honest = [receipt(name, CLOSES + 5) for name in ("0xa", "0xb", "0xc")]
    assert on_time([backdated, *honest], CLOSES, needed=2) == set()


def test_on_time__enough_operators__counts():
    receipts = [receipt("0xa", CLOSES - 1), receipt("0xb", CLOSES - 1), receipt("0xc", CLOSES)]
    assert on_time(receipts, CLOSES, needed=2) == {KEY}
    assert on_time(receipts, CLOSES, needed=3) == set()


def test_on_time__one_operator_twice__counts_once():
    receipts = [receipt("0xa", CLOSES - 1), receipt("0xa", CLOSES - 2)]
    assert on_time(receipts, CLOSES, needed=2) == set()


def test_on_time__at_the_close__is_late():
    assert on_time([receipt("0xa", CLOSES)], CLOSES, needed=1) == set()


def test_on_time__receipts_for_another_file__do_not_help():
    receipts = [receipt("0xa", 1), receipt("0xb", 1, OTHER)]
    assert on_time(receipts, CLOSES, needed=2) == set()


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(900, 1_100))), st.integers(1, 4))
def test_on_time__order_of_receipts__does_not_matter(pairs, needed):
    receipts = [receipt(name, received) for name, received in pairs]
    assert on_time(receipts, CLOSES, needed) == on_time(receipts[::-1], CLOSES, needed)
