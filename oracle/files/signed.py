"""Addresses of the server's own that are good for one file, for a while, without signing in."""

import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from oracle.errors import InputError, RefusedError
from oracle.files.names import require_key

PATH: Final = "/files/"
"""Where the server answers to these addresses; the file's key comes behind it."""

_SECRET_BYTES = 32


class AddressError(RefusedError):
    """The address was not made here, or not for this, or its time is over."""


@dataclass(frozen=True, slots=True)
class Download:
    """What an address to get a file from says."""

    key: str
    filename: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Upload:
    """What an address to put a file to says."""

    key: str
    most: int


class Signed:
    """Makes addresses under ``url`` and checks them, by a secret in a file of the server's alone.

    ``clock`` in seconds of the wall: what expires is not a matter of the chain.
    """

    def __init__(self, secret: bytes, url: str, clock: Callable[[], float] = time.time) -> None:
        if len(secret) < _SECRET_BYTES:
            raise InputError(f"the secret must have {_SECRET_BYTES} bytes")
        self._secret, self._url, self._clock = secret, url.rstrip("/"), clock

    def upload(self, key: str, *, most: int, seconds: int) -> str:
        """Where a file of at most ``most`` bytes may be put, for so long."""
        return self._address("PUT", key, seconds, most=str(most))

    def download(self, key: str, filename: str, *, seconds: int, sha256: bytes = b"") -> str:
        """Where the file may be got from, for so long, under this name."""
        return self._address("GET", key, seconds, name=filename, sha256=sha256.hex())

    def check_upload(self, key: str, query: dict[str, str]) -> Upload:
        """What the address of a request says. Raises ``AddressError``."""
        self._check("PUT", key, query, ("most",))
        return Upload(key, int(query["most"]))

    def check_download(self, key: str, query: dict[str, str]) -> Download:
        """What the address of a request says. Raises ``AddressError``."""
        self._check("GET", key, query, ("name", "sha256"))
        return Download(key, query["name"], query["sha256"])

    def _address(self, method: str, key: str, seconds: int, **said: str) -> str:
        ends = str(int(self._clock()) + seconds)
        signature = self._sign(method, require_key(key), ends, *said.values())
        query = urlencode({**said, "expires": ends, "signature": signature})
        return f"{self._url}{PATH}{key}?{query}"

    def _check(self, method: str, key: str, query: dict[str, str], names: tuple[str, ...]) -> None:
        if set(query) != {*names, "expires", "signature"}:
            raise AddressError("this is no address that the server made", "ask for a new one")
        ends = query["expires"]
        right = self._sign(method, key, ends, *(query[name] for name in names))
        if not hmac.compare_digest(right.encode(), query["signature"].encode()):
            raise AddressError("this address was changed, or is for something else")
        # Only now: of what is not signed nothing is told, and nothing is parsed.
        if self._clock() >= int(ends):
            raise AddressError("this address has expired", "ask for a new one")

    def _sign(self, *parts: str) -> str:
        # Lengths before the parts: no two lists of parts have one text.
        text = "".join(f"{len(part)}:{part}" for part in parts)
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()


def load_secret(path: Path) -> bytes:
    """The secret in a file, which is made for its owner alone where there is none.

    Raises ``InputError`` for a file that others may read, or with something else in it.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read_secret(path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None
    secret = secrets.token_bytes(_SECRET_BYTES)
    with os.fdopen(handle, "w") as file:
        file.write(secret.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    return secret


def _read_secret(path: Path) -> bytes:
    try:
        if path.stat().st_mode & 0o077:
            raise InputError(f"{path} can be read by others", f"chmod 600 {path}")
        secret = bytes.fromhex(path.read_text().strip())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        secret = b""
    if len(secret) != _SECRET_BYTES:
        raise InputError(
            f"{path} does not hold {_SECRET_BYTES} bytes in hex", "remove it: a new one is made"
        )
    return secret
