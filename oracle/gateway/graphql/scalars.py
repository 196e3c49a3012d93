"""Scalars of the schema, and how their values are written."""

from typing import Any, NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from oracle.gateway.forms import amount as decimal
from oracle.gateway.forms import iso

Time = NewType("Time", int)
"""Seconds since 1970; outside, a moment in UTC."""

Nmr = NewType("Nmr", int)
"""U; outside, a string of NMR."""

Bool = NewType("Bool", bool)
"""The type that clients declare as ``bool`` where they mean ``Boolean``."""


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise GraphQLError("true or false is wanted")
    return value


def _nothing(value: Any) -> Any:
    raise GraphQLError("only answers have it")


SCALARS: dict[object, ScalarDefinition] = {
    Time: strawberry.scalar(
        name="DateTime",
        description="A moment in UTC, such as 2026-11-23T13:00:00Z.",
        serialize=iso,
        parse_value=_nothing,
    ),
    Nmr: strawberry.scalar(
        name="Nmr",
        description="An amount of NMR as a decimal string.",
        serialize=decimal,
        parse_value=_nothing,
    ),
    Bool: strawberry.scalar(
        name="bool",
        description="Boolean, under the name that clients send.",
        serialize=_boolean,
        parse_value=_boolean,
    ),
}


def time(value: int | None) -> Time | None:
    return None if value is None else Time(value)


def amount(value: int | None) -> Nmr | None:
    return None if value is None else Nmr(value)
