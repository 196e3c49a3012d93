"""Options of ``assay bridge``: which bridge, which endpoints, whose key."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from oracle.bridge.client import Bridge
from oracle.bridge.record import BridgeRecord, load_bridge
from oracle.chain.reader import PoolReader
from oracle.chain.record import load_record
from oracle.chain.rpc import connect
from oracle.cli.options import key_options, signer_for
from oracle.devnet.topology import exact, load
from oracle.errors import InputError
from oracle.settings import Settings

_F = TypeVar("_F", bound=Callable[..., Any])
_DECIMALS = 18
_LONGEST = 40
"""More digits than an amount has before or behind its point."""
_MOST = 11_000_000 * 10**_DECIMALS
"""All NMR that there will ever be, in wei."""


@dataclass(frozen=True, slots=True)
class Place:
    """A bridge's record, an endpoint of each chain, the pool on the child chain if it is known."""

    record: BridgeRecord
    root_url: str
    child_url: str
    pool: str | None

    def reader(self) -> PoolReader | None:
        """The pool's, if it is known; refuses one of another token."""
        if self.pool is None:
            return None
        reader = PoolReader.open(self.child_url, self.pool, self.record.child.chain_id)
        if reader.addresses.token != self.record.child.token:
            raise InputError(
                f"pool {self.pool} takes another token than the one that this bridge brings",
                "name the tournament's pool, or leave --pool out",
            )
        return reader


def with_place(function: _F) -> _F:
    """Adds ``--bridge``, ``--root-rpc``, ``--child-rpc`` and ``--pool``; hands on a ``place``."""

    @click.option(
        "--bridge",
        "file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="The bridge's record, such as bridge.json.  [default: the devnet's]",
    )
    @click.option("--root-rpc", help="RPC address of the root chain.  [default: the devnet's]")
    @click.option("--child-rpc", help="RPC address of the child chain.  [default: the devnet's]")
    @click.option(
        "--pool", help="The tournament's StakePool.  [env: ASSAY_POOL; default: the devnet's]"
    )
    @wraps(function)
    def wrapped(
        *args: Any,
        file: Path | None,
        root_rpc: str | None,
        child_rpc: str | None,
        pool: str | None,
        **kwargs: Any,
    ) -> Any:
        return function(*args, place=_place(file, root_rpc, child_rpc, pool), **kwargs)

    return wrapped  # type: ignore[return-value]


def with_bridge(function: _F) -> _F:
    """``with_place`` and a key, perhaps none; hands on a ``bridge`` that sends if there is one."""

    @key_options
    @with_place
    @wraps(function)
    def wrapped(
        *args: Any,
        place: Place,
        key: Path | None,
        password_file: Path | None,
        dev_account: int | None,
        **kwargs: Any,
    ) -> Any:
        named = (key, password_file, dev_account)
        bridge = (
            open_bridge(place, *named) if any(n is not None for n in named) else unsigned(place)
        )
        return function(*args, bridge=bridge, **kwargs)

    return wrapped  # type: ignore[return-value]


def unsigned(place: Place) -> Bridge:
    """A bridge that only looks."""
    return Bridge.open(place.record, place.root_url, place.child_url, home=Settings().home)


def open_bridge(
    place: Place, key: Path | None, password_file: Path | None, dev: int | None
) -> Bridge:
    """A bridge for the account that the options of ``key_options`` name."""
    sides = (
        (place.root_url, place.record.root.chain_id),
        (place.child_url, place.record.child.chain_id),
    )
    clients = [(id, str(connect(url, id).client_version)) for url, id in sides]
    signer = signer_for(clients, key, password_file, dev)
    return Bridge.open(
        place.record,
        place.root_url,
        place.child_url,
        signer,
        home=Settings().home,
        guarded=_tournament(place),
    )


def _tournament(place: Place) -> dict[str, str]:
    """Contracts of the tournament by address: deposits to them are mistakes."""
    reader = place.reader()
    if reader is None:
        return {}
    at = reader.addresses
    return {
        at.pool: "the tournament's StakePool",
        at.oracle: "the tournament's RoundOracle",
        at.registry: "the tournament's ModelRegistry",
        at.relay: "the tournament's StakeRelay",
        at.burn_vault: "the burn vault",
    }


def _place(
    file: Path | None, root_rpc: str | None, child_rpc: str | None, pool: str | None
) -> Place:
    settings = Settings()
    pool = pool or settings.pool
    if file is not None:
        if root_rpc is None or child_rpc is None:
            raise InputError(
                "--bridge needs --root-rpc and --child-rpc", "name an endpoint of each chain"
            )
        return Place(load_bridge(file), root_rpc, child_rpc, pool)
    folder = settings.home / "devnet"
    if not (folder / "bridge.json").exists():
        raise InputError(
            "no bridge named",
            "pass --bridge, --root-rpc and --child-rpc, or start one: assay devnet up",
        )
    topology = load(folder / "topology.json")
    if pool is None and (folder / "deployment.json").exists():
        pool = load_record(folder / "deployment.json", complete=False).pool
    return Place(
        load_bridge(folder / "bridge.json"),
        root_rpc or topology.root_rpc,
        child_rpc or topology.rpc,
        pool,
    )


class Wei(click.ParamType):
    """An amount of NMR as a plain decimal; converts to wei."""

    name = "NMR"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            amount = Decimal(value)
            if amount.is_finite() and abs(amount.adjusted()) > _LONGEST:
                self.fail(f"{value} is no amount of NMR", param, ctx)
            wei = exact(amount, 10**_DECIMALS, "the amount")
        except ArithmeticError:
            self.fail(f"{value!r} is not a decimal number", param, ctx)
        except InputError as error:
            self.fail(error.message, param, ctx)
        if not 0 < wei <= _MOST:
            self.fail("the amount must be above zero and at most 11000000", param, ctx)
        return wei
