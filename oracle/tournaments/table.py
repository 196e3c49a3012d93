"""The two columns of a submission, whatever file they came from."""

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from oracle.tournaments.errors import ErrorCode, SubmissionError, quoted, some
from oracle.tournaments.rules import SubmissionRules

Format = Literal["csv", "parquet"]


class Table(Protocol):
    """An id and a prediction for each row; predictions stay unread until asked for."""

    format: Format
    id_column: str
    """Name of the id column, as in the file."""

    @property
    def ids(self) -> Sequence[str]:
        """Id of each row, never empty."""
        ...

    def integers(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Predictions of ``rows`` (row indices) as int64 at 10^-9, in that order.

        Raises ``SubmissionError`` for the first of ``rows`` that holds no number in [0, 1].
        """
        ...

    def where(self, row: int) -> str:
        """Place of a row as a person would look for it in the file."""
        ...


def header_error(found: Sequence[str], rules: SubmissionRules, hint: str = "") -> SubmissionError:
    """Refusal of the columns ``found``."""
    wanted = f"one of {list(rules.id_columns)} and one of {list(rules.prediction_columns)}"
    text = f"the columns must be {wanted}, in this order"
    text += f"; found {some(list(found))}" if found else ""
    return SubmissionError(ErrorCode.HEADERS, f"{text}. {hint}" if hint else text)


def value_error(text: str, column: str, reason: str, where: str) -> SubmissionError:
    """Refusal of one prediction."""
    shown = f"{column} {quoted(text)}" if text else column
    return SubmissionError(ErrorCode.VALUES, f"{shown} {reason}", where)


def empty_id_error(column: str, where: str) -> SubmissionError:
    """Refusal of a row without an id."""
    return SubmissionError(ErrorCode.IDS, f"{column} is empty", where)
