"""What a tournament accepts as a submission, and the scores it pays on."""

from dataclasses import dataclass
from typing import Final

from oracle.settlement.payout import SCORE_KINDS

MEBIBYTE: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionRules:
    """Rules for one tournament's submissions (docs/submissions.md).

    ``id_columns`` and ``prediction_columns`` are the accepted header names, exactly as spelled.
    ``need_all_ids``: every live id must be there; ``min_ids``: fewest live ids otherwise.
    ``scores``: names of the three kinds it pays on, in the order of the score words; ``NONE`` for
    an unused place.
    ``max_bytes`` bounds the file, and what a Parquet file may decompress to; ``max_rows`` its
    rows, live or not; ``max_field_bytes`` one id or value.
    """

    number: int
    name: str
    id_columns: tuple[str, ...]
    prediction_columns: tuple[str, ...]
    scores: tuple[str, str, str]
    need_all_ids: bool
    min_ids: int
    max_bytes: int = 64 * MEBIBYTE
    max_rows: int = 200_000
    max_field_bytes: int = 256

    def __post_init__(self) -> None:
        if not self.id_columns or not self.prediction_columns:
            raise ValueError("rules need at least one id column and one prediction column")
        if set(self.id_columns) & set(self.prediction_columns):
            raise ValueError("a column name cannot be both an id and a prediction")
        if unknown := set(self.scores) - set(SCORE_KINDS):
            raise ValueError(f"unknown score kinds {sorted(unknown)}")
        if self.min_ids < 1:
            raise ValueError("min_ids must be at least 1")
        if min(self.max_bytes, self.max_rows, self.max_field_bytes) < 1:
            raise ValueError("limits must be positive")
