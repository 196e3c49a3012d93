"""Where an operator's key is kept: a keystore, an environment file, or AWS KMS."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from oracle.chain.keys import load_env_file, load_keystore
from oracle.chain.kms import KmsSigner
from oracle.chain.signing import LocalSigner, Signer


class _Settings(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)

    def under(self, base: Path) -> Self:
        """The same with its relative paths taken from ``base``."""
        paths = {n: base / v for n, v in self if isinstance(v, Path)}
        return self.model_copy(update=paths)


class KeystoreSettings(_Settings):
    """An encrypted JSON keystore and the file that holds its password."""

    kind: Literal["keystore"]
    keystore: Path
    password_file: Path

    def open(self) -> Signer:
        return LocalSigner(load_keystore(self.keystore, self.password_file))


class EnvFileSettings(_Settings):
    """A file with a line ``ASSAY_OPERATOR_KEY=0x...``, readable by its owner only."""

    kind: Literal["envfile"]
    file: Path

    def open(self) -> Signer:
        return LocalSigner(load_env_file(self.file))


class KmsSettings(_Settings):
    """A secp256k1 key in AWS KMS, by id, ARN or alias."""

    kind: Literal["kms"]
    key_id: str = Field(min_length=1)
    region: str = Field(min_length=1)
    endpoint_url: str | None = None

    def open(self) -> Signer:
        return KmsSigner(self.key_id, self.region, self.endpoint_url)


SignerSettings = Annotated[
    KeystoreSettings | EnvFileSettings | KmsSettings, Field(discriminator="kind")
]


def open_signer(settings: SignerSettings | None) -> Signer | None:
    """The signer that ``settings`` describe; None for none: a dry run, which signs nothing."""
    return None if settings is None else settings.open()
