"""A devnet's folder: one run at a time, and nothing left of the run before."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from oracle.errors import EnvironmentLacksError, InputError

_LOCK = "assay-devnet.lock"


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Takes the folder for one run; refuses a second run, and a folder that holds anything else."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / _LOCK).is_file() and any(folder.iterdir()):
            raise InputError(
                f"{folder} holds other files, and a run deletes what is in its folder",
                "name an empty or a new folder",
            )
        lock = (folder / _LOCK).open("w")
    except OSError as error:
        raise EnvironmentLacksError(
            f"cannot use {folder}: {error.strerror}", "name a folder you may write to"
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EnvironmentLacksError(
                f"a run is under way in {folder}", "wait for it, or name another folder"
            ) from None
        yield


def clear(folder: Path) -> None:
    """Removes everything of an earlier run; the lock file, which marks the folder, stays."""
    for entry in folder.iterdir():
        if entry.name == _LOCK:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
