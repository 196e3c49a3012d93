"""When a round opens, closes and is scored, as options that people can think in."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

import click

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
