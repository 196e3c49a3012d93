"""What the server's tables have in common."""

from typing import Any

from sqlalchemy import BigInteger, Column, Integer, MetaData

metadata = MetaData()


def tournament() -> Column[Any]:
    """Which tournament's row it is: 8, 11 or 12."""
    return Column("tournament", Integer, primary_key=True, autoincrement=False)


def number(name: str = "round") -> Column[Any]:
    """A round or a model as a part of the key."""
    return Column(name, BigInteger, primary_key=True, autoincrement=False)
