"""Deposits, releases or claims: the server says what to sign, the key signs it on this machine.

    python examples/stake.py my-model deposit 2.5 --dev-account 10
    python examples/stake.py my-model release --key key.json --password-file password --rpc URL

The server never holds a key. What it asks to be signed is checked here against the tournament's
own addresses before it is sent; on a devnet these are known, elsewhere ``--pool`` names the pool.
"""

import argparse
import os
import time
from pathlib import Path

import httpx
from web3 import Web3

from oracle.chain.keys import dev_account, load_keystore
from oracle.chain.reader import PoolReader
from oracle.cli.options import where
from oracle.errors import AssayError

TOKEN_CALLS = ("approve",)


def find(server: httpx.Client, name: str) -> dict[str, object]:
    """The model of this name in the tournament."""
    found = server.get("/v1/tournaments/8/models", params={"name": name}).raise_for_status().json()
    if not found["items"]:
        raise SystemExit(f"the server knows no model {name}")
    return found["items"][0]


def calls(server: httpx.Client, model: str, action: str, amount: str | None) -> list[dict]:
    wish = {"action": action} | ({"amount": amount} if amount else {})
    answer = server.post(f"/v1/models/{model}/transactions", json=wish)
    if answer.is_error:
        error = answer.json()["error"]
        raise SystemExit(f"{error['message']}; {error['fix']}")
    return answer.json()


def send(web3: Web3, account: object, call: dict) -> None:
    """Tries the call first, signs it, and waits until it is in a block."""
    fields = {
        "from": account.address,
        "to": call["to"],
        "data": call["data"],
        "value": int(call["value"]),
    }
    web3.eth.call(fields)
    latest = web3.eth.get_block("latest")
    tip = web3.eth.max_priority_fee
    fields |= {
        "gas": web3.eth.estimate_gas(fields) * 5 // 4,
        "nonce": web3.eth.get_transaction_count(account.address),
        "chainId": call["chain_id"],
        "maxPriorityFeePerGas": tip,
        "maxFeePerGas": 2 * latest["baseFeePerGas"] + tip,
        "type": 2,
    }
    del fields["from"]
    sent = web3.eth.send_raw_transaction(account.sign_transaction(fields).raw_transaction)
    receipt = web3.eth.wait_for_transaction_receipt(sent, timeout=120)
    if receipt["status"] != 1:
        raise SystemExit(f"{call['call']} was refused by the contract")
    print("sent", call["call"], "0x" + sent.hex().removeprefix("0x"))


def run(given: argparse.Namespace) -> None:
    reader = PoolReader.open(*where(given.rpc, given.pool))
    account = (
        dev_account(given.dev_account)
        if given.dev_account is not None
        else load_keystore(given.key, given.password_file)
    )
    ours = {reader.addresses.pool.lower(), reader.addresses.token.lower()}
    with httpx.Client(base_url=given.server, timeout=60) as server:
        model = find(server, given.model)
        for call in calls(server, str(model["id"]), given.action, given.amount):
            if call["to"].lower() not in ours or call["chain_id"] != reader.addresses.chain_id:
                raise SystemExit(f"{call['call']} goes to {call['to']}: not the tournament's")
            print("signing", call["call"], "to", call["to"])
            time.sleep(call["after"])
            send(reader.web3, account, call)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="its name")
    parser.add_argument("action", choices=["deposit", "release", "claim"])
    parser.add_argument("amount", nargs="?", help="NMR; a release without it is of everything")
    parser.add_argument("--server", default=os.environ.get("ASSAY_SERVER"), help="its address")
    parser.add_argument("--rpc", help="of the chain; the devnet's without it")
    parser.add_argument("--pool", help="the StakePool; the devnet's without it")
    parser.add_argument("--dev-account", type=int)
    parser.add_argument("--key", type=Path)
    parser.add_argument("--password-file", type=Path)
    given = parser.parse_args()
    if not given.server:
        parser.error("name a server: --server, or ASSAY_SERVER")
    if given.dev_account is None and not (given.key and given.password_file):
        parser.error("name a key: --key and --password-file, or --dev-account on a devnet")
    try:
        run(given)
    except AssayError as error:
        raise SystemExit(f"{error.message}; {error.fix}") from None


if __name__ == "__main__":
    main()
