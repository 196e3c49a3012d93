"""Folders that appear whole, by rename, or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from oracle.datasets.dataset import DatasetError


def refuse_existing(path: Path) -> None:
    """Raise `DatasetError` unless `path` is free or an empty folder."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise DatasetError(f"{path} exists already", "remove it or name another directory")


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """A temporary sibling of `target`, removed on any failure."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        work.chmod(0o755)
    except OSError as error:
        raise DatasetError(f"cannot write beside {target}: {error.strerror}") from error
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def publish(moves: tuple[tuple[Path, Path], ...]) -> None:
    """Rename each folder into place; if one cannot be, take back those before it."""
    done: list[Path] = []
    for source, target in moves:
        try:
            os.replace(source, target)
        except OSError as error:
            for path in done:
                shutil.rmtree(path, ignore_errors=True)
            raise DatasetError(f"cannot put {target} in place: {error.strerror}") from error
        done.append(target)
