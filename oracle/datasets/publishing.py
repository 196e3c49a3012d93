"""A data set as a tournament's data provider publishes it: for everyone, and for one round.

What is in ``published`` is what a tournament server lists and gives out; ``provider`` is the folder
that operators read. Live targets are in neither.
"""

import filecmp
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from oracle.datasets.dataset import (
    FEATURES_FILE,
    LIVE_EXAMPLE_FILE,
    META_MODEL_FILE,
    VALIDATION_EXAMPLE_FILE,
    Dataset,
    benchmark_file,
    split_file,
)
from oracle.errors import EnvironmentLacksError, InputError
from oracle.tournaments.remapping import ids_bytes, parse_ids
from oracle.tournaments.universe import UniverseError, universe_bytes

OF_EVERY_ROUND: Final = (
    FEATURES_FILE,
    split_file("train"),
    split_file("validation"),
    benchmark_file("train"),
    benchmark_file("validation"),
    VALIDATION_EXAMPLE_FILE,
    META_MODEL_FILE,
)
OF_ONE_ROUND: Final = (split_file("live"), benchmark_file("live"), LIVE_EXAMPLE_FILE)


def publish(
    dataset: Dataset,
    number: int,
    provider: Path,
    published: Path,
    release: str,
    ids: Path | None = None,
) -> list[str]:
    """Publishes the data set for round ``number``; names of the files that a server lists then.

    ``ids``: a file ``old,new`` with what became of the last round's ids. Everything is looked at
    before anything is written, and each file appears whole. Raises ``InputError``: no live rows, or
    a file is published already with another content.
    """
    if not dataset.live_ids:
        raise InputError(f"{dataset.root}: no {split_file('live')}, so there is nothing to predict")
    files = dict(_files(dataset, number, release))
    for name, source in files.items():
        _require_same(published / name, source)
    of_round = {"universe.csv": universe_bytes(dataset.live_ids)}
    if ids is not None:
        of_round["ids.csv"] = _ids(ids, frozenset(dataset.live_ids))
    for name, content in of_round.items():
        place = provider / str(number) / name
        if place.exists() and place.read_bytes() != content:
            raise _another(place)
    try:
        for name, source in files.items():
            with _unfinished(published / name) as path:
                shutil.copyfile(source, path)
        for name, content in of_round.items():
            with _unfinished(provider / str(number) / name) as path:
                path.write_bytes(content)
    except OSError as error:
        raise EnvironmentLacksError(f"cannot publish: {error}") from None
    return list(files)


def _files(dataset: Dataset, number: int, release: str) -> Iterator[tuple[str, Path]]:
    for folder, names in ((release, OF_EVERY_ROUND), (f"rounds/{number}/{release}", OF_ONE_ROUND)):
        for name in names:
            if (dataset.root / name).exists():
                yield f"{folder}/{name}", dataset.root / name


def _ids(path: Path, known: frozenset[str]) -> bytes:
    try:
        pairs = parse_ids(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except UniverseError as error:
        raise InputError(f"{path}: {error}") from None
    strange = next((new for new in pairs.values() if new not in known), None)
    if strange is not None:
        raise InputError(f"{path}: {strange[:40]!a} is no id of these live rows")
    return ids_bytes(pairs)


def _require_same(place: Path, source: Path) -> None:
    if place.exists() and not filecmp.cmp(place, source, shallow=False):
        raise _another(place)


def _another(place: Path) -> InputError:
    return InputError(
        f"{place} is published already, with another content",
        "what is published stays as it is: name another --release, or another --round",
    )


@contextmanager
def _unfinished(place: Path) -> Iterator[Path]:
    """Where to write what is to be at ``place``, in one piece."""
    place.parent.mkdir(parents=True, exist_ok=True)
    path = place.with_name(f".{place.name}.tmp")
    try:
        yield path
        os.replace(path, place)
    finally:
        path.unlink(missing_ok=True)
