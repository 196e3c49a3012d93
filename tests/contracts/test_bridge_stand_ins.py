"""The stand-ins of a local bridge behave as the contracts that they stand for."""

from typing import Any

import boa
import pytest
import rlp
from assay_system import compiled
from eth_abi import decode, encode
from eth_account import Account
from eth_utils import keccak

SYSTEM = "0xffffFFFfFFffffffffffffffFfFFFfffFFFfFFfE"
CHILD_ID = 137
STEP = 10_000

RECEIVER = """
# pragma version 0.4.3
interface Again:
    def replayFailedStateSync(id: uint256): nonpayable

reverting: public(bool)
again: public(bool)
id: public(uint256)
digest: public(bytes32)
gas: public(uint256)

@external
def set(reverting: bool, again: bool):
    self.reverting = reverting
    self.again = again

@external
def onStateReceive(id: uint256, data: Bytes[8192]):
    self.gas = msg.gas
    if self.again:
        extcall Again(msg.sender).replayFailedStateSync(id)
    assert not self.reverting, "receiver: no"
    self.id = id
    self.digest = keccak256(data)
"""


def devnet(name: str, *arguments: Any) -> Any:
    return compiled(f"contracts/devnet/{name}.vy").deploy(*arguments)


# ---------------------------------------------------------------------- StateSender


@pytest.fixture
def sender() -> Any:
    return devnet("StateSender")


def test_sync_state__registered_sender__numbers_messages_from_one(sender: Any) -> None:
    one, two, receiver = (boa.env.generate_address() for _ in range(3))
    sender.register(one, receiver)
    sender.register(two, two)
    for number, (who, to) in enumerate(((one, receiver), (two, two), (one, receiver)), 1):
        sender.syncState(to, b"m%d" % number, sender=who)
        [event] = sender.get_logs()
        assert (event.id, event.contractAddress, event.data) == (number, to, b"m%d" % number)
    assert sender.counter() == 3


def test_sync_state__anybody_else__is_refused(sender: Any, stranger: str) -> None:
    receiver = boa.env.generate_address()
    sender.register(boa.env.generate_address(), receiver)
    with boa.reverts("Invalid sender"):
        sender.syncState(receiver, b"", sender=stranger)


def test_register__stranger__is_refused_and_the_sender_itself_may(
    sender: Any, stranger: str
) -> None:
    first, second, receiver = (boa.env.generate_address() for _ in range(3))
    with boa.reverts("StateSender.register: Not authorized to register"):
        sender.register(stranger, receiver, sender=stranger)
    sender.register(first, receiver)
    sender.register(second, receiver, sender=first)
    assert sender.registrations(receiver) == second


# ---------------------------------------------------------------------- StateReceiver


def record(id: int, receiver: str, data: bytes) -> bytes:
    """As validators write it: with the root chain's transaction and the chain's id behind it."""
    return rlp.encode([id, bytes.fromhex(receiver[2:]), data, keccak(b"tx"), 3, b"137"])


@pytest.fixture
def state_receiver() -> Any:
    return devnet("StateReceiver")


@pytest.fixture
def receiver() -> Any:
    return boa.loads(RECEIVER)


@pytest.mark.parametrize(
    "size", [0, 1, 2, 31, 32, 33, 55, 56, 57, 255, 256, 257, 1000, 8192], ids=str
)
def test_commit_state__message_of_any_length__reaches_its_receiver(
    state_receiver: Any, receiver: Any, size: int
) -> None:
    data = bytes((7 * i + 1) % 128 for i in range(size))
    with boa.env.prank(SYSTEM):
        assert state_receiver.commitState(0, record(1, receiver.address, data))
    assert (receiver.id(), receiver.digest()) == (1, keccak(data))
    assert state_receiver.lastStateId() == 1


@pytest.mark.parametrize("id", [1, 127, 128, 255, 256, 2**64], ids=str)
def test_commit_state__id_of_any_size__is_read(state_receiver: Any, receiver: Any, id: int) -> None:
    state_receiver.eval(f"self.lastStateId = {id - 1}")
    with boa.env.prank(SYSTEM):
        state_receiver.commitState(0, record(id, receiver.address, b"x"))
    assert (receiver.id(), state_receiver.lastStateId()) == (id, id)


