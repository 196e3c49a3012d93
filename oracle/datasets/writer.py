"""Writes a data set era by era: one Parquet row group an era, whole directories or nothing."""

import json
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from oracle.datasets.benchmarks import LinearBenchmarks
from oracle.datasets.binning import unit_ranks
from oracle.datasets.dataset import (
    ABOUT_FILE,
    ERA_COLUMN,
    FEATURES_FILE,
    HORIZONS,
    LIVE_EXAMPLE_FILE,
    LIVE_TARGETS_FILE,
    MAIN_TARGET,
    META_MODEL_COLUMN,
    META_MODEL_FILE,
    PAID_TARGET,
    SPLITS,
    TARGETS,
    VALIDATION_EXAMPLE_FILE,
    Dataset,
    DatasetError,
    Progress,
    benchmark_file,
    split_file,
)
from oracle.datasets.parquet import EraParquet, SeenIds
from oracle.datasets.staging import publish, refuse_existing, staged
from oracle.tournaments.decimals import floats_to_integers
from oracle.tournaments.universe import targets_bytes

# The first is also the example model.
_BENCHMARKS = {
    f"benchmark_ridge_{horizon}": TARGETS.index(f"target_residual_{horizon}")
    for horizon in HORIZONS
}
_PAID_COLUMN = TARGETS.index(PAID_TARGET)
_TARGET_COLUMNS = (MAIN_TARGET, *TARGETS)


@dataclass(frozen=True)
class Layout:
    """What a builder decides before the first era."""

    name: str
    description: str
    feature_sets: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class EraBlock:
    """One era: ids (n), features int8 (n, features), targets float32 (n, `TARGETS`)."""

    split: str
    era: str
    ids: list[str]
    features: NDArray[np.int8]
    targets: NDArray[np.float32]

    def sorted_by_id(self) -> "EraBlock":
        """The same rows in the order of their ids, so that a position tells nothing."""
        order = sorted(range(len(self.ids)), key=self.ids.__getitem__)
        ids = [self.ids[row] for row in order]
        return EraBlock(self.split, self.era, ids, self.features[order], self.targets[order])


