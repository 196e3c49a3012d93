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


# @dev Half the order of secp256k1, rounded down.
_HALF_ORDER: constant(uint256) = (
    57896044618658097711785492504343953926418782139537452191302581570759080747168
)


# @dev Signatures needed.
THRESHOLD: immutable(uint256)


# @dev All signers, in the order of their registration.
_signers: DynArray[address, MAX_SIGNERS]


# @dev By signer: first epoch 32 | last epoch 32, from the lowest bit; zero is no signer.
_epochs: HashMap[address, uint256]


event SignerAdded:
    signer: indexed(address)
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
    for signer: address in signers:
        assert signer != empty(address), "quorum: zero signer"
        assert self._epochs[signer] == 0, "quorum: signer twice"
        self._epochs[signer] = FIRST_EPOCH | (_OPEN_END << _EPOCH_BITS)
        log SignerAdded(signer=signer, first_epoch=FIRST_EPOCH)
    self._signers = signers


@internal
@view
def _check(
    digest: bytes32, epoch: uint256, signatures: DynArray[Bytes[65], MAX_SIGNERS]
) -> DynArray[address, MAX_SIGNERS]:
    """
    @dev Reverts unless enough signers of the epoch signed the digest and nothing else is there.
    @param digest What was signed.
    @param epoch The epoch of the round it is about.
    @param signatures The signatures, by ascending signer.
    @return DynArray The signers.
    """
    assert len(signatures) >= THRESHOLD, "quorum: too few signatures"
    agreed: DynArray[address, MAX_SIGNERS] = []
    last: uint256 = 0
    for signature: Bytes[65] in signatures:
        signer: address = self._recover(digest, signature)
        assert convert(signer, uint256) > last, "quorum: not ascending"
        assert self._is_signer(signer, epoch), "quorum: not a signer"
        last = convert(signer, uint256)
        agreed.append(signer)
    return agreed


@internal
@view
def _is_signer(signer: address, epoch: uint256) -> bool:
    """
    @param signer Any address.
    @param epoch A round's epoch.
    @return bool Whether the address may sign for rounds of that epoch.
    """
    epochs: uint256 = self._epochs[signer]
    return epoch >= epochs & _OPEN_END and epoch <= epochs >> _EPOCH_BITS


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
    v: uint256 = convert(slice(signature, 64, 1), uint256)
    assert s <= _HALF_ORDER, "quorum: high s"
    assert v == 27 or v == 28, "quorum: bad v"
    signer: address = ecrecover(digest, v, r, s)
    assert signer != empty(address), "quorum: invalid signature"
    return signer
