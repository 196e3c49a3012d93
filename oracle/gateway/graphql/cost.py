"""What an answer may come to: its values are counted as they are made, and a large list is made in
pieces, so that other requests are answered between them."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from graphql import GraphQLObjectType, GraphQLOutputType, GraphQLResolveInfo, get_named_type
from graphql.pyutils import AwaitableOrValue, Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from oracle.errors import InputError

if TYPE_CHECKING:
    from oracle.gateway.graphql.context import Context

MAX_VALUES = 200_000
"""Of one answer: fields times rows, summed over all lists."""
_PIECE = 64
"""Rows of a list that are made without a pause."""


class Spent:
    """Counts the values of one answer."""

    def __init__(self, most: int = MAX_VALUES) -> None:
        self._most, self.values = most, 0

    def count(self, values: int) -> None:
        """Raises ``InputError`` beyond the bound: nothing further is answered."""
        self.values += values
        if self.values > self._most:
            raise InputError(
                f"the answer has more than {self._most} values",
                "ask for fewer rows or fields at a time",
            )


@contextmanager
def charged(context: "Context") -> Iterator[None]:
    """Counts the values of an answer against whoever asks.

    Raises ``TooManyError`` where another answer as large as may be would be too much for him.
    """
    rates, who = context.services.accounts.rates, context.who
    rates.require("values", who, MAX_VALUES)
    try:
        yield
    finally:
        rates.charge("values", who, min(context.spent.values, MAX_VALUES))


class Executor(StrawberryGraphQLCoreExecutionContext):
    """Makes the answer to one query."""

    def complete_iterable_value(
        self,
        item_type: GraphQLOutputType,
        field_details_list: Any,
        info: GraphQLResolveInfo,
        path: Path,
        items: Iterable[Any],
        position_context: Any,
    ) -> AwaitableOrValue[list[Any]]:
        rows = list(items)
        self.context_value.spent.count(len(rows) * self._width(item_type, field_details_list))
        of_all = super().complete_iterable_value

        def make(first: int, piece: list[Any]) -> AwaitableOrValue[list[Any]]:
            where = _from(path, first) if first else path
            return of_all(item_type, field_details_list, info, where, piece, position_context)

        async def in_pieces() -> list[Any]:
            made: list[Any] = []
            for first in range(0, len(rows), _PIECE):
                found = make(first, rows[first : first + _PIECE])
                made += await found if isawaitable(found) else found
                await asyncio.sleep(0)
            return made

        return in_pieces() if len(rows) > _PIECE else make(0, rows)

    def _width(self, item_type: GraphQLOutputType, details: Any) -> int:
        """Fields that are asked of each row."""
        kind = get_named_type(item_type)
        if not isinstance(kind, GraphQLObjectType):
            return 1
        return max(1, len(self.collect_subfields(kind, details).grouped_field_set))


class _PathFrom(Path):
    """Of a list of which the first rows were left out."""

    first: int

    def add_key(self, key: str | int, typename: str | None = None) -> Path:
        return Path(self, key + self.first if isinstance(key, int) else key, typename)


def _from(path: Path, first: int) -> Path:
    made = _PathFrom(*path)
    made.first = first
    return made
