"""A local bridge, declared: who plays Polygon's validators, and how fast they are."""

from typing import Literal

from pydantic import Field

from oracle.chain.keys import DEV_ACCOUNTS
from oracle.devnet.profile import Part


class BridgeSettings(Part):
    """``validators``, ``admin`` and ``token_owner`` are development accounts: who signs checkpoints
    (the first one sends them), who deploys and administers Polygon's contracts and has all NMR at
    first, who can stop NMR.

    ``sync_delay``: seconds of the root chain that a message waits for after its block. The relayer
    looks every ``poll`` seconds, and makes a checkpoint every ``checkpoint_every`` seconds, of at
    most ``checkpoint_blocks`` blocks. It takes in blocks that are ``finality``.
    """

    validators: tuple[int, ...] = Field((40, 41, 42, 43), min_length=1, max_length=20)
    admin: int = Field(63, ge=0, lt=DEV_ACCOUNTS)
    token_owner: int = Field(62, ge=0, lt=DEV_ACCOUNTS)
    sync_delay: float = Field(0.0, ge=0)
    checkpoint_every: float = Field(2.0, gt=0)
    checkpoint_blocks: int = Field(1024, ge=1, le=2**15)
    poll: float = Field(0.2, gt=0)
    finality: Literal["finalized", "latest"] = "finalized"

    @property
    def accounts(self) -> tuple[int, ...]:
        """Every development account that plays a part."""
        return (*self.validators, self.admin, self.token_owner)
