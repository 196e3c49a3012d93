"""Whose word a submission is: the owner's, his key's within its rounds, and nobody else's."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from attested import DOMAIN, KEYS, ORDER, SUBMISSION, joined, parts, sign
from hypothesis import given
from hypothesis import strategies as st

from oracle.settlement.submitters import (
    MOST_ROUNDS,
    PATTERN,
    SubmissionKey,
    delegated,
    submitter,
)
from oracle.settlement.typed_data import Domain, Submission, recover

OWNER, SERVER, STRANGER = KEYS[0], KEYS[1], KEYS[2]
NUMBER = SUBMISSION.round
ALLOWED = SubmissionKey(SERVER.address, NUMBER - 3, NUMBER + 100)
DOCUMENT = (Path(__file__).parents[3] / "docs" / "formats.md").read_text()


def by_key(
    said: Submission = SUBMISSION,
    allowed: SubmissionKey = ALLOWED,
    *,
    key=SERVER,
    owner=OWNER,
    domain: Domain = DOMAIN,
) -> bytes:
    return delegated(sign(said, key, domain), allowed, sign(allowed, owner, domain))


def spelled(allowed: SubmissionKey, said: Submission = SUBMISSION) -> bytes:
    """The same without the checks of ``delegated``."""
    ends = b"".join(n.to_bytes(4, "big") for n in (allowed.first_round, allowed.last_round))
    return sign(said, SERVER) + sign(allowed, OWNER) + ends


def test_submitter__plain_signature__as_recovered() -> None:
    signature = sign(SUBMISSION, OWNER)
    assert submitter(SUBMISSION, DOMAIN, signature) == OWNER.address
    assert re.fullmatch(PATTERN, "0x" + signature.hex())


def test_submitter__signed_by_the_owners_key__names_the_owner() -> None:
    signature = by_key()
    assert len(signature) == 138
    assert submitter(SUBMISSION, DOMAIN, signature) == OWNER.address
    assert re.fullmatch(PATTERN, "0x" + signature.hex())
    assert recover(SUBMISSION, DOMAIN, signature) is None


@pytest.mark.parametrize(
    ("first", "last", "holds"),
    [
        (NUMBER, NUMBER, True),
        (NUMBER - 5, NUMBER, True),
        (NUMBER, NUMBER + MOST_ROUNDS, True),
        (NUMBER + 1, NUMBER + 2, False),
        (NUMBER - 2, NUMBER - 1, False),
        (NUMBER, NUMBER - 1, False),
        (NUMBER, NUMBER + MOST_ROUNDS + 1, False),
        (0, 2**32 - 1, False),
    ],
)
def test_submitter__round_and_span_of_the_key__only_within(
    first: int, last: int, holds: bool
) -> None:
    signature = spelled(SubmissionKey(SERVER.address, first, last))
    assert submitter(SUBMISSION, DOMAIN, signature) == (OWNER.address if holds else None)


@pytest.mark.parametrize("name", ["round", "model", "sha256", "sequence"])
def test_submitter__another_submission_than_the_key_signed__is_nobodys(name: str) -> None:
    value = getattr(SUBMISSION, name)
    other = replace(SUBMISSION, **{name: b"\x55" * 32 if name == "sha256" else value + 1})
    # Another signer comes out of the first half, and no owner signed for that one.
    assert submitter(other, DOMAIN, by_key()) not in {OWNER.address, SERVER.address}


def test_submitter__key_of_one_owner_allowed_by_another__is_the_others_word() -> None:
    assert submitter(SUBMISSION, DOMAIN, by_key(owner=STRANGER)) == STRANGER.address


def test_submitter__other_key_than_the_owner_allowed__is_not_the_owners_word() -> None:
    assert submitter(SUBMISSION, DOMAIN, by_key(key=STRANGER)) != OWNER.address


@pytest.mark.parametrize("at", [130, 133, 134, 137])
def test_submitter__span_changed_after_signing__is_not_the_owners_word(at: int) -> None:
    signature = bytearray(by_key())
    signature[at] ^= 1
    assert submitter(SUBMISSION, DOMAIN, bytes(signature)) != OWNER.address


@pytest.mark.parametrize("other", [Domain(1, DOMAIN.contract), Domain(731371, KEYS[6].address)])
def test_submitter__signed_for_another_chain_or_pool__is_not_the_owners_word(other: Domain) -> None:
    assert submitter(SUBMISSION, DOMAIN, by_key(domain=other)) != OWNER.address
    mixed = delegated(sign(SUBMISSION, SERVER), ALLOWED, sign(ALLOWED, OWNER, other))
    assert submitter(SUBMISSION, DOMAIN, mixed) != OWNER.address


@pytest.mark.parametrize("half", [0, 1])
def test_submitter__either_half_malleable__is_nobodys(half: int) -> None:
    signature = by_key()
    halves = [signature[:65], signature[65:130]]
    r, s, v = parts(halves[half])
    halves[half] = joined(r, ORDER - s, 55 - v)
    assert submitter(SUBMISSION, DOMAIN, b"".join(halves) + signature[130:]) is None


@given(st.binary(max_size=300))
def test_submitter__any_bytes__never_raises(signature: bytes) -> None:
    assert submitter(SUBMISSION, DOMAIN, signature) != OWNER.address


@pytest.mark.parametrize("length", [0, 64, 66, 137, 139])
def test_submitter__other_length__is_nobodys_and_no_message_takes_it(length: int) -> None:
    signature = (by_key() * 2)[:length]
    assert submitter(SUBMISSION, DOMAIN, signature) is None
    assert not re.fullmatch(PATTERN, "0x" + signature.hex())


@pytest.mark.parametrize(
    ("first", "last"), [(5, 4), (0, MOST_ROUNDS + 1), (-1, 3), (2**32 - 1, 2**32)]
)
def test_delegated__span_that_does_not_count__refused(first: int, last: int) -> None:
    allowed = SubmissionKey(SERVER.address, first, last)
    with pytest.raises(ValueError, match="at most 1000 rounds"):
        delegated(bytes(65), allowed, bytes(65))


@pytest.mark.parametrize("lengths", [(64, 65), (65, 138)])
def test_delegated__signature_of_another_length__refused(lengths: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="65 bytes"):
        delegated(bytes(lengths[0]), ALLOWED, bytes(lengths[1]))


def test_submission_key__documented_type__is_the_dataclass_in_order() -> None:
    inside = ",".join(f"{kind} {name}" for name, kind in SubmissionKey.fields.items())
    assert f"`SubmissionKey({inside})`" in DOCUMENT
