"""What ``assay operator check`` looks at, what it finds, and what to do about it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from oracle.chain.logs import IndexedLogs
from oracle.chain.reader import PoolReader
from oracle.chain.signers import open_signer
from oracle.chain.signing import Signer
from oracle.errors import AssayError, Exit
from oracle.operator.config import OperatorConfig
from oracle.store.database import Database
from oracle.store.event_index import EventStore
from oracle.store.migrations import HEAD, revision
from oracle.store.sealing import Identity

_PATIENCE = 3.0
_L = TypeVar("_L")


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Said:
    """What a check says; ``fix`` is the next step. ``refused``: what is wrong is the operator's
    standing, not its machine."""

    level: Level
    text: str
    fix: str = ""
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """A line of the table: the check's name and what it says."""

    check: str
    said: Said


class SkippedError(Exception):
    """A check needs what another one has found to be missing."""


def ok(text: str) -> Said:
    return Said(Level.OK, text)


def warn(text: str, fix: str = "") -> Said:
    return Said(Level.WARN, text, fix)


def fail(text: str, fix: str = "", *, refused: bool = False) -> Said:
    return Said(Level.FAIL, text, fix, refused)


class Look:
    """One operator's surroundings, opened when first asked for; ``close`` lets go of them.

    ``days`` is how long its gas money should last.
    """

    def __init__(self, config: OperatorConfig, days: int) -> None:
        self.config, self.days = config, days

    @cached_property
    def signer(self) -> Signer | None:
        return open_signer(self.config.signer)

    @cached_property
    def identity(self) -> Identity:
        return Identity.load(self.config.identity)

    @property
    def database_file(self) -> Path | None:
        """The SQLite file, None for a database on a server."""
        return sqlite_file(self.config.database)

    @cached_property
    def database(self) -> Database | None:
        """The database as it is, None where the first start is to make it."""
        if self.database_file is not None and not self.database_file.exists():
            return None
        return Database.open(self.config.database, _PATIENCE, migrate=False)

    @cached_property
    def filled(self) -> Database | None:
        """The database if it has this release's tables, else None."""
        try:
            found = self.database
            return found if found is not None and found.read(revision) == HEAD else None
        except AssayError:
            return None

    @cached_property
    def reader(self) -> PoolReader:
        """The tournament; events come from the index as far as that goes."""
        chain, database = self.config.chain, self.filled
        return PoolReader.open(
            chain.urls,
            self.config.pool,
            self.config.chain_id,
            logs=None if database is None else IndexedLogs(EventStore(database)),
            agree=chain.agree,
            solo=chain.solo,
            stale_seconds=chain.stale_seconds,
        )

    @property
    def chain(self) -> PoolReader:
        """The tournament for checks that are not about reaching it."""
        try:
            return self.reader
        except AssayError:
            raise SkippedError("the chain cannot be read") from None

    @property
    def address(self) -> str:
        """The operator's account, for checks that are not about its key."""
        try:
            signer = self.signer
        except AssayError:
            signer = None
        if signer is None:
            raise SkippedError("there is no key")
        return signer.address

    def close(self) -> None:
        if isinstance(found := self.__dict__.get("database"), Database):
            found.close()


def sqlite_file(where: str) -> Path | None:
    """The file of a SQLite database, None for one on a server."""
    scheme, is_url, rest = where.partition("://")
    if is_url and scheme != "sqlite":
        return None
    return Path(rest.removeprefix("/") if is_url else where)


Check = Callable[[Look], Iterable[Said]]


def findings(config: OperatorConfig, days: int = 30) -> Iterator[Finding]:
    """One check after the other; trouble with one leaves the others alone."""
    from oracle.operator.checks_of_chain import CHAIN_CHECKS
    from oracle.operator.checks_of_machine import MACHINE_CHECKS

    look = Look(config, days)
    try:
        for name, check in (*MACHINE_CHECKS, *CHAIN_CHECKS):
            for said in said_by(check, look):
                yield Finding(name, said)
    finally:
        look.close()


def said_by(check: Callable[[_L], Iterable[Said]], look: _L) -> Iterator[Said]:
    """What a check says of its surroundings; what it raises is a failure."""
    try:
        yield from check(look)
    except SkippedError as reason:
        yield warn(f"not looked at: {reason}")
    except AssayError as error:
        refused = error.exit_code is Exit.REFUSED
        yield Said(Level.FAIL, error.message, error.fix, refused)


def exit_code(found: Iterable[Finding]) -> Exit:
    """0 without a failure; 7 if the operator's standing is among them; else 6: its machine."""
    failed = [one.said for one in found if one.said.level is Level.FAIL]
    if not failed:
        return Exit.OK
    return Exit.REFUSED if any(said.refused for said in failed) else Exit.ENVIRONMENT
