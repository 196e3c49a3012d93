"""API tokens: a public id and a secret, shown once, with scopes; revocable."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, or_, select, update

from oracle.accounts.caller import Scope
from oracle.accounts.secrets import hashed, is_public_id, is_secret, new_public_id, new_secret
from oracle.errors import InputError, RefusedError
from oracle.records.schema.people import tokens
from oracle.store.database import Database

MAX_TOKENS = 50
_LONGEST_NAME = 64
_USE_SECONDS = 60
"""The time of use is written no more often."""


@dataclass(frozen=True, slots=True)
class Token:
    """An API token without its secret; times in seconds."""

    public_id: str
    account: str
    name: str
    scopes: frozenset[Scope]
    created_at: int
    used_at: int | None
    expires_at: int | None
    revoked_at: int | None

    def is_live(self, now: int) -> bool:
        is_over = self.expires_at is not None and now >= self.expires_at
        return self.revoked_at is None and not is_over


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token as it is shown, once."""

    token: Token
    secret: str


class Tokens:
    """All accounts' tokens."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        account: str,
        name: str,
        scopes: Collection[str],
        now: int,
        expires_at: int | None = None,
    ) -> NewToken:
        """Raises ``InputError`` for an unknown scope, none, or an expiry that is over."""
        unknown = [scope for scope in scopes if scope not in set(Scope)]
        if unknown or not scopes:
            wrong = f"there is no scope {unknown[0]!r}" if unknown else "a token needs a scope"
            raise InputError(wrong, f"scopes are {', '.join(Scope)}")
        if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
            raise InputError("a token's name has 1 to 64 printable characters")
        if expires_at is not None and expires_at <= now:
            raise InputError("the token would be over before it begins")
        if len([one for one in self.of(account) if one.is_live(now)]) >= MAX_TOKENS:
            raise RefusedError(f"the account has {MAX_TOKENS} tokens", "revoke one first")
        secret = new_secret()
        given = frozenset(Scope(scope) for scope in scopes)
        token = Token(new_public_id(), account, name, given, now, None, expires_at, None)
        row = {
            "public_id": token.public_id,
            "account": account,
            "name": name,
            "scopes": " ".join(sorted(given)),
            "secret_hash": hashed(secret),
            "created_at": now,
            "expires_at": expires_at,
        }
        with self._database.begin() as connection:
            connection.execute(self._database.insert(tokens).values(row))
        return NewToken(token, secret)

    def of(self, account: str) -> list[Token]:
        """All tokens of an account, revoked ones too, the newest first."""
        query = select(tokens).where(tokens.c.account == account)
        query = query.order_by(tokens.c.created_at.desc(), tokens.c.public_id)
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return [_token(row) for row in rows]

    def check(self, public_id: str, secret: str, now: int) -> Token | None:
        """The live token with that secret, or None; takes as long for an unknown one."""
        if not is_public_id(public_id):
            return None
        query = select(tokens).where(tokens.c.public_id == public_id)
        row = self._database.read(lambda connection: connection.execute(query).first())
        kept = None if row is None else bytes(row.secret_hash)
        if not is_secret(secret, kept) or row is None:
            return None
        token = _token(row)
        if not token.is_live(now):
            return None
        if token.used_at is None or now >= token.used_at + _USE_SECONDS:
            self._used(public_id, now)
        return token

    def revoke(self, account: str, public_id: str, now: int) -> None:
        """Ends a token for good. Raises ``InputError`` for one that the account does not have."""
        is_it = (tokens.c.public_id == public_id, tokens.c.account == account)
        with self._database.begin() as connection:
            found = connection.execute(select(tokens.c.revoked_at).where(*is_it)).first()
            if found is None:
                raise InputError("the account has no such token")
            if found.revoked_at is None:
                connection.execute(update(tokens).where(*is_it).values(revoked_at=now))

    def _used(self, public_id: str, now: int) -> None:
        is_old = or_(tokens.c.used_at.is_(None), tokens.c.used_at <= now - _USE_SECONDS)
        change = update(tokens).where(tokens.c.public_id == public_id, is_old)
        self._database.run(lambda connection: connection.execute(change.values(used_at=now)))


def _token(row: Row[Any]) -> Token:
    scopes = frozenset(Scope(scope) for scope in row.scopes.split())
    return Token(
        row.public_id,
        row.account,
        row.name,
        scopes,
        row.created_at,
        row.used_at,
        row.expires_at,
        row.revoked_at,
    )
