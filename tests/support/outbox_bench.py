"""A small contract on a real chain, and outboxes that send to it."""

from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from local_anvil import CHAIN_ID, LocalAnvil
from sqlalchemy import select
from vyper.compiler import compile_code
from web3 import Web3
from web3.contract.contract import Contract
from web3.exceptions import Web3RPCError

from oracle.chain.drafts import encoded
from oracle.chain.outbox import Outbox
from oracle.chain.rpc import Block, block
from oracle.chain.signing import LocalSigner, Signer
from oracle.store.database import Database
from oracle.store.schema import transactions
from oracle.store.transactions import Sent, TransactionStore

GWEI = 10**9
_SOURCE = """
# pragma version ~=0.4.3
counts: public(HashMap[uint256, uint256])
done: public(HashMap[uint256, bool])
slots: uint256[100]

@external
def again(x: uint256):
    self.counts[x] += 1

@external
def once(x: uint256):
    assert not self.done[x], "bench: done"
    self.done[x] = True

@external
def touch(n: uint256):
    for i: uint256 in range(n, bound=100):
        self.slots[i] += 1
"""


@cache
def _compiled() -> dict[str, Any]:
    return compile_code(_SOURCE, output_formats=["abi", "bytecode"])


def deploy(web3: Web3, by: LocalAccount) -> Contract:
    """The bench's contract, newly deployed; the chain must mine at once."""
    made = web3.eth.contract(abi=_compiled()["abi"], bytecode=_compiled()["bytecode"])
    fields = made.constructor().build_transaction(
        {"from": by.address, "nonce": web3.eth.get_transaction_count(by.address)}
    )
    sent = web3.eth.send_raw_transaction(by.sign_transaction(fields).raw_transaction)
    address = web3.eth.wait_for_transaction_receipt(sent)["contractAddress"]
    return web3.eth.contract(address=address, abi=_compiled()["abi"])


class Crash(BaseException):
    """The process dies here; no code of the outbox may catch it."""


class CrashAt:
    """A failpoint callback that lets the process die at ``place``, once."""

    def __init__(self, place: str) -> None:
        self.place, self.armed = place, True

    def __call__(self, place: str) -> None:
        if self.armed and place == self.place:
            self.armed = False
            raise Crash(place)


class Bench:
    """One chain, the contract, and an account of its own with 1,000 coins.

    The chain mines every transaction at once and asks a base fee of 1 gwei, to begin with.
    """

    def __init__(self, chain: LocalAnvil, contract: Contract, folder: Path) -> None:
        self.chain, self.web3, self.contract, self.folder = chain, contract.w3, contract, folder
        self.account = self.new_account()
        self.auto(True)
        self.base_fee(GWEI)
        self.mine()

    def new_account(self) -> LocalAccount:
        account = Account.create()
        self.fund(account.address, 1_000 * 10**18)
        return account

    def fund(self, address: str, wei: int) -> None:
        self.chain.ask("anvil_setBalance", address, hex(wei))

    def base_fee(self, wei: int) -> None:
        """What the next block takes of each gas."""
        self.chain.ask("anvil_setNextBlockBaseFeePerGas", hex(wei))

    def rows(self, account: LocalAccount | None = None) -> list[Any]:
        """Every row of the account, by nonce and fee."""
        database = Database.open(self._path(account))
        with database.connect() as connection:
            found = connection.execute(select(transactions)).all()
        return sorted(found, key=lambda row: (row.nonce, int(row.max_fee)))

    def _path(self, account: LocalAccount | None) -> Path:
        return self.folder / f"{(account or self.account).address}.sqlite"

    def outbox(
        self,
        account: LocalAccount | None = None,
        *,
        web3: Web3 | None = None,
        signer: Signer | None = None,
        **options: Any,
    ) -> Outbox:
        """An outbox on the account's database, as a process that starts has it."""
        database = Database.open(self._path(account))
        signer = signer or LocalSigner(account or self.account)
        options = {"wait": 0.3, "url": self.chain.url, **options}
        return Outbox(web3 or self.web3, signer, TransactionStore(database), **options)

    # ------------------------------------------------------------------ the chain

    def gas_limit(self, gas: int) -> None:
        """Of blocks from now on."""
        self.chain.ask("evm_setBlockGasLimit", hex(gas))

    def auto(self, on: bool) -> None:
        """Whether every transaction is mined at once."""
        self.chain.ask("evm_setAutomine", on)

    def mine(self, blocks: int = 1) -> None:
        self.chain.mine(blocks)

    def newest(self) -> Block:
        return block(self.web3, "latest")

    def at(self, number: int) -> Block:
        return block(self.web3, number)

    def next_nonce(self) -> int:
        return self.web3.eth.get_transaction_count(self.account.address)

    def waits(self, sent: Sent) -> bool:
        """Whether the node holds the transaction."""
        content = self.chain.ask("txpool_content")
        pools = [*content["pending"].values(), *content["queued"].values()]
        return "0x" + sent.hash.hex() in {t["hash"] for pool in pools for t in pool.values()}

    def drop(self, sent: Sent) -> None:
        self.chain.ask("anvil_dropTransaction", "0x" + sent.hash.hex())

    def foreign(self, nonce: int, max_fee: int, tip: int = 1, gas: int = 21_000) -> bytes:
        """Sends nothing to nobody from the account, past the outbox; the transaction's hash."""
        signed = self.account.sign_transaction(
            {
                "chainId": CHAIN_ID,
                "type": 2,
                "nonce": nonce,
                "gas": gas,
                "maxFeePerGas": max_fee,
                "maxPriorityFeePerGas": tip,
                "to": "0x" + "99" * 20,
                "value": 0,
            }
        )
        return bytes(self.web3.eth.send_raw_transaction(signed.raw_transaction))

    def foreign_if_taken(self, nonce: int, max_fee: int) -> None:
        """The same, where the node may find the offer too low."""
        with suppress(Web3RPCError):
            self.foreign(nonce, max_fee)

    # ------------------------------------------------------------------ what came of it

    def _own(self, x: int) -> int:
        """Numbers that no other bench on the same contract counts with."""
        return (int(self.account.address, 16) << 32) + x

    def again(self, x: int) -> Any:
        return self.contract.functions.again(self._own(x))

    def once(self, x: int) -> Any:
        return self.contract.functions.once(self._own(x))

    @staticmethod
    def data(call: Any) -> bytes:
        return encoded(call)

    def count(self, x: int) -> int:
        return self.contract.functions.counts(self._own(x)).call()
