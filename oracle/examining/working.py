"""The work beside the requests: one upload after the other is examined."""

import hashlib
import logging
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

from oracle.errors import AssayError, InputError
from oracle.examining.examiner import Examiner
from oracle.examining.process import Bounds, Examination
from oracle.examining.rows import Diagnostics, Status

_log = logging.getLogger("assay.examining")


class Queue:
    """Examines what waits, one at a time; ``step`` returns at once. What a stopped server was at is
    begun anew by the next one; ``folder`` is for files of the moment, and emptied here."""

    def __init__(self, examiner: Examiner, bounds: Bounds, folder: Path) -> None:
        self._examiner, self._bounds, self._folder = examiner, bounds, folder
        shutil.rmtree(folder, ignore_errors=True)
        self._at_work: tuple[Diagnostics, Examination] | None = None
        self._opened = ExitStack()

    @property
    def at_work(self) -> Examination | None:
        return None if self._at_work is None else self._at_work[1]

    def step(self) -> bool:
        """Begins with the next upload, or looks after the one that is examined; whether anything
        is left to do."""
        if self._at_work is None:
            return self._begin()
        row, examination = self._at_work
        try:
            result = examination.result()
            if result is None:
                return True
            self._end(row, Status.DONE, result=result)
        except AssayError as error:
            _log.warning("%s failed: %s %s", row.id, type(error).__name__, examination.last_words())
            self._end(row, Status.FAILED, _sentence(error))
        except BaseException:
            self._let_go()
            raise
        return True

    def close(self) -> None:
        """Ends what is examined; it waits again."""
        self._let_go()

    def _begin(self) -> bool:
        row = self._examiner.next()
        if row is None:
            return False
        try:
            file, data = self._file(row), self._examiner.data(row.tournament)
            examination = Examination(self._folder, file, row.filename, data, self._bounds)
            self._opened.callback(examination.close)
            self._at_work = row, examination
        except AssayError as error:
            self._end(row, Status.FAILED, _sentence(error))
        except BaseException:
            self._let_go()
            raise
        return True

    def _file(self, row: Diagnostics) -> Path:
        """Where the file lies on this machine, fetched where it does not."""
        blobs = self._examiner.uploads.blobs
        here = blobs.path(row.key)
        if here is not None:
            return here
        self._folder.mkdir(parents=True, exist_ok=True)
        folder = self._opened.enter_context(tempfile.TemporaryDirectory(dir=self._folder))
        path, hashed = Path(folder) / "file", hashlib.sha256()
        with path.open("wb") as file:
            for piece in blobs.open(row.key):
                hashed.update(piece)
                file.write(piece)
        if hashed.digest() != row.sha256:
            raise InputError(f"{row.filename} is not what was put there", "send it again")
        return path

    def _end(self, row: Diagnostics, status: Status, message: str = "", result: str = "") -> None:
        """Keeps what became of it; the file itself is of no use any more."""
        self._let_go()
        self._examiner.end(row.id, status, message, result)
        self._examiner.uploads.blobs.remove(row.key)

    def _let_go(self) -> None:
        self._at_work = None
        self._opened.close()


def _sentence(error: AssayError) -> str:
    return f"{error.message}; {error.fix}" if error.fix else error.message
