"""How the reference models say no."""

from typing import TypeVar

T = TypeVar("T")


class Refused(ValueError):
    """The contract would revert; the text is its reason."""


def require(condition: bool, reason: str) -> None:
    """Refuses a call with the contract's ``reason``."""
    if not condition:
        raise Refused(reason)


def present(value: T | None, reason: str) -> T:
    """The value; refuses a call where there is none."""
    if value is None:
        raise Refused(reason)
    return value
