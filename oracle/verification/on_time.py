"""Whether what a round says of its submissions is what the operators' receipts say."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from oracle.errors import DifferenceError
from oracle.evaluation.inputs import Entry
from oracle.settlement.evidence import ChainFacts
from oracle.settlement.receipts import SignedReceipt, counted, on_time
from oracle.settlement.round_receipts import RECEIPTS
from oracle.settlement.typed_data import Submission, recover
from oracle.settlement.wire import receipt_of

LISTING = "inputs/submissions.json"


@dataclass(frozen=True, slots=True)
class Shown:
    """How many receipts there are, of how many operators."""

    receipts: int
    operators: int


def check_receipts(
    receipts: Collection[SignedReceipt], entries: Iterable[Entry], facts: ChainFacts
) -> Shown:
    """That enough operators signed receipts for each entry, before the close where it is on time
    and only there, and for no submission that is not listed.

    Raises ``DifferenceError``.
    """
    for receipt in receipts:
        _check_signed(receipt, facts)
    listed = {
        Submission(facts.round, entry.model, entry.sha256, entry.sequence): entry.on_time
        for entry in entries
    }
    known = counted(receipts, facts.receipts_needed)
    in_time = on_time(receipts, facts.closes, facts.receipts_needed)
    for key, said in listed.items():
        if key not in known:
            raise _differs(f"{_name(key)} has receipts of too few operators", RECEIPTS)
        if said != (key in in_time):
            was, shown = ("on time", "late") if said else ("late", "on time")
            raise _differs(f"{_name(key)} is listed as {was}, its receipts say {shown}", LISTING)
    for key in sorted(known - set(listed), key=lambda key: (key.model, key.sequence)):
        raise _differs(f"{_name(key)} has enough receipts and is not listed", LISTING)
    return Shown(len(receipts), len({receipt.operator.lower() for receipt in receipts}))


def _check_signed(receipt: SignedReceipt, facts: ChainFacts) -> None:
    key, operator = receipt.key, receipt.operator
    who = recover(receipt_of(key, receipt.received), facts.pool_domain, receipt.signature)
    # Spelled as it is on chain: one operator must not count as two.
    if key.round != facts.round or who != operator or who not in facts.members:
        raise _differs(f"{_name(key)}: no operator {operator} signed that receipt", RECEIPTS)
    if not facts.opens <= receipt.received < facts.due:
        raise _differs(f"{_name(key)}: {operator} took it at no time of the round", RECEIPTS)


def _name(key: Submission) -> str:
    return f"model {key.model}, {key.sha256.hex()[:16]}.."


def _differs(text: str, path: str) -> DifferenceError:
    return DifferenceError(f"{path}: {text}", path=path)
