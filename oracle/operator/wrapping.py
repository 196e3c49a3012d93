"""Files on their way to an operator: encrypted to it, within bounds, or refused with the reason."""

from oracle.errors import InputError
from oracle.store.sealing import Identity, SealError, is_sealed, largest_sealed

MAX_BYTES = 8 * 2**20
"""Largest plain file that an operator takes."""

MAX_BODY = largest_sealed(MAX_BYTES)
"""Largest body of a request: such a file, encrypted."""


def opened(body: bytes, identity: Identity, allow_plaintext: bool = False) -> bytes:
    """The file in a request's body.

    Raises ``InputError`` where it is too large, not encrypted, or not to this operator.
    """
    if len(body) > MAX_BODY:
        raise InputError(f"the file is larger than {MAX_BYTES} bytes")
    if not is_sealed(body):
        if allow_plaintext:
            return _bounded(body)
        raise InputError(
            "the file is not encrypted (age, to this operator)",
            "encrypt it to the recipient in GET /card, as `assay submit` does",
        )
    try:
        return _bounded(identity.open(body))
    except SealError as error:
        raise InputError(
            f"the file {error}", "encrypt it anew to the recipient in GET /card"
        ) from None


def _bounded(raw: bytes) -> bytes:
    if len(raw) > MAX_BYTES:
        raise InputError(f"the file is larger than {MAX_BYTES} bytes")
    return raw
