# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title StateSender: a stand-in for Polygon's contract of this name, FOR LOCAL CHAINS ONLY
@custom:contract-name StateSender
@license MIT
@notice On the root chain: numbers the messages that registered senders have for the child chain.
        Validators read them from its events. Interface and behaviour of the original.
"""


# @dev Bytes of the longest message.
MAX_DATA: constant(uint256) = 8192


event NewRegistration:
    user: indexed(address)
    sender: indexed(address)
    receiver: indexed(address)


event RegistrationUpdated:
    user: indexed(address)
    sender: indexed(address)
    receiver: indexed(address)


event StateSynced:
    id: indexed(uint256)
    contractAddress: indexed(address)
    data: Bytes[MAX_DATA]


# @dev Who may register any sender.
owner: public(address)


# @dev Messages so far; the id of the last one.
counter: public(uint256)


# @dev By receiver on the child chain: who may send to it.
registrations: public(HashMap[address, address])


@deploy
def __init__():
    """
    @notice The deployer is the owner.
    """
    self.owner = msg.sender


@external
def register(sender: address, receiver: address):
    """
    @notice Lets `sender` send to `receiver`; for the owner and the receiver's present sender.
    @param sender The contract on this chain.
    @param receiver The contract on the child chain.
    """
    assert (
        msg.sender == self.owner or self.registrations[receiver] == msg.sender
    ), "StateSender.register: Not authorized to register"
    self.registrations[receiver] = sender
    # As the original does it, after the change: only a removal is a new registration.
    if sender == empty(address):
        log NewRegistration(user=msg.sender, sender=sender, receiver=receiver)
    else:
        log RegistrationUpdated(user=msg.sender, sender=sender, receiver=receiver)


@external
def syncState(receiver: address, data: Bytes[MAX_DATA]):
    """
    @notice Sends a message; for the receiver's registered sender.
    @param receiver The contract on the child chain.
    @param data What its `onStateReceive` gets.
    """
    assert self.registrations[receiver] == msg.sender, "Invalid sender"
    self.counter += 1
    log StateSynced(id=self.counter, contractAddress=receiver, data=data)
