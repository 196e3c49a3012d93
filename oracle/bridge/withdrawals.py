"""Withdrawals: burn on the child chain, wait for a checkpoint, exit on the root chain."""

from dataclasses import dataclass
from typing import Any

from web3.contract.contract import ContractFunction

from oracle.bridge.checkpoints import covering
from oracle.bridge.contracts import child_token, require_running, root_chain_manager
from oracle.bridge.exits import burn_logs, exit_id, exit_proof, is_exited
from oracle.bridge.record import BridgeRecord
from oracle.bridge.steps import Stepper
from oracle.bridge.transfers import Stage, Transfer
from oracle.chain.rpc import block, readable
from oracle.errors import DifferenceError, RefusedError

BURN, EXIT = "burn", "exit"


@dataclass(frozen=True, slots=True)
class Withdrawals:
    """Takes withdrawals on, one step at a time."""

    record: BridgeRecord
    root: Stepper
    child: Stepper

    def advance(self, transfer: Transfer) -> Transfer:
        """The transfer after the next step that is possible now; the same if it must wait."""
        transfer, receipt = self.child.take(transfer, BURN, lambda: self._burn(transfer.wei))
        if receipt is None:
            return transfer.at(Stage.BURNING)
        transfer = self._followed(transfer, receipt)
        if transfer.stage is not Stage.CHECKPOINTED:
            return transfer
        return self._exited(transfer, receipt)

    def look(self, transfer: Transfer) -> Transfer:
        """Where the transfer stands by the chains, without doing anything."""
        with readable(self.child.url):
            receipt = self.child.receipt(transfer, BURN)
        return transfer.at(Stage.BURNING) if receipt is None else self._followed(transfer, receipt)

    def exits(self, transaction: str) -> list[ContractFunction]:
        """The exits of all burns of a child chain's transaction, of anyone's, that are not done.

        Raises RefusedError if all are done, or the block is in no checkpoint yet.
        """
        with readable(self.child.url):
            receipt = self.child.web3.eth.get_transaction_receipt(transaction)  # type: ignore[arg-type]
        places = burn_logs(receipt, self.record.child.token)
        if not places:
            raise RefusedError(
                f"transaction {transaction} burned no NMR on the child chain",
                "name the transaction of a withdrawal",
            )
        number, index = receipt["blockNumber"], receipt["transactionIndex"]
        with readable(self.root.url):
            ids = {place: exit_id(number, index, place) for place in places}
            due = [p for p in places if not is_exited(self.root.web3, self.record, ids[p])]
        if not due:
            raise RefusedError(f"what transaction {transaction} burned was paid out already")
        return [self._exit(transaction, place) for place in due]

    # ------------------------------------------------------------------ one step

    def _burn(self, wei: int) -> ContractFunction:
        return child_token(self.child.web3, self.record).functions.withdraw(wei)

    def _exit(self, transaction: str | bytes, place: int) -> ContractFunction:
        require_running(self.root.web3, self.record)
        # Either endpoint may be at fault; the child chain's is asked most.
        with readable(self.child.url):
            proof = exit_proof(self.root.web3, self.child.web3, self.record, transaction, place)
        return root_chain_manager(self.root.web3, self.record).functions.exit(proof.payload)

    def _exited(self, transfer: Transfer, burnt: Any) -> Transfer:
        place = self._place(transfer, burnt)
        try:
            transfer, receipt = self.root.take(
                transfer, EXIT, lambda: self._exit(burnt["transactionHash"], place)
            )
        except RefusedError:
            with readable(self.root.url):
                if not is_exited(self.root.web3, self.record, self._id(burnt, place)):
                    raise
            receipt = None  # somebody else was faster, which pays the same account
        return transfer if receipt is None else self._followed(transfer, burnt)

    # ------------------------------------------------------------------ looking

    def _followed(self, transfer: Transfer, burnt: Any) -> Transfer:
        """What became of a withdrawal that is burnt by the receipt ``burnt``."""
        number = burnt["blockNumber"]
        with readable(self.child.url):
            when = self.child.web3.eth.get_block(number)["timestamp"]
        transfer = transfer.at(Stage.BURNT, when)
        with readable(self.root.url):
            checkpoint = covering(self.root.web3, self.record, number)
            if checkpoint is None:
                return transfer
            transfer = transfer.at(Stage.CHECKPOINTED, checkpoint.created_at)
            id = self._id(burnt, self._place(transfer, burnt))
            if not is_exited(self.root.web3, self.record, id):
                return transfer
            final = block(self.root.web3, "finalized").number
            settled = is_exited(self.root.web3, self.record, id, final)
            mine = self.root.receipt(transfer, EXIT)
            if mine is None:  # somebody else's
                return transfer.at(Stage.EXITED).put(settled=settled)
            paid = self.root.web3.eth.get_block(mine["blockNumber"])
        return transfer.at(Stage.EXITED, paid["timestamp"]).put(settled=settled)

    def _place(self, transfer: Transfer, burnt: Any) -> int:
        """Place of the burn in its receipt."""
        places = burn_logs(burnt, self.record.child.token)
        if len(places) != 1:
            raise DifferenceError(
                f"the receipt of {transfer.id} has {len(places)} burns, not one",
                "ask another endpoint of the child chain",
            )
        return places[0]

    def _id(self, burnt: Any, place: int) -> bytes:
        return exit_id(burnt["blockNumber"], burnt["transactionIndex"], place)
