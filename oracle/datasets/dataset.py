"""What a data set is: its files, its names, and the errors it can be refused with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from oracle.errors import InputError

SPLITS = ("train", "validation", "live")
ERA_COLUMN = "era"
MAIN_TARGET = "target"
META_MODEL_COLUMN = "numerai_meta_model"

FEATURES_FILE = "features.json"
ABOUT_FILE = "dataset.json"
META_MODEL_FILE = "meta_model.parquet"
LIVE_EXAMPLE_FILE = "live_example_preds.csv"
VALIDATION_EXAMPLE_FILE = "validation_example_preds.parquet"
LIVE_TARGETS_FILE = "live_targets.csv"

LAG_DAYS = 2
HORIZONS = (20, 60)
# Columns of the data sets made here, in the order in which builders give their returns.
TARGETS = tuple(f"target_{kind}_{h}" for h in HORIZONS for kind in ("residual", "raw", "scaled"))
PAID_TARGET = "target_residual_20"  # What the column `target` is an alias of.
# Weeks that a 60-day target, lag included, reaches into the future, rounded up.
EMBARGO_ERAS = 13

Progress = Callable[[int, int, str], None]
"""Called with (steps done, steps in all, what is being done)."""


class DatasetError(InputError):
    """The data cannot be built or read."""

    code = "bad_data"


@dataclass(frozen=True)
class Dataset:
    """A data set on disk.

    `live_ids` are in file order. `feature_sets` maps a set's name (small, medium, all) to feature
    columns. `targets` are the target columns, `target` (an alias of the paid one) first. `eras`
    maps each split that is present to its eras, in file order. `description` tells where the data
    come from.
    """

    root: Path
    name: str
    live_ids: tuple[str, ...]
    feature_sets: Mapping[str, tuple[str, ...]]
    targets: tuple[str, ...]
    eras: Mapping[str, tuple[str, ...]]
    description: str

    @property
    def features(self) -> tuple[str, ...]:
        """Every feature column, in file order."""
        return self.feature_sets["all"]


def split_file(split: str) -> str:
    """Name of the Parquet file of a split."""
    return f"{split}.parquet"


def benchmark_file(split: str) -> str:
    """Name of the Parquet file with the benchmark models' predictions for a split."""
    return f"{split}_benchmark_models.parquet"
