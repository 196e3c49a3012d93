"""One file examined by a process of its own, which can neither stay nor take what it likes."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from oracle.errors import Exit, InputError, RefusedError
from oracle.examining.child import DATA, ERROR, MOST_WRITTEN, RESULT

_TAIL: Final = 2_000
_ONE_THREAD: Final = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """``memory`` in bytes and ``seconds`` of one examination, and which feature set it uses."""

    memory: int = 2**31
    seconds: int = 3_600
    features: str = "small"


class Examination:
    """``file`` against the data set in ``data``, begun, with a folder of its own in ``folder``.
    ``close`` ends it, whatever it is at."""

    def __init__(self, folder: Path, file: Path, filename: str, data: Path, bounds: Bounds) -> None:
        self._bounds, self._filename = bounds, filename
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(dir=folder))
        try:
            (self._folder / filename).symlink_to(file.resolve())
            (self._folder / DATA).symlink_to(data.resolve())
            self._process = self._started()
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        self._until = time.monotonic() + bounds.seconds

    def _started(self) -> subprocess.Popen[bytes]:
        root = Path(__file__).resolve().parents[2]
        known = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        command = sys.executable, "-P", "-m", "oracle.examining.child"
        bounds = self._bounds.features, str(self._bounds.memory)
        with (self._folder / "log").open("wb") as log:
            # -P: a file that was sent must not be found where modules are looked for.
            return subprocess.Popen(
                [*command, str(self._folder), self._filename, *bounds],
                env=known | _ONE_THREAD | {"PYTHONPATH": str(root)},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def result(self) -> str | None:
        """JSON of what was found; None as long as it is at work.

        Raises ``InputError`` for what is wrong with the file, ``RefusedError`` where the bounds or
        the process's end left no result.
        """
        code = self._process.poll()
        if code is None:
            if time.monotonic() < self._until:
                return None
            self._kill()
            raise RefusedError(
                f"{self._filename}: examining it took longer than {self._bounds.seconds} s",
                "send the validation rows only, or ask whoever runs this server for more time",
            )
        if code == Exit.OK:
            return self._read(RESULT)
        if code == Exit.INPUT:
            told = json.loads(self._read(ERROR))
            raise InputError(told["message"], told["fix"])
        raise RefusedError(
            f"{self._filename}: the examination ended without a result",
            f"send the validation rows only: it may use {self._bounds.memory >> 20} MiB of memory",
        )

    def wait(self, seconds: float) -> None:
        """Returns when the process has ended, or after so long."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def last_words(self) -> str:
        """The end of what the process said, for the log."""
        try:
            return (self._folder / "log").read_bytes()[-_TAIL:].decode(errors="replace")
        except OSError:
            return ""

    def close(self) -> None:
        self._kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _read(self, name: str) -> str:
        with (self._folder / name).open(encoding="utf-8") as file:
            return file.read(MOST_WRITTEN)
