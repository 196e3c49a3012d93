"""Typed data for wallets: what they sign is what the contracts and the operators check."""

import json

from eth_account import Account
from eth_account.messages import encode_typed_data

from oracle.settlement.intents import ALL_WEI, StakeMandate
from oracle.settlement.submitters import SubmissionKey
from oracle.settlement.to_sign import to_sign
from oracle.settlement.typed_data import Domain, Struct, Submission, recover

DOMAIN = Domain(137, "0x" + "c0" * 20)
WALLET = Account.from_key(bytes([9]) * 32)
ANYBODY = "0x" + "5A" * 20


def _signed(struct: Struct) -> bytes:
    """As a wallet does it, of the JSON."""
    typed = json.loads(json.dumps(to_sign(struct, DOMAIN)))
    signable = encode_typed_data(full_message=typed)
    return bytes(WALLET.sign_message(signable).signature)


def test_to_sign__structs_of_every_kind_of_field__signed_as_recovered() -> None:
    structs: list[Struct] = [
        StakeMandate(ANYBODY, WALLET.address, ANYBODY, (1, 2, 2**20 - 1), 5, ALL_WEI, 2**40, 2**53),
        StakeMandate(ANYBODY, WALLET.address, ANYBODY, (), 0, 0, 1),
        Submission(2**60, 3, bytes(range(32)), 7),
        SubmissionKey(ANYBODY, 1, 2**32 - 1),
    ]
    for struct in structs:
        assert recover(struct, DOMAIN, _signed(struct)) == WALLET.address


def test_to_sign__another_chain__is_another_signature() -> None:
    struct = SubmissionKey(ANYBODY, 1, 2)
    assert recover(struct, Domain(1, DOMAIN.contract), _signed(struct)) != WALLET.address
