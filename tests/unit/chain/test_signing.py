"""Signatures by a key in memory, and keys in environment files."""

from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_utils import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from oracle.chain.drafts import Draft
from oracle.chain.fees import Fees
from oracle.chain.keys import load_env_file, new_password, write_keystore
from oracle.chain.signers import SignerSettings, open_signer
from oracle.chain.signing import LocalSigner, access_list_of, is_legacy, rebid, sign
from oracle.errors import AssayError, InputError, RefusedError
from oracle.settlement.typed_data import Domain, Submission, message, recover

OWN = Account.from_key(b"\x11" * 32)
KEY = "0x" + "11" * 32
DOMAIN = Domain(31337, "0x" + "12" * 20)
CALL: dict[str, Any] = {
    "chainId": 31337,
    "nonce": 0,
    "gas": 21_000,
    "maxFeePerGas": 3_000_000_000,
    "maxPriorityFeePerGas": 0,
    "to": "0x" + "34" * 20,
    "value": 0,
    "data": "0x",
}


def settings_of(values: dict[str, Any]) -> Any:
    return TypeAdapter(SignerSettings).validate_python(values)


def test_sign__struct__same_as_eth_account_and_recovered() -> None:
    said = Submission(7, 3, b"\x55" * 32, 99)
    signature = sign(LocalSigner(OWN), said, DOMAIN)
    assert signature == bytes(OWN.sign_message(message(said, DOMAIN)).signature)
    assert recover(said, DOMAIN, signature) == OWN.address


@given(
    nonce=st.integers(0, 2**40),
    value=st.integers(0, 10**24),
    tip=st.integers(0, 10**12),
    data=st.binary(max_size=100),
    slots=st.lists(st.binary(min_size=32, max_size=32), max_size=3),
)
def test_sign_transaction__any_fields__same_as_eth_account(
    nonce: int, value: int, tip: int, data: bytes, slots: list[bytes]
) -> None:
    listed = [{"address": "0x" + "34" * 20, "storageKeys": ["0x" + s.hex() for s in slots]}]
    fields = CALL | {
        "nonce": nonce,
        "value": value,
        "maxPriorityFeePerGas": tip,
        "data": "0x" + data.hex(),
        "accessList": listed,
    }
    ours = LocalSigner(OWN).sign_transaction({**fields, "from": OWN.address})
    theirs = OWN.sign_transaction({**fields, "type": 2})
    assert (ours.raw, ours.hash) == (bytes(theirs.raw_transaction), bytes(theirs.hash))


LEGACY: dict[str, Any] = {name: value for name, value in CALL.items() if not name.startswith("max")}


@given(
    chain_id=st.integers(1, 2**32),
    nonce=st.integers(0, 2**40),
    price=st.integers(0, 10**13),
    data=st.binary(max_size=100),
)
def test_sign_transaction__gas_price__type_0_same_as_eth_account(
    chain_id: int, nonce: int, price: int, data: bytes
) -> None:
    fields = LEGACY | {"chainId": chain_id, "nonce": nonce, "gasPrice": price, "data": data}
    ours = LocalSigner(OWN).sign_transaction({**fields, "from": OWN.address})
    theirs = OWN.sign_transaction(fields)
    assert (ours.raw, ours.hash) == (bytes(theirs.raw_transaction), bytes(theirs.hash))
    assert is_legacy(ours.raw)
    assert access_list_of(ours.raw) == []


@given(
    legacy=st.booleans(),
    to=st.binary(min_size=20, max_size=20),
    nonce=st.integers(0, 2**40),
    value=st.integers(0, 10**24),
    data=st.binary(max_size=100),
    slots=st.lists(st.binary(min_size=32, max_size=32), max_size=2),
)
def test_rebid__signed__only_the_offer_is_another(
    legacy: bool, to: bytes, nonce: int, value: int, data: bytes, slots: list[bytes]
) -> None:
    common = LEGACY | {"nonce": nonce, "value": value, "data": data, "chainId": 2**31}
    common["to"] = to_checksum_address(to)
    listed = [{"address": "0x" + "34" * 20, "storageKeys": ["0x" + s.hex() for s in slots]}]

    def offered(fee: int, tip: int) -> dict[str, Any]:
        if legacy:
            return common | {"gasPrice": fee}
        return common | {"maxFeePerGas": fee, "maxPriorityFeePerGas": tip, "accessList": listed}

    signer = LocalSigner(OWN)
    before, after = (signer.sign_transaction(offered(*offer)) for offer in ((30, 2), (45, 3)))
    assert signer.sign_transaction(rebid(before.raw, 45, 3)) == after


