"""Hypothesis strategies for rounds."""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from oracle.scoring.limits import SCALE

STAKES = st.integers(0, 2**48)


@dataclass(frozen=True)
class Round:
    predictions: np.ndarray
    target: np.ndarray
    stakes: list[int]


def vectors(rows: int, low: int = 0, high: int = SCALE) -> st.SearchStrategy[np.ndarray]:
    """Non-constant int64 vectors, half of them on a coarse grid and so full of ties."""
    step = (high - low) // 4
    coarse = st.integers(0, 4).map(lambda bucket: low + bucket * step)
    entries = [
        st.lists(entry, min_size=rows, max_size=rows) for entry in (coarse, st.integers(low, high))
    ]
    return (
        st.one_of(*entries)
        .filter(lambda row: min(row) < max(row))
        .map(lambda row: np.array(row, np.int64))
    )


@st.composite
def rounds(draw: st.DrawFn, max_models: int = 5, max_rows: int = 16) -> Round:
    """Rounds of at least one model; the first model has stake."""
    rows = draw(st.integers(3, max_rows))
    count = draw(st.integers(1, max_models))
    predictions = np.array([draw(vectors(rows)) for _ in range(count)])
    target = draw(st.one_of(vectors(rows), vectors(rows, -SCALE, 2 * SCALE)))
    stakes = [draw(st.integers(1, 2**48))] + [draw(STAKES) for _ in range(count - 1)]
    return Round(predictions, target, stakes)
