"""Wallets that are contracts sign in to the server (EIP-1271); real contracts on the chain."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from eth_account.messages import encode_defunct
from eth_account.signers.local import LocalAccount
from server_world import SITE_URL, ServerWorld, Serving, server_world
from siwe import ISO8601Datetime, SiweMessage
from vyper.compiler import compile_code

from oracle.chain.keys import dev_account

pytestmark = [pytest.mark.slow, pytest.mark.chain]
_WALLET = """
# pragma version 0.4.3
owner: address

@deploy
def __init__(owner: address):
    self.owner = owner

@view
@external
def isValidSignature(hash: bytes32, signature: Bytes[65]) -> bytes4:
    r: uint256 = extract32(signature, 0, output_type=uint256)
    s: uint256 = extract32(signature, 32, output_type=uint256)
    v: uint256 = convert(slice(signature, 64, 1), uint256)
    if ecrecover(hash, v, r, s) == self.owner:
        return 0x1626ba7e
    return 0xffffffff
"""
_ENDLESS = """
# pragma version 0.4.3
@view
@external
def isValidSignature(hash: bytes32, signature: Bytes[65]) -> bytes4:
    at: bytes32 = hash
    for i: uint256 in range(1000000000000000000):
        at = keccak256(at)
    return 0x1626ba7e
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerWorld]:
    with server_world(tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.fixture
def serving(world: ServerWorld, where: str, tmp_path: Path) -> Iterator[Serving]:
    with world.serving(where, tmp_path / "home", rates={"name": "2/hour"}) as made:
        made.follow()
        yield made


def _deployed(world: ServerWorld, source: str, *owner: str) -> str:
    """Address of a contract that is in a final block."""
    web3, payer = world.reader.web3, dev_account(0)
    made = compile_code(source, output_formats=["abi", "bytecode"])
    contract = web3.eth.contract(abi=made["abi"], bytecode=made["bytecode"])
    fields = contract.constructor(*owner).build_transaction(
        {
            "from": payer.address,
            "nonce": web3.eth.get_transaction_count(payer.address),
            "gas": 2_000_000,
            "maxFeePerGas": 10**11,
            "maxPriorityFeePerGas": 10**9,
        }
    )
    raw = payer.sign_transaction(fields).raw_transaction
    receipt = web3.eth.wait_for_transaction_receipt(web3.eth.send_raw_transaction(raw))
    world.chain.finalize()
    return str(receipt["contractAddress"])


def _sign_in(
    world: ServerWorld, serving: Serving, address: str, signer: LocalAccount, signature: str = ""
) -> tuple[int, str]:
    """Status and session, or what was said."""
    terms = serving.client.get("/v1/sign-in").json()
    text = SiweMessage(
        domain=terms["domain"],
        address=address,
        uri=SITE_URL,
        version="1",
        chain_id=world.reader.addresses.chain_id,
        nonce=terms["nonce"],
        issued_at=ISO8601Datetime.from_datetime(datetime.fromtimestamp(time.time(), UTC)),
    ).prepare_message()
    signed = "0x" + bytes(signer.sign_message(encode_defunct(text=text)).signature).hex()
    body = {"message": text, "signature": signature or signed}
    answer = serving.client.post("/v1/sign-in", json=body)
    told = answer.json()
    return answer.status_code, told.get("session") or told["error"]["message"]


def test_sign_in__contract_takes_the_signature__its_account(
    world: ServerWorld, serving: Serving
) -> None:
    owner = dev_account(11)
    address = _deployed(world, _WALLET, owner.address)
    status, session = _sign_in(world, serving, address, owner)
    assert status == 201, session
    account = serving.client.get("/v1/account", headers={"Authorization": f"Bearer {session}"})
    assert account.json()["address"] == address


@pytest.mark.parametrize("signature", ["", "0x00", "0x" + "11" * 300])
def test_sign_in__contract_does_not_take_it__refused(
    world: ServerWorld, serving: Serving, signature: str
) -> None:
    address = _deployed(world, _WALLET, dev_account(11).address)
    said = _sign_in(world, serving, address, dev_account(12), signature)
    assert said == (401, "the message does not hold: InvalidSignature")


def test_sign_in__no_contract_or_one_without_the_function__refused(
    world: ServerWorld, serving: Serving
) -> None:
    refused = (401, "the message does not hold: InvalidSignature")
    for address in (dev_account(13).address, world.reader.addresses.pool):
        assert _sign_in(world, serving, address, dev_account(12)) == refused


def test_sign_in__contract_that_does_not_end__bounded_by_gas(
    world: ServerWorld, serving: Serving
) -> None:
    address = _deployed(world, _ENDLESS)
    said = _sign_in(world, serving, address, dev_account(12))
    assert said == (401, "the message does not hold: InvalidSignature")


def test_register__many_names__no_more_than_the_rate(world: ServerWorld, serving: Serving) -> None:
    _, session = _sign_in(world, serving, dev_account(11).address, dev_account(11))
    headers = {"Authorization": f"Bearer {session}"}
    answers = [
        serving.client.post(
            "/v1/tournaments/8/models", json={"name": f"name {place}"}, headers=headers
        )
        for place in range(3)
    ]
    assert [one.status_code for one in answers] == [201, 201, 429], answers[0].text
    assert serving.services.models.by_name(8, ["name 2"]) == []