def test_is_legacy__type_2__no() -> None:
    assert not is_legacy(LocalSigner(OWN).sign_transaction({**CALL, "accessList": []}).raw)


def test_draft__legacy__one_price_and_no_list() -> None:
    made = Draft("withdraw", CALL["to"], b"\x01", 100, legacy=True)
    fields = made.fields(31337, 4, Fees(max_fee=70, tip=10))
    assert fields == LEGACY | {"nonce": 4, "gas": 100, "gasPrice": 70, "data": b"\x01"}


# ---------------------------------------------------------------------- environment files


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    path = tmp_path / "operator.env"
    path.touch(0o600)
    return path


@pytest.mark.parametrize(
    "text",
    [
        f"ASSAY_OPERATOR_KEY={KEY}\n",
        f"# the operator's\nRUST_LOG=info\nASSAY_OPERATOR_KEY={KEY[2:]}",
        f"export ASSAY_OPERATOR_KEY='{KEY}'\r\n",
    ],
)
def test_load_env_file__one_key__its_account(env_file: Path, text: str) -> None:
    env_file.write_text(text)
    assert load_env_file(env_file).address == OWN.address


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o601])
def test_load_env_file__others_may_read_it__refused(env_file: Path, mode: int) -> None:
    env_file.write_text(f"ASSAY_OPERATOR_KEY={KEY}\n")
    env_file.chmod(mode)
    with pytest.raises(RefusedError, match="may be read by others") as caught:
        load_env_file(env_file)
    assert f"chmod 600 {env_file}" in caught.value.fix


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "has 0 lines"),
        (f"OTHER_KEY={KEY}", "has 0 lines"),
        (f"ASSAY_OPERATOR_KEY={KEY}\nASSAY_OPERATOR_KEY={KEY}", "has 2 lines"),
        (f"ASSAY_OPERATOR_KEY={KEY}11", "no private key"),
        (f"ASSAY_OPERATOR_KEY={KEY[:-2]}", "no private key"),
        (f"ASSAY_OPERATOR_KEY={KEY[:-2]}zz", "no private key"),
        ("ASSAY_OPERATOR_KEY=0x" + "00" * 32, "no private key"),
        ("ASSAY_OPERATOR_KEY=0x" + "ff" * 32, "no private key"),
    ],
)
def test_load_env_file__no_single_key__refused_and_not_shown(
    env_file: Path, text: str, why: str
) -> None:
    env_file.write_text(text)
    with pytest.raises(InputError, match=why) as caught:
        load_env_file(env_file)
    assert "11" * 8 not in f"{caught.value.message} {caught.value.fix}"


def test_load_env_file__missing__named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        load_env_file(tmp_path / "none.env")


# ---------------------------------------------------------------------- choosing one


def test_open_signer__none__dry_run() -> None:
    assert open_signer(None) is None


def test_open_signer__keystore_and_env_file__paths_from_the_given_folder(
    tmp_path: Path, env_file: Path
) -> None:
    env_file.write_text(f"ASSAY_OPERATOR_KEY={KEY}\n")
    write_keystore(tmp_path / "key.json", OWN, new_password(tmp_path / "password"))
    by_file = settings_of({"kind": "envfile", "file": env_file.name})
    by_store = settings_of(
        {"kind": "keystore", "keystore": "key.json", "password_file": "password"}
    )
    for settings in (by_file, by_store):
        signer = open_signer(settings.under(tmp_path))
        assert signer is not None
        assert signer.address == OWN.address
    with pytest.raises(AssayError):
        open_signer(by_file)


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "paper"},
        {"kind": "envfile"},
        {"kind": "envfile", "file": "a", "key": KEY},
        {"kind": "kms", "key_id": "a"},
        {"kind": "kms", "key_id": "", "region": "eu-central-1"},
    ],
)
def test_signer_settings__wrong__refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings_of(values)
