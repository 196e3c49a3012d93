"""Sweeping the burn vaults: what the tournament burnt leaves the supply on the root chain.

Three steps, each of which anyone may take: the child chain's vault withdraws, the root chain pays
the root vault, the root vault destroys. Nothing is remembered that the chains do not show.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from web3 import Web3
from web3.contract.contract import ContractFunction

from oracle.bridge.checkpoints import newest
from oracle.bridge.client import LEGACY_STAND_IN
from oracle.bridge.contracts import (
    child_token,
    contract,
    require_running,
    root_chain_manager,
    root_token,
)
from oracle.bridge.exits import exit_proof, is_exited
from oracle.bridge.record import BridgeRecord
from oracle.bridge.vault_burns import VaultBurn, VaultBurns
from oracle.chain.abi import abi
from oracle.chain.drafts import FundsError
from oracle.chain.outbox import PendingError
from oracle.chain.rpc import block, readable
from oracle.chain.sender import Sending
from oracle.errors import DifferenceError, InputError, RefusedError

CHILD_SWEEP, EXIT, ROOT_SWEEP = "sweep of the child vault", "exit", "sweep of the root vault"
_FIRST_PAUSE, _LONGEST_PAUSE = 3_600.0, 86_400.0
"""Seconds until an exit that was refused is tried again, at first and at most."""


@dataclass(frozen=True, slots=True)
class Side:
    """A chain, its endpoint as errors name it, and what sends there; None only looks. ``legacy``:
    by transactions of type 0."""

    web3: Web3
    url: str
    sender: Sending | None = None
    legacy: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """A step that was taken, or, with ``trouble``, was not. ``refused``: by the contract, or there
    is no proof for it, so that trying again soon is of no use."""

    step: str
    wei: int
    transaction: str = ""
    trouble: str = ""
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Left:
    """Where burns are, in wei: in the child vault, burnt there and in no checkpoint yet, waiting
    for their exit, of those refused by the root chain the last time, in the root vault."""

    child: int
    burnt: int
    exits: int
    refused: int
    root: int


@dataclass
class Vault:
    """The burn vault on one chain."""

    side: Side
    address: str

    def is_there(self) -> bool:
        with readable(self.side.url):
            return bool(self.side.web3.eth.get_code(self.address))  # type: ignore[arg-type]

    def sweepable(self) -> int:
        """Wei that a sweep would take now."""
        return int(self.ask("sweepable"))

    def ask(self, view: str) -> Any:
        with readable(self.side.url):
            return self._contract.functions[view]().call()

    def sweep(self) -> ContractFunction:
        call: ContractFunction = self._contract.functions.sweep()
        return call

    @property
    def _contract(self) -> Any:
        return contract(self.side.web3, self.address, abi("BurnVault"))


def is_legacy_only(record: BridgeRecord) -> bool:
    """Whether the root chain reads receipts of type-0 transactions only."""
    return LEGACY_STAND_IN in record.stand_ins


def anyone(_: str) -> bool:
    """It is everybody's turn."""
    return True


def sweep_vault(vault: Vault, step: str, may: Callable[[str], bool] = anyone) -> list[Taken]:
    """Sweeps the vault if it is there and that is due; nothing if it is not."""
    wei = vault.sweepable() if vault.is_there() else 0
    if not wei:
        return []
    return _sent(vault.side, Taken(step, wei), may, vault.sweep, lambda: not vault.sweepable())


def _sent(
    side: Side,
    step: Taken,
    may: Callable[[str], bool],
    call: Callable[[], ContractFunction],
    is_done: Callable[[], bool],
) -> list[Taken]:
    """Sends a step; ``is_done`` tells whether somebody else was faster."""
    if side.sender is None or not may(step.step):
        return []
    try:
        receipt = side.sender.send(call(), legacy=side.legacy)
    except (FundsError, PendingError) as error:
        return [replace(step, trouble=error.message)]
    except RefusedError as error:
        return [] if is_done() else [replace(step, trouble=error.message, refused=True)]
    except DifferenceError as error:  # no proof can be made of this burn, but of others
        return [replace(step, trouble=error.message, refused=True)]
    return [replace(step, transaction="0x" + bytes(receipt["transactionHash"]).hex())]


