# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title RootsInbox
@custom:contract-name RootsInbox
@license MIT
@notice Knows on the root chain what final rounds of the child chain published: the manifest's hash
        and the Merkle root of the meta model. Anyone brings the proof that RootsOutbox logged it
        in a block of a checkpoint; nobody else is believed.
@dev The peers are immutables, so there is no set-up that somebody else could get ahead of. A round
     is received once, and never changes. Holds nothing; cannot be stopped.
"""


from ..modules import exit_proof


# @dev What is known of a round; zeros before it was received. `final_at` is the child chain's block
# time in seconds from which it is final, `received_at` this chain's at which it arrived.
struct Roots:
    manifest: bytes32
    meta_root: bytes32
    final_at: uint256
    received_at: uint256


# @dev What RootsOutbox says.
struct Message:
    version: uint256
    child_chain: uint256
    pool: address
    tournament: uint256
    round: uint256
    manifest: bytes32
    meta_root: bytes32
    final_at: uint256


_MESSAGE_SENT: constant(bytes32) = keccak256("MessageSent(bytes)")


# @dev Version of the message, and its size in bytes.
_VERSION: constant(uint256) = 1
_SIZE: constant(uint256) = 256


# @dev Polygon's RootChain, which holds the checkpoints; RootsOutbox on the child chain; its id.
CHECKPOINT_MANAGER: public(immutable(address))
CHILD: public(immutable(address))
CHILD_CHAIN: public(immutable(uint256))


# @dev By FxPortal's id of an event: whether it was received.
processed: public(HashMap[bytes32, bool])


# @dev By pool: the latest round that was received, 0 for none. Rounds may arrive in any order.
latest: public(HashMap[address, uint256])


_roots: HashMap[address, HashMap[uint256, Roots]]


event RootsReceived:
    pool: indexed(address)
    round: indexed(uint256)
    manifest: bytes32
    meta_root: bytes32
    final_at: uint256


@deploy
def __init__(checkpoint_manager: address, child: address, child_chain: uint256):
    """
    @param checkpoint_manager Polygon's RootChain.
    @param child RootsOutbox on the child chain.
    @param child_chain The child chain's id.
    """
    assert empty(address) not in [checkpoint_manager, child], "inbox: zero address"
    CHECKPOINT_MANAGER = checkpoint_manager
    CHILD = child
    CHILD_CHAIN = child_chain


# Named as in FxPortal's tunnels, so that tools for these work.
@external
def receiveMessage(payload: Bytes[16_384]):
    """
    @notice Takes a round's roots from the proof of the event that sent them. Anybody.
    @param payload The exit payload, as Polygon's bridges take it.
    """
    proven: exit_proof.Exit = exit_proof._verify(payload, CHECKPOINT_MANAGER)
    assert not self.processed[proven.id], "inbox: already received"
    assert proven.emitter == CHILD, "inbox: other sender"
    assert proven.topic0 == _MESSAGE_SENT, "inbox: not a message"
    self.processed[proven.id] = True

    message: Bytes[_SIZE] = abi_decode(proven.data, Bytes[_SIZE])
    assert len(message) == _SIZE, "inbox: other size"
    said: Message = abi_decode(message, Message)
    assert said.version == _VERSION, "inbox: other version"
    assert said.child_chain == CHILD_CHAIN, "inbox: other chain"
    assert self._roots[said.pool][said.round].received_at == 0, "inbox: round known"
    self._roots[said.pool][said.round] = Roots(
        manifest=said.manifest,
        meta_root=said.meta_root,
        final_at=said.final_at,
        received_at=block.timestamp,
    )
    self.latest[said.pool] = max(self.latest[said.pool], said.round)
    log RootsReceived(
        pool=said.pool,
        round=said.round,
        manifest=said.manifest,
        meta_root=said.meta_root,
        final_at=said.final_at,
    )


@external
@view
def roots(pool: address, round: uint256) -> Roots:
    """
    @param pool A tournament's pool on the child chain.
    @param round Any round.
    @return Roots What was received of it; zeros if nothing was.
    """
    return self._roots[pool][round]
