"""Hypothesis strategies for rounds of signals."""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from scoring_strategies import STAKES, vectors

from oracle.scoring.limits import SCALE
from oracle.scoring.ranks import doubled_ranks


@dataclass(frozen=True)
class Signals:
    ranks: np.ndarray
    stakes: list[int]
    neutralizers: np.ndarray
    weights: np.ndarray
    target: np.ndarray


@st.composite
def signals(draw: st.DrawFn, max_models: int = 4, max_rows: int = 10) -> Signals:
    """Rounds of up to four signals; half of them with ties, the stakes up to 10^14 apart."""
    rows = draw(st.integers(3, max_rows))
    count = draw(st.integers(0, 3))
    predictions = draw(st.lists(vectors(rows), min_size=1, max_size=max_models))
    column = st.lists(st.integers(-SCALE // 3, SCALE // 3), min_size=rows, max_size=rows)
    columns = draw(st.lists(column, min_size=count, max_size=count))
    weights = draw(st.lists(st.integers(0, SCALE), min_size=rows, max_size=rows))
    return Signals(
        ranks=doubled_ranks(np.array(predictions)),
        stakes=[draw(st.integers(1, 2**48)), *(draw(STAKES) for _ in predictions[1:])],
        neutralizers=np.array(columns, np.int64).reshape(count, rows).T,
        weights=np.array(weights, np.int64),
        target=draw(st.one_of(vectors(rows), vectors(rows, -SCALE, SCALE))),
    )
