"""Answers to a challenge: their JSON, their digest, and how they are counted."""

from dataclasses import replace

import pytest
from attested import COMMIT, CONFIRM, DOMAIN, KEYS, sign
from pydantic import ValidationError

from oracle.settlement.confirmation import (
    ConfirmationMessage,
    commit_of,
    confirm_of,
    confirmation_message,
    count,
)
from oracle.settlement.typed_data import digest

MEMBERS = [key.address for key in KEYS[:5]]


def answer(index: int, confirm=CONFIRM) -> ConfirmationMessage:
    return confirmation_message(confirm, sign(confirm, KEYS[index]))


def test_confirm_of__a_commit__the_same_result_and_back() -> None:
    assert confirm_of(COMMIT, CONFIRM.challenge_id) == CONFIRM
    assert commit_of(CONFIRM) == COMMIT
    assert digest(CONFIRM, DOMAIN) != digest(COMMIT, DOMAIN)


def test_message__through_json__the_same_struct() -> None:
    shown = ConfirmationMessage.model_validate_json(answer(0).model_dump_json())
    assert shown.confirm() == CONFIRM
    assert shown.attestation().commit == COMMIT


@pytest.mark.parametrize("challenge_id", ["", "0x00", "0x" + "g" * 64, "0x" + "0A" * 32])
def test_message__bad_challenge_id__is_refused(challenge_id: str) -> None:
    values = answer(0).model_dump() | {"challenge_id": challenge_id}
    with pytest.raises(ValidationError, match="challenge_id"):
        ConfirmationMessage.model_validate(values)


def test_count__a_super_quorum__without_strangers_and_equivocators() -> None:
    other = replace(CONFIRM, at_risk=1)
    answers = [answer(index) for index in (0, 1, 2, 3, 6)]
    counted = count([*answers, answer(3, other), answer(4, other)], DOMAIN, MEMBERS)
    assert counted.equivocators == {KEYS[3].address}
    assert set(counted.signatures[digest(CONFIRM, DOMAIN)]) == set(MEMBERS[:3])
    assert counted.agreed(3) == digest(CONFIRM, DOMAIN)
    assert counted.agreed(4) is None


def test_count__signature_over_the_commit__is_no_answer() -> None:
    confused = confirmation_message(CONFIRM, sign(COMMIT, KEYS[0]))
    counted = count([confused], DOMAIN, MEMBERS)
    assert not any(MEMBERS[0] in by for by in counted.signatures.values())
