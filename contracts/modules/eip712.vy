# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title EIP-712 domain of Assay: name "Assay", version "1", this chain, this contract
@license MIT
@dev See https://eips.ethereum.org/EIPS/eip-712. No storage. The separator is computed at
     construction and again whenever the chain id is not the one of construction, so that a
     signature made before a fork of the chain is good on one side only.
"""


_DOMAIN_TYPE: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_NAME: constant(bytes32) = keccak256("Assay")
_VERSION: constant(bytes32) = keccak256("1")


_CHAIN_ID: immutable(uint256)
_SEPARATOR: immutable(bytes32)


@deploy
def __init__():
    _CHAIN_ID = chain.id
    _SEPARATOR = self._build()


@internal
@view
def _digest(struct_hash: bytes32) -> bytes32:
    """
    @param struct_hash The struct's hash, EIP-712's hashStruct.
    @return bytes32 The digest to sign.
    """
    separator: bytes32 = _SEPARATOR
    if chain.id != _CHAIN_ID:
        separator = self._build()
    return keccak256(concat(x"1901", separator, struct_hash))


@internal
@view
def _build() -> bytes32:
    """
    @return bytes32 The domain separator of the current chain.
    """
    return keccak256(abi_encode(_DOMAIN_TYPE, _NAME, _VERSION, chain.id, self))
