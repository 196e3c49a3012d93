"""The record of a deployment: what was deployed where, by whom, from which source.

The format is specified in deployments/README.md. A record exists before its first contract does,
so it says of each contract whether it is there; ``load_record`` takes finished ones only.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from oracle.errors import InputError
from oracle.store.documents import load_document, save_document

SCHEMA = "assay/deployment/1"
TOURNAMENT = ("ModelRegistry", "StakePool", "RoundOracle", "StakeRelay", "StakeLens")
"""Contracts that every tournament has its own of, in the order of deployment."""

_Address = Field(pattern=r"^0x[0-9a-fA-F]{40}$")
_Hash = Field(pattern=r"^0x[0-9a-f]{64}$")


class _Part(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)


class DeployedContract(_Part):
    """One contract. ``arguments`` are the constructor's, by name, numbers as decimal text.

    ``chain_id`` says where it is if that is not the record's chain.
    ``deployer`` and ``nonce`` fix ``address``. ``initcode`` is the hash of the creation code
    without arguments. ``transaction`` and ``block`` are null until the contract is there; ``sent``
    are the transactions that may have made it meanwhile.
    """

    chain_id: int | None = None
    address: str = _Address
    deployer: str = _Address
    nonce: int = Field(ge=0)
    initcode: str = _Hash
    arguments: dict[str, Any]
    transaction: str | None = None
    block: int | None = None
    sent: tuple[str, ...] = ()

    @property
    def is_there(self) -> bool:
        return self.transaction is not None

    def values(self) -> Iterator[str]:
        """Every single value among the arguments."""
        yield from _leaves(self.arguments)


class Compiler(_Part):
    version: str
    evm_version: str


class DeploymentRecord(_Part):
    """A tournament's contracts on one chain. ``stand_ins``: what is not the real thing, and why."""

    format: Literal["assay/deployment/1"] = Field(SCHEMA, alias="schema")
    chain_id: int
    tournament: int
    commit: str
    compiler: Compiler
    stand_ins: dict[str, str] = {}
    contracts: dict[str, DeployedContract]

    @field_validator("contracts")
    @classmethod
    def _has_a_tournament(cls, value: dict[str, DeployedContract]) -> dict[str, DeployedContract]:
        missing = {"Timelock", *TOURNAMENT} - set(value)
        if missing:
            raise ValueError(f"does not name {', '.join(sorted(missing))}")
        return value

    @property
    def pool(self) -> str:
        return self.contracts["StakePool"].address

    @property
    def is_complete(self) -> bool:
        return all(contract.is_there for contract in self.contracts.values())

    def put(self, name: str, **changes: Any) -> "DeploymentRecord":
        """The same with some fields of contract ``name`` changed."""
        changed = self.contracts[name].model_copy(update=changes)
        return self.model_copy(update={"contracts": self.contracts | {name: changed}})

    def save(self, path: Path) -> None:
        """Replaces the file in one step."""
        save_document(path, self)


def load_record(path: Path, *, complete: bool = True) -> DeploymentRecord:
    """The record in ``path``; an error names what is wrong with it.

    A ``complete`` one is asked for by default: with contracts missing, nothing can be done with it
    but to go on deploying.
    """
    record = load_document(path, DeploymentRecord, "a deployment record")
    missing = [name for name, contract in record.contracts.items() if not contract.is_there]
    if complete and missing:
        raise InputError(
            f"{path}: the deployment is not finished; missing: {', '.join(missing)}",
            "run the deployment again as before: it goes on where it stopped",
        )
    return record


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    else:
        yield str(value)
