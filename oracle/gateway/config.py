"""The server's configuration (TOML), parsed once; keys and secrets stay in files of their own."""

from pathlib import Path
from typing import Annotated, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from oracle.accounts.rates import DEFAULT_RATES, Rates
from oracle.chain.signers import SignerSettings
from oracle.errors import InputError
from oracle.operator.config import ChainSettings, S3Settings
from oracle.store.documents import load_configuration

_ADDRESS = r"^0x[0-9a-fA-F]{40}$"
_Url = Annotated[str, Field(pattern=r"^https?://[!-~]{1,200}$")]
NUMBERS = (8, 11, 12)


def _rates(given: dict[str, str]) -> dict[str, str]:
    try:
        Rates(given)
    except InputError as error:
        raise ValueError(f"{error.message}; {error.fix}") from None
    return given


class _Section(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)


class RootSettings(_Section):
    """The chain that a tournament's NMR comes from: the ``record`` of the bridge, how this server
    reaches the chain, and ``public_rpc``: where browsers do."""

    record: Path
    chain: ChainSettings
    public_rpc: tuple[_Url, ...] = ()


class TournamentSettings(_Section):
    """One tournament. ``public_rpc``: where the web app's visitors reach its chain, shown to
    everyone; ``operators``: their addresses, to which submissions go; ``sources`` of
    artefacts besides them: folders or addresses; ``data``: the data provider's folder;
    ``datasets``: what is published to everyone."""

    number: int
    chain_id: int = Field(ge=1)
    pool: str = Field(pattern=_ADDRESS)
    chain: ChainSettings
    public_rpc: tuple[_Url, ...] = ()
    root: RootSettings | None = None
    operators: tuple[_Url, ...] = ()
    sources: tuple[str, ...] = ()
    data: Path
    datasets: Path | None = None

    def under(self, base: Path) -> Self:
        """The same with its paths taken from ``base``."""
        sources = tuple(s if "://" in s else str(base / s) for s in self.sources)
        folders: dict[str, object] = {"data": base / self.data, "sources": sources}
        if self.datasets is not None:
            folders["datasets"] = base / self.datasets
        if self.root is not None:
            record = base / self.root.record
            folders["root"] = self.root.model_copy(update={"record": record})
        return self.model_copy(update=folders)

    @property
    def browser_rpc(self) -> tuple[str, ...]:
        """All addresses of chains that browsers are told."""
        return self.public_rpc + (self.root.public_rpc if self.root else ())


class FilesSettings(_Section):
    """Where uploads and downloads lie: a folder of ``home``, or a bucket. ``max_upload`` in bytes,
    and ``account_bytes``, that one account may have here; ``free_bytes`` of the disk stay free.
    Signed addresses are good for ``url_seconds``."""

    folder: Path = Path("blobs")
    s3: S3Settings | None = None
    max_upload: int = Field(default=8 * 2**20, ge=1)
    max_diagnostics: int = Field(default=2**28, ge=1)
    max_pickle: int = Field(default=2**30, ge=1)
    account_bytes: int = Field(default=2**33, ge=1)
    free_bytes: int = Field(default=2**30, ge=0)
    url_seconds: int = Field(default=900, ge=10)
    secret: Path = Path("url.secret")


class ExaminingSettings(_Section):
    """Bounds of examining one upload: ``memory`` in bytes, ``seconds``; ``features`` names the
    feature set for neutral scores and exposures."""

    memory: int = Field(default=2**31, ge=2**28)
    seconds: int = Field(default=3_600, ge=1)
    features: str = Field(default="small", pattern=r"^[a-zA-Z0-9_.-]{1,64}$")


class WebhookSettings(_Section):
    """``allow_private``: call addresses of private networks too, for devnets."""

    allow_private: bool = False
    attempts: int = Field(default=5, ge=1, le=20)


class ServerConfig(_Section):
    """Everything ``assay server run`` needs. Paths are relative to the file; those of ``database``
    and ``files`` to ``home``. ``url``: where people reach it; ``proxies``: addresses whose
    forwarding headers are believed; ``web``: folder of the built web app, by default the one of
    the checkout. Times in seconds.

    ``submitter`` signs submissions for owners who allowed it, ``relayer`` sends what mandates
    allow; without them the server does neither.
    """

    name: str = Field(pattern=r"^[a-z0-9-]{1,32}$")
    host: str = "127.0.0.1"
    port: int = Field(ge=1024, le=65535)
    url: _Url
    home: Path = Path(".")
    database: str = "server.sqlite"
    tournaments: tuple[TournamentSettings, ...] = Field(min_length=1)
    files: FilesSettings = FilesSettings()
    examining: ExaminingSettings = ExaminingSettings()
    webhooks: WebhookSettings = WebhookSettings()
    web: Path | None = None
    submitter: SignerSettings | None = None
    relayer: SignerSettings | None = None
    proxies: tuple[str, ...] = ()
    rates: Annotated[dict[str, str], AfterValidator(_rates)] = Field(
        default_factory=lambda: dict(DEFAULT_RATES)
    )
    cycle: float = Field(default=1.0, gt=0)
    workers: int = Field(default=16, ge=1, le=128)
    waiting: int = Field(default=64, ge=1, le=256)
    connections: int = Field(default=128, ge=1)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        numbers = [one.number for one in self.tournaments]
        if len(set(numbers)) != len(numbers) or not set(numbers) <= set(NUMBERS):
            raise ValueError(f"tournaments: each of {NUMBERS} at most once, and no other")
        return self

    @property
    def where(self) -> str:
        """The database, as ``open_records`` takes it."""
        return self.database if "://" in self.database else str(self.home / self.database)

    @property
    def domain(self) -> str:
        """Host, and port where the address names one: what sign-in messages are for."""
        return urlsplit(self.url).netloc

    @property
    def browser_origins(self) -> tuple[str, ...]:
        """Scheme, host and port of every chain's address that browsers are told."""
        parts = (urlsplit(url) for one in self.tournaments for url in one.browser_rpc)
        return tuple(sorted({f"{part.scheme}://{part.netloc}" for part in parts}))

    def under(self, base: Path) -> Self:
        """The same with its paths taken from ``base``."""
        home = base / self.home
        secret = home / self.files.secret
        files = {"folder": home / self.files.folder, "secret": secret}
        update: dict[str, object] = {
            "home": home,
            "tournaments": tuple(one.under(base) for one in self.tournaments),
            "files": self.files.model_copy(update=files),
        }
        if self.web is not None:
            update["web"] = base / self.web
        for name in ("submitter", "relayer"):
            signer = getattr(self, name)
            if signer is not None:
                update[name] = signer.under(base)
        return self.model_copy(update=update)


def load_server_config(path: Path) -> ServerConfig:
    """The configuration in ``path``; an error names the field and what is wrong with it."""
    return load_configuration(path, ServerConfig).under(path.resolve().parent)
