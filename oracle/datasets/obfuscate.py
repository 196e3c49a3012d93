"""Turns a table of raw features into one that can be given away, under a secret key.

Ids are keyed per era, features renamed and reordered by the key, values cut into quintiles within
their era, rows put in the order of their new ids. Without the key, ids of one stock in two eras
have nothing in common. What the feature values themselves give away, no key hides: docs/data.md.
"""

import hmac
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from oracle.datasets.binning import Floats, quintiles, target_bins
from oracle.datasets.dataset import (
    ABOUT_FILE,
    ERA_COLUMN,
    FEATURES_FILE,
    MAIN_TARGET,
    DatasetError,
    Progress,
)
from oracle.datasets.parquet import EraParquet, SeenIds
from oracle.datasets.staging import publish, refuse_existing, staged
from oracle.datasets.tables import SUFFIXES, Source, era_labels, open_source

KEY_BYTES = 32
_KEY_VALUES = 8
_DOMAIN = "assay/obfuscate/1"
_DATA_TYPE = "data_type"
_ID_DIGITS, _FEATURE_DIGITS = 15, 12
# Types whose values float32 holds exactly.
_NARROW = (pa.float16(), pa.float32(), pa.int8(), pa.int16(), pa.uint8(), pa.uint16(), pa.null())


@dataclass(frozen=True)
class Columns:
    """Which columns of the input are what; all others are features.

    Columns `target` and `target_..` are targets and become target bins; `data_type` and those in
    `keep` are copied; those in `drop` are left out. `missing` allows features without a value,
    which land in the middle quintile.
    """

    id: str = "id"
    era: str = ERA_COLUMN
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    missing: bool = False

    def targets(self, source: Source) -> list[str]:
        """Target columns of a file, in file order."""
        return [
            name
            for name in source.columns
            if (name == MAIN_TARGET or name.startswith(f"{MAIN_TARGET}_"))
            and name not in (*self.keep, *self.drop)
        ]

    def copied(self, source: Source) -> list[str]:
        """Columns that stay as they are, in file order."""
        return [
            name
            for name in source.columns
            if name in (*self.keep, _DATA_TYPE) and name not in self.drop
        ]

    def features(self, source: Source) -> list[str]:
        """All other columns, sorted by name."""
        others = {source.id_column, source.era_column, *self.drop}
        others.update(self.targets(source), self.copied(source))
        return sorted(name for name in source.columns if name not in others)


@dataclass(frozen=True)
class Key:
    """The secret; its bytes are in no `repr`, and each use has a key of its own made from it."""

    secret: bytes = field(repr=False)

    def row_ids(self, era: str, ids: Sequence[str]) -> list[str]:
        """New ids, "n" + 15 hex digits, of the rows `ids` of `era` (as the input names it)."""
        keyed = self._derived("ids")
        return ["n" + _tag(keyed, f"{len(era)}:{era}{i}")[:_ID_DIGITS] for i in ids]

    def feature_names(self, names: Sequence[str]) -> dict[str, str]:
        """New names of feature columns, "feature_" + 12 hex digits, in their new order."""
        keyed = self._derived("features")
        pairs = ((f"feature_{_tag(keyed, name)[:_FEATURE_DIGITS]}", name) for name in names)
        return {name: new for new, name in sorted(pairs)}

    def _derived(self, use: str) -> bytes:
        return hmac.digest(self.secret, f"{_DOMAIN}/{use}".encode(), sha256)


def _tag(key: bytes, message: str) -> str:
    return hmac.digest(key, message.encode(), sha256).hex()


def read_key(path: Path) -> Key:
    """The key in a file: its bytes without white space around them, at least 32.

    Raises:
        DatasetError: it cannot be read, is short or repeats itself; never saying what is in it.
    """
    make = f"make one: openssl rand -hex 32 > {path}"
    try:
        secret = Path(path).read_bytes().strip()
    except OSError as error:
        raise DatasetError(f"{path}: the key cannot be read ({error.strerror})", make) from None
    if len(secret) < KEY_BYTES:
        raise DatasetError(
            f"{path}: the key has {len(secret)} bytes, it must have at least {KEY_BYTES}", make
        )
    if len(set(secret)) < _KEY_VALUES:
        raise DatasetError(f"{path}: the key repeats itself", make)
    return Key(secret)


@dataclass(frozen=True)
class Obfuscated:
    """What was written: files, and how many eras, rows and features."""

    root: Path
    files: tuple[str, ...]
    eras: int
    rows: int
    features: int


