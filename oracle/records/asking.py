"""What the queries have in common."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import fields
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, Connection, Row, Select, Table, select

from oracle.store.database import Database

_T = TypeVar("_T")
_AT_ONCE = 500
"""Values in one ``IN``: databases bound their number."""


def rows_of(
    database: Database,
    kind: type[_T],
    column: Column[Any],
    values: Collection[Any] | None,
    tournament: int | None,
) -> list[_T]:
    """Rows of the column's table where it is one of ``values`` (None: any), of one tournament or
    of all, as dataclasses."""
    table = column.table
    assert isinstance(table, Table)
    here = () if tournament is None else (table.c.tournament == tournament,)

    def work(connection: Connection) -> list[_T]:
        return [
            as_row(row, kind)
            for condition in among(column, values)
            for row in connection.execute(columns_of(table, kind).where(condition, *here))
        ]

    return database.read(work)


def rows_in(
    database: Database,
    kind: type[_T],
    table: Table,
    tournament: int,
    rounds: Collection[int] | None,
    models: Collection[int] | None,
) -> list[_T]:
    """Rows of these rounds and these models (None: any), in order of both."""
    if models is None:
        found = rows_of(database, kind, table.c.round, rounds, tournament)
    else:
        found = rows_of(database, kind, table.c.model, models, tournament)
        wanted = None if rounds is None else frozenset(rounds)
        found = [row for row in found if wanted is None or _key(row)[0] in wanted]
    return sorted(found, key=_key)


def _key(row: Any) -> tuple[int, int]:
    return (row.round, row.model)


def columns_of(table: Table, kind: type[Any]) -> Select[Any]:
    """A query for the columns of ``table`` that the dataclass ``kind`` has."""
    return select(*(table.c[f.name] for f in fields(kind) if f.name in table.c))


def as_row(row: Row[Any], kind: type[_T]) -> _T:
    """The dataclass of a row; bytes are bytes whatever the driver gives."""
    values = row._mapping
    return kind(
        **{
            name: bytes(value) if isinstance(value, memoryview) else value
            for name, value in values.items()
        }
    )


def among(column: Column[Any], values: Collection[Any] | None) -> Iterator[ColumnElement[bool]]:
    """Conditions that together say: ``column`` is one of ``values``; of None, any."""
    if values is None:
        yield column.is_not(None)
        return
    for part in parts(dict.fromkeys(values), _AT_ONCE):
        yield column.in_(part)


def parts(values: Iterable[_T], size: int) -> Iterator[list[_T]]:
    rest = iter(values)
    while part := list(islice(rest, size)):
        yield part
