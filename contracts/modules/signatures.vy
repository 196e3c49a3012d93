# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title ECDSA signatures
@license MIT
@notice Recovers a signer from 65 bytes r | s | v, s in the lower half of the curve order and v 27
        or 28: one valid encoding a signature. No storage.
"""


# @dev Half the order of secp256k1, rounded down.
_HALF_ORDER: constant(uint256) = (
    57896044618658097711785492504343953926418782139537452191302581570759080747168
)


@internal
@pure
def _recover(digest: bytes32, signature: Bytes[65]) -> address:
    """
    @param digest What was signed.
    @param signature 65 bytes r | s | v.
    @return address The signer, never zero.
    """
    assert len(signature) == 65, "signature: length"
    r: uint256 = extract32(signature, 0, output_type=uint256)
    s: uint256 = extract32(signature, 32, output_type=uint256)
    v: uint256 = extract32(signature, 33, output_type=uint256) & 255
    assert s <= _HALF_ORDER, "signature: high s"
    assert v == 27 or v == 28, "signature: bad v"
    signer: address = ecrecover(digest, v, r, s)
    assert signer != empty(address), "signature: invalid"
    return signer
