"""An operator's configuration (TOML), parsed once; key and identity stay in files of their own."""

from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from oracle.chain.rpc import AGREE, STALE_SECONDS
from oracle.chain.signers import SignerSettings
from oracle.operator.announce_config import AnnounceSettings
from oracle.store.documents import load_configuration
from oracle.store.sealing import is_recipient

_ADDRESS = r"^0x[0-9a-fA-F]{40}$"


def _recipient(text: str) -> str:
    if not is_recipient(text):
        raise ValueError("is no age recipient, age1...")
    return text


class _Section(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)


class ChainSettings(_Section):
    """How the chain is reached. ``agree``: endpoints that must give the same answer; ``solo``: go
    on with fewer; ``wait``: seconds to wait for a transaction before looking again."""

    urls: tuple[str, ...] = Field(min_length=1)
    agree: int = Field(default=AGREE, ge=1)
    solo: bool = True
    stale_seconds: float = Field(default=STALE_SECONDS, gt=0)
    max_fee_gwei: int = Field(default=1_000, ge=1)
    wait: float = Field(default=15.0, gt=0)


class S3Settings(_Section):
    """An S3 bucket that rounds are copied to; credentials as boto3 finds them."""

    bucket: str = Field(min_length=1)
    prefix: str = ""
    endpoint_url: str | None = None
    region: str | None = None


class StoreSettings(_Section):
    """Where the database and the rounds' artefacts are; ``database`` is a file or a URL.
    ``keep_files_days`` after a round's horizon its sealed files are dropped from the database, if
    its folder has them."""

    database: str = "journal.sqlite"
    artefacts: Path = Path("artefacts")
    keep_files_days: float = Field(default=30.0, ge=1)
    s3: S3Settings | None = None


class BridgeSettings(_Section):
    """The bridge of the tournament, and how its root chain is reached: as ``ChainSettings``.
    ``every``: seconds between looks at the burn vaults."""

    record: Path
    urls: tuple[str, ...] = Field(min_length=1)
    agree: int = Field(default=AGREE, ge=1)
    solo: bool = True
    stale_seconds: float = Field(default=60.0, gt=0)
    max_fee_gwei: int = Field(default=100, ge=1)
    wait: float = Field(default=2.0, gt=0)
    every: float = Field(default=60.0, gt=0)


class OperatorConfig(_Section):
    """Everything ``assay operator run`` needs. Paths are relative to the file; those of ``store``
    to ``home``. Times in seconds. Without ``signer`` it is a dry run."""

    name: str = Field(pattern=r"^[a-z0-9-]{1,32}$")
    chain_id: int = Field(ge=1)
    pool: str = Field(pattern=_ADDRESS)
    chain: ChainSettings
    signer: SignerSettings | None = None
    store: StoreSettings = StoreSettings()
    announce: AnnounceSettings | None = None
    bridge: BridgeSettings | None = None
    identity: Path = Path("identity.age")
    data: Path
    home: Path = Path(".")
    host: str = "127.0.0.1"
    port: int = Field(ge=1024, le=65535)
    url: str = Field(default="", pattern=r"^(https?://[!-~]{1,200})?$")
    peers: tuple[str, ...] = ()
    cycle: float = Field(default=1.0, gt=0)
    stagger: float = Field(default=5.0, ge=0)
    patience: float = Field(default=30.0, ge=0)
    verifiers: tuple[Annotated[str, AfterValidator(_recipient)], ...] = ()
    providers: tuple[Annotated[str, Field(pattern=_ADDRESS)], ...] = ()
    allow_plaintext: bool = False

    @property
    def database(self) -> str:
        """A path or a URL, as ``Database.open`` takes it."""
        where = self.store.database
        return where if "://" in where else str(self.home / where)

    @property
    def artefacts(self) -> Path:
        return self.home / self.store.artefacts

    @property
    def public_url(self) -> str:
        """Where others reach this operator: ``url``, or host and port."""
        return self.url or f"http://{self.host}:{self.port}"

    def under(self, base: Path) -> Self:
        """The same with its paths taken from ``base``."""
        update: dict[str, object] = {
            name: base / getattr(self, name) for name in ("identity", "data", "home")
        }
        if self.signer is not None:
            update["signer"] = self.signer.under(base)
        if self.announce is not None:
            update["announce"] = self.announce.under(base)
        if self.bridge is not None:
            record = base / self.bridge.record
            update["bridge"] = self.bridge.model_copy(update={"record": record})
        return self.model_copy(update=update)


def load_config(path: Path) -> OperatorConfig:
    """The configuration in ``path``; an error names the field and what is wrong with it."""
    return load_configuration(path, OperatorConfig).under(path.resolve().parent)
