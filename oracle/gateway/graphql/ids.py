"""How a round is named where clients give one by a single text."""

import re

from oracle.errors import InputError

_FORM = re.compile(r"(?:(\d{1,4})-)?(\d{1,9})")


def round_id(tournament: int, number: int) -> str:
    return f"{tournament}-{number}"


def round_of(text: str, tournament: int) -> tuple[int, int]:
    """Tournament and number of a round by its id, or by its number in ``tournament``.

    Raises ``InputError`` for what is neither.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise InputError(f"{text[:40]!r} is no round", "give its id or its number")
    named, number = found.groups()
    return (tournament if named is None else int(named)), int(number)