class _Writer:
    """Sends each era to the files that hold something of it."""

    def __init__(self, root: Path, secret: Path, layout: Layout, stack: ExitStack) -> None:
        self._root = root
        self._secret = secret
        self._layout = layout
        self._stack = stack
        self._files: dict[str, EraParquet] = {}
        self._benchmarks = LinearBenchmarks(len(layout.feature_sets["all"]), _BENCHMARKS)
        self._seen_ids = SeenIds()
        self.eras: dict[str, list[str]] = {split: [] for split in SPLITS}
        self.live_ids: tuple[str, ...] = ()

    def add(self, block: EraBlock) -> None:
        block = block.sorted_by_id()
        self._check(block)
        if block.split != "train" and not (self.eras["validation"] or self.eras["live"]):
            self._benchmarks.fit()
        if not self.eras[block.split]:
            for file in self._files.values():
                file.flush()  # What waits of the split before need not wait longer.
        self._append(split_file(block.split), self._rows(block))
        self.eras[block.split].append(block.era)
        if block.split == "train":
            self._benchmarks.observe(block.features, block.targets)
        else:
            self._add_predictions(block)
        if block.split == "live":
            self.live_ids = tuple(block.ids)
            self._write_resolution(block)

    def _check(self, block: EraBlock) -> None:
        if not self._seen_ids.add(block.ids):
            raise DatasetError(f"era {block.era}: an id occurs twice", "build with another seed")

    def _append(self, name: str, frame: pd.DataFrame) -> None:
        if name not in self._files:
            self._files[name] = self._stack.enter_context(EraParquet(self._root / name))
        self._files[name].append(frame)

    def _rows(self, block: EraBlock) -> pd.DataFrame:
        targets = block.targets
        if block.split == "live":
            targets = np.full_like(targets, np.nan)
        paid = targets[:, [_PAID_COLUMN]]
        index = pd.Index(block.ids, name="id")
        return pd.concat(
            [
                self._era_columns(block),
                pd.DataFrame(block.features, index, self._layout.feature_sets["all"]),
                pd.DataFrame(np.hstack([paid, targets]), index, _TARGET_COLUMNS),
            ],
            axis=1,
        )

    @staticmethod
    def _era_columns(block: EraBlock) -> pd.DataFrame:
        index = pd.Index(block.ids, name="id")
        return pd.DataFrame({ERA_COLUMN: block.era, "data_type": block.split}, index)

    def _add_predictions(self, block: EraBlock) -> None:
        values = self._benchmarks.predict(block.features)
        frame = pd.DataFrame(values, pd.Index(block.ids, name="id"), self._benchmarks.names)
        eras = self._era_columns(block)
        self._append(benchmark_file(block.split), pd.concat([eras[[ERA_COLUMN]], frame], axis=1))
        example = frame.iloc[:, [0]].set_axis(["prediction"], axis=1)
        if block.split == "live":
            example.to_csv(self._root / LIVE_EXAMPLE_FILE, lineterminator="\n")
            return
        self._append(VALIDATION_EXAMPLE_FILE, example)
        meta = pd.DataFrame({META_MODEL_COLUMN: unit_ranks(values.mean(axis=1))}, frame.index)
        self._append(META_MODEL_FILE, pd.concat([eras, meta], axis=1))

    def _write_resolution(self, block: EraBlock) -> None:
        targets = floats_to_integers(block.targets[:, _PAID_COLUMN].astype(np.float64))
        (self._secret / LIVE_TARGETS_FILE).write_bytes(targets_bytes(block.ids, targets))

    def write_names(self) -> None:
        names = {
            "feature_sets": {k: list(v) for k, v in self._layout.feature_sets.items()},
            "targets": list(_TARGET_COLUMNS),
        }
        about = {"name": self._layout.name, "description": self._layout.description}
        for name, content in ((FEATURES_FILE, names), (ABOUT_FILE, about)):
            (self._root / name).write_text(json.dumps(content, indent=1) + "\n")


def _refuse_bad_places(out: Path, resolution: Path) -> None:
    a, b = out.resolve(), resolution.resolve()
    if a == b or a in b.parents or b in a.parents:
        raise DatasetError(
            f"{resolution}: the live targets are secret until resolution",
            f"give them a directory that neither holds nor lies inside {out}",
        )
    for path in (out, resolution):
        refuse_existing(path)


def write_dataset(
    out: Path,
    resolution: Path,
    layout: Layout,
    blocks: Iterable[EraBlock],
    *,
    total: int,
    progress: Progress | None = None,
) -> Dataset:
    """Write `blocks` (train eras, then validation eras, then one live era) as a data set.

    `total` is the number of blocks, for `progress`. Both directories appear by rename when all is
    written. Memory holds one era, the ids, and a features x features matrix.

    Raises:
        DatasetError: a directory is in the way, nested in the other or not writable; an id occurs
            twice.
    """
    out, resolution = Path(out), Path(resolution)
    _refuse_bad_places(out, resolution)
    with staged(out) as root, staged(resolution) as secret:
        try:
            with ExitStack() as stack:
                writer = _Writer(root, secret, layout, stack)
                for done, block in enumerate(blocks, start=1):
                    writer.add(block)
                    if progress is not None:
                        progress(done, total, f"{block.split} era {block.era}")
                writer.write_names()
        except OSError as error:
            raise DatasetError(f"cannot write {out}: {error.strerror or error}") from error
        publish(((secret, resolution), (root, out)))
    return Dataset(
        root=out,
        name=layout.name,
        live_ids=writer.live_ids,
        feature_sets=dict(layout.feature_sets),
        targets=_TARGET_COLUMNS,
        eras={split: tuple(eras) for split, eras in writer.eras.items()},
        description=layout.description,
    )
