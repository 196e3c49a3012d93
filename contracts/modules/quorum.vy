# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title m-of-n quorum of ECDSA signers
@license MIT
@notice A digest is agreed when `THRESHOLD` different registered signers signed it. More than half
        of the signers are needed, and one may always be missing.
@dev Holds storage: the signers and the epochs whose rounds each may sign. Signatures are 65 bytes
     r | s | v with s in the lower half of the curve order and v 27 or 28, in the strictly
     ascending order of their signers' addresses: one valid encoding a signer, no signer twice.
"""


MAX_SIGNERS: constant(uint256) = 16


# @dev Epoch of the signers named at construction, and the end of a range that is still open.
FIRST_EPOCH: constant(uint256) = 1
_OPEN_END: constant(uint256) = 2**32 - 1
_EPOCH_BITS: constant(uint256) = 32
_INDEX_SHIFT: constant(uint256) = 64


# @dev Half the order of secp256k1, rounded down.
_HALF_ORDER: constant(uint256) = (
    57896044618658097711785492504343953926418782139537452191302581570759080747168
)


# @dev Signatures needed.
THRESHOLD: immutable(uint256)


# @dev All signers ever registered, in order; an index is never used again.
_signers: DynArray[address, MAX_SIGNERS]


# @dev By signer: first epoch 32 | last epoch 32 | index in `_signers` 8, from the lowest bit; zero
# is no signer.
_members: HashMap[address, uint256]


event SignerAdded:
    signer: indexed(address)
    index: uint256
    first_epoch: uint256


@deploy
def __init__(signers: DynArray[address, MAX_SIGNERS], threshold: uint256):
    """
    @param signers The signers, each once, for all rounds from the first epoch on.
    @param threshold How many must agree: more than half, fewer than all.
    """
    n: uint256 = len(signers)
    assert 2 * threshold > n and threshold < n, "quorum: bad threshold"
    THRESHOLD = threshold
    index: uint256 = 0
    for signer: address in signers:
        assert signer != empty(address), "quorum: zero signer"
        assert self._members[signer] == 0, "quorum: signer twice"
        epochs: uint256 = FIRST_EPOCH | (_OPEN_END << _EPOCH_BITS)
        self._members[signer] = epochs | (index << _INDEX_SHIFT)
        log SignerAdded(signer=signer, index=index, first_epoch=FIRST_EPOCH)
        index += 1
    self._signers = signers


@internal
@view
def _check(
    digest: bytes32, epoch: uint256, signatures: DynArray[Bytes[65], MAX_SIGNERS]
) -> uint256:
    """
    @dev Reverts unless enough signers of the epoch signed the digest and nothing else is there.
    @param digest What was signed.
    @param epoch The epoch of the round it is about.
    @param signatures The signatures, by ascending signer.
    @return uint256 Bit i for the i-th registered signer.
    """
    assert len(signatures) >= THRESHOLD, "quorum: too few signatures"
    agreed: uint256 = 0
    last: uint256 = 0
    for signature: Bytes[65] in signatures:
        signer: address = self._recover(digest, signature)
        assert convert(signer, uint256) > last, "quorum: not ascending"
        member: uint256 = self._members[signer]
        assert self._covers(member, epoch), "quorum: not a signer"
        last = convert(signer, uint256)
        agreed |= 1 << (member >> _INDEX_SHIFT)
    return agreed


@internal
@view
def _is_signer(signer: address, epoch: uint256) -> bool:
    """
    @param signer Any address.
    @param epoch A round's epoch.
    @return bool Whether the address may sign for rounds of that epoch.
    """
    return self._covers(self._members[signer], epoch)


@internal
@pure
def _covers(member: uint256, epoch: uint256) -> bool:
    """
    @param member A word of `_members`.
    @param epoch A round's epoch; epochs count from 1, so that a zero word covers none.
    @return bool Whether the epoch is in the member's range.
    """
    return epoch >= member & _OPEN_END and epoch <= (member >> _EPOCH_BITS) & _OPEN_END


@internal
@pure
def _recover(digest: bytes32, signature: Bytes[65]) -> address:
    """
    @param digest What was signed.
    @param signature 65 bytes r | s | v.
    @return address The signer, never zero.
    """
    assert len(signature) == 65, "quorum: signature length"
    r: uint256 = extract32(signature, 0, output_type=uint256)
    s: uint256 = extract32(signature, 32, output_type=uint256)
    v: uint256 = extract32(signature, 33, output_type=uint256) & 255
    assert s <= _HALF_ORDER, "quorum: high s"
    assert v == 27 or v == 28, "quorum: bad v"
    signer: address = ecrecover(digest, v, r, s)
    assert signer != empty(address), "quorum: invalid signature"
    return signer
