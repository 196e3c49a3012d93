"""An operator's configuration file (TOML), parsed once; its key stays in a keystore file."""

import tomllib
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from oracle.errors import InputError


class OperatorConfig(BaseModel):
    """Everything ``assay operator run`` needs. Paths are relative to the file. Times in seconds."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9-]{1,32}$")
    rpc: str
    chain_id: int = Field(ge=1)
    pool: str = Field(pattern=r"^0x[0-9a-fA-F]{40}$")
    keystore: Path
    password_file: Path
    data: Path
    home: Path
    host: str = "127.0.0.1"
    port: int = Field(ge=1024, le=65535)
    peers: tuple[str, ...] = ()
    cycle: float = Field(default=1.0, gt=0)
    stagger: float = Field(default=5.0, ge=0)
    patience: float = Field(default=30.0, ge=0)


def load_config(path: Path) -> OperatorConfig:
    """The configuration in ``path``; an error names the field and what is wrong with it."""
    try:
        values = tomllib.loads(path.read_text())
        config = OperatorConfig.model_validate(values)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path}: {where}: {first['msg']}") from None
    base = path.resolve().parent
    moved = {
        name: base / getattr(config, name) for name in ("keystore", "password_file", "data", "home")
    }
    return config.model_copy(update=moved)
