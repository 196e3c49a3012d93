"""Recovering a signer: only the one encoding the contracts take, only the very struct signed."""

from dataclasses import fields, replace

import pytest
from attested import (
    COMMIT,
    CONFIRM,
    DOMAIN,
    KEYS,
    ORDER,
    POOL,
    RECEIPT,
    SUBMISSION,
    joined,
    parts,
    sign,
)
from hypothesis import given
from hypothesis import strategies as st

from oracle.settlement.payout import Template
from oracle.settlement.typed_data import (
    Announcement,
    Commit,
    Confirm,
    Domain,
    Receipt,
    Struct,
    Submission,
    digest,
    recover,
    template_hash,
)

STRUCTS = [COMMIT, CONFIRM, SUBMISSION, RECEIPT]
SIGNER = KEYS[0].address


def _other(value: str | int | bytes) -> str | int | bytes:
    if isinstance(value, int):
        return value + 1
    if isinstance(value, bytes):
        return value[:-1] + bytes([value[-1] ^ 1])
    return "0x" + "33" * 20


CHANGED = [
    pytest.param(struct, name, id=f"{type(struct).__name__}.{name}")
    for struct in STRUCTS
    for name in (field.name for field in fields(struct))
]


@pytest.mark.parametrize("struct", STRUCTS)
@pytest.mark.parametrize("key", KEYS)
def test_recover__own_signature__names_the_signer(struct: Struct, key: object) -> None:
    assert recover(struct, DOMAIN, sign(struct, key)) == key.address


@pytest.mark.parametrize(("struct", "name"), CHANGED)
def test_recover__changed_field__another_signer_or_none(struct: Struct, name: str) -> None:
    changed = replace(struct, **{name: _other(getattr(struct, name))})
    assert digest(changed, DOMAIN) != digest(struct, DOMAIN)
    assert recover(changed, DOMAIN, sign(struct)) != SIGNER


@pytest.mark.parametrize("struct", STRUCTS)
@pytest.mark.parametrize(
    "domain", [replace(DOMAIN, chain_id=137), replace(DOMAIN, contract=POOL)], ids=repr
)
def test_recover__other_chain_or_contract__another_signer(struct: Struct, domain: Domain) -> None:
    assert recover(struct, domain, sign(struct)) != SIGNER


def test_recover__receipt_for_a_submission__another_signer() -> None:
    assert recover(SUBMISSION, DOMAIN, sign(RECEIPT)) != SIGNER


def test_recover__commit_for_a_confirm_or_the_other_way__another_signer() -> None:
    assert recover(CONFIRM, DOMAIN, sign(COMMIT)) != SIGNER
    assert recover(COMMIT, DOMAIN, sign(CONFIRM)) != SIGNER


def test_recover__high_s__none() -> None:
    """The other valid encoding of the same signature, which ECDSA itself would take."""
    r, s, v = parts(sign(COMMIT))
    assert recover(COMMIT, DOMAIN, joined(r, ORDER - s, 55 - v)) is None


def test_recover__s_at_half_the_order__passes_the_bound_and_one_more_does_not() -> None:
    r, _, v = parts(sign(COMMIT))
    assert recover(COMMIT, DOMAIN, joined(r, ORDER // 2, v)) is not None
    assert recover(COMMIT, DOMAIN, joined(r, ORDER // 2 + 1, v)) is None


@pytest.mark.parametrize("v", [0, 1, 2, 26, 29, 35, 36, 255])
def test_recover__other_v__none(v: int) -> None:
    r, s, _ = parts(sign(COMMIT))
    assert recover(COMMIT, DOMAIN, joined(r, s, v)) is None


def test_recover__other_length__none() -> None:
    signature = sign(COMMIT)
    for wrong in (b"", signature[:64], signature[1:], signature + b"\0", b"\0" + signature):
        assert recover(COMMIT, DOMAIN, wrong) is None


@pytest.mark.parametrize("r", [0, ORDER, 2**256 - 1])
def test_recover__r_outside_the_curve_order__none(r: int) -> None:
    assert recover(COMMIT, DOMAIN, joined(r, 1, 27)) is None


@pytest.mark.parametrize("v", [0, 27, 28])
def test_recover__zero_signature__none(v: int) -> None:
    assert recover(COMMIT, DOMAIN, joined(0, 0, v)) is None
    r, _, _ = parts(sign(COMMIT))
    assert recover(COMMIT, DOMAIN, joined(r, 0, v)) is None


@given(st.binary(min_size=64, max_size=64), st.sampled_from([27, 28]))
def test_recover__noise__never_an_error_and_never_the_signer(noise: bytes, v: int) -> None:
    assert recover(COMMIT, DOMAIN, noise + bytes([v])) != SIGNER


@pytest.mark.parametrize(
    "change",
    [
        {"at_risk": 2**256},
        {"at_risk": -1},
        {"words": 2**256},
        {"manifest": b"\x01" * 33},
        {"pool": "0x11"},
    ],
    ids=repr,
)
def test_recover__struct_no_contract_could_hold__none(change: dict[str, object]) -> None:
    """Such a struct arrives over the network; nobody can have signed it."""
    assert recover(replace(COMMIT, **change), DOMAIN, sign(COMMIT)) is None


def test_fields__every_struct__match_the_dataclass_in_order() -> None:
    for struct in (Commit, Confirm, Submission, Receipt):
        assert list(struct.fields) == [field.name for field in fields(struct)]


TEMPLATE = Template((1, 2, 0), (1, 2, 3), 4, 5, 6, 7)
ANNOUNCEMENT = Announcement(
    POOL, 8, 7, 1, 2, 3, 4, bytes(32), b"\x01" * 32, epoch=1, template=TEMPLATE
)


@pytest.mark.parametrize(
    "change",
    [
        {"kinds": (2, 1, 0)},
        {"multipliers": (2, 1, 3)},
        {"clip_up": 5},
        {"clip_down": 4},
        {"threshold": 7},
        {"kappa": 6},
    ],
    ids=repr,
)
def test_template_hash__changed_field__another_hash(change: dict[str, object]) -> None:
    changed = replace(TEMPLATE, **change)
    assert template_hash(changed) != template_hash(TEMPLATE)
    assert replace(ANNOUNCEMENT, template=changed).hash() != ANNOUNCEMENT.hash()


@pytest.mark.parametrize("name", [f.name for f in fields(Announcement) if f.name != "template"])
def test_announcement_hash__changed_field__another_hash(name: str) -> None:
    changed = replace(ANNOUNCEMENT, **{name: _other(getattr(ANNOUNCEMENT, name))})
    assert changed.hash() != ANNOUNCEMENT.hash()
