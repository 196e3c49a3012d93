"""Wallets that are contracts say themselves which signatures are theirs (EIP-1271)."""

from typing import Final

from eth_abi.abi import encode
from eth_typing import ChecksumAddress
from web3.exceptions import ContractLogicError, Web3RPCError

from oracle.chain.rpc import readable
from oracle.chain.views import Views

_MAGIC: Final = bytes.fromhex("1626ba7e")
"""Selector of ``isValidSignature(bytes32,bytes)``, and its answer for yes."""

_GAS: Final = 2_000_000


def is_signed_by_contract(
    views: Views, address: ChecksumAddress, digest: bytes, signature: bytes
) -> bool:
    """Whether the contract at ``address`` takes the signature of a hash, at the finalized block: so
    as many endpoints as must agree are asked. False for an account without code.

    Raises ``UnreachableError`` where the chain does not answer.
    """
    block = views.finalized().number
    data = _MAGIC + encode(["bytes32", "bytes"], [digest, signature])
    with readable(views.url):
        try:
            answer = views.web3.eth.call({"to": address, "data": data, "gas": _GAS}, block)
        except (ContractLogicError, Web3RPCError):  # reverted, or went beyond the gas
            return False
    return bytes(answer) == _MAGIC.ljust(32, b"\x00")
