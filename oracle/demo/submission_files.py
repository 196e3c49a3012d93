"""Predictions as files that can be submitted."""

import io

import pandas as pd

from oracle.demo.models import PREDICTION


def to_csv_bytes(predictions: pd.Series) -> bytes:
    """A submission file `id,prediction`; each number as the shortest text that reads back equal."""
    return _submission(predictions).to_csv(index=False, lineterminator="\n").encode("ascii")


def to_parquet_bytes(predictions: pd.Series) -> bytes:
    """A submission file with the columns `id` and `prediction` (float64)."""
    buffer = io.BytesIO()
    _submission(predictions).to_parquet(buffer, index=False)
    return buffer.getvalue()


def _submission(predictions: pd.Series) -> pd.DataFrame:
    return pd.DataFrame({"id": predictions.index, PREDICTION: predictions.to_numpy()})
