"""Whose word a submission is: the owner's own signature, or that of a key he let sign for him.

A plain signature is 65 bytes over Submission. One by a key is 138 bytes: the key's 65 over
Submission, the owner's 65 over SubmissionKey, then first and last round of it, 4 bytes each.
There is one spelling of both, so that a submission by a key has one form in artefacts.
"""

from dataclasses import dataclass
from typing import ClassVar, Final

from oracle.settlement.typed_data import Domain, Submission, recover

MOST_ROUNDS: Final = 1_000
"""How many rounds after its first one a key may sign for at most: it cannot be revoked."""

PATTERN: Final = r"^0x([0-9a-f]{130}|[0-9a-f]{276})$"
"""A submission's signature of either form as text in lower case."""

_PLAIN, _COUNT = 65, 4
_DELEGATED: Final = 2 * _PLAIN + 2 * _COUNT


@dataclass(frozen=True, slots=True)
class SubmissionKey:
    """A model owner's word that ``key`` may sign submissions of all his models for these rounds,
    first and last included."""

    fields: ClassVar[dict[str, str]] = {
        "key": "address",
        "first_round": "uint256",
        "last_round": "uint256",
    }
    key: str
    first_round: int
    last_round: int

    def holds_for(self, number: int) -> bool:
        """Whether the key may sign for this round."""
        return self.is_bounded() and self.first_round <= number <= self.last_round

    def is_bounded(self) -> bool:
        """Whether the span is one that a signature can carry and that counts."""
        return 0 <= self.first_round <= self.last_round < 2 ** (8 * _COUNT) and (
            self.last_round - self.first_round <= MOST_ROUNDS
        )


def delegated(signature: bytes, key: SubmissionKey, owners: bytes) -> bytes:
    """The 138 bytes of a submission that ``key`` signed and ``owners`` allows it to.

    Raises ``ValueError`` for signatures of another length and spans that do not count.
    """
    if len(signature) != _PLAIN or len(owners) != _PLAIN:
        raise ValueError("both signatures must have 65 bytes")
    if not key.is_bounded():
        raise ValueError(f"a key signs for at most {MOST_ROUNDS} rounds after its first")
    rounds = (key.first_round, key.last_round)
    return signature + owners + b"".join(number.to_bytes(_COUNT, "big") for number in rounds)


def submitter(key: Submission, domain: Domain, signature: bytes) -> str | None:
    """Checksummed address of the owner whose word the submission is; None where it is nobody's.

    ``domain`` is the pool's, for both structs.
    """
    if len(signature) != _DELEGATED:
        return recover(key, domain, signature)
    signer = recover(key, domain, signature[:_PLAIN])
    first, last = (
        int.from_bytes(signature[at : at + _COUNT], "big")
        for at in (2 * _PLAIN, 2 * _PLAIN + _COUNT)
    )
    if signer is None:
        return None
    allowed = SubmissionKey(signer, first, last)
    if not allowed.holds_for(key.round):
        return None
    return recover(allowed, domain, signature[_PLAIN : 2 * _PLAIN])
