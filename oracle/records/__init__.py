"""The tournament server's database: its tables, and what is asked of them."""

from pathlib import Path

from oracle.records.migrations import upgrade
from oracle.store.database import PATIENCE, Database


def open_records(where: str | Path, patience: float = PATIENCE) -> Database:
    """The server's database at a path or ``postgresql://`` URL, made if it is new, brought up to
    this release's tables. Raises ``RefusedError`` for one of a newer release or of an operator."""
    return Database.open(where, patience, upgrade=upgrade)
