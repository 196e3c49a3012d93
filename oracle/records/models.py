"""Models, their owners, and the names that were said of them."""

import re
from collections.abc import Collection
from typing import Any

from eth_utils import keccak
from sqlalchemy import ColumnElement, Connection, Select, select

from oracle.errors import InputError
from oracle.records.asking import among, as_row
from oracle.records.rows import ModelRow
from oracle.records.schema.chain import models, names
from oracle.store.database import Database

_LONGEST_NAME = 64
_NUMBERED = re.compile(r"model-(0|[1-9][0-9]{0,6})")
"""As models without a name are shown; there are 2^20."""
_COLUMNS = [models.c[n] for n in ModelRow.__dataclass_fields__ if n in models.c]
_QUERY: Select[Any] = select(*_COLUMNS, names.c.name.label("said")).select_from(
    models.outerjoin(names, names.c.name_hash == models.c.name_hash)
)


class Models:
    """Queries about the models of all tournaments."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def by_id(self, tournament: int, ids: Collection[int]) -> list[ModelRow]:
        return self._where(among(models.c.model, ids), models.c.tournament == tournament)

    def by_uuid(self, uuids: Collection[str]) -> list[ModelRow]:
        return self._where(among(models.c.uuid, uuids))

    def by_name(self, tournament: int, said: Collection[str]) -> list[ModelRow]:
        """Models with these names, said by anybody or not, or named ``model-<id>``."""
        hashes = [keccak(text=name) for name in said]
        numbered = [int(found[1]) for name in said if (found := _NUMBERED.fullmatch(name))]
        here = models.c.tournament == tournament
        named = self._where(among(models.c.name_hash, hashes), here)
        return named + [
            row
            for row in self._where(among(models.c.model, numbered), here)
            if row.said is None and row not in named
        ]

    def of_owner(self, owners: Collection[str], tournament: int | None = None) -> list[ModelRow]:
        here = () if tournament is None else (models.c.tournament == tournament,)
        return self._where(among(models.c.owner, owners), *here)

    def all(self, tournament: int) -> list[ModelRow]:
        return self._where(among(models.c.model, None), models.c.tournament == tournament)

    def say(self, name: str) -> bytes:
        """Keeps a name, whether a model has it or will; returns its hash, as the chain has it.

        Raises ``InputError`` for what is no name: 1 to 64 printable characters without spaces at
        the ends, and not ``model-<number>``, which nameless models are shown as.
        """
        is_plain = name.isprintable() and name == name.strip() and 0 < len(name) <= _LONGEST_NAME
        if not is_plain or _NUMBERED.fullmatch(name):
            raise InputError(
                f"{name[:80]!r} is no name for a model", "1 to 64 printable characters"
            )
        hashed = keccak(text=name)
        row = {"name_hash": hashed, "name": name}
        insert = self._database.insert(names).values(row).on_conflict_do_nothing()
        self._database.run(lambda connection: connection.execute(insert))
        return hashed

    def _where(self, some: Any, *always: ColumnElement[bool]) -> list[ModelRow]:
        def work(connection: Connection) -> list[ModelRow]:
            found = []
            for condition in some:
                query = _QUERY.where(condition, *always)
                query = query.order_by(models.c.tournament, models.c.model)
                found += [as_row(row, ModelRow) for row in connection.execute(query)]
            return found

        return self._database.read(work)
