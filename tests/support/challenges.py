"""What a challenger does, and how a challenge stands; for nets of real operators."""

import httpx

from oracle.chain.reader import PoolReader
from oracle.operator.client import Sent
from oracle.settlement.evidence import Omitted, submission_evidence
from oracle.settlement.typed_data import Domain


def omission(reader: PoolReader, sent: Sent) -> Omitted:
    """What the model's owner makes of its receipts."""
    where = reader.addresses
    receipts = [receipt.stored(sent.key) for receipt in sent.receipts.values()]
    domain = Domain(where.chain_id, where.pool)
    made = submission_evidence(Omitted, domain, sent.key, sent.signature, receipts)
    assert isinstance(made, Omitted)
    return made


def post_evidence(url: str, number: int, evidence: Omitted) -> None:
    """Shows the evidence to one operator."""
    answer = httpx.post(f"{url}/rounds/{number}/evidence", content=evidence.to_bytes(), timeout=30)
    assert answer.status_code == httpx.codes.CREATED, answer.text


def outcome(reader: PoolReader, number: int) -> int:
    """As in ``reference_oracle.Outcome``."""
    challenge = reader.challenge_of(number)
    assert challenge is not None
    return challenge.outcome


def is_bond_settled(reader: PoolReader, number: int) -> bool:
    challenge = reader.challenge_of(number)
    return challenge is not None and challenge.bond_settled
