"""The record of a bridge: the contracts on both chains that a transfer goes through.

Root is Ethereum, child is Polygon. The format is specified in deployments/README.md.
"""

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from oracle.chain.addresses import Address
from oracle.store.documents import load_document, save_document

SCHEMA = "assay/bridge/1"
STATE_RECEIVER = "0x0000000000000000000000000000000000001001"
"""Where every child chain has its StateReceiver."""


class _Part(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)


class RootSide(_Part):
    """Ethereum's side. No event that matters is before ``start_block``."""

    chain_id: int = Field(ge=1)
    start_block: int = Field(0, ge=0)
    token: Address
    root_chain_manager: Address
    erc20_predicate: Address
    state_sender: Address
    checkpoint_manager: Address
    fx_root: Address


class ChildSide(_Part):
    """Polygon's side."""

    chain_id: int = Field(ge=1)
    start_block: int = Field(0, ge=0)
    token: Address
    child_chain_manager: Address
    state_receiver: Address = STATE_RECEIVER
    fx_child: Address


class BridgeRecord(_Part):
    """Both sides, and Assay's own contracts on them where they are there.

    ``unverified`` names fields, such as ``root.fx_root``, that nobody has checked against their
    chain. ``stand_ins``: what is not the real thing, and why.
    """

    format: Literal["assay/bridge/1"] = Field(SCHEMA, alias="schema")
    name: str = Field(pattern=r"^[a-z0-9-]{1,32}$")
    root: RootSide
    child: ChildSide
    burn_vault: Address | None = None
    gov_root: Address | None = None
    gov_child: Address | None = None
    roots_outbox: Address | None = None
    roots_inbox: Address | None = None
    unverified: tuple[str, ...] = ()
    stand_ins: dict[str, str] = {}

    def with_contracts(self, **addresses: str) -> "BridgeRecord":
        """The same with addresses of Assay's own contracts set."""
        return BridgeRecord.model_validate(self.model_dump(by_alias=True) | addresses)

    def save(self, path: Path) -> None:
        """Replaces the file in one step."""
        save_document(path, self)


def load_bridge(path: Path) -> BridgeRecord:
    """The record in ``path``; an error names what is wrong with it."""
    return load_document(path, BridgeRecord, "a bridge's record")
