"""Files that people send: an address is asked for, the file put there, and then used, once."""

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, func, select, update

from oracle.errors import InputError, RefusedError
from oracle.files.blobs import Blobs, Stored, read_whole
from oracle.files.names import unique
from oracle.files.signed import Signed
from oracle.intake.rows import Purpose, Upload, UploadAuth
from oracle.records.asking import as_row, columns_of
from oracle.records.rows import ModelRow
from oracle.records.schema.uploads import uploads
from oracle.store.database import Database

OPEN, STORED, USED = "open", "stored", "used"
MOST_OPEN = 200
"""Addresses that one account may hold at a time."""

_KEPT_SECONDS = 86_400
"""How long a file is kept that was sent and never used."""


class Uploads:
    """``sizes``: bytes at most by purpose; addresses are good for ``seconds``. ``clock``: of the
    wall, in seconds; ``count`` is told each account that asks for an address, and may raise."""

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        signed: Signed,
        sizes: Mapping[Purpose, int],
        seconds: int,
        clock: Callable[[], float] = time.time,
        count: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._database, self.blobs, self._signed = database, blobs, signed
        self._sizes, self._seconds = sizes, seconds
        self._clock, self._count = clock, count

    def now(self) -> int:
        return int(self._clock())

    # ------------------------------------------------------------------ addresses

    def authorize(
        self, account: str, model: ModelRow, filename: str, purpose: Purpose
    ) -> UploadAuth:
        """A name for the file and an address to put it to, good once and for a while.

        Raises ``InputError`` for what is no name of a file, ``RefusedError`` where the account
        asked for too many and put nothing there.
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

    def require_open(self, key: str) -> None:
        """Raises ``RefusedError`` where the address was used already; asked before the file is
        read."""
        found = self._one(uploads.c.key == key)
        if found is None or found.state != OPEN:
            raise RefusedError("this address was used already", "ask for a new one")

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

    def take(self, upload: Upload) -> bytes:
        """The bytes of a file that came, for the one that uses it now.

        Raises ``InputError`` where it has not come, or not as it was sent; ``RefusedError`` where
        it is being used.
        """
        self.claim(upload)
        try:
            return self._bytes(upload)
        except BaseException:
            self.give_back(upload)
            raise

    def claim(self, upload: Upload) -> None:
        """The file is used, by whoever comes first. Raises as ``take`` does."""
        if self.blobs.stat(upload.key) is None:
            raise InputError(
                f"nothing was put to the address of {upload.filename}",
                "PUT the file there, or ask for a new address: each is good for a while only",
            )
        change = (
            update(uploads)
            .where(uploads.c.id == upload.id, uploads.c.state != USED)
            .values(state=USED)
        )
        taken = self._database.run(lambda connection: connection.execute(change).rowcount)
        if not taken:
            raise RefusedError(f"{upload.filename} is being worked on", "ask again soon")

    def give_back(self, upload: Upload) -> None:
        """The file may be used again: nothing came of it."""
        change = update(uploads).where(uploads.c.id == upload.id).values(state=upload.state)
        self._database.run(lambda connection: connection.execute(change))

    def _bytes(self, upload: Upload) -> bytes:
        raw = read_whole(self.blobs, upload.key, upload.max_bytes)
        if upload.sha256 is not None and hashlib.sha256(raw).digest() != upload.sha256:
            raise InputError(f"{upload.filename} is not what was put there", "send it again")
        return raw

    def fixed(self, upload: Upload, raw: bytes) -> str:
        """Where the file lies for good: what was put straight into a bucket may be put there again
        until its address expires, so that a copy is kept."""
        if upload.state == STORED:
            return upload.key
        return self.keep(f"kept/{upload.id}-{hashlib.sha256(raw).hexdigest()[:16]}", raw)

    def keep(self, key: str, raw: bytes) -> str:
        """Keeps a file of the server's own making; the key."""
        if self.blobs.stat(key) is None:
            self.blobs.put(key, [raw], most=len(raw))
        return key

    # ------------------------------------------------------------------ what nobody uses

    def tidy(self) -> int:
        """Removes files that came and were not used for a day, and addresses that nobody used;
        how many."""
        before = self.now() - _KEPT_SECONDS
        old = select(uploads.c.id, uploads.c.key).where(
            uploads.c.state != USED, uploads.c.expires_at < before
        )
        rows = self._database.read(lambda connection: connection.execute(old.limit(500)).all())
        for row in rows:
            gone = uploads.delete().where(uploads.c.id == row.id, uploads.c.state != USED)
            if self._database.run(lambda c, gone=gone: c.execute(gone).rowcount):  # type: ignore[misc]
                self.blobs.remove(row.key)
        return len(rows)

    def _one(self, condition: Any) -> Upload | None:
        query = columns_of(uploads, Upload).where(condition)
        row = self._database.read(lambda connection: connection.execute(query).first())
        return None if row is None else as_row(row, Upload)
