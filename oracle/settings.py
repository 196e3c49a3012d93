"""Settings from the environment, parsed once into a frozen object. Secrets come as files."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from oracle.errors import EnvironmentLacksError


class Settings(BaseSettings):
    """``ASSAY_*`` variables; command-line options win over them."""

    model_config = SettingsConfigDict(env_prefix="ASSAY_", frozen=True)

    home: Path = Path(".assay")
    rpc: str | None = None
    pool: str | None = None
    server: str | None = None
    token: str | None = Field(default=None, repr=False)


def project_root() -> Path:
    """The checkout with contracts and Ape scripts; needed to compile and deploy."""
    root = Path(__file__).resolve().parent.parent
    if not (root / "ape-config.yaml").is_file():
        raise EnvironmentLacksError(
            "this needs a checkout of the project: the package has no contracts to deploy",
            "clone the repository, run `make setup`, then `./assay demo`",
        )
    return root
