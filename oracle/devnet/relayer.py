"""Plays Polygon's validators between two local chains: state syncs down, checkpoints up.

It keeps nothing. What the child chain saw last and what the newest checkpoint ends with say what is
next, so that it may be killed at any point, and two of them do no harm to each other.
"""

import time
from dataclasses import dataclass

import rlp
from eth_utils import to_checksum_address
from web3 import Web3
from web3.exceptions import TimeExhausted
from web3.logs import DISCARD
from web3.types import BlockData, RPCEndpoint

from oracle.bridge.checkpoints import Checkpoint, Tree, headers, newest
from oracle.bridge.contracts import checkpoint_manager, state_receiver
from oracle.bridge.record import BridgeRecord
from oracle.bridge.syncs import StateSync, last_synced, state_sync, sync_count
from oracle.chain.keys import dev_account
from oracle.chain.sender import Sender
from oracle.chain.signing import LocalSigner
from oracle.devnet.bridge_settings import BridgeSettings
from oracle.devnet.validators import Validators, checkpoint_data
from oracle.errors import RefusedError, UnreachableError

SYSTEM = to_checksum_address("0xfffffffffffffffffffffffffffffffffffffffe")
"""In whose name a block's producer commits state syncs."""
_COMMIT_GAS = 8_000_000
"""The receiver's 5,000,000 must be within 63/64 of what is left."""
_COMMITS_AT_ONCE = 64
_GAS_PRICE = 100 * 10**9
_PLENTY = 10**24
_RECEIPT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Synced:
    """A state sync that this relayer committed; ``ok``: the receiver took it."""

    id: int
    ok: bool
    gas: int
    block: int


class Relayer:
    """Between a root and a child chain that are both local."""

    def __init__(
        self, root: Web3, child: Web3, record: BridgeRecord, settings: BridgeSettings
    ) -> None:
        self.root, self.child, self.record, self.settings = root, child, record, settings
        self.validators = Validators.of(settings.validators)
        submitter = LocalSigner(dev_account(settings.validators[0]))
        self._sender = Sender(root, "http://root", submitter)
        self._receiver = state_receiver(child, record)
        self._manager = checkpoint_manager(root, record)

    # ------------------------------------------------------------------ state syncs

    def due(self) -> list[StateSync]:
        """The next messages, in order, that have waited long enough.

        Raises UnreachableError for one that was sent and cannot be found: nothing behind it may
        pass it.
        """
        head = self._head(self.root)
        last, sent = (
            last_synced(self.child, self.record),
            sync_count(self.root, self.record, head["number"]),
        )
        found: list[StateSync] = []
        for id in range(last + 1, min(sent, last + _COMMITS_AT_ONCE) + 1):
            message = state_sync(self.root, self.record, id, head["number"])
            if message is None:
                raise UnreachableError(
                    f"state sync {id} of {sent} is missing on the root chain",
                    "nothing behind it is committed until it is there",
                )
            if not self._has_waited(message):
                break
            found.append(message)
        return found

    def _has_waited(self, message: StateSync) -> bool:
        if not self.settings.sync_delay:
            return True
        sent_at = self.root.eth.get_block(message.block)["timestamp"]
        now = self.root.eth.get_block("latest")["timestamp"]
        return now >= sent_at + self.settings.sync_delay

    def sync(self) -> list[Synced]:
        """Commits what is due; those that another relayer was quicker with are left out."""
        messages = self.due()
        if not messages:
            return []
        self._ask("anvil_impersonateAccount", SYSTEM)
        self._ask("anvil_setBalance", SYSTEM, hex(_PLENTY))
        sent = [self._commit(message) for message in messages]
        outcomes = (self._outcome(m, digest) for m, digest in zip(messages, sent, strict=True))
        return [outcome for outcome in outcomes if outcome is not None]

    def _commit(self, message: StateSync) -> bytes:
        record = rlp.encode(
            [
                message.id,
                bytes.fromhex(message.receiver[2:]),
                message.data,
                message.transaction,
                message.log_index,
                str(self.record.child.chain_id).encode(),
            ]
        )
        call = self._receiver.functions.commitState(int(time.time()), record)
        # One price for all: the node would drop transactions of mixed prices from its queue.
        fields = {"from": SYSTEM, "gas": _COMMIT_GAS, "gasPrice": _GAS_PRICE}
        return bytes(call.transact(fields))  # type: ignore[arg-type]

    def _outcome(self, message: StateSync, digest: bytes) -> Synced | None:
        try:
            receipt = self.child.eth.wait_for_transaction_receipt(
                digest,  # type: ignore[arg-type]
                timeout=_RECEIPT_SECONDS,
                poll_latency=0.02,
            )
        except TimeExhausted:
            raise UnreachableError(
                f"state sync {message.id} is not mined after {_RECEIPT_SECONDS} s"
            ) from None
        if receipt["status"] != 1:
            return None
        events = self._receiver.events.StateCommitted().process_receipt(receipt, errors=DISCARD)
        taken = any(event["args"]["success"] for event in events)
        return Synced(message.id, taken, receipt["gasUsed"], receipt["blockNumber"])

    # ------------------------------------------------------------------ checkpoints

    def checkpoint(self, upto: int | None = None) -> Checkpoint | None:
        """Makes a checkpoint of the blocks behind the newest one, up to the last that is final or
        ``upto``; None if there are none, or another relayer was quicker."""
        before = newest(self.root, self.record)
        start = before.end + 1 if before else 0
        end = self._head(self.child)["number"] if upto is None else upto
        end = min(end, start + self.settings.checkpoint_blocks - 1)
        if end < start:
            return None
        tree = Tree([header.leaf for header in headers(self.child, start, end)])
        proposer = self._sender.signer.address
        data = checkpoint_data(proposer, start, end, tree, self.record.child.chain_id)
        signed = self.validators.sign(data)
        try:
            self._sender.send(self._manager.functions.submitCheckpoint(data, signed))
        except RefusedError:
            after = newest(self.root, self.record)
            if after is None or after == before:
                raise
            return None
        return newest(self.root, self.record)

    def _head(self, web3: Web3) -> BlockData:
        return web3.eth.get_block(self.settings.finality)

    def _ask(self, method: str, *parameters: object) -> None:
        self.child.manager.request_blocking(RPCEndpoint(method), list(parameters))
