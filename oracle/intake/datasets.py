"""Data sets: files in a folder, published as they are, each for one round or for all of them.

``<folder>/<name>`` is there for every round, ``<folder>/rounds/<number>/<name>`` for one, from its
opening on; a name may have folders in it, such as ``v1.0/live.parquet``. A file that is published
does not change any more: another content takes another name, or another round.
"""

import hashlib
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from oracle.errors import InputError
from oracle.files.blobs import Blobs, LocalBlobs, TakenError
from oracle.intake.rows import PublishedFile
from oracle.intake.uploads import Uploads
from oracle.records.asking import as_row, columns_of
from oracle.records.rounds import Rounds
from oracle.records.rows import RoundRow
from oracle.records.schema.uploads import datasets
from oracle.store.database import Database

ROUNDS: Final = "rounds"
EVERY_ROUND: Final = 0
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*){0,3}")
_LONGEST = 160
_UNFINISHED = (".tmp", ".part", ".temp")
_QUIET_SECONDS = 2.0
_PIECE = 2**20
_log = logging.getLogger("assay.datasets")
_Look = tuple[int, int]


@dataclass(frozen=True)
class Datasets:
    """``folders`` by number of the tournament; ``now`` tells the chain's time of one."""

    database: Database
    uploads: Uploads
    now: Callable[[int], int]
    folders: Mapping[int, Path | None]
    clock: Callable[[], float] = time.time
    _seen: dict[Path, _Look] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    # ------------------------------------------------------------------ what people ask

    def list(self, tournament: int, number: int | None = None) -> list[str]:
        """Names of the files for a round, by default the current one: its own and those of every
        round, in order."""
        return sorted({row.filename for row in self._of(tournament, number)})

    def url(self, tournament: int, filename: str, number: int | None = None) -> str:
        """Where the file can be got from, for a while. Raises ``InputError`` without one."""
        found = [row for row in self._of(tournament, number) if row.filename == filename]
        if not found:
            raise InputError(
                f"there is no file {filename[:80]!a} for this round", "listDatasets names them"
            )
        row = max(found, key=lambda one: one.round)
        name = row.filename.rpartition("/")[2]
        return self.uploads.download(row.key, name, row.sha256).url

    def _of(self, tournament: int, number: int | None) -> Sequence[PublishedFile]:
        if tournament not in self.folders:
            raise InputError(f"there is no tournament {tournament} here")
        wanted = self._round(tournament) if number is None else number
        table = datasets.c
        query = columns_of(datasets, PublishedFile).where(
            table.tournament == tournament, table.round.in_([EVERY_ROUND, wanted])
        )
        rows = self.database.read(lambda connection: connection.execute(query).all())
        return [as_row(row, PublishedFile) for row in rows]

    def _round(self, tournament: int) -> int:
        """The open round, or else the newest that has opened."""
        now, rounds = self.now(tournament), Rounds(self.database)
        found = rounds.current(tournament, now)
        if found is not None:
            return found.number
        opened = (row.number for row in rounds.list(tournament, limit=100) if _has_opened(row, now))
        return next(opened, EVERY_ROUND)

    # ------------------------------------------------------------------ what is published

    def publish(self, tournament: int) -> int:
        """Takes in what is new in the folder; how many files."""
        folder = self.folders[tournament]
        if folder is None or not folder.is_dir():
            return 0
        with self._lock:
            known = self._known(tournament)
            new = [
                (number, name, path)
                for number, name, path in _files(folder)
                if (number, name) not in known and self._is_quiet(path)
            ]
            rounds = {number for number, _, _ in new} - {EVERY_ROUND}
            opened = self._opened(tournament, rounds) | {EVERY_ROUND}
            taken = [one for one in new if one[0] in opened]
            for number, name, path in taken:
                self._take(tournament, number, name, path)
            return len(taken)

    def _is_quiet(self, path: Path) -> bool:
        """Whether the file has the size and time that it had when it was last looked at, and was
        not written just now: it may still be growing."""
        found = path.stat()
        look = (found.st_size, found.st_mtime_ns)
        was, self._seen[path] = self._seen.get(path), look
        return was == look and found.st_mtime + _QUIET_SECONDS <= self.clock()

    def _opened(self, tournament: int, numbers: set[int]) -> set[int]:
        if not numbers:
            return set()
        now = self.now(tournament)
        rows = Rounds(self.database).list(tournament, numbers=numbers)
        return {row.number for row in rows if _has_opened(row, now)}

    def add(self, tournament: int, number: int, name: str, raw: bytes) -> None:
        """Publishes a file of the server's own making, unless the round has one of this name."""
        sha256 = hashlib.sha256(raw).digest()
        key = self.uploads.keep(_key(tournament, number, name, sha256), raw)
        self._insert(tournament, number, name, sha256, len(raw), key)

    def rounds_with(self, tournament: int, name: str) -> frozenset[int]:
        """Rounds that have a file of this name."""
        return frozenset(number for number, known in self._known(tournament) if known == name)

    def _take(self, tournament: int, number: int, name: str, path: Path) -> None:
        sha256, size = _hash(path), path.stat().st_size
        key = _key(tournament, number, name, sha256)
        _put(self.uploads.blobs, key, path, size)
        self._insert(tournament, number, name, sha256, size, key)
        del self._seen[path]
        _log.info("published %s of round %d", name, number)

    def _insert(
        self, tournament: int, number: int, name: str, sha256: bytes, size: int, key: str
    ) -> None:
        row = PublishedFile(tournament, number, name, sha256, size, key, int(self.clock()))
        insert = self.database.insert(datasets).values(asdict(row)).on_conflict_do_nothing()
        self.database.run(lambda connection: connection.execute(insert))

    def _known(self, tournament: int) -> set[tuple[int, str]]:
        query = columns_of(datasets, PublishedFile).where(datasets.c.tournament == tournament)
        rows = self.database.read(lambda connection: connection.execute(query).all())
        return {(row.round, row.filename) for row in rows}


def _has_opened(row: RoundRow, now: int) -> bool:
    return row.opens is not None and row.opens <= now


def _files(folder: Path) -> Iterator[tuple[int, str, Path]]:
    """Round, name and place of every file that may be published."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        number = EVERY_ROUND
        if parts[0] == ROUNDS:
            if len(parts) < 3 or not parts[1].isdecimal():
                continue
            number, parts = int(parts[1]), parts[2:]
        name = "/".join(parts)
        is_whole = not any(part.startswith(".") for part in parts)
        if not is_whole or name.endswith(_UNFINISHED) or path.is_symlink() or not path.is_file():
            continue
        if len(name) <= _LONGEST and _NAME.fullmatch(name):
            yield number, name, path


def _key(tournament: int, number: int, name: str, sha256: bytes) -> str:
    named = hashlib.sha256(name.encode()).hexdigest()[:16]
    return f"data/{tournament}/{number}/{named}-{sha256.hex()[:32]}"


def _put(blobs: Blobs, key: str, path: Path, size: int) -> None:
    try:
        if isinstance(blobs, LocalBlobs):
            blobs.adopt(key, path)
        else:
            blobs.put(key, _pieces(path), most=size)
    except TakenError:
        pass  # from a run that ended before the table had it


def _hash(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece
