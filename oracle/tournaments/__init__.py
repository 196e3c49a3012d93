"""Universe, data format, submission rules and score set of each tournament."""

from types import MappingProxyType

from oracle.tournaments import classic, crypto, signals
from oracle.tournaments.rules import SubmissionRules

BY_NUMBER = MappingProxyType({r.number: r for r in (classic.RULES, signals.RULES, crypto.RULES)})


def by_number(number: int) -> SubmissionRules:
    """Rules of tournament ``number`` (8 classic, 11 signals, 12 crypto).

    Raises ``ValueError`` naming the known tournaments.
    """
    try:
        return BY_NUMBER[number]
    except KeyError:
        known = ", ".join(f"{r.number} ({r.name})" for r in BY_NUMBER.values())
        raise ValueError(f"no tournament {number}; known tournaments: {known}") from None
