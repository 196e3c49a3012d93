"""A devnet's folder: one run at a time, and nothing left of the run before."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from oracle.errors import EnvironmentLacksError

_LOCK = "lock"


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Keeps a second run out of the folder while one is under way."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EnvironmentLacksError(
                f"a run is under way in {folder}", "wait for it, or pass another --folder"
            ) from None
        yield


def clear(folder: Path) -> None:
    """Removes everything of an earlier run; the lock file stays."""
    for entry in folder.iterdir():
        if entry.name != _LOCK:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
