"""State syncs: messages from the root chain to contracts of the child chain, by consecutive ids."""

from dataclasses import dataclass
from enum import Enum

from web3 import Web3
from web3.logs import DISCARD
from web3.types import BlockIdentifier, EventData, TxReceipt

from oracle.bridge.contracts import state_receiver, state_sender
from oracle.bridge.record import BridgeRecord


class SyncState(Enum):
    """What became of a state sync on the child chain; a failed one can be replayed."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StateSync:
    """A message as the root chain's log has it; ``receiver`` is on the child chain."""

    id: int
    receiver: str
    data: bytes
    block: int
    block_hash: bytes
    transaction: bytes
    log_index: int


def sync_count(root: Web3, record: BridgeRecord, block: BlockIdentifier = "latest") -> int:
    """Id of the last message that had been sent as of ``block``."""
    sender = state_sender(root, record)
    return int(sender.functions.counter().call(block_identifier=block))


def state_sync(root: Web3, record: BridgeRecord, id: int, until: int) -> StateSync | None:
    """Message ``id`` if it was sent in a block up to ``until``."""
    sender = state_sender(root, record)
    logs = sender.events.StateSynced().get_logs(
        argument_filters={"id": id}, from_block=record.root.start_block, to_block=until
    )
    return _parsed(logs[0]) if logs else None


def syncs_of(root: Web3, record: BridgeRecord, receipt: TxReceipt) -> list[StateSync]:
    """The messages that a root chain's transaction sent."""
    sender = state_sender(root, record)
    logs = sender.events.StateSynced().process_receipt(receipt, errors=DISCARD)
    return [_parsed(log) for log in logs if log["address"] == record.root.state_sender]


def last_synced(child: Web3, record: BridgeRecord, block: BlockIdentifier = "latest") -> int:
    """Id of the last message that the child chain has seen, taken by its receiver or not."""
    receiver = state_receiver(child, record)
    return int(receiver.functions.lastStateId().call(block_identifier=block))


def sync_state(child: Web3, record: BridgeRecord, id: int) -> SyncState:
    """What became of message ``id``."""
    receiver = state_receiver(child, record)
    if id > last_synced(child, record):
        return SyncState.PENDING
    kept = receiver.functions.failedStateSyncs(id).call()
    return SyncState.FAILED if kept else SyncState.DONE


def _parsed(log: EventData) -> StateSync:
    return StateSync(
        id=log["args"]["id"],
        receiver=log["args"]["contractAddress"],
        data=bytes(log["args"]["data"]),
        block=log["blockNumber"],
        block_hash=bytes(log["blockHash"]),
        transaction=bytes(log["transactionHash"]),
        log_index=log["logIndex"],
    )
