"""What a round is announced with, as options that people can think in: its times and its phi."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from oracle.devnet.profile import exact
from oracle.errors import InputError
from oracle.operator.phi import NO_SERIES, PhiSource
from oracle.scoring.volatility import MIN_PHI, PHI_ONE, decimal

_F = TypeVar("_F", bound=Callable[..., Any])
_HOUR, _DAY = 3600, 86_400


@dataclass(frozen=True, slots=True)
class Schedule:
    """A round's times in seconds: until it opens, while it is open, from close to scores."""

    wait: int
    open: int
    horizon: int

    def times(self, now: int) -> tuple[int, int, int]:
        """Opening and close as block times, and the horizon in seconds."""
        return now + self.wait, now + self.wait + self.open, self.horizon


def with_schedule(function: _F) -> _F:
    """Adds the options and hands the command a ``schedule``."""

    @click.option(
        "--opens-in-hours", type=click.FloatRange(0, 8760), default=24.0, show_default=True
    )
    @click.option(
        "--open-hours",
        type=click.FloatRange(0.001, 8760),
        default=2.0,
        show_default=True,
        help="How long it is open.",
    )
    @click.option(
        "--horizon-days",
        type=click.FloatRange(0.00001, 3650),
        default=30.0,
        show_default=True,
        help="Close to scores.",
    )
    @wraps(function)
    def wrapped(
        *args: Any, opens_in_hours: float, open_hours: float, horizon_days: float, **kwargs: Any
    ) -> Any:
        schedule = Schedule(
            int(opens_in_hours * _HOUR), int(open_hours * _HOUR), int(horizon_days * _DAY)
        )
        return function(*args, schedule=schedule, **kwargs)

    return wrapped  # type: ignore[return-value]


class Phi(click.ParamType):
    """phi as a plain decimal; converts to millionths."""

    name = "PHI"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            given = Decimal(value)
            inside = Decimal(MIN_PHI) / PHI_ONE <= given <= 1
        except ArithmeticError:
            self.fail(f"{value!r} is not a decimal number", param, ctx)
        if not inside:
            self.fail(f"phi is {value}, it must lie in 0.5 to 1", param, ctx)
        try:
            return exact(given, PHI_ONE, "phi")
        except InputError:
            self.fail(f"phi {value} has more than six decimals", param, ctx)


class Hash(click.ParamType):
    """32 bytes in hex with 0x, not all of them zero."""

    name = "HASH"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> bytes:
        if isinstance(value, bytes):
            return value
        if not re.fullmatch("0x[0-9a-fA-F]{64}", value):
            self.fail(f"{value!r} is not 0x and 64 hex digits", param, ctx)
        found = bytes.fromhex(value[2:])
        if not any(found):
            self.fail("a hash of zeros names no series", param, ctx)
        return found


def with_phi(function: _F) -> _F:
    """Adds ``--phi``, ``--series-hash`` and ``--series``; hands the command a ``phi_source``."""

    @click.option(
        "--phi",
        type=Phi(),
        help="Payout factor for volatile times, 0.5 to 1 and at most 0.1 from the last one.  "
        "[default: that of --series, else 1]",
    )
    @click.option(
        "--series-hash",
        type=Hash(),
        help="Series hash that `assay data phi` showed; needed with a phi below 1.",
    )
    @click.option(
        "--series",
        type=click.Path(path_type=Path),
        help="File that `assay data phi --publish` wrote: phi and the series hash follow from it.",
    )
    @wraps(function)
    def wrapped(
        *args: Any, phi: int | None, series_hash: bytes | None, series: Path | None, **kwargs: Any
    ) -> Any:
        if series is not None and series_hash is not None:
            raise click.UsageError("--series-hash goes without --series: it follows from the file")
        # The contract refuses it too, but does not say where such a hash comes from.
        if phi is not None and phi < PHI_ONE and series is None and series_hash is None:
            raise click.UsageError(
                f"phi {decimal(phi, PHI_ONE)} needs the series that it follows from: pass --series "
                "FILE, which `assay data phi --publish FILE` writes, or --series-hash"
            )
        source = PhiSource(phi, series_hash or NO_SERIES, series)
        return function(*args, phi_source=source, **kwargs)

    return wrapped  # type: ignore[return-value]
