"""How much people may have lie at the server."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, and_, case, func, or_, select

from oracle.errors import RefusedError, UnreachableError
from oracle.intake.rows import Purpose
from oracle.records.schema.uploads import uploads

_DAY = 86_400
_OPEN, _STORED, _USED = "open", "stored", "used"


@dataclass(frozen=True, slots=True)
class Quota:
    """``account``: bytes that one account may have; ``free``: bytes that the disk under ``folder``
    keeps free, where files lie in a folder."""

    account: int
    free: int = 0
    folder: Path | None = None

    def require(self, connection: Connection, account: str, more: int, now: int) -> None:
        """Room for ``more`` bytes. Raises ``RefusedError`` where the account has too much,
        ``UnreachableError`` where the disk is full."""
        if self.folder is not None and _free(self.folder) - more < self.free:
            raise UnreachableError(
                "this server has no room for files at the moment", "try again later"
            )
        had = bytes_of(connection, account, now)
        if had + more > self.account:
            raise RefusedError(
                f"this account has {had} bytes here, with what may come to its open addresses; "
                f"{more} more are above the {self.account} that it may have",
                "put files to the open addresses, or wait a day",
            )


def bytes_of(connection: Connection, account: str, now: int) -> int:
    """What counts of an account: files that may still come, files that came and were not used,
    uploaded models, and other files of the last day; later these stay as their records do."""
    table = uploads.c
    size = func.coalesce(table.size, table.max_bytes)
    counts = or_(
        and_(table.state == _OPEN, table.expires_at > now),
        table.state == _STORED,
        and_(
            table.state == _USED,
            or_(table.purpose == Purpose.PICKLE, table.created_at > now - _DAY),
        ),
    )
    total = func.sum(case((table.state == _OPEN, table.max_bytes), else_=size))
    return int(
        connection.execute(select(total).where(table.account == account, counts)).scalar() or 0
    )


def _free(folder: Path) -> int:
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
