"""A long run of rounds over two chains with random bridging, burns, sweeps, exits and faults: NMR
is conserved at every block of both, and in the end the root supply has fallen by what was burnt.

Ten rounds; 200 with HYPOTHESIS_PROFILE=deep, as in `make fuzz`. ASSAY_ROUNDS says how many else,
ASSAY_SEED chooses another run; `-s` shows what came of it.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
import rlp
from bridge_rounds import BridgedRounds, bridged_rounds
from eth_utils import keccak
from every_block import EveryBlock
from scored_rounds import ScoredRounds
from two_chains import NMR
from vaulted_chains import BURNER, Vaults, vaulted_chains
from web3.exceptions import TransactionNotFound
from web3.types import TxReceipt

from oracle.bridge.checkpoints import newest
from oracle.bridge.exits import exit_proof
from oracle.bridge.syncs import SyncState, sync_count, sync_state
from oracle.chain.keys import dev_account
from oracle.devnet.artifacts import portal_artifacts
from oracle.devnet.relayer import Relayer
from oracle.errors import RefusedError

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.xdist_group("bridge")]

_USUAL = "200" if os.environ.get("HYPOTHESIS_PROFILE") == "deep" else "10"
ROUNDS = int(os.environ.get("ASSAY_ROUNDS", _USUAL))
SEED = int(os.environ.get("ASSAY_SEED", "6"))
STAKERS = (10, 11, 12, 13)
STRANGER = 30
_BETWEEN = 4
"""The most that happens between two steps of a round."""
_WEEK = 7 * 86_400
_PATH = 8
_DEPOSITOR = keccak(text="DEPOSITOR_ROLE")


class Killed(Exception):
    """A process ends at one of its requests."""


class Machine:
    """``steps`` is all that was done, for whoever looks into a failure."""

    def __init__(self, rounds: BridgedRounds, seed: int) -> None:
        self.rounds, self.chains, self.dice = rounds, rounds.chains, Random(seed)
        self.vaults = Vaults(self.chains)
        self.blocks = EveryBlock(self.chains, rounds.reader.addresses.pool)
        self.play = ScoredRounds(rounds, self.dice, self.checked)
        self.steps: list[str] = []
        self.deaths = 0
        self.burnt: list[tuple[bytes, int]] = []

    def checked(self, step: str) -> None:
        self.steps.append(step)
        try:
            self.blocks.conserved()
        except AssertionError as error:
            raise AssertionError(f"{error}\nafter {self.steps[-20:]}, seed {SEED}") from None

    def run(self, count: int) -> None:
        """``count`` rounds, with everything else in between; then all of it to its end."""
        with self.blocks.watching():
            while self.rounds.reader.state()["head"] <= count:
                self.play.advance()
                for _ in range(self.dice.randint(0, _BETWEEN)):
                    self.act()
            self.finish()

    def act(self) -> None:
        names = sorted(ACTIONS)
        [name] = self.dice.choices(names, [ACTIONS[name] for name in names])
        getattr(self, name)()
        self.checked(name)

    # ------------------------------------------------------------------ people

    def deposit(self, to: str | None = None) -> None:
        account = self.dice.choice(STAKERS)
        held = self.on_root(account)
        if held < NMR or self.is_stopped:
            return
        wei = self.dice.randint(1, held // 4)
        root, predicate = self.chains.root_web3, self.chains.record.root.erc20_predicate
        token = self.vaults.nmr.functions
        left = token.allowance(dev_account(account).address, predicate).call()
        if left:
            # Of a deposit whose block was reorganised away.
            self.chains.done(root, token.changeApproval(predicate, left, 0), account)
        self.chains.deposit(account, wei, to)

    def deposit_to_the_pool(self) -> None:
        """By mistake."""
        self.deposit(self.rounds.reader.addresses.pool)

    def deposit_to_the_vault(self) -> None:
        self.deposit(self.vaults.address)

    def withdraw(self) -> None:
        self._withdraw(legacy=True)

    def withdraw_typed(self) -> None:
        """Which the npm package's RootChainManager never pays."""
        self._withdraw(legacy=False)

    def _withdraw(self, legacy: bool) -> None:
        account = self.dice.choice(STAKERS)
        held = self.on_child(account)
        if held:
            wei = self.dice.randint(1, max(1, held // 4))
            receipt = self.chains.withdraw(account, wei, legacy=legacy)
            self.burnt.append((bytes(receipt["transactionHash"]), wei))

    def donate_on_root(self) -> None:
        if self.is_stopped:
            return
        record = self.chains.record.root
        to = [self.vaults.address, record.erc20_predicate, "0x" + "00" * 20, record.token]
        wei = self.dice.randint(1, NMR)
        call = self.chains.root_token.functions.transfer(self.dice.choice(to), wei)
        self.chains.done(self.chains.root_web3, call, BURNER)

    def donate_on_child(self) -> None:
        record = self.chains.record.child
        to = [self.vaults.address, record.token, record.child_chain_manager]
        wei = self.dice.randint(1, NMR)
        call = self.chains.child_token.functions.transfer(self.dice.choice(to), wei)
        self.chains.done(self.chains.child_web3, call, BURNER)

    def destroy_on_root(self) -> None:
        """Somebody burns NMR of their own."""
        if not self.is_stopped:
            call = self.chains.root_token.functions.mint(self.dice.randint(1, NMR))
            self.chains.done(self.chains.root_web3, call, BURNER)

    def stop_nmr(self) -> None:
        self.vaults.stop()

    def release_nmr(self) -> None:
        self.vaults.release()

    # ------------------------------------------------------------------ validators

    def sync(self) -> None:
        self.chains.settle_syncs()

    def checkpoint(self) -> None:
        self.chains.checkpoint()

    def sync_with_a_broken_token(self) -> None:
        """It takes no deposits: messages fail, and are kept."""
        web3, manager = self.chains.child_web3, self.chains.record.child.child_chain_manager
        call = self._child_roles().revokeRole(_DEPOSITOR, manager)
        self.chains.done(web3, call, self.chains.settings.admin)
        self.chains.settle_syncs()
        self._mend_the_token()

    def _mend_the_token(self) -> None:
        web3, manager = self.chains.child_web3, self.chains.record.child.child_chain_manager
        call = self._child_roles().grantRole(_DEPOSITOR, manager)
        self.chains.done(web3, call, self.chains.settings.admin)

    def _child_roles(self) -> Any:
        address, abi = self.chains.record.child.token, portal_artifacts()["UChildERC20"].abi
        return self.chains.child_web3.eth.contract(address=address, abi=abi).functions  # type: ignore[call-overload]

    def replay(self) -> None:
        """Every failed message, by anyone."""
        chains = self.chains
        for id in range(1, sync_count(chains.root_web3, chains.record) + 1):
            if sync_state(chains.child_web3, chains.record, id) is SyncState.FAILED:
                call = chains.state_receiver.functions.replayFailedStateSync(id)
                chains.done(chains.child_web3, call, STRANGER)

    def kill_the_relayer(self) -> None:
        chains = self.chains
        chains.root.mine(3)
        chains.child.mine(3)
        with self.dying():
            relayer = Relayer(chains.root_web3, chains.child_web3, chains.record, chains.settings)
            relayer.sync()
            relayer.checkpoint()

    # ------------------------------------------------------------------ exits and sweeps

    def exit(self) -> None:
        """Whatever can be, by a stranger; replayed, and under another spelling of its path."""
        if not self.burnt:
            return
        digest, _ = self.dice.choice(self.burnt)
        payload = self._proved(digest)
        if payload is None:
            return
        fields = rlp.decode(payload)
        fields[_PATH] = bytes([self.dice.choice([0x00, 0x20, 0x4F])]) + fields[_PATH][1:]
        for one in (payload, payload, rlp.encode(fields)):
            self._send(self.chains.root_web3, self.chains.manager.functions.exit(one))

    def _proved(self, digest: bytes) -> bytes | None:
        """None where the burn is in no checkpoint, or in no block any more."""
        chains = self.chains
        webs = chains.root_web3, chains.child_web3
        with suppress(RefusedError, TransactionNotFound):
            return exit_proof(*webs, chains.record, digest, 0).payload
        return None

    def sweep(self) -> None:
        self.vaults.sweeper().step()

    def sweep_as_a_stranger(self) -> None:
        """Either vault, whatever it holds; on the child chain by a typed transaction."""
        vault, web3 = self.dice.choice(
            [
                (self.vaults.root, self.chains.root_web3),
                (self.vaults.child, self.chains.child_web3),
            ]
        )
        self._send(web3, vault.functions.sweep())

    def kill_the_keeper(self) -> None:
        with self.dying():
            self.vaults.sweeper().step()

    def flush(self) -> None:
        self.play.flush()

    def claim(self) -> None:
        self.play.claim()

    # ------------------------------------------------------------------ the chains

    def reorganise_root(self) -> None:
        self.chains.root.ask("anvil_reorg", self.dice.randint(1, 2), [])

    def reorganise_child(self) -> None:
        """Blocks that are in no checkpoint yet."""
        last = newest(self.chains.root_web3, self.chains.record)
        deepest = min(2, self.chains.child.head - (last.end if last else 0))
        if deepest > 0:
            self.chains.child.ask("anvil_reorg", self.dice.randint(1, deepest), [])
            self._mend_the_token()  # what had mended it may be gone

    def let_a_week_pass(self) -> None:
        """Between rounds, whose times are short."""
        state = self.rounds.reader.state()
        if state["head"] > state["last_announced"]:
            self._pass(_WEEK)

    def _pass(self, seconds: int) -> None:
        for chain in (self.chains.root, self.chains.child):
            now = int(chain.block("latest")["timestamp"], 16)
            chain.ask("evm_setNextBlockTimestamp", now + seconds)
            chain.mine()

    # ------------------------------------------------------------------ the end

    def finish(self) -> None:
        """Nothing is on its way any more, but what the npm package cannot read."""
        self.release_nmr()
        self.play.flush()
        self.chains.settle_syncs()
        self.replay()
        self._pass(_WEEK)
        sweeper = self.vaults.sweeper(thrifty=False)
        for _ in range(3):
            sweeper.step()
            self.chains.checkpoint()
            self.checked("sweep at the end")
        for digest, _ in self.burnt:
            payload = self._proved(digest)
            if payload is not None:
                self._send(self.chains.root_web3, self.chains.manager.functions.exit(payload))
        self.checked("exits at the end")

    def unreadable(self) -> tuple[int, int]:
        """Wei burnt by typed transactions: all of it, and the vault's."""
        of_vault = everyone = 0
        for one in self.blocks.facts.burns:
            if not one.exited:
                everyone += one.wei
                of_vault += one.wei if one.owner == self.vaults.address else 0
        return everyone, of_vault

    def figures(self) -> str:
        """What came of the run, in a line."""
        times, blocks = Counter(self.steps), self.blocks
        reorgs = times["reorganise_root"] + times["reorganise_child"]
        kills = times["kill_the_relayer"] + times["kill_the_keeper"]
        return (
            f"seed {SEED}: {len(self.steps)} steps, {blocks.checks} pairs of blocks checked, "
            f"{blocks.unordered} looks at blocks of both chains, {reorgs} reorganisations asked "
            f"({blocks.replaced} seen), {kills} processes to be killed ({self.deaths} were)"
        )

    # ------------------------------------------------------------------ plumbing

    @property
    def is_stopped(self) -> bool:
        return bool(self.vaults.nmr.functions.stopped().call())

    def on_root(self, account: int) -> int:
        return int(self.chains.root_token.functions.balanceOf(dev_account(account).address).call())

    def on_child(self, account: int) -> int:
        return int(self.chains.child_token.functions.balanceOf(dev_account(account).address).call())

    def _send(self, web3: Any, call: Any) -> TxReceipt:
        """By a stranger, refused or not."""
        return self.chains.send(web3, call, STRANGER)

    @contextmanager
    def dying(self) -> Iterator[None]:
        """A process in this block ends at one of its first requests, or does not come so far."""
        left = [self.dice.randint(1, 60)]
        managers = [web3.manager for web3 in (self.chains.root_web3, self.chains.child_web3)]
        genuine = [manager.request_blocking for manager in managers]

        def dies(request: Callable[..., Any]) -> Callable[..., Any]:
            def asked(*arguments: Any, **named: Any) -> Any:
                left[0] -= 1
                if left[0] <= 0:
                    raise Killed
                return request(*arguments, **named)

            return asked

        try:
            for manager, request in zip(managers, genuine, strict=True):
                manager.request_blocking = dies(request)  # type: ignore[method-assign]
            yield
        except Killed:
            self.deaths += 1
        finally:
            for manager, request in zip(managers, genuine, strict=True):
                manager.request_blocking = request  # type: ignore[method-assign]


ACTIONS = {
    "deposit": 20,
    "deposit_to_the_pool": 1,
    "deposit_to_the_vault": 2,
    "withdraw": 15,
    "withdraw_typed": 1,
    "donate_on_root": 3,
    "donate_on_child": 3,
    "destroy_on_root": 2,
    "stop_nmr": 2,
    "release_nmr": 6,
    "sync": 15,
    "checkpoint": 12,
    "sync_with_a_broken_token": 3,
    "replay": 3,
    "kill_the_relayer": 5,
    "exit": 15,
    "sweep": 12,
    "sweep_as_a_stranger": 2,
    "kill_the_keeper": 5,
    "flush": 8,
    "claim": 6,
    "reorganise_root": 4,
    "reorganise_child": 4,
    "let_a_week_pass": 4,
}
"""What may happen, and how often beside the others."""


@pytest.fixture
def rounds(tmp_path: Path) -> Iterator[BridgedRounds]:
    """A tournament with four stakers, who have NMR on both chains."""
    with vaulted_chains() as chains:
        made = bridged_rounds(chains, tmp_path)
        for account in STAKERS:
            chains.give(account, 2_000 * NMR)
            chains.deposit(account, 1_000 * NMR)
        chains.settle_syncs()
        for account in STAKERS:
            made.register(account)
        yield made


def test_two_chains__many_rounds_and_every_fault__nmr_is_conserved_at_every_block(
    rounds: BridgedRounds,
) -> None:
    machine, chains = Machine(rounds, SEED), rounds.chains
    before = chains.root.head + chains.child.head
    machine.run(ROUNDS)
    print(machine.figures())
    facts = machine.blocks.facts
    assert machine.blocks.checks > chains.root.head + chains.child.head - before
    everyone, of_vault = machine.unreadable()
    assert facts.pool.burnt > 0, "no round burnt anything"
    assert facts.in_flight_down == 0
    assert facts.in_flight_up == everyone
    assert (facts.child.vault.balance, facts.root.vault.balance) == (0, 0)
    entered = facts.pool.flushed + facts.pool.fees + facts.pool.bonds
    entered += facts.child_donations + facts.root_donations
    assert facts.root.swept == entered - of_vault
