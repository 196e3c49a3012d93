"""Accounts: one a wallet, made when it signs in for the first time."""

import re
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Row, select, update
from sqlalchemy.exc import IntegrityError

from oracle.accounts.caller import Account
from oracle.errors import InputError, RefusedError
from oracle.records.schema.people import accounts
from oracle.store.database import Database

_USERNAME = re.compile(r"[a-z0-9_-]{3,32}")


class People:
    """Accounts in the server's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def by_address(self, address: str) -> Account | None:
        """``address`` is checksummed."""
        return self._one(accounts.c.address == address)

    def by_id(self, account_id: str) -> Account | None:
        return self._one(accounts.c.id == account_id)

    def by_username(self, username: str) -> Account | None:
        return self._one(accounts.c.username == username)

    def with_addresses(self, addresses: list[str]) -> list[Account]:
        query = select(accounts).where(accounts.c.address.in_(addresses))
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return [_account(row) for row in rows]

    def met(self, address: str, now: int) -> Account:
        """The account of the wallet, made if it is new."""
        row = {"id": str(uuid4()), "address": address, "inserted_at": now}
        insert = self._database.insert(accounts).values(row).on_conflict_do_nothing()

        def work(connection: Connection) -> Account:
            connection.execute(insert)
            query = select(accounts).where(accounts.c.address == address)
            return _account(connection.execute(query).one())

        return self._database.run(work)

    def rename(self, account_id: str, username: str) -> None:
        """Raises ``InputError`` for what is no username, ``RefusedError`` for one that is taken."""
        if not _USERNAME.fullmatch(username):
            raise InputError("that is no username", "3 to 32 of a-z, 0-9, _ and -")
        change = update(accounts).where(accounts.c.id == account_id).values(username=username)
        try:
            with self._database.begin() as connection:
                connection.execute(change)
        except IntegrityError:
            raise RefusedError(f"the username {username} is taken", "choose another one") from None

    def _one(self, condition: ColumnElement[bool]) -> Account | None:
        query = select(accounts).where(condition)
        row = self._database.read(lambda connection: connection.execute(query).first())
        return None if row is None else _account(row)


def _account(row: Row[Any]) -> Account:
    return Account(row.id, row.address, row.username, row.email, row.inserted_at)
