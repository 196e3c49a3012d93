"""Encryption of files at rest and on the wire: age, X25519 recipients.

What is sealed to several recipients can be opened by each of them. Sealing the same bytes twice
gives different bytes, so a sealed file is never hashed into anything operators agree on.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyrage
from pyrage import x25519

from oracle.errors import InputError

MAX_RECIPIENTS = 64
MAX_HEADER = 8192
"""Bytes before the encrypted part, which hold a stanza for each recipient. The library's time to
read them grows with their square."""

_MAGIC = b"age-encryption.org/"
_CHUNK, _CHUNK_TAG, _NONCE = 65536, 16, 16


class SealError(ValueError):
    """The bytes are not sealed, are damaged, or are sealed to others."""


@dataclass(frozen=True)
class Identity:
    """Whoever holds this opens what was sealed to its ``recipient``. Never printed."""

    _secret: str

    def __repr__(self) -> str:
        return f"Identity({self.recipient})"

    @classmethod
    def new(cls) -> "Identity":
        return cls(str(x25519.Identity.generate()))

    @classmethod
    def load(cls, path: Path) -> "Identity":
        """The identity in a file as age writes it: comments, and one AGE-SECRET-KEY line."""
        try:
            lines = [line.strip() for line in path.read_text().splitlines()]
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise InputError(f"{path} is not a text file") from None
        secrets = [line for line in lines if line and not line.startswith("#")]
        try:
            [secret] = secrets
            x25519.Identity.from_str(secret)
        except (ValueError, pyrage.IdentityError):
            raise InputError(
                f"{path} does not hold one age identity", "make one: assay operator init"
            ) from None
        return cls(secret)

    def save(self, path: Path) -> None:
        """A new file, readable by its owner only."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"# recipient: {self.recipient}\n{self._secret}\n")

    @cached_property
    def recipient(self) -> str:
        """What others seal to; public."""
        return str(x25519.Identity.from_str(self._secret).to_public())

    def open(self, sealed: bytes) -> bytes:
        """The plain bytes; memory is bounded by ``len(sealed)``, as age compresses nothing."""
        if not is_sealed(sealed):
            raise SealError("not encrypted with age")
        if sealed.find(b"\n--- ", 0, MAX_HEADER) < 0:
            raise SealError("cannot be opened: damaged, or sealed to too many")
        try:
            return pyrage.decrypt(sealed, [x25519.Identity.from_str(self._secret)])
        except pyrage.DecryptError:
            raise SealError("cannot be opened: damaged, or sealed to others") from None


def is_recipient(text: str) -> bool:
    """Whether ``text`` is an age recipient, ``age1...``."""
    try:
        x25519.Recipient.from_str(text)
    except pyrage.RecipientError:
        return False
    return True


def is_sealed(raw: bytes) -> bool:
    """Whether ``raw`` begins like an age file, a binary one."""
    return raw.startswith(_MAGIC)


def largest_sealed(size: int) -> int:
    """Bytes that ``size`` plain bytes have at most when they are sealed."""
    return size + MAX_HEADER + _NONCE + _CHUNK_TAG * (size // _CHUNK + 1)


def seal(raw: bytes, recipients: Iterable[str]) -> bytes:
    """``raw`` for whoever holds one of the ``recipients``' identities, each counted once."""
    known = [x25519.Recipient.from_str(text) for text in sorted(set(recipients))]
    if not known:
        raise ValueError("sealed to nobody, it would be lost")
    if len(known) > MAX_RECIPIENTS:
        raise ValueError(f"sealed to {len(known)}, more than {MAX_RECIPIENTS}")
    return pyrage.encrypt(raw, known)
