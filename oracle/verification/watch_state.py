"""What a watcher knows of rounds it has seen, in one small file that survives it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from oracle.errors import InputError, RefusedError
from oracle.store.artefacts import write_file

MAX_FILE = 64 * 2**20


class _Part(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


class Seen(_Part):
    """A round that was verified: which result of it, whether its settlement too, what came out.

    ``difference`` is empty where everything is as published.
    """

    sealed: str = Field(pattern="^0x[0-9a-f]{64}$")
    settled: bool
    difference: str = ""


class Bond(_Part):
    """A challenge this watcher raised or was about to raise: written down before it is sent."""

    evidence: str = Field(pattern="^0x[0-9a-f]{64}$")
    amount: int = Field(ge=0)
    transaction: str = ""


class WatchState(_Part):
    """By round number."""

    format: Literal["assay/watch/1"] = Field(default="assay/watch/1", alias="schema")
    chain_id: int
    pool: str
    rounds: dict[int, Seen] = {}
    bonds: dict[int, Bond] = {}


class StateFile:
    """The state of one pool's watcher on disk; one process at a time may have it."""

    def __init__(self, path: Path, chain_id: int, pool: str) -> None:
        self.path = path
        self.state = self._read(chain_id, pool.lower())

    def _read(self, chain_id: int, pool: str) -> WatchState:
        if not self.path.exists():
            return WatchState(chain_id=chain_id, pool=pool)
        try:
            if self.path.stat().st_size > MAX_FILE:
                raise InputError(f"{self.path} is too large for a watcher's state")
            found = WatchState.model_validate_json(self.path.read_bytes())
        except (ValidationError, OSError):
            raise InputError(
                f"{self.path} is not a watcher's state",
                "name another file with --state, or remove this one: rounds are verified again",
            ) from None
        if (found.chain_id, found.pool) != (chain_id, pool):
            raise InputError(
                f"{self.path} belongs to pool {found.pool} on chain {found.chain_id}",
                "name another file with --state",
            )
        return found

    def save(self) -> None:
        write_file(self.path, self.state.model_dump_json(by_alias=True, indent=1).encode())

    def unsettled(self) -> list[int]:
        """Rounds that were verified before they were settled, and not since."""
        return [number for number, seen in self.state.rounds.items() if not seen.settled]

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Raises ``RefusedError`` while another process has the file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_CREAT | os.O_RDWR)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise RefusedError(
                    f"another watcher has {self.path}", "stop it, or name another --state"
                ) from None
            yield
        finally:
            os.close(handle)
