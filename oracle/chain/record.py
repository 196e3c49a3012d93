"""The record of a deployment: what was deployed where, by whom, from which source."""

from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from oracle.errors import InputError
from oracle.settlement.manifest import canonical
from oracle.store.artefacts import write_file

_Address = Field(pattern=r"^0x[0-9a-fA-F]{40}$")


class _Part(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)


class DeployedContract(_Part):
    """One contract: address, the transaction that made it, its constructor's arguments as text."""

    address: str = _Address
    transaction: str
    arguments: dict[str, Any]


class DeploymentRecord(_Part):
    """A tournament's contracts on one chain."""

    chain_id: int
    tournament: int
    commit: str
    compiler: str
    deployer: str = _Address
    announcer: str = _Address
    contracts: dict[str, DeployedContract]

    @property
    def pool(self) -> str:
        return self.contracts["StakePool"].address

    def save(self, path: Path) -> None:
        write_file(path, canonical(self.model_dump()) + b"\n")


def load_record(path: Path) -> DeploymentRecord:
    """The record in ``path``; an error names what is wrong with it."""
    try:
        return DeploymentRecord.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except ValidationError as error:
        raise InputError(f"{path} is not a deployment record: {error.errors()[0]['msg']}") from None
