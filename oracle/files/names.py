"""Names that people give to files. Nothing is ever stored under one of them."""

import re
import secrets
from typing import Final

from oracle.errors import InputError

LONGEST: Final = 128
_SAFE = re.compile(r"[A-Za-z0-9._-]{1,128}")
_UNUSUAL = re.compile(r"[^A-Za-z0-9._-]")
_KEY = re.compile(r"[a-z0-9][a-z0-9-]*(/[a-z0-9][a-z0-9-]*)*")


def clean(name: str) -> str:
    """A file's name with ``_`` for everything unusual in it.

    Raises ``InputError`` for what is not the name of a file: with a folder in it, hidden, empty,
    too long, or with characters that cannot be printed.
    """
    if not name or len(name) > LONGEST:
        raise InputError(f"a file's name must have 1 to {LONGEST} characters")
    if any(mark in name for mark in "/\\:") or not name.isprintable():
        raise InputError(
            f"{name[:40]!a} is not the name of a file", "send the name without its folders"
        )
    if name.startswith("."):
        raise InputError(f"{name[:40]!a} is hidden: a file's name must not begin with a dot")
    cleaned = _UNUSUAL.sub("_", name)
    assert _SAFE.fullmatch(cleaned)
    return cleaned


def unique(name: str) -> str:
    """A clean name that nobody has: a few random characters before its ending."""
    stem, dot, ending = clean(name).rpartition(".")
    if not dot:
        stem, ending = ending, ""
    return f"{stem}-{secrets.token_hex(8)}{dot}{ending}"


def require_key(key: str) -> str:
    """A place in the store. Keys are made here, never taken from anybody: anything else is a bug,
    and does not get outside the store."""
    if len(key) > 160 or not _KEY.fullmatch(key):
        raise ValueError(f"{key[:40]!a} is not a key")
    return key
