# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Timelock
@custom:contract-name Timelock
@license MIT
@notice Makes calls that were proposed in public at least `DELAY` seconds before. What obeys this
        contract can only change after everybody had that long to see it coming and to leave.
@dev One account proposes; that one and another may cancel; anybody may execute what is due.
     The canceller can stop any proposal, its own replacement among them, and can do nothing else.
     Both accounts change only by a proposal. Calls carry no value; holds no tokens.
"""


# @dev Longest delay that a deployment may choose, in seconds.
MAX_DELAY: public(constant(uint256)) = 90 * 24 * 3600


# @dev Seconds for which a proposal can be executed once it is due.
EXECUTION_LIFE: public(constant(uint256)) = 14 * 24 * 3600


MAX_DATA: constant(uint256) = 8192


# @dev Seconds from a proposal to its earliest execution.
DELAY: public(immutable(uint256))


# @dev The account that proposes.
proposer: public(address)


# @dev The account that can only cancel.
canceller: public(address)


# @dev By proposal: the block time in seconds from which it may be executed; 0 for one that was
# never made, was cancelled or was executed.
ready_at: public(HashMap[bytes32, uint256])


event Proposed:
    id: indexed(bytes32)
    target: indexed(address)
    data: Bytes[MAX_DATA]
    salt: bytes32
    ready_at: uint256


event Executed:
    id: indexed(bytes32)


event Cancelled:
    id: indexed(bytes32)


event ProposerSet:
    proposer: indexed(address)


event CancellerSet:
    canceller: indexed(address)


@deploy
def __init__(proposer: address, canceller: address, delay: uint256):
    """
    @param proposer The account that proposes.
    @param canceller The account that can only cancel.
    @param delay Seconds from a proposal to its earliest execution; not zero, at most `MAX_DELAY`.
    """
    assert 0 < delay and delay <= MAX_DELAY, "timelock: bad delay"
    DELAY = delay
    self._set_proposer(proposer)
    self._set_canceller(canceller)


@external
def propose(target: address, data: Bytes[MAX_DATA], salt: bytes32) -> bytes32:
    """
    @notice Announces a call. Only the proposer. One that was cancelled, executed or left to
            expire may be proposed again, and waits again.
    @param target The contract to call.
    @param data The call's data.
    @param salt Tells proposals of the same call apart.
    @return bytes32 The proposal's id.
    """
    assert msg.sender == self.proposer, "timelock: not proposer"
    id: bytes32 = self._id(target, data, salt)
    earlier: uint256 = self.ready_at[id]
    assert earlier == 0 or self._expired(earlier), "timelock: already proposed"
    ready_at: uint256 = block.timestamp + DELAY
    self.ready_at[id] = ready_at
    log Proposed(id=id, target=target, data=data, salt=salt, ready_at=ready_at)
    return id


@external
def execute(target: address, data: Bytes[MAX_DATA], salt: bytes32):
    """
    @notice Makes a proposed call, once. Anybody, from `ready_at` for `EXECUTION_LIFE`. A call that
            fails reverts with its own reason and may be tried again.
    @param target As proposed.
    @param data As proposed.
    @param salt As proposed.
    """
    id: bytes32 = self._id(target, data, salt)
    ready_at: uint256 = self.ready_at[id]
    assert ready_at != 0, "timelock: not proposed"
    assert block.timestamp >= ready_at, "timelock: too early"
    assert not self._expired(ready_at), "timelock: expired"
    # A call to an address without code would succeed and do nothing.
    assert target.is_contract, "timelock: no code"
    self.ready_at[id] = 0
    log Executed(id=id)
    raw_call(target, data)


@external
def cancel(id: bytes32):
    """
    @notice Drops a proposal. Only the proposer or the canceller.
    @param id The proposal's id.
    """
    assert msg.sender in [self.proposer, self.canceller], "timelock: not canceller"
    assert self.ready_at[id] != 0, "timelock: not proposed"
    self.ready_at[id] = 0
    log Cancelled(id=id)


# Called from inside `execute`, whose lock is held then.
@external
@reentrant
def set_proposer(proposer: address):
    """
    @notice Replaces the proposer. Only this contract, so by a proposal.
    @param proposer The new proposer, not zero.
    """
    assert msg.sender == self, "timelock: only by proposal"
    self._set_proposer(proposer)


@external
@reentrant
def set_canceller(canceller: address):
    """
    @notice Replaces the canceller. Only this contract, so by a proposal.
    @param canceller The new canceller, not zero.
    """
    assert msg.sender == self, "timelock: only by proposal"
    self._set_canceller(canceller)


@external
@pure
def id_of(target: address, data: Bytes[MAX_DATA], salt: bytes32) -> bytes32:
    """
    @param target The contract to call.
    @param data The call's data.
    @param salt Tells proposals of the same call apart.
    @return bytes32 The proposal's id: keccak256(abi_encode(target, data, salt)).
    """
    return self._id(target, data, salt)


@internal
def _set_proposer(proposer: address):
    """
    @param proposer The new proposer, not zero.
    """
    assert proposer != empty(address), "timelock: zero address"
    self.proposer = proposer
    log ProposerSet(proposer=proposer)


@internal
def _set_canceller(canceller: address):
    """
    @param canceller The new canceller, not zero.
    """
    assert canceller != empty(address), "timelock: zero address"
    self.canceller = canceller
    log CancellerSet(canceller=canceller)


@internal
@view
def _expired(ready_at: uint256) -> bool:
    """
    @param ready_at The block time from which a proposal may be executed.
    @return bool Whether it may not be any more.
    """
    return block.timestamp > ready_at + EXECUTION_LIFE


@internal
@pure
def _id(target: address, data: Bytes[MAX_DATA], salt: bytes32) -> bytes32:
    """
    @dev See `id_of`.
    @param target The contract to call.
    @param data The call's data.
    @param salt Tells proposals of the same call apart.
    @return bytes32 The proposal's id.
    """
    return keccak256(abi_encode(target, data, salt))
