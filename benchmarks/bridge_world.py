"""Two real chains whose time is played: blocks come as on Ethereum and Polygon, without waiting.

Every block is mined by hand with its own timestamp and base fee, so what is measured in block time
hardly depends on how fast this machine is: only the relayer's transactions may wait a block longer.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bridge_rounds import BridgedRounds
from local_anvil import LocalAnvil
from two_chains import NMR, TwoChains
from web3.contract.contract import ContractFunction

from oracle.bridge.checkpoints import newest
from oracle.bridge.client import Bridge
from oracle.bridge.latency import Latency
from oracle.bridge.syncs import last_synced
from oracle.bridge.transfers import Stage, Transfer
from oracle.chain.drafts import draft
from oracle.chain.fees import Fees
from oracle.chain.keys import dev_account
from oracle.chain.signing import LocalSigner
from oracle.errors import RefusedError
from oracle.settlement.units import WEI_PER_UNIT

ROOT_BLOCK, CHILD_BLOCK = 12, 2
GWEI = 10**9
CALM = 10 * GWEI
ACCOUNTS = tuple(range(10, 35))
_REAL_PAUSE = 0.01


@dataclass
class World:
    """``price`` is the base fee by time, of both chains, in wei; ``relaying`` whether the relayer
    works. ``sync_delay`` and ``checkpoint_every`` are its seconds."""

    chains: TwoChains
    home: Path
    sync_delay: int
    checkpoint_every: int
    price: Callable[[int], int] = lambda now: CALM
    relaying: bool = True
    now: int = 0
    last_synced: int = 0
    checkpointed_to: int = 0
    _last_block: int = -1
    _checkpointed_at: int = 0
    _sides: dict[int, Bridge] = field(default_factory=dict)

    # ------------------------------------------------------------------ time

    @contextmanager
    def played(self) -> Iterator["World"]:
        """Blocks come only from ``pass_on``; both chains are as before afterwards."""
        chains = (self.chains.root, self.chains.child)
        with self.chains.undone():
            for chain in chains:
                chain.ask("evm_setAutomine", False)
            newest = max(int(chain.block("latest")["timestamp"], 16) for chain in chains)
            self.now = -(-newest // ROOT_BLOCK + 1) * ROOT_BLOCK
            self._checkpointed_at = self.now
            self._later()  # prices are what they will be
            relayer = self.chains.relayer
            at_once = relayer.settings
            relayer.settings = at_once.model_copy(update={"sync_delay": self.sync_delay})
            try:
                yield self
            finally:
                relayer.settings = at_once
                for chain in chains:
                    chain.ask("evm_setAutomine", True)

    def pass_on(self) -> None:
        """Twelve seconds: six blocks of the child chain, and one of the root chain.

        What waits gets into the first of the six.
        """
        child, ends = self.chains.child, self.now + ROOT_BLOCK
        self._mine(child, self.now + CHILD_BLOCK)
        child.mine(ROOT_BLOCK // CHILD_BLOCK - 2, CHILD_BLOCK)
        self._mine(child, ends)
        self._mine(self.chains.root, ends)
        self.now = ends
        if self.relaying:
            self._relay()
        self._look()

    def until(self, when: int) -> None:
        while self.now < when:
            self.pass_on()

    def _mine(self, chain: LocalAnvil, when: int) -> None:
        chain.ask("anvil_setNextBlockBaseFeePerGas", hex(self.price(when)))
        chain.ask("evm_setNextBlockTimestamp", when)
        chain.ask("evm_mine")

    def _relay(self) -> None:
        """The relayer's own transactions need blocks as well."""
        relayer = self.chains.relayer
        self._aside(relayer.sync)
        if self.now >= self._checkpointed_at + self.checkpoint_every:
            self._checkpointed_at = self.now
            self._aside(relayer.checkpoint)

    def _aside(self, work: Callable[[], object]) -> None:
        """Runs ``work`` in a thread, and blocks whenever transactions wait for one."""
        thread = threading.Thread(target=work)
        thread.start()
        while thread.is_alive():
            thread.join(_REAL_PAUSE)
            if thread.is_alive() and self._waiting():
                time.sleep(5 * _REAL_PAUSE)  # all of them are to be in one block
                self._later()

    def _later(self) -> None:
        """A root block's time, with one block of each chain."""
        self.now += ROOT_BLOCK
        for chain in (self.chains.child, self.chains.root):
            self._mine(chain, self.now)

    def _look(self) -> None:
        """How far the bridge has come: what is behind that need not be asked for."""
        chains = self.chains
        self.last_synced = last_synced(chains.child_web3, chains.record)
        made = newest(chains.root_web3, chains.record)
        if made is not None and made.end != self._last_block:
            self._last_block = made.end
            self.checkpointed_to = chains.child_web3.eth.get_block(made.end)["timestamp"]

    def _waiting(self) -> bool:
        pools = (chain.ask("txpool_status") for chain in (self.chains.root, self.chains.child))
        return any(int(pool["pending"], 16) for pool in pools)

    # ------------------------------------------------------------------ accounts

    def bridge(self, account: int) -> Bridge:
        """The client of ``account``, which never waits for a block."""
        if account not in self._sides:
            urls = self.chains.root.url, self.chains.child.url
            signer = LocalSigner(dev_account(account))
            self._sides[account] = Bridge.open(
                self.chains.record, *urls, signer, home=self.home, patience=0.0
            )
        return self._sides[account]

    def advance(self, account: int, transfer: Transfer) -> Transfer:
        """One step, where one is possible; a refusal (a failed sync) is none."""
        if transfer.stage is Stage.LOCKED and (transfer.sync or 0) > self.last_synced:
            return transfer
        if transfer.stage is Stage.BURNT and transfer.times[Stage.BURNT] > self.checkpointed_to:
            return transfer
        try:
            return self.bridge(account).advance(transfer.id)
        except RefusedError:
            return self.bridge(account).status(transfer.id)

    def stake(self, rounds: BridgedRounds, account: int, wei: int) -> None:
        """Sends a deposit into the pool, at a price that every block takes."""
        model, functions = rounds.models[account], rounds.reader.pool.functions
        number = rounds.reader.target()
        call = functions.deposit(model, wei // WEI_PER_UNIT * WEI_PER_UNIT, number + 10)
        web3, signer = self.chains.child_web3, LocalSigner(dev_account(account))
        made = draft(web3, call, signer.address)
        nonce = web3.eth.get_transaction_count(signer.address, "pending")
        fields = made.fields(self.chains.record.child.chain_id, nonce, Fees(20 * CALM, GWEI))
        web3.eth.send_raw_transaction(signer.sign_transaction(fields).raw)

    def latency(self, rounds: BridgedRounds | None = None) -> Latency:
        chains = self.chains
        return Latency(
            chains.record,
            (chains.root_web3, chains.root.url),
            (chains.child_web3, chains.child.url),
            None if rounds is None else rounds.reader,
        )


def endow(chains: TwoChains) -> None:
    """NMR on the root chain for every account, and the bridge allowed to take it."""
    spender = chains.record.root.erc20_predicate
    for account in ACCOUNTS:
        chains.give(account, 1_000 * NMR)
        approve = chains.root_token.functions.approve(spender, 1_000 * NMR)
        chains.done(chains.root_web3, approve, account)


def lock(chains: TwoChains, account: int) -> ContractFunction:
    """A deposit of one NMR, for which the allowance is there."""
    amount = NMR.to_bytes(32, "big")
    receiver = dev_account(account).address
    return chains.manager.functions.depositFor(receiver, chains.record.root.token, amount)
