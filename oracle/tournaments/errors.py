"""The one error a bad submission can raise."""

from enum import StrEnum
from typing import Final


class ErrorCode(StrEnum):
    """Prefixes of a refusal, as Numerai documents them, and one for what is no table at all."""

    FILE = "invalid_submission_file"
    HEADERS = "invalid_submission_headers"
    IDS = "invalid_submission_ids"
    VALUES = "invalid_submission_values"


class SubmissionError(ValueError):
    """A refused submission: ``code: where: message``; ``where`` may be empty.

    The text depends on the file and the rules alone, never on the version of a library, since
    operators publish it and must agree on it. The cause, if any, is chained.
    """

    def __init__(self, code: ErrorCode, message: str, where: str = "") -> None:
        self.code = code
        self.message = message
        self.where = where
        super().__init__(": ".join(part for part in (code.value, where, message) if part))

    def __reduce__(self) -> tuple[type["SubmissionError"], tuple[ErrorCode, str, str]]:
        return SubmissionError, (self.code, self.message, self.where)


QUOTE_CHARS: Final = 48


def quoted(text: str) -> str:
    """``text`` as an ASCII literal, cut to a readable length."""
    return ascii(text if len(text) <= QUOTE_CHARS else text[:QUOTE_CHARS] + "...")


def some(items: list[str], most: int = 5) -> str:
    """The first ``most`` items, quoted, for a message."""
    return ", ".join(quoted(i) for i in items[:most]) + (", ..." if len(items) > most else "")
