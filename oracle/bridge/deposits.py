"""Deposits: approve, lock on the root chain, wait for the child chain to mint."""

from dataclasses import dataclass
from typing import Any

from web3.contract.contract import ContractFunction
from web3.exceptions import ContractLogicError

from oracle.bridge.contracts import (
    require_running,
    root_chain_manager,
    root_token,
    state_receiver,
)
from oracle.bridge.lookback import Lookback, synced_blocks
from oracle.bridge.record import BridgeRecord
from oracle.bridge.steps import Stepper
from oracle.bridge.syncs import SyncState, sync_state, syncs_of
from oracle.bridge.transfers import Stage, Transfer
from oracle.chain.rpc import block, readable
from oracle.errors import RefusedError, UnreachableError

APPROVE, LOCK, REPLAY = "approve", "lock", "replay"


@dataclass(frozen=True, slots=True)
class Deposits:
    """Takes deposits on, one step at a time."""

    record: BridgeRecord
    root: Stepper
    child: Stepper

    @property
    def token(self) -> Any:
        return root_token(self.root.web3, self.record)

    def advance(self, transfer: Transfer) -> Transfer:
        """The transfer after the next step that is possible now; the same if it must wait."""
        with readable(self.root.url):
            receipt = self.root.receipt(transfer, LOCK)
        if receipt is None:
            transfer, approved = self._approved(transfer)
            if not approved:
                return transfer.at(Stage.APPROVING)
            transfer, receipt = self.root.take(transfer, LOCK, lambda: self._lock(transfer))
            if receipt is None:
                return transfer.at(Stage.APPROVING)
        transfer = self._followed(transfer, receipt)
        return self._replayed(transfer, receipt) if transfer.stage is Stage.FAILED else transfer

    def look(self, transfer: Transfer) -> Transfer:
        """Where the transfer stands by the chains, without doing anything."""
        with readable(self.root.url):
            receipt = self.root.receipt(transfer, LOCK)
        if receipt is None:
            return transfer.at(Stage.APPROVING).put(sync=None)
        return self._followed(transfer, receipt)

    def replay(self, id: int) -> ContractFunction:
        """The call that hands a failed state sync to its receiver once more."""
        receiver = state_receiver(self.child.web3, self.record)
        with readable(self.child.url):
            state = sync_state(self.child.web3, self.record, id)
        if state is SyncState.PENDING:
            raise RefusedError(
                f"state sync {id} has not come to the child chain yet", "wait for it"
            )
        if state is SyncState.DONE:
            raise RefusedError(f"state sync {id} did not fail, or was replayed already")
        return receiver.functions.replayFailedStateSync(id)

    # ------------------------------------------------------------------ on the root chain

    def _approved(self, transfer: Transfer) -> tuple[Transfer, bool]:
        """Makes the bridge's allowance large enough; whether it is, or is no longer needed."""
        account, spender = transfer.account, self.record.root.erc20_predicate
        with readable(self.root.url):
            # In this order: a block may come between two looks.
            done = self.root.receipt(transfer, APPROVE) is not None
            allowed = self.token.functions.allowance(account, spender).call()
            locked = self.root.receipt(transfer, LOCK) is not None  # and just used it
        if allowed >= transfer.wei or locked:
            return transfer, True
        if done:  # and used by another transfer meanwhile
            transfer = transfer.with_sent(APPROVE)
        transfer, receipt = self.root.take(
            transfer, APPROVE, lambda: self._approval(account, spender, allowed, transfer.wei)
        )
        return transfer, receipt is not None

    def _approval(self, account: str, spender: str, old: int, new: int) -> ContractFunction:
        """NMR's ``approve`` goes only from or to zero; ``changeApproval`` names the old value."""
        functions = self.token.functions
        require_running(self.root.web3, self.record)
        if old:
            try:
                functions.approve(spender, new).call({"from": account})
            except ContractLogicError:
                return functions.changeApproval(spender, old, new)
        return functions.approve(spender, new)

    def _lock(self, transfer: Transfer) -> ContractFunction:
        require_running(self.root.web3, self.record)
        manager = root_chain_manager(self.root.web3, self.record)
        amount = transfer.wei.to_bytes(32, "big")
        return manager.functions.depositFor(transfer.to, self.record.root.token, amount)

    # ------------------------------------------------------------------ on the child chain

    def _replayed(self, transfer: Transfer, locked: Any) -> Transfer:
        id = transfer.sync or 0
        try:
            transfer, receipt = self.child.take(transfer, REPLAY, lambda: self.replay(id))
        except RefusedError as error:
            with readable(self.child.url):
                if sync_state(self.child.web3, self.record, id) is SyncState.FAILED:
                    raise RefusedError(
                        f"the child chain refuses state sync {id} again: {error.message}",
                        f"nothing is lost: `assay bridge resume {transfer.id}` tries once more",
                    ) from error
            return self._followed(transfer, locked)  # somebody else was faster
        return transfer if receipt is None else self._followed(transfer, locked)

    def _followed(self, transfer: Transfer, locked: Any) -> Transfer:
        """What became of a deposit that is locked by the receipt ``locked``."""
        with readable(self.root.url):
            when = self.root.web3.eth.get_block(locked["blockNumber"])["timestamp"]
            syncs = syncs_of(self.root.web3, self.record, locked)
            if len(syncs) != 1:
                raise UnreachableError(
                    f"the deposit's receipt has {len(syncs)} state syncs, not one",
                    "ask another endpoint of the root chain",
                )
            root_final = self.root.final(locked["blockNumber"])
        sync = syncs[0].id
        transfer = transfer.put(sync=sync)
        with readable(self.child.url):
            state = sync_state(self.child.web3, self.record, sync)
        if state is SyncState.PENDING:
            return transfer.at(Stage.LOCKED, when)
        if state is SyncState.FAILED:
            return transfer.at(Stage.LOCKED, when).at(Stage.FAILED)
        with readable(self.child.url):
            number = self._synced_block(sync, when)
            minted = self.child.web3.eth.get_block(number)["timestamp"]
            child_final = self.child.final(number)
            now = block(self.child.web3, "latest").timestamp
        known = transfer.times.get(Stage.USABLE)
        transfer = transfer.at(Stage.LOCKED, when).at(Stage.SYNCED, minted)
        if not child_final:
            return transfer
        return transfer.at(Stage.USABLE, known or now).put(settled=root_final)

    def _synced_block(self, sync: int, since: int) -> int:
        logs = Lookback(self.child.web3, self.child.url, self.record.child.start_block)
        taken, _ = synced_blocks(self.child.web3, logs, self.record, [sync], since)
        if sync not in taken:
            raise UnreachableError(
                f"{logs.name} shows no log of state sync {sync}", "ask another endpoint"
            )
        return taken[sync]