@dataclass
class Sweeper:
    """Takes whatever step is due. ``may`` is asked with a step's name before it is sent.

    A ``thrifty`` one leaves less than the child chain's own minimum in the root vault for a week,
    so that nobody can make it pay for gas by donating dust.
    """

    record: BridgeRecord
    root: Side
    child: Side
    thrifty: bool = True
    may: Callable[[str], bool] = anyone
    clock: Callable[[], float] = time.monotonic
    _refused: dict[bytes, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.record.burn_vault is None:
            raise InputError(
                f"the record of bridge {self.record.name} names no burn vault",
                "deploy one, or use the record of a bridge that has one",
            )
        address = self.record.burn_vault
        self.child = replace(self.child, legacy=is_legacy_only(self.record))
        self._child = Vault(self.child, address)
        self._root = Vault(self.root, address)
        self._burns = VaultBurns(self.record, self.child.web3, self.child.url)

    def step(self) -> list[Taken]:
        """Takes every step that is possible now, one after the other.

        What a contract refuses, the account cannot pay for, or the child chain's endpoint gives no
        proof of leaves the other steps alone. Raises UnreachableError where an endpoint fails.
        """
        return [*self.sweep_child(), *self.exit_burns(), *self.sweep_root()]

    # ------------------------------------------------------------------ the steps

    def sweep_child(self) -> list[Taken]:
        return sweep_vault(self._child, CHILD_SWEEP, self.may)

    def exit_burns(self) -> list[Taken]:
        """Exits the vault's burns that are in a checkpoint; not while NMR is stopped."""
        taken, waiting = list[Taken](), self.waiting()
        if waiting and self._is_stopped():
            return []
        for burn in waiting:
            due, _ = self._refused.get(burn.id, (0.0, 0.0))
            if self.clock() >= due:
                taken += self._exit(burn)
        return taken

    def sweep_root(self) -> list[Taken]:
        if not self._root.is_there() or not self._is_worth_it() or self._is_stopped():
            return []
        return sweep_vault(self._root, ROOT_SWEEP, self.may)

    def waiting(self) -> list[VaultBurn]:
        """The vault's burns in a checkpoint that the root chain has not paid."""
        with readable(self.root.url):
            last = newest(self.root.web3, self.record)
        if last is None or not self._child.is_there():
            return []
        self._burns.update(last.end)
        with readable(self.root.url):
            final = block(self.root.web3, "finalized").number
            for burn in self._burns.waiting():
                if is_exited(self.root.web3, self.record, burn.id, final):
                    self._burns.done(burn)
            return [
                burn
                for burn in self._burns.waiting()
                if not is_exited(self.root.web3, self.record, burn.id)
            ]

    def left(self, waiting: Sequence[VaultBurn] | None = None) -> Left:
        """Where burns wait; ``waiting``, if they were just asked for."""
        vault, record = self._child.address, self.record
        waiting = self.waiting() if waiting is None else waiting
        with readable(self.child.url):
            here = child_token(self.child.web3, record).functions.balanceOf(vault).call()
        with readable(self.root.url):
            there = root_token(self.root.web3, record).functions.balanceOf(vault).call()
        swept = self._child.ask("swept") if self._child.is_there() else 0
        refused = [one.wei for one in waiting if one.id in self._refused]
        return Left(
            child=here,
            burnt=max(0, swept - self._burns.checkpointed),
            exits=sum(one.wei for one in waiting) - sum(refused),
            refused=sum(refused),
            root=there,
        )

    def oldest(self, waiting: Sequence[VaultBurn]) -> int | None:
        """Block time of the oldest burn that is not paid: of those that are ``waiting``, else of
        those in no checkpoint yet; None if there is none."""
        number = min((one.block for one in waiting), default=None)
        if number is None and self._child.is_there():
            number = self._burns.first_beyond()
        if number is None:
            return None
        with readable(self.child.url):
            return block(self.child.web3, number).timestamp

    # ------------------------------------------------------------------ one step

    def _exit(self, burn: VaultBurn) -> list[Taken]:
        step = Taken(f"{EXIT} {burn.id.hex()[:16]}", burn.wei)
        taken = _sent(
            self.root, step, self.may, lambda: self._proved(burn), lambda: self._is_paid(burn)
        )
        if any(one.refused for one in taken):
            _, pause = self._refused.get(burn.id, (0.0, _FIRST_PAUSE / 2))
            pause = min(2 * pause, _LONGEST_PAUSE)
            self._refused[burn.id] = self.clock() + pause, pause
        elif taken:
            self._refused.pop(burn.id, None)
        return taken

    def _proved(self, burn: VaultBurn) -> ContractFunction:
        webs = self.root.web3, self.child.web3
        with readable(self.child.url):
            proof = exit_proof(*webs, self.record, burn.transaction, burn.place)
        manager = root_chain_manager(self.root.web3, self.record)
        call: ContractFunction = manager.functions.exit(proof.payload)
        return call

    def _is_paid(self, burn: VaultBurn) -> bool:
        with readable(self.root.url):
            return is_exited(self.root.web3, self.record, burn.id)

    def _is_stopped(self) -> bool:
        try:
            with readable(self.root.url):
                require_running(self.root.web3, self.record)
        except RefusedError:
            return True
        return False

    def _is_worth_it(self) -> bool:
        wei = self._root.sweepable()
        if not self.thrifty or not wei or wei >= self._root.ask("MIN_SWEEP"):
            return bool(wei)
        with readable(self.root.url):
            now = block(self.root.web3, "latest").timestamp
        return bool(now >= self._root.ask("swept_at") + self._root.ask("MAX_WAIT"))
