"""The record of a bridge: the contracts on both chains that a transfer goes through.

Root is Ethereum, child is Polygon. The format is specified in deployments/README.md.
"""

from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from oracle.chain.addresses import Address
from oracle.chain.record import Compiler, DeployedContract
from oracle.store.documents import load_document, save_document

SCHEMA = "assay/bridge/1"
STATE_RECEIVER = "0x0000000000000000000000000000000000001001"
"""Where every child chain has its StateReceiver."""
ROOT_RPC_VARIABLE = "ASSAY_ROOT_RPC"
"""Environment variable with the root chain's RPC address, for the scripts that ask both chains."""


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


class VaultSide(_Part):
    """The burn vault on one chain. ``sent`` are transactions that may be creating it; without
    ``transaction`` it is not there, or somebody else created it."""

    sent: tuple[str, ...] = ()
    transaction: str | None = None
    block: int | None = None


class Vault(_Part):
    """The burn vault: its address on both chains, and the hash of what creates it."""

    address: Address
    initcode: str = Field(pattern=r"^0x[0-9a-f]{64}$")
    root: VaultSide = VaultSide()
    child: VaultSide = VaultSide()


class BridgeDeployment(_Part):
    """How Assay's own contracts got onto both chains. ``contracts`` are GovRoot, whose ``chain_id``
    says that it is on the root chain, and GovChild."""

    commit: str
    compiler: Compiler
    vault: Vault
    contracts: dict[str, DeployedContract] = {}


class Roots(_Part):
    """What carries one tournament's roots to the root chain: RootsOutbox on the child chain, and
    RootsInbox on the root chain."""

    outbox: Address
    inbox: Address


class BridgeRecord(_Part):
    """Both sides, and Assay's own contracts on them where they are on both chains: ``roots`` by
    their tournament's pool.

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
    roots: dict[Address, Roots] = {}
    deployment: BridgeDeployment | None = None
    unverified: tuple[str, ...] = ()
    stand_ins: dict[str, str] = {}

    def with_contracts(self, **addresses: str) -> "BridgeRecord":
        """The same with addresses of Assay's own contracts set."""
        return BridgeRecord.model_validate(self.model_dump(by_alias=True) | addresses)

    @property
    def contracts(self) -> dict[str, DeployedContract]:
        """Those that are deployed by nonce, and how."""
        return self.deployment.contracts if self.deployment else {}

    def put(self, name: str, **changes: Any) -> "BridgeRecord":
        """The same with some fields of contract ``name`` changed."""
        assert self.deployment, "a deployment that was begun"
        changed = self.contracts[name].model_copy(update=changes)
        return self.deployed(contracts=self.contracts | {name: changed})

    def deployed(self, **changes: Any) -> "BridgeRecord":
        """The same with some fields of the deployment changed."""
        assert self.deployment, "a deployment that was begun"
        return self.model_copy(update={"deployment": self.deployment.model_copy(update=changes)})

    def save(self, path: Path) -> None:
        """Replaces the file in one step."""
        save_document(path, self)


def load_bridge(path: Path) -> BridgeRecord:
    """The record in ``path``; an error names what is wrong with it."""
    fix = "deployments/README.md says what each field is, and which nobody knows yet"
    return load_document(path, BridgeRecord, "a bridge's record", fix)
