# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title GovChild
@custom:contract-name GovChild
@license MIT
@notice The child chain's end of the governance tunnel. Commands of GovRoot are queued as FxPortal
        delivers them; after `DELAY` and before its expiry anyone executes one. It is made to be
        the proposer of a Timelock, whose delay comes on top.
@dev Delivery happens inside a state sync, with limited gas and nobody to see a failure: it stores
     and never calls anybody. The peers are immutables. Commands may arrive in any order; one that
     names another runs only after that. The canceller can stop commands and do nothing else.
     Calls carry no value; holds no tokens.
"""


MAX_DATA: constant(uint256) = 4096


# @dev Five words, the data's length, and the data.
MAX_MESSAGE: constant(uint256) = 6 * 32 + MAX_DATA


# @dev Longest delay that a deployment may choose, in seconds: well below the longest life that
# GovRoot gives a command.
MAX_DELAY: public(constant(uint256)) = 30 * 86_400


# @dev Values of `Command.status`.
_UNKNOWN: constant(uint256) = 0
_QUEUED: constant(uint256) = 1
_EXECUTED: constant(uint256) = 2
_CANCELLED: constant(uint256) = 3


# @dev A command; zeros before it arrives. `digest` is keccak256(abi_encode(target, data));
# `ready_at` and `expiry` are the first and last block time in seconds at which it may be executed;
# `after` is the command that must have been executed before, 0 for none.
struct Command:
    status: uint256
    digest: bytes32
    ready_at: uint256
    expiry: uint256
    after: uint256


# @dev FxPortal's contract on this chain, and GovRoot on the root chain.
FX_CHILD: public(immutable(address))
ROOT: public(immutable(address))


# @dev The account that can only cancel.
CANCELLER: public(immutable(address))


# @dev Seconds from a command's arrival to its earliest execution.
DELAY: public(immutable(uint256))


_commands: HashMap[uint256, Command]


event CommandQueued:
    nonce: indexed(uint256)
    target: indexed(address)
    data: Bytes[MAX_DATA]
    ready_at: uint256
    expiry: uint256
    after: uint256
    state_id: uint256


event CommandExecuted:
    nonce: indexed(uint256)


event CommandCancelled:
    nonce: indexed(uint256)


@deploy
def __init__(fx_child: address, root: address, canceller: address, delay: uint256):
    """
    @param fx_child FxPortal's contract on this chain.
    @param root GovRoot on the root chain.
    @param canceller The account that can only cancel.
    @param delay Seconds from a command's arrival to its earliest execution; not zero, at most
           `MAX_DELAY`.
    """
    assert empty(address) not in [fx_child, root, canceller], "gov: zero address"
    assert 0 < delay and delay <= MAX_DELAY, "gov: bad delay"
    FX_CHILD = fx_child
    ROOT = root
    CANCELLER = canceller
    DELAY = delay


# Named and typed as FxPortal calls it.
@external
def processMessageFromRoot(
    stateId: uint256, rootMessageSender: address, data: Bytes[MAX_MESSAGE]
):
    """
    @notice Queues a command. Only FxPortal, and only what GovRoot sent.
    @param stateId Number of the state sync.
    @param rootMessageSender Who sent the message on the root chain.
    @param data abi_encode(nonce, target, expiry, after, data).
    """
    assert msg.sender == FX_CHILD, "gov: not the portal"
    assert rootMessageSender == ROOT, "gov: not from the root"
    nonce: uint256 = 0
    target: address = empty(address)
    expiry: uint256 = 0
    after: uint256 = 0
    call: Bytes[MAX_DATA] = b""
    nonce, target, expiry, after, call = abi_decode(
        data, (uint256, address, uint256, uint256, Bytes[MAX_DATA])
    )
    assert self._commands[nonce].status == _UNKNOWN, "gov: known command"
    ready_at: uint256 = block.timestamp + DELAY
    self._commands[nonce] = Command(
        status=_QUEUED,
        digest=self._digest(target, call),
        ready_at=ready_at,
        expiry=expiry,
        after=after,
    )
    log CommandQueued(
        nonce=nonce,
        target=target,
        data=call,
        ready_at=ready_at,
        expiry=expiry,
        after=after,
        state_id=stateId,
    )


@external
def execute(nonce: uint256, target: address, data: Bytes[MAX_DATA]):
    """
    @notice Makes a command's call, once. Anybody, from `ready_at` to `expiry`. A call that fails
            reverts with its own reason and may be tried again.
    @param nonce The command's number.
    @param target As commanded.
    @param data As commanded.
    """
    command: Command = self._commands[nonce]
    assert command.status == _QUEUED, "gov: not queued"
    assert command.digest == self._digest(target, data), "gov: other call"
    assert block.timestamp >= command.ready_at, "gov: too early"
    assert block.timestamp <= command.expiry, "gov: expired"
    if command.after != 0:
        assert self._commands[command.after].status == _EXECUTED, "gov: out of order"
    # A call to an address without code would succeed and do nothing.
    assert target.is_contract, "gov: no code"
    self._commands[nonce].status = _EXECUTED
    log CommandExecuted(nonce=nonce)
    raw_call(target, data)


@external
def cancel(nonce: uint256):
    """
    @notice Drops a queued command for good, and with it those that must come after it. Only the
            canceller.
    @param nonce The command's number.
    """
    assert msg.sender == CANCELLER, "gov: not canceller"
    assert self._commands[nonce].status == _QUEUED, "gov: not queued"
    self._commands[nonce].status = _CANCELLED
    log CommandCancelled(nonce=nonce)


@external
@view
def command(nonce: uint256) -> Command:
    """
    @param nonce Any number.
    @return Command The command; `status` 0 unknown, 1 queued, 2 executed, 3 cancelled. One that
            expired stays queued.
    """
    return self._commands[nonce]


@internal
@pure
def _digest(target: address, data: Bytes[MAX_DATA]) -> bytes32:
    """
    @param target The contract to call.
    @param data The call's data.
    @return bytes32 What `Command.digest` holds.
    """
    return keccak256(abi_encode(target, data))
