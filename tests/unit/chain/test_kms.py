"""A key in KMS, against moto's server over HTTP."""

import sys
from collections.abc import Iterator
from socket import create_server

import kms_server
import pytest
from eth_account import Account
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oracle.chain.kms import KmsSigner
from oracle.chain.signers import KmsSettings, open_signer
from oracle.chain.signing import sign
from oracle.errors import (
    EnvironmentLacksError,
    InputError,
    RefusedError,
    UnreachableError,
)
from oracle.settlement.typed_data import Domain, Submission, digest, recover

DOMAIN = Domain(31337, "0x" + "12" * 20)
HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
SAID = Submission(7, 3, b"\x55" * 32, 99)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with kms_server.kms_server() as url:
        yield url


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in kms_server.NO_CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def signer(url: str) -> KmsSigner:
    return KmsSigner(kms_server.new_key(url), kms_server.REGION, url)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(sequence=st.integers(0, 2**53 - 1))
def test_sign__many_structs__all_in_the_form_that_contracts_take(
    signer: KmsSigner, sequence: int
) -> None:
    """About half of what KMS answers has a high s, and v is 27 as often as 28."""
    said = Submission(7, 3, b"\x55" * 32, sequence)
    signature = sign(signer, said, DOMAIN)
    assert recover(said, DOMAIN, signature) == signer.address
    assert int.from_bytes(signature[32:64], "big") <= HALF_ORDER


def test_sign_transaction__type_2__recovered_from_the_raw_bytes(signer: KmsSigner) -> None:
    signed = signer.sign_transaction(
        {
            "chainId": 31337,
            "nonce": 1,
            "gas": 21_000,
            "maxFeePerGas": 3 * 10**9,
            "maxPriorityFeePerGas": 10**9,
            "to": "0x" + "34" * 20,
            "value": 0,
            "data": "0x",
        }
    )
    assert Account.recover_transaction(signed.raw) == signer.address


def test_open_signer__kms_by_alias__same_address(url: str, signer: KmsSigner) -> None:
    kms_server.client(url).create_alias(AliasName="alias/assay", TargetKeyId=signer._key_id)
    found = open_signer(
        KmsSettings(kind="kms", key_id="alias/assay", region=kms_server.REGION, endpoint_url=url)
    )
    assert found is not None
    assert found.address == signer.address


@pytest.mark.parametrize("spec", ["ECC_NIST_P256", "RSA_2048"])
def test_kms__key_on_another_curve__refused_with_the_command_for_a_right_one(
    url: str, spec: str
) -> None:
    with pytest.raises(InputError, match="not on the curve secp256k1") as caught:
        KmsSigner(kms_server.new_key(url, spec), kms_server.REGION, url)
    assert "create-key" in caught.value.fix


def test_kms__unknown_key__refused_by_name(url: str) -> None:
    missing = "11111111-2222-3333-4444-555555555555"
    with pytest.raises(RefusedError, match=f"{missing}: NotFoundException"):
        KmsSigner(missing, kms_server.REGION, url)


@pytest.mark.parametrize("cut", [0, 1, 5, 40])
def test_kms__answer_cut_off__unreachable(
    signer: KmsSigner, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    asked = signer._client.sign
    monkeypatch.setattr(
        signer._client, "sign", lambda **given: {"Signature": asked(**given)["Signature"][:cut]}
    )
    with pytest.raises(UnreachableError, match="no ECDSA signature"):
        signer.sign_digest(digest(SAID, DOMAIN))


def test_kms__nobody_answers__unreachable() -> None:
    with create_server(("127.0.0.1", 0)) as probe:
        closed = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with pytest.raises(UnreachableError, match="KMS does not answer"):
        KmsSigner("any", kms_server.REGION, closed)


def test_kms__endpoint_is_no_address__bad_input() -> None:
    with pytest.raises(InputError, match="cannot be reached with region"):
        KmsSigner("any", kms_server.REGION, "not an address")


def test_kms__no_credentials__said_without_a_stack(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in kms_server.NO_CREDENTIALS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(UnreachableError, match="NoCredentialsError"):
        KmsSigner("any", kms_server.REGION, url)


def test_kms__without_boto3__names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(EnvironmentLacksError) as caught:
        KmsSigner("any", kms_server.REGION)
    assert "assay[aws]" in caught.value.fix


def test_kms__server_that_hashes_digests_again__signature_refused(
    signer: KmsSigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = signer._client.sign
    monkeypatch.setattr(
        signer._client, "sign", lambda **given: asked(**{**given, "MessageType": "RAW"})
    )
    with pytest.raises(UnreachableError, match="not of its public key"):
        signer.sign_digest(digest(SAID, DOMAIN))
