"""Operators' receipts: which submissions count, and which of them were on time."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from oracle.settlement.typed_data import Submission


@dataclass(frozen=True, slots=True)
class SignedReceipt:
    """An operator's receipt: its address, the block time it saw, its signature."""

    key: Submission
    operator: str
    received: int
    signature: bytes


def counted(receipts: Iterable[SignedReceipt], needed: int) -> set[Submission]:
    """Submissions with receipts of at least ``needed`` operators, from whatever time."""
    by = Counter(key for key, _ in {(r.key, r.operator) for r in receipts})
    return {key for key, count in by.items() if count >= needed}


def on_time(receipts: Iterable[SignedReceipt], closes: int, needed: int) -> set[Submission]:
    """Submissions with receipts from before ``closes`` of at least ``needed`` operators."""
    return counted((r for r in receipts if r.received < closes), needed)
