"""Polygon's validators on a local chain: they sign what the checkpoint manager counts."""

from collections.abc import Sequence
from dataclasses import dataclass

from eth_abi import encode
from eth_account.signers.local import LocalAccount
from eth_utils import keccak

from oracle.bridge.checkpoints import Tree
from oracle.chain.keys import dev_account

_FOR = b"\x01"
"""A vote for a checkpoint; the other one, against it, is 0."""


@dataclass(frozen=True, slots=True)
class Validators:
    """By ascending address, as their signatures must stand."""

    accounts: tuple[LocalAccount, ...]

    @classmethod
    def of(cls, indices: Sequence[int]) -> "Validators":
        """Development accounts."""
        found = (dev_account(index) for index in indices)
        return cls(tuple(sorted(found, key=lambda account: int(account.address, 16))))

    @property
    def addresses(self) -> list[str]:
        return [str(account.address) for account in self.accounts]

    def sign(self, data: bytes) -> list[list[int]]:
        """Each one's r, s, v over a checkpoint's data."""
        digest = keccak(_FOR + data)
        signed = (account.unsafe_sign_hash(digest) for account in self.accounts)  # type: ignore[arg-type]
        return [[signature.r, signature.s, signature.v] for signature in signed]


def checkpoint_data(proposer: str, start: int, end: int, tree: Tree, child_chain: int) -> bytes:
    """What validators sign: blocks ``start`` to ``end`` with the tree of their leaves."""
    return encode(
        ["address", "uint256", "uint256", "bytes32", "bytes32", "uint256"],
        [proposer, start, end, tree.root, bytes(32), child_chain],
    )
