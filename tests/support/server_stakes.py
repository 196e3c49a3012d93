"""Owners who stake through the tournament server, and its relayer."""

from pathlib import Path
from typing import Any

from eth_account import Account as Wallets
from eth_account.signers.local import LocalAccount
from server_world import ServerWorld, Serving

from oracle.accounts.caller import ALL, Caller
from oracle.chain.signed import SignedMandate, sign_mandate
from oracle.chain.signing import LocalSigner
from oracle.gateway.staking import staking_of
from oracle.records.rows import ModelRow
from oracle.settlement.intents import StakeMandate
from oracle.settlement.units import UNITS_PER_NMR
from oracle.staking.relaying import Staking

RELAYER: LocalAccount = Wallets.from_key(bytes([78]) * 32)
"""The server's key that sends what mandates allow."""
_COINS = 10**19


def relayer_config(world: ServerWorld, folder: Path) -> dict[str, Any]:
    """Fields of a server's configuration; the relayer can pay for its gas."""
    folder.mkdir(parents=True, exist_ok=True)
    key = folder / "relayer.env"
    key.touch(0o600)
    key.write_text(f"ASSAY_OPERATOR_KEY=0x{bytes(RELAYER.key).hex()}\n")
    web3 = world.reader.web3
    if web3.eth.get_balance(RELAYER.address) < _COINS:
        giver = world.operators[-1]
        fields = {
            "to": RELAYER.address,
            "value": _COINS,
            "gas": 21_000,
            "maxFeePerGas": 10**11,
            "maxPriorityFeePerGas": 10**9,
            "nonce": web3.eth.get_transaction_count(giver.address),
            "chainId": web3.eth.chain_id,
            "type": 2,
        }
        web3.eth.send_raw_transaction(giver.sign_transaction(fields).raw_transaction)
    return {"relayer": {"kind": "envfile", "file": str(key)}}


class Staker:
    """A model's owner at the server."""

    def __init__(self, world: ServerWorld, serving: Serving, model: int = 0) -> None:
        self.world, self.serving = world, serving
        self.number = world.reader.addresses.tournament
        self.wallet = world.owner(model)
        account = serving.services.accounts.people.met(self.wallet.address, 1)
        self.caller = Caller(account, ALL)
        self.model: ModelRow = serving.services.models.by_id(self.number, [model])[0]

    @property
    def staking(self) -> Staking:
        return self.serving.services.part(staking_of)

    def signed(self, **changes: Any) -> SignedMandate:
        """A mandate for the model, of 10 NMR in deposits and any release; ``changes`` are its
        fields."""
        wanted = self.staking.wanted(
            self.caller, self.number, [self.model.model], 10 * UNITS_PER_NMR, 30
        )
        fields = {name: getattr(wanted, name) for name in StakeMandate.fields}
        mandate = StakeMandate(**{**fields, **changes})
        return sign_mandate(mandate, self.world.reader.addresses, LocalSigner(self.wallet))

    def allow(self, nmr: int = 10, **changes: Any) -> None:
        """A mandate at the server, and the pool's allowance."""
        self.staking.store_mandate(self.caller, self.number, self.signed(**changes))
        self.world.writer(self.wallet).approve(nmr * UNITS_PER_NMR)
