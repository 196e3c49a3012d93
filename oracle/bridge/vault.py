"""Where the burn vault is: one address on both chains, whoever deploys it.

The deterministic deployment proxy creates a contract with CREATE2, so that the address follows from
the creation code alone, and that code is the same on both chains: it holds the constructor's
arguments, which name both.
"""

from eth_abi import encode
from eth_utils import keccak, to_checksum_address

from oracle.bridge.record import BridgeRecord

FACTORY = to_checksum_address("0x4e59b44847b379578588920ca78fbf26c0b4956c")
"""The deterministic deployment proxy; the same on every chain that has it."""
FACTORY_CODE = bytes.fromhex(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe0"
    "3601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3"
)
"""Its code."""
SALT = keccak(text="assay burn vault 1")


def _arguments(record: BridgeRecord) -> bytes:
    root, child = record.root, record.child
    values = [root.chain_id, root.token, child.chain_id, child.token]
    return encode(["uint256", "address", "uint256", "address"], values)


def vault_initcode(bytecode: bytes, record: BridgeRecord) -> bytes:
    """What creates the vault: the compiled creation code and the constructor's arguments."""
    return bytecode + _arguments(record)


def vault_code(runtime: bytes, record: BridgeRecord) -> bytes:
    """The vault's code on both chains: the compiled code, and the immutables, which are the
    arguments."""
    return runtime + _arguments(record)


def vault_address(initcode: bytes) -> str:
    """Where ``FACTORY`` puts it."""
    digest = keccak(b"\xff" + bytes.fromhex(FACTORY[2:]) + SALT + keccak(initcode))
    return str(to_checksum_address(digest[12:]))


def vault_call(initcode: bytes) -> bytes:
    """Data of the transaction to ``FACTORY`` that creates it."""
    return SALT + initcode
