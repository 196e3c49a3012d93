"""Random secrets that are shown once and kept as hashes.

32 random bytes cannot be guessed, so a fast hash protects them as well as a slow one.
"""

import hashlib
import hmac
import secrets
import string

_ALPHABET = string.ascii_uppercase + string.digits
_PUBLIC_LENGTH = 32
_NO_HASH = bytes(32)


def new_secret() -> str:
    """43 characters that need no escaping anywhere."""
    return secrets.token_urlsafe(32)


def new_public_id() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_PUBLIC_LENGTH))


def is_public_id(text: str) -> bool:
    """Whether it has the form of one."""
    return len(text) == _PUBLIC_LENGTH and set(text) <= set(_ALPHABET)


def hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def is_secret(secret: str, kept: bytes | None) -> bool:
    """Whether ``kept`` is the hash of ``secret``; as long for None, the hash of nothing known."""
    is_same = hmac.compare_digest(hashed(secret), kept or _NO_HASH)
    return is_same and kept is not None
