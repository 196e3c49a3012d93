"""Targets before their time: sealed at rest, and handed out from their release on."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, and_, or_, select

from oracle.settlement.typed_data import Targets
from oracle.store.database import Database
from oracle.store.schema import vault
from oracle.store.sealing import Identity, seal

TARGETS = "targets"


@dataclass(frozen=True, slots=True)
class VaultEntry:
    """What is kept for a round, without the file. ``release_at`` in seconds since 1970."""

    round: int
    kind: str
    sha256: bytes
    release_at: int
    source: str
    signature: bytes
    size: int

    @property
    def targets(self) -> Targets:
        """What the provider signed."""
        return Targets(self.round, self.sha256, self.release_at)


_COLUMNS = [vault.c[name] for name in VaultEntry.__dataclass_fields__]


class TargetVault:
    """One operator's vault. Only its identity opens what is in the database."""

    def __init__(self, database: Database, identity: Identity) -> None:
        self.database, self.identity = database, identity

    def put(self, entry: VaultEntry, raw: bytes) -> VaultEntry:
        """Keeps ``raw`` for a round and kind; returns the entry that stands from now on.

        Of several the one with the latest release stays, of those the one with the largest
        SHA-256: in whatever order operators get them, they end up with the same one.
        """
        sealed = seal(raw, [self.identity.recipient])
        row = {c.name: getattr(entry, c.name) for c in _COLUMNS} | {"sealed": sealed}
        new = self.database.insert(vault).values(row)
        later = or_(
            new.excluded.release_at > vault.c.release_at,
            and_(
                new.excluded.release_at == vault.c.release_at,
                new.excluded.sha256 > vault.c.sha256,
            ),
        )
        statement = new.on_conflict_do_update(
            index_elements=list(vault.primary_key),
            set_={name: new.excluded[name] for name in row if name not in ("round", "kind")},
            where=later,
        )

        def work(connection: Any) -> VaultEntry:
            connection.execute(statement)
            query = select(*_COLUMNS).where(*_of(entry.round, entry.kind))
            return _entry(connection.execute(query).one())

        return self.database.run(work)

    def entry(self, round_number: int, kind: str = TARGETS) -> VaultEntry | None:
        """What is kept for a round, or None."""
        query = select(*_COLUMNS).where(*_of(round_number, kind))
        row = self.database.read(lambda c: c.execute(query).first())
        return None if row is None else _entry(row)

    def open(self, round_number: int, kind: str = TARGETS) -> bytes:
        """The plain file whatever its release; KeyError if there is none. For operators only."""
        query = select(vault.c.sealed).where(*_of(round_number, kind))
        sealed = self.database.read(lambda c: c.execute(query).scalar_one_or_none())
        if sealed is None:
            raise KeyError(f"round {round_number}: no {kind} in the vault")
        return self.identity.open(sealed)

    def targets(self, round_number: int, now: int) -> bytes | None:
        """The round's targets, or None before their release or where there are none."""
        entry = self.entry(round_number)
        return None if entry is None or now < entry.release_at else self.open(round_number)


def _of(round_number: int, kind: str) -> list[Any]:
    return [vault.c.round == round_number, vault.c.kind == kind]


def _entry(row: Row[Any]) -> VaultEntry:
    return VaultEntry(*row)