def obfuscate(
    table: Path,
    out: Path,
    key: Key,
    columns: Columns | None = None,
    progress: Progress | None = None,
) -> Obfuscated:
    """Write the obfuscated rows of `table` (a file, or a folder of files) in the folder `out`.

    One Parquet file for each of the input's, `features.json` and `dataset.json`; the folder appears
    when all is written. Memory holds one era, 8 bytes for each id, and what Parquet keeps.

    Raises:
        DatasetError: a file cannot be read; an id, an era or (unless allowed) a value is missing;
            an id is twice in an era, an era in two files or not in one place; a feature is text or
            infinite; files differ in their features; `out` is in the way.
    """
    table, out, columns = Path(table), Path(out), columns or Columns()
    refuse_existing(out)
    sources = table_sources(table, columns)
    if table.is_dir() and table.resolve() in out.resolve().parents:
        raise DatasetError(f"{out} lies inside {table}", "name a folder elsewhere")
    names = _feature_names(key, sources, columns)
    eras = {source.path: source.eras() for source in sources}
    labels = era_labels(_distinct(eras))
    seen, rows, done = SeenIds(), 0, 0
    with staged(out) as root:
        try:
            for source in sources:
                with EraParquet(root / f"{source.path.stem}.parquet") as file:
                    for era, frame in _frames(source, columns, key, names, labels):
                        if not seen.add(frame.index):
                            raise DatasetError(f"era {era}: two rows get one id", "use another key")
                        file.append(frame)
                        rows, done = rows + len(frame), done + 1
                        if progress is not None:
                            progress(done, len(labels), f"era {labels[era]}")
            _write_names(root, names, sources, columns, len(labels))
        except OSError as error:
            raise DatasetError(f"cannot write {out}: {error.strerror or error}") from error
        except pa.ArrowException as error:
            raise DatasetError(f"cannot write {out}: {str(error).splitlines()[0]}") from error
        publish(((root, out),))
    files = tuple(f"{source.path.stem}.parquet" for source in sources)
    return Obfuscated(out, files, len(labels), rows, len(names))


def table_sources(table: Path, columns: Columns) -> list[Source]:
    if table.is_dir():
        paths = sorted(path for path in table.iterdir() if path.suffix in SUFFIXES)
        if not paths:
            raise DatasetError(f"{table}: there is no .parquet or .csv file in this folder")
    else:
        paths = [table]
    stems = [path.stem for path in paths]
    for stem in stems:
        if stems.count(stem) > 1:
            raise DatasetError(f"{table}: two files are called {stem}", "leave one of them")
    return [open_source(path, columns.id, columns.era) for path in paths]


def _feature_names(key: Key, sources: list[Source], columns: Columns) -> dict[str, str]:
    first, *others = sources
    features = columns.features(first)
    if not features:
        raise DatasetError(f"{first.path}: there is no feature column")
    for name in (*columns.keep, *columns.drop):
        if not any(name in source.columns for source in sources):
            raise DatasetError(f"there is no column {name} to keep or drop")
    for other in others:
        different = set(features) ^ set(columns.features(other))
        if different:
            raise DatasetError(
                f"{first.path} and {other.path}: only one has the feature {min(different)}",
                "give all files the same features",
            )
    names = key.feature_names(features)
    if len(set(names.values())) != len(names):
        raise DatasetError("two features get one name", "use another key")
    return names


def _distinct(eras: dict[Path, tuple[str, ...]]) -> list[str]:
    found: dict[str, Path] = {}
    for path, names in eras.items():
        for era in names:
            if era in found:
                raise DatasetError(f"era {era} is in {found[era]} and in {path}")
            found[era] = path
    return list(found)


def _frames(
    source: Source, columns: Columns, key: Key, names: dict[str, str], labels: dict[str, str]
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Each era's name in the input and its obfuscated rows, ordered by their new ids."""
    targets, copied = columns.targets(source), columns.copied(source)
    for era, rows in source.blocks([source.id_column, *names, *targets], copied):
        ids = key.row_ids(era, source.ids(rows, era))
        order = np.argsort(np.array(ids))
        index = pd.Index(np.array(ids, dtype=object)[order], name="id")
        binned = quintiles(_numbers(source, rows, list(names), era, columns.missing))
        parts = [pd.DataFrame({ERA_COLUMN: labels[era]}, index)]
        if copied:
            parts.append(rows.select(copied).to_pandas().iloc[order].set_axis(index))
        parts.append(pd.DataFrame(binned[order], index, list(names.values())))
        if targets:
            returns = _numbers(source, rows, targets, era, missing=True).astype(np.float64)
            parts.append(pd.DataFrame(target_bins(returns)[order], index, targets))
        yield era, pd.concat(parts, axis=1)


def _numbers(source: Source, rows: pa.Table, names: list[str], era: str, missing: bool) -> Floats:
    """Columns as floats (rows, columns): float32 where all of them are, else float64."""
    kinds = [rows.schema.field(name).type for name in names]
    for name, kind in zip(names, kinds, strict=True):
        number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind)
        if not number:
            raise DatasetError(
                f"{source.path}: column {name} is {kind}, and no number",
                "leave it out (--drop), or copy it as it is (--keep)",
            )
    narrow = all(kind in _NARROW for kind in kinds)
    values: Floats = np.empty((len(rows), len(names)), np.float32 if narrow else np.float64)
    for position, name in enumerate(names):
        values[:, position] = rows.column(name).cast(pa.float64(), safe=False).to_numpy()
    wrong = np.isinf(values) if missing else ~np.isfinite(values)
    if wrong.any():
        position = int(np.flatnonzero(wrong.any(axis=0))[0])
        infinite = bool(np.isinf(values[:, position]).any())
        raise DatasetError(
            f"{source.path}: column {names[position]} has "
            f"{'an infinite' if infinite else 'a missing'} value in era {era}",
            "" if infinite else "fill it in, or allow it with --missing",
        )
    return values


def _write_names(
    root: Path, names: dict[str, str], sources: list[Source], columns: Columns, eras: int
) -> None:
    targets = {name: None for source in sources for name in columns.targets(source)}
    content = {"feature_sets": {"all": list(names.values())}, "targets": list(targets)}
    about = {
        "name": "obfuscated",
        "description": f"Obfuscated: {eras} eras, {len(names)} features in quintiles.",
    }
    for name, value in ((FEATURES_FILE, content), (ABOUT_FILE, about)):
        (root / name).write_text(json.dumps(value, indent=1) + "\n")
