"""Further rounds' rows: eras of the validation split, which no model was trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from oracle.datasets.dataset import ERA_COLUMN, MAIN_TARGET, DatasetError
from oracle.datasets.files import read_split
from oracle.demo.models import Recipe, TrainedModel, Workshop, predict_past
from oracle.scoring.limits import SCALE

VALIDATION = "validation"


@dataclass(frozen=True)
class Past:
    """An era that is played: ``rows`` with features, ``targets`` int64 at 10^-9 beside them."""

    era: str
    rows: pd.DataFrame
    targets: NDArray[np.int64]

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(self.rows.index)

    def write_live(self, path: Path) -> None:
        """The rows as people get them before the close: without targets."""
        self.rows.to_parquet(path)


@dataclass(frozen=True)
class Forecasts:
    """Trained models; ``shop`` and ``planned`` are ``train_workshop``'s."""

    shop: Workshop
    planned: Sequence[Recipe]

    def eras(self, count: int) -> list[Past]:
        """The last ``count`` eras of which every target is known, oldest first.

        Raises ``DatasetError`` where there are fewer.
        """
        if not count:
            return []
        dataset = self.shop.dataset
        root, wanted = dataset.root, dataset.eras.get(VALIDATION, ())
        known = read_split(root, VALIDATION, [ERA_COLUMN, MAIN_TARGET])
        complete = known[MAIN_TARGET].notna().groupby(known[ERA_COLUMN]).all()
        eras = [era for era in wanted if complete[era]]
        if len(eras) < count:
            raise DatasetError(
                f"{root}: {count} more rounds need as many validation eras with targets, "
                f"there are {len(eras)}",
                f"play at most {len(eras) + 1} rounds",
            )
        return [self._past(era) for era in eras[len(eras) - count :]]

    def of(self, past: Past) -> list[TrainedModel]:
        """Every model's predictions of the era."""
        return predict_past(self.shop, self.planned, past.rows)

    def _past(self, era: str) -> Past:
        root, features = self.shop.dataset.root, list(self.shop.dataset.features)
        frame = read_split(root, VALIDATION, [ERA_COLUMN, *features, MAIN_TARGET], [era])
        targets = np.rint(frame[MAIN_TARGET].to_numpy(np.float64) * SCALE).astype(np.int64)
        return Past(era, frame.drop(columns=MAIN_TARGET), targets)
