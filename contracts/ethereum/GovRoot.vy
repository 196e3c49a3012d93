# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title GovRoot
@custom:contract-name GovRoot
@license MIT
@notice The root chain's end of the governance tunnel: its governor sends commands, which FxPortal
        carries to GovChild on the child chain. There they wait in the open and are executed by
        anyone, before they expire.
@dev The peers are immutables, so there is no set-up that somebody else could get ahead of. A
     command cannot be called back from here; GovChild's canceller can cancel it, and it expires.
     Holds nothing.
"""


# FxPortal's contract on the root chain.
interface IFxRoot:
    def sendMessageToChild(receiver: address, data: Bytes[MAX_MESSAGE]): nonpayable


MAX_DATA: constant(uint256) = 4096


# @dev Five words, the data's length, and the data.
MAX_MESSAGE: constant(uint256) = 6 * 32 + MAX_DATA


# @dev Seconds from the sending of a command to its expiry.
MIN_LIFE: public(constant(uint256)) = 3600
MAX_LIFE: public(constant(uint256)) = 90 * 86_400


# @dev FxPortal's contract, and GovChild on the child chain.
FX_ROOT: public(immutable(address))
CHILD: public(immutable(address))


# @dev The account that commands, and the one that may become it.
governor: public(address)
offered_to: public(address)


# @dev Number of the last command; the first one has 1.
nonce: public(uint256)


event CommandSent:
    nonce: indexed(uint256)
    target: indexed(address)
    data: Bytes[MAX_DATA]
    expiry: uint256
    after: uint256


event GovernorOffered:
    governor: indexed(address)


event GovernorSet:
    governor: indexed(address)


@deploy
def __init__(governor: address, fx_root: address, child: address):
    """
    @param governor The account that commands.
    @param fx_root FxPortal's contract on this chain.
    @param child GovChild on the child chain.
    """
    assert empty(address) not in [governor, fx_root, child], "gov: zero address"
    FX_ROOT = fx_root
    CHILD = child
    self.governor = governor
    log GovernorSet(governor=governor)


@external
def send(target: address, data: Bytes[MAX_DATA], expiry: uint256, after: uint256) -> uint256:
    """
    @notice Sends a command to the child chain. Only the governor.
    @param target The contract to call there, not zero.
    @param data The call's data.
    @param expiry The child chain's last block time, in seconds, at which it may be executed; from
           `MIN_LIFE` to `MAX_LIFE` from now. It waits `GovChild.DELAY` first.
    @param after An earlier command that must have been executed before; 0 for none.
    @return uint256 The command's number.
    """
    assert msg.sender == self.governor, "gov: not governor"
    assert target != empty(address), "gov: zero address"
    assert expiry >= block.timestamp + MIN_LIFE, "gov: expires too soon"
    assert expiry <= block.timestamp + MAX_LIFE, "gov: expires too late"
    nonce: uint256 = self.nonce + 1
    assert after < nonce, "gov: after a later command"
    self.nonce = nonce
    log CommandSent(nonce=nonce, target=target, data=data, expiry=expiry, after=after)
    extcall IFxRoot(FX_ROOT).sendMessageToChild(
        CHILD, abi_encode(nonce, target, expiry, after, data)
    )
    return nonce


@external
def offer_governor(governor: address):
    """
    @notice Names who may become governor; a later offer replaces it. Only the governor.
    @param governor The account; zero withdraws the offer.
    """
    assert msg.sender == self.governor, "gov: not governor"
    self.offered_to = governor
    log GovernorOffered(governor=governor)


@external
def accept_governor():
    """
    @notice Makes the caller governor, if that was offered.
    """
    assert msg.sender == self.offered_to, "gov: not offered"
    self.offered_to = empty(address)
    self.governor = msg.sender
    log GovernorSet(governor=msg.sender)
