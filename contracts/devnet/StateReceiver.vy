# pragma version 0.4.3
"""
@title StateReceiver: a stand-in for Polygon's contract of this name, FOR LOCAL CHAINS ONLY
@custom:contract-name StateReceiver
@license MIT
@notice On the child chain, at 0x0000000000000000000000000000000000001001: hands messages from the
        root chain to their receivers, in the order of their ids, each once. A receiver that reverts
        stops nothing: its message is kept, and anyone may try it again. Interface and behaviour of
        the original since PIP-36.
@dev Its code is placed at that address, so it has no constructor and no immutables.
"""


# @dev Bytes of the longest record with a message, of what may be taken out of it, and of what is
# kept of a message that failed.
MAX_RECORD: constant(uint256) = 8192 + 256
MAX_DATA: constant(uint256) = MAX_RECORD + 32
MAX_KEPT: constant(uint256) = MAX_DATA + 96


# @dev Gas that a receiver gets.
RECEIVER_GAS: constant(uint256) = 5_000_000


# @dev Who commits messages on Polygon: the block's producer in this name.
SYSTEM_ADDRESS: public(constant(address)) = 0xffffFFFfFFffffffffffffffFfFFFfffFFFfFFfE


event StateCommitted:
    stateId: indexed(uint256)
    success: bool


event StateSyncReplay:
    stateId: indexed(uint256)


interface Receiver:
    def onStateReceive(state_id: uint256, data: Bytes[MAX_DATA]): nonpayable


# @dev Id of the last message that was committed, whether it succeeded or not.
lastStateId: public(uint256)


# @dev By id: receiver and message, ABI-encoded, of a message whose receiver reverted.
failedStateSyncs: public(HashMap[uint256, Bytes[MAX_KEPT]])


@external
def commitState(syncTime: uint256, recordBytes: Bytes[MAX_RECORD]) -> bool:
    """
    @notice Hands on the next message; for the system address only.
    @param syncTime When the validators agreed on it; not used.
    @param recordBytes RLP of a list that begins with id, receiver and message.
    @return bool Whether the receiver, a contract, took it.
    """
    assert msg.sender == SYSTEM_ADDRESS, "Not System Addess!"
    # A number is read as a whole word, which may end behind the record.
    record: Bytes[MAX_DATA] = concat(recordBytes, empty(bytes32))
    at: uint256 = 0
    size: uint256 = 0
    at, size = self._item(record, 0)
    at, size = self._item(record, at)
    id: uint256 = self._number(record, at, size)
    assert self.lastStateId + 1 == id, "StateIds are not sequential"
    self.lastStateId = id
    at, size = self._item(record, at + size)
    receiver: address = convert(self._number(record, at, size), address)
    at, size = self._item(record, at + size)
    data: Bytes[MAX_DATA] = slice(record, at, size)
    if not receiver.is_contract:
        return False
    success: bool = raw_call(
        receiver,
        abi_encode(id, data, method_id=method_id("onStateReceive(uint256,bytes)")),
        gas=RECEIVER_GAS,
        revert_on_failure=False,
    )
    log StateCommitted(stateId=id, success=success)
    if not success:
        self.failedStateSyncs[id] = abi_encode(receiver, data)
    return success


@external
def replayFailedStateSync(stateId: uint256):
    """
    @notice Hands on a message again whose receiver had reverted. Anyone may call it; if the
            receiver reverts again, so does this, and the message is kept.
    @param stateId The message's id.
    """
    kept: Bytes[MAX_KEPT] = self.failedStateSyncs[stateId]
    assert len(kept) != 0, "!found"
    self.failedStateSyncs[stateId] = b""
    receiver: address = empty(address)
    data: Bytes[MAX_DATA] = b""
    receiver, data = abi_decode(kept, (address, Bytes[MAX_DATA]))
    log StateSyncReplay(stateId=stateId)
    extcall Receiver(receiver).onStateReceive(stateId, data)


@internal
@pure
def _item(record: Bytes[MAX_DATA], at: uint256) -> (uint256, uint256):
    """
    @dev Finds an RLP item's content.
    @param record The bytes.
    @param at Where the item begins.
    @return uint256 Where its content begins.
    @return uint256 How long that is.
    """
    # 128 to 183 short strings, to 191 long ones; 192 to 247 short lists, from 248 on long ones.
    first: uint256 = self._number(record, at, 1)
    if first < 128:
        return at, 1
    if first < 184:
        return at + 1, first - 128
    if first < 192:
        return at + first - 182, self._number(record, at + 1, first - 183)
    if first < 248:
        return at + 1, first - 192
    return at + first - 246, self._number(record, at + 1, first - 247)


@internal
@pure
def _number(record: Bytes[MAX_DATA], at: uint256, size: uint256) -> uint256:
    """
    @param record The bytes, with a word behind them.
    @param at Where a big-endian number begins.
    @param size How many bytes it has, at most 32.
    @return uint256 The number.
    """
    return convert(extract32(record, at), uint256) >> (256 - 8 * size)
