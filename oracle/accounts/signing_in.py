"""Sign-in with Ethereum (EIP-4361): a message with a nonce of ours, signed by a wallet."""

import re
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from eth_account.messages import defunct_hash_message
from eth_keys.exceptions import BadSignature, ValidationError
from siwe import InvalidSignature, ISO8601Datetime, SiweMessage, VerificationError
from sqlalchemy import delete

from oracle.accounts.caller import SignInError
from oracle.errors import InputError
from oracle.records.schema.people import nonces
from oracle.store.database import Database

NONCE_SECONDS = 600
_LATE_SECONDS = 60
"""How far a wallet's clock may run ahead of this one."""
_MAX_MESSAGE = 1_000
"""Characters. Wallets' are half as long, and the parser's work grows with the square."""
_SIGNATURE = re.compile(r"0x(?:[0-9a-fA-F]{2}){1,2048}")
Contracts = Callable[[int, str, bytes, bytes], bool]
"""Whether the contract at an address of a chain takes a signature of a hash."""


@dataclass(frozen=True, slots=True)
class Site:
    """What a message must name: ``domain`` (host, and port where there is one), ``uri``, and one of
    the chains that are served."""

    domain: str
    uri: str
    chain_ids: Collection[int]


class SigningIn:
    """Gives out nonces, and says whose wallet signed a message with one."""

    def __init__(self, database: Database, site: Site, contracts: Contracts | None = None) -> None:
        """Without ``contracts`` wallets that are contracts cannot sign in."""
        self._database, self._site, self._contracts = database, site, contracts

    def nonce(self, now: int) -> str:
        """A new nonce, good for one sign-in within ten minutes."""
        nonce = secrets.token_hex(16)
        insert = self._database.insert(nonces).values(nonce=nonce, expires_at=now + NONCE_SECONDS)
        old = delete(nonces).where(nonces.c.expires_at <= now)
        with self._database.begin() as connection:
            connection.execute(old)
            connection.execute(insert)
        return nonce

    def wallet(self, message: str, signature: str, now: int) -> str:
        """The checksummed address that signed ``message``, whose nonce is used up by it.

        Raises ``InputError`` for what is no such message, ``SignInError`` where it does not hold.
        """
        shown = _parsed(message)
        self._require_ours(shown, now)
        if not _SIGNATURE.fullmatch(signature):
            raise InputError("the signature must be bytes in hex, 0x...")
        try:
            self._verify(shown, signature, now)
        except InvalidSignature:
            if not self._is_contracts(shown, signature):
                raise SignInError("the message does not hold: InvalidSignature") from None
        except VerificationError as error:
            raise SignInError(f"the message does not hold: {type(error).__name__}") from None
        self._use_up(shown.nonce, now)
        return str(shown.address)

    def _verify(self, shown: SiweMessage, signature: str, now: int) -> None:
        """Raises ``VerificationError``; for a signature of no key ``InvalidSignature``, once all
        else is found to hold."""
        try:
            shown.verify(signature, timestamp=datetime.fromtimestamp(now).astimezone())
        except (BadSignature, ValidationError, ValueError):
            raise InvalidSignature from None

    def _is_contracts(self, shown: SiweMessage, signature: str) -> bool:
        if self._contracts is None:
            return False
        digest = bytes(defunct_hash_message(text=shown.prepare_message()))
        raw = bytes.fromhex(signature[2:])
        return self._contracts(shown.chain_id, str(shown.address), digest, raw)

    def _require_ours(self, shown: SiweMessage, now: int) -> None:
        site = self._site
        wrong = [
            name
            for name, is_right in (
                ("domain", shown.domain == site.domain),
                ("URI", str(shown.uri).rstrip("/") == site.uri.rstrip("/")),
                ("chain id", shown.chain_id in site.chain_ids),
                ("issued-at time", _is_fresh(shown.issued_at, now)),
            )
            if not is_right
        ]
        if wrong:
            raise SignInError(
                f"the message has another {wrong[0]} than it must",
                f"sign in to {site.domain} with a new message",
            )

    def _use_up(self, nonce: str, now: int) -> None:
        """Deleting it is what makes it good for one sign-in, whoever else has the message."""
        one = delete(nonces).where(nonces.c.nonce == nonce, nonces.c.expires_at > now)
        with self._database.begin() as connection:
            used = connection.execute(one).rowcount
        if used != 1:
            raise SignInError("the nonce is not known, or was used, or is too old", "sign in anew")


def _parsed(message: str) -> SiweMessage:
    if len(message) > _MAX_MESSAGE:
        raise InputError(f"the message has more than {_MAX_MESSAGE} characters")
    try:
        return SiweMessage.from_message(message)
    except ValueError:
        raise InputError(
            "that is no EIP-4361 message", "GET /v1/sign-in shows what it must hold"
        ) from None


def _is_fresh(issued: ISO8601Datetime, now: int) -> bool:
    at: float = issued._datetime.timestamp()
    return now - NONCE_SECONDS <= at <= now + _LATE_SECONDS
