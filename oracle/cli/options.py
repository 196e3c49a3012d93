"""Options that several commands share: which chain, which tournament, whose key."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from oracle.chain.keys import DEV_ACCOUNTS, dev_account, load_keystore, require_dev_key
from oracle.chain.pool import PoolWriter
from oracle.chain.reader import PoolReader
from oracle.chain.record import load_record
from oracle.chain.sender import Sender
from oracle.chain.signing import LocalSigner, Signer
from oracle.devnet.topology import REAL_CHAINS, exact, load
from oracle.errors import InputError, RefusedError
from oracle.settings import Settings
from oracle.settlement.units import MAX_AMOUNT, UNITS_PER_NMR, nmr

_F = TypeVar("_F", bound=Callable[..., Any])


def rpc_option(function: _F) -> _F:
    """``--rpc``, required."""
    return click.option(
        "--rpc",
        envvar="ASSAY_RPC",
        show_envvar=True,
        required=True,
        help="RPC address of the chain, http://...",
    )(function)


def with_reader(function: _F) -> _F:
    """Adds ``--rpc`` and ``--pool`` (default: the devnet); hands the command a ``reader``."""

    @with_later_reader
    @wraps(function)
    def wrapped(*args: Any, open_reader: Callable[[], PoolReader], **kwargs: Any) -> Any:
        return function(*args, reader=open_reader(), **kwargs)

    return wrapped  # type: ignore[return-value]


def _chain_options(function: _F) -> _F:
    rpc = click.option(
        "--rpc", help="RPC address of the chain.  [env: ASSAY_RPC; default: the devnet]"
    )
    pool = click.option(
        "--pool", help="The tournament's StakePool.  [env: ASSAY_POOL; default: the devnet]"
    )
    return rpc(pool(function))


def key_options(function: _F) -> _F:
    """``--key``, ``--password-file`` and ``--dev-account``."""
    keystore = click.option(
        "--key",
        type=click.Path(path_type=Path),
        help="Keystore (JSON) of the account that signs; needs --password-file.",
    )
    password = click.option(
        "--password-file",
        type=click.Path(path_type=Path),
        help="File with the keystore's password.",
    )
    dev = click.option(
        "--dev-account",
        type=click.IntRange(0, DEV_ACCOUNTS - 1),
        help="Publicly known development account to sign with; devnets only.",
    )
    return keystore(password(dev(function)))


def with_writer(function: _F) -> _F:
    """``with_reader`` and a key: hands the command a ``writer`` for the key's account."""

    @with_later_writer
    @wraps(function)
    def wrapped(*args: Any, open_writer: Callable[[], PoolWriter], **kwargs: Any) -> Any:
        return function(*args, writer=open_writer(), **kwargs)

    return wrapped  # type: ignore[return-value]


def with_later_reader(function: _F) -> _F:
    """``with_reader`` for commands that may do without: ``open_reader`` opens it."""

    @_chain_options
    @wraps(function)
    def wrapped(*args: Any, rpc: str | None, pool: str | None, **kwargs: Any) -> Any:
        return function(*args, open_reader=lambda: _reader(rpc, pool), **kwargs)

    return wrapped  # type: ignore[return-value]


def with_later_writer(function: _F) -> _F:
    """``with_writer`` for commands that may do without: ``open_writer`` opens it."""

    @key_options
    @with_later_reader
    @wraps(function)
    def wrapped(
        *args: Any,
        open_reader: Callable[[], PoolReader],
        key: Path | None,
        password_file: Path | None,
        dev_account: int | None,
        **kwargs: Any,
    ) -> Any:
        def writer() -> PoolWriter:
            return open_writer(open_reader(), key, password_file, dev_account)

        return function(*args, open_writer=writer, **kwargs)

    return wrapped  # type: ignore[return-value]


def open_writer(
    reader: PoolReader, key: Path | None, password_file: Path | None, dev: int | None
) -> PoolWriter:
    """A writer for the account that the options of ``key_options`` name."""
    signer = _signer(reader, key, password_file, dev)
    return PoolWriter(reader, Sender(reader.web3, reader.url, signer))


def _reader(rpc: str | None, pool: str | None) -> PoolReader:
    return PoolReader.open(*where(rpc, pool))


def where(rpc: str | None, pool: str | None) -> tuple[str, str, int | None]:
    """RPC address, pool and, where it is known, chain id: as named, or the devnet's."""
    settings = Settings()
    rpc, pool = rpc or settings.rpc, pool or settings.pool
    if rpc and pool:
        return rpc, pool, None
    if rpc or pool:
        raise InputError("--rpc and --pool belong together", "pass both, or neither for the devnet")
    folder = settings.home / "devnet"
    if not (folder / "deployment.json").exists():
        raise InputError(
            "no tournament named", "pass --rpc and --pool, or start one: assay devnet up"
        )
    record = load_record(folder / "deployment.json")
    topology = load(folder / "topology.json")
    return topology.rpc, record.pool, record.chain_id


def _signer(
    reader: PoolReader, key: Path | None, password_file: Path | None, dev: int | None
) -> Signer:
    chain = reader.addresses.chain_id, reader.client()
    return signer_for([chain], key, password_file, dev)


def signer_for(
    chains: Sequence[tuple[int, str]], key: Path | None, password_file: Path | None, dev: int | None
) -> Signer:
    """The signer that the options of ``key_options`` name, for chains by id and client version.

    Development accounts sign on devnets only, and other accounts never there.
    """
    devnets = [_is_devnet(chain_id, client) for chain_id, client in chains]
    if dev is not None:
        for (chain_id, _), devnet in zip(chains, devnets, strict=True):
            if not devnet:
                raise RefusedError(
                    f"chain {chain_id} is no devnet, and these keys are known to all",
                    "sign with --key and --password-file",
                )
        return LocalSigner(dev_account(dev))
    if key is None or password_file is None:
        raise InputError(
            "no key to sign with",
            "pass --key KEYSTORE --password-file FILE, or --dev-account N on a devnet",
        )
    account = load_keystore(key, password_file)
    if any(devnets):
        require_dev_key(account.address)
    return LocalSigner(account)


def _is_devnet(chain_id: int, client: str) -> bool:
    return chain_id not in REAL_CHAINS and client.startswith("anvil")


class Nmr(click.ParamType):
    """An amount of NMR as a plain decimal; converts to U."""

    name = "NMR"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            amount = exact(Decimal(value), UNITS_PER_NMR, "the amount")
        except ArithmeticError:
            self.fail(f"{value!r} is not a decimal number", param, ctx)
        except InputError as error:
            self.fail(error.message, param, ctx)
        if not 0 < amount <= MAX_AMOUNT:
            self.fail(f"the amount must be above zero and at most {nmr(MAX_AMOUNT)}", param, ctx)
        return amount
