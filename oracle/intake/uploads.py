"""Files that people send: an address is asked for, the file put there, and then used, once."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, update

from oracle.errors import InputError, RefusedError
from oracle.files.blobs import Blobs, Stored, read_whole
from oracle.files.names import unique
from oracle.files.signed import Signed
from oracle.intake.quota import Quota
from oracle.intake.rows import Purpose, Upload, UploadAuth
from oracle.records.asking import as_row, columns_of
from oracle.records.rows import ModelRow
from oracle.records.schema.examining import diagnostics
from oracle.records.schema.uploads import pickles, submissions, uploads
from oracle.store.database import Database

OPEN, STORED, USED = "open", "stored", "used"
MOST_OPEN = 200
"""Addresses that one account may hold at a time."""

_USES = (submissions, pickles, diagnostics)
"""Tables with a row of the upload's id for what it was used for."""

_KEPT_SECONDS = 86_400
"""How long a file is kept that was sent and never used."""


class Uploads:
    """``sizes``: bytes at most by purpose; addresses are good for ``seconds``. ``clock``: of the
    wall, in seconds; ``count`` is told each account that asks for an address, and may raise;
    ``quota`` bounds what it may have here."""

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        signed: Signed,
        sizes: Mapping[Purpose, int],
        seconds: int,
        clock: Callable[[], float] = time.time,
        count: Callable[[str], None] = lambda _: None,
        quota: Quota | None = None,
    ) -> None:
        self._database, self.blobs, self._signed = database, blobs, signed
        self._sizes, self._seconds = sizes, seconds
        self._clock, self._count, self._quota = clock, count, quota
        self._working: set[str] = set()
        self._lock = threading.Lock()

    def now(self) -> int:
        return int(self._clock())

    # ------------------------------------------------------------------ addresses

    def authorize(
        self, account: str, model: ModelRow, filename: str, purpose: Purpose
    ) -> UploadAuth:
        """A name for the file and an address to put it to, good once and for a while.

        Raises ``InputError`` for what is no name of a file, ``RefusedError`` where the account
        asked for too many and put nothing there, or has too much here.
        """
        self._count(account)
        now, upload = self.now(), str(uuid4())
        row: dict[str, Any] = {
            "id": upload,
            "account": account,
            "tournament": model.tournament,
            "model": model.model,
            "purpose": purpose,
            "filename": unique(filename),
            "key": f"uploads/{upload}",
            "max_bytes": self._sizes[purpose],
            "state": OPEN,
            "created_at": now,
            "expires_at": now + self._seconds,
        }

        def work(connection: Connection) -> None:
            waiting = select(func.count()).where(
                uploads.c.account == account, uploads.c.state == OPEN, uploads.c.expires_at > now
            )
            if connection.execute(waiting).scalar_one() >= MOST_OPEN:
                raise RefusedError(
                    f"this account has {MOST_OPEN} uploads open", "put the files there, or wait"
                )
            if self._quota is not None:
                self._quota.require(connection, account, row["max_bytes"], now)
            insert = self._database.insert(uploads).values(row).on_conflict_do_nothing()
            connection.execute(insert)

        self._database.run(work)
        url = self.blobs.upload_address(row["key"], seconds=self._seconds) or self._signed.upload(
            row["key"], most=row["max_bytes"], seconds=self._seconds
        )
        return UploadAuth(row["filename"], url)

    def download(self, key: str, filename: str, sha256: bytes) -> UploadAuth:
        """An address to get a file from, good for a while."""
        direct = self.blobs.download_address(key, filename, seconds=self._seconds)
        url = direct or self._signed.download(key, filename, seconds=self._seconds, sha256=sha256)
        return UploadAuth(filename, url)

    # ------------------------------------------------------------------ the file arrives

    def require_open(self, key: str) -> Upload:
        """What it is for. Raises ``RefusedError`` where the address was used already; asked before
        the file is read."""
        found = self._one(uploads.c.key == key)
        if found is None or found.state != OPEN:
            raise RefusedError("this address was used already", "ask for a new one")
        return found

    def receive(self, key: str, pieces: Iterable[bytes], most: int) -> Stored:
        """Keeps what was put to an address, whole or not at all. Of two at once, one is kept."""
        stored = self.blobs.put(key, pieces, most=most)
        change = (
            update(uploads)
            .where(uploads.c.key == key, uploads.c.state == OPEN)
            .values(state=STORED, sha256=stored.sha256, size=stored.size)
        )
        self._database.run(lambda connection: connection.execute(change))
        return stored

    # ------------------------------------------------------------------ and is used

    def find(self, account: str, model: ModelRow, filename: str, purpose: Purpose) -> Upload:
        """The upload of this name. Raises ``InputError`` where the account has none for this."""
        found = self._one(uploads.c.filename == filename)
        wanted = (account, model.tournament, model.model, purpose)
        if found is None or wanted != (
            found.account,
            found.tournament,
            found.model,
            found.purpose,
        ):
            raise InputError(
                f"there is no upload {filename[:80]!a} of this account for this model",
                "ask for an address first, and give the name that came with it",
            )
        return found

    @contextmanager
    def working(self, wanted: str) -> Iterator[None]:
        """Nobody else works on the upload of this id meanwhile. Raises ``RefusedError`` where
        somebody does.

        Known to this process alone, and no other may run: so nothing stays locked after a kill.
        """
        with self._lock:
            if wanted in self._working:
                raise RefusedError("this file is being worked on", "ask again soon")
            self._working.add(wanted)
        try:
            yield
        finally:
            with self._lock:
                self._working.discard(wanted)

    def take(self, upload: Upload) -> bytes:
        """The bytes of a file that came, for the one that is ``working`` on it.

        Raises ``InputError`` where it has not come, or not as it was sent.
        """
        self.claim(upload)
        try:
            return self._bytes(upload)
        except BaseException:
            self.give_back(upload)
            raise

    def claim(self, upload: Upload) -> None:
        """The file is used: it stays, unless it is given back. Raises as ``take`` does."""
        if self.blobs.stat(upload.key) is None:
            raise InputError(
                f"nothing was put to the address of {upload.filename}",
                "PUT the file there, or ask for a new address: each is good for a while only",
            )
        self.use(upload.id)

    def use(self, wanted: str) -> None:
        """The file stays."""
        self._put_state(wanted, USED)

    def give_back(self, upload: Upload) -> None:
        """Nothing came of it: it may be used again, or go after a while."""
        self._put_state(upload.id, OPEN if upload.sha256 is None else STORED)

    def _put_state(self, wanted: str, state: str) -> None:
        change = update(uploads).where(uploads.c.id == wanted).values(state=state)
        self._database.run(lambda connection: connection.execute(change))

    def _bytes(self, upload: Upload) -> bytes:
        raw = read_whole(self.blobs, upload.key, upload.max_bytes)
        if upload.sha256 is not None and hashlib.sha256(raw).digest() != upload.sha256:
            raise InputError(f"{upload.filename} is not what was put there", "send it again")
        return raw

    def hashed(self, upload: Upload) -> bytes:
        """SHA-256 of a file that was put straight into a bucket, where nothing bounds it. Raises
        ``InputError`` as soon as it is larger than it may be."""
        hashed, size = hashlib.sha256(), 0
        for piece in self.blobs.open(upload.key):
            hashed.update(piece)
            size += len(piece)
            if size > upload.max_bytes:
                raise InputError(f"{upload.filename} has more than {upload.max_bytes} bytes")
        return hashed.digest()

    def fixed(self, upload: Upload, raw: bytes) -> str:
        """Where the file lies for good: what was put straight into a bucket may be put there again
        until its address expires, so that a copy is kept."""
        if upload.sha256 is not None:
            return upload.key
        return self.keep(f"kept/{upload.id}-{hashlib.sha256(raw).hexdigest()[:16]}", raw)

    def keep(self, key: str, raw: bytes) -> str:
        """Keeps a file of the server's own making; the key."""
        if self.blobs.stat(key) is None:
            self.blobs.put(key, [raw], most=len(raw))
        return key

    # ------------------------------------------------------------------ what nobody uses

    def tidy(self) -> int:
        """Removes files that came and were not used for a day, addresses that nobody used, and
        what a process took that was killed before it wrote what for; how many."""
        before = self.now() - _KEPT_SECONDS
        unused = or_(
            uploads.c.state != USED,
            and_(*(uploads.c.id.not_in(select(table.c.id)) for table in _USES)),
        )
        old = select(uploads.c.id, uploads.c.key).where(unused, uploads.c.expires_at < before)
        rows = self._database.read(lambda connection: connection.execute(old.limit(500)).all())
        return sum(self._removed(row.id, row.key, unused) for row in rows)

    def _removed(self, wanted: str, key: str, unused: ColumnElement[bool]) -> bool:
        """Whether it could be removed; not while somebody works on it."""
        gone = uploads.delete().where(uploads.c.id == wanted, unused)
        try:
            with self.working(wanted):
                if not self._database.run(lambda connection: connection.execute(gone).rowcount):
                    return False
                self.blobs.remove(key)
        except RefusedError:
            return False
        return True

    def _one(self, condition: Any) -> Upload | None:
        query = columns_of(uploads, Upload).where(condition)
        row = self._database.read(lambda connection: connection.execute(query).first())
        return None if row is None else as_row(row, Upload)