@pytest.mark.parametrize("id", [0, 1, 3], ids=str)
def test_commit_state__id_out_of_order__is_refused(
    state_receiver: Any, receiver: Any, id: int
) -> None:
    with boa.env.prank(SYSTEM):
        state_receiver.commitState(0, record(1, receiver.address, b""))
        with boa.reverts("StateIds are not sequential"):
            state_receiver.commitState(0, record(id, receiver.address, b""))


def test_commit_state__anybody_else__is_refused(
    state_receiver: Any, receiver: Any, stranger: str
) -> None:
    with boa.reverts("Not System Addess!"):
        state_receiver.commitState(0, record(1, receiver.address, b""), sender=stranger)


def test_commit_state__receiver_reverts__is_counted_and_kept(
    state_receiver: Any, receiver: Any
) -> None:
    receiver.set(True, False)
    with boa.env.prank(SYSTEM):
        assert not state_receiver.commitState(0, record(1, receiver.address, b"lost"))
        [event] = state_receiver.get_logs()
        assert (event.stateId, event.success) == (1, False)
        receiver.set(False, False)
        assert state_receiver.commitState(0, record(2, receiver.address, b"next"))
    kept = decode(["address", "bytes"], state_receiver.failedStateSyncs(1))
    assert (kept[0].lower(), kept[1]) == (receiver.address.lower(), b"lost")
    assert state_receiver.failedStateSyncs(2) == b""
    assert receiver.digest() == keccak(b"next")


def test_commit_state__receiver_is_no_contract__is_counted_and_not_kept(
    state_receiver: Any, stranger: str
) -> None:
    with boa.env.prank(SYSTEM):
        assert not state_receiver.commitState(0, record(1, stranger, b"x"))
    assert state_receiver.get_logs() == []
    assert (state_receiver.lastStateId(), state_receiver.failedStateSyncs(1)) == (1, b"")


def test_commit_state__much_gas__gives_the_receiver_five_million(
    state_receiver: Any, receiver: Any
) -> None:
    with boa.env.prank(SYSTEM):
        state_receiver.commitState(0, record(1, receiver.address, b""), gas=12_000_000)
    assert 4_990_000 < receiver.gas() < 5_000_000


def test_replay__receiver_takes_it_now__once(
    state_receiver: Any, receiver: Any, stranger: str
) -> None:
    receiver.set(True, False)
    with boa.env.prank(SYSTEM):
        state_receiver.commitState(0, record(1, receiver.address, b"lost"))
    with boa.reverts():
        state_receiver.replayFailedStateSync(1, sender=stranger)
    assert state_receiver.failedStateSyncs(1) != b""
    receiver.set(False, False)
    state_receiver.replayFailedStateSync(1, sender=stranger)
    assert (receiver.id(), receiver.digest()) == (1, keccak(b"lost"))
    with boa.reverts("!found"):
        state_receiver.replayFailedStateSync(1, sender=stranger)


def test_replay__receiver_asks_for_it_again__reverts_and_keeps_it(
    state_receiver: Any, receiver: Any, stranger: str
) -> None:
    receiver.set(True, False)
    with boa.env.prank(SYSTEM):
        state_receiver.commitState(0, record(1, receiver.address, b"lost"))
    receiver.set(False, True)
    with boa.reverts():
        state_receiver.replayFailedStateSync(1, sender=stranger)
    assert state_receiver.failedStateSyncs(1) != b""


# ---------------------------------------------------------------------- CheckpointManager

VALIDATORS = sorted(
    (Account.from_key(keccak(text=f"validator {i}")) for i in range(4)),
    key=lambda account: int(account.address, 16),
)


@pytest.fixture
def manager() -> Any:
    return devnet("CheckpointManager", CHILD_ID, [v.address for v in VALIDATORS], [1, 1, 1, 1])


def checkpoint(start: int, end: int, chain_id: int = CHILD_ID) -> bytes:
    kinds = ["address", "uint256", "uint256", "bytes32", "bytes32", "uint256"]
    values = [VALIDATORS[0].address, start, end, keccak(b"root"), bytes(32), chain_id]
    return encode(kinds, values)


def signed(data: bytes, *signers: Any, vote: bytes = b"\x01") -> list[tuple[int, int, int]]:
    made = (signer.unsafe_sign_hash(keccak(vote + data)) for signer in signers)
    return [(each.r, each.s, each.v) for each in made]


def test_submit_checkpoint__three_of_four__is_kept_under_the_next_id(manager: Any) -> None:
    assert (manager.currentHeaderBlock(), manager.getLastChildBlock()) == (0, 0)
    for number, (start, end) in enumerate(((0, 9), (10, 10), (11, 300)), 1):
        data = checkpoint(start, end)
        manager.submitCheckpoint(data, signed(data, *VALIDATORS[:3]))
        [event] = manager.get_logs()
        assert (event.headerBlockId, event.start, event.end) == (number * STEP, start, end)
        kept = manager.headerBlocks(number * STEP)
        assert (kept.root, kept.start, kept.end) == (keccak(b"root"), start, end)
        assert kept.createdAt == boa.env.evm.patch.timestamp
        assert (manager.currentHeaderBlock(), manager.getLastChildBlock()) == (number * STEP, end)


def test_submit_checkpoint__v_of_zero_and_one__counts(manager: Any) -> None:
    data = checkpoint(0, 1)
    manager.submitCheckpoint(data, [(r, s, v - 27) for r, s, v in signed(data, *VALIDATORS)])
    assert manager.currentHeaderBlock() == STEP


STRANGER = Account.from_key(keccak(text="no validator"))


@pytest.mark.parametrize(
    "signers",
    [
        pytest.param([], id="nobody"),
        pytest.param(VALIDATORS[:2], id="two"),
        pytest.param([VALIDATORS[0], VALIDATORS[0], VALIDATORS[1]], id="one-twice"),
        pytest.param([VALIDATORS[1], VALIDATORS[0], VALIDATORS[2]], id="out-of-order"),
        pytest.param([VALIDATORS[0], VALIDATORS[1], STRANGER], id="a-stranger"),
    ],
)
def test_submit_checkpoint__too_few_signers__is_refused(manager: Any, signers: list[Any]) -> None:
    data = checkpoint(0, 1)
    with boa.reverts("2/3+1 non-majority!"):
        manager.submitCheckpoint(data, signed(data, *signers))
    assert manager.currentHeaderBlock() == 0


def test_submit_checkpoint__votes_against_it__are_refused(manager: Any) -> None:
    data = checkpoint(0, 1)
    with boa.reverts("2/3+1 non-majority!"):
        manager.submitCheckpoint(data, signed(data, *VALIDATORS, vote=b"\x00"))


def test_submit_checkpoint__other_bytes_than_signed__are_refused(manager: Any) -> None:
    with boa.reverts("2/3+1 non-majority!"):
        manager.submitCheckpoint(checkpoint(0, 2), signed(checkpoint(0, 1), *VALIDATORS))


@pytest.mark.parametrize(
    ("start", "end"), [(1, 5), (11, 12), (9, 12), (0, 9), (10, 9)], ids=lambda n: str(n)
)
def test_submit_checkpoint__not_behind_the_newest__is_refused(
    manager: Any, start: int, end: int
) -> None:
    first = checkpoint(0, 9)
    manager.submitCheckpoint(first, signed(first, *VALIDATORS))
    data = checkpoint(start, end)
    with boa.reverts("INCORRECT_HEADER_DATA"):
        manager.submitCheckpoint(data, signed(data, *VALIDATORS))


def test_submit_checkpoint__of_another_chain__is_refused(manager: Any) -> None:
    data = checkpoint(0, 1, chain_id=80002)
    with boa.reverts("Invalid bor chain id"):
        manager.submitCheckpoint(data, signed(data, *VALIDATORS))


def test_submit_checkpoint__unequal_stakes__count_by_stake() -> None:
    manager = devnet("CheckpointManager", CHILD_ID, [v.address for v in VALIDATORS], [7, 1, 1, 1])
    data = checkpoint(0, 1)
    with boa.reverts("2/3+1 non-majority!"):
        manager.submitCheckpoint(data, signed(data, *VALIDATORS[1:]))
    manager.submitCheckpoint(data, signed(data, VALIDATORS[0]))
    assert manager.currentHeaderBlock() == STEP
