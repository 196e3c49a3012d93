"""Sessions of people who signed in, for a browser or a command line."""

from dataclasses import dataclass

from sqlalchemy import delete, select

from oracle.accounts.secrets import hashed, new_secret
from oracle.records.schema.people import sessions
from oracle.store.database import Database

SESSION_SECONDS = 7 * 86_400


@dataclass(frozen=True, slots=True)
class Session:
    """``secret`` is shown once."""

    secret: str
    account: str
    expires_at: int


class Sessions:
    """All accounts' sessions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, account: str, now: int) -> Session:
        session = Session(new_secret(), account, now + SESSION_SECONDS)
        row = {
            "secret_hash": hashed(session.secret),
            "account": account,
            "created_at": now,
            "expires_at": session.expires_at,
        }
        with self._database.begin() as connection:
            connection.execute(delete(sessions).where(sessions.c.expires_at <= now))
            connection.execute(self._database.insert(sessions).values(row))
        return session

    def account(self, secret: str, now: int) -> str | None:
        """Whose session it is, None for none that goes on. Looked up by the secret's hash, of which
        no time that this takes tells anything."""
        query = select(sessions.c.account).where(
            sessions.c.secret_hash == hashed(secret), sessions.c.expires_at > now
        )
        return self._database.read(
            lambda connection: connection.execute(query).scalar_one_or_none()
        )

    def end(self, secret: str) -> None:
        one = delete(sessions).where(sessions.c.secret_hash == hashed(secret))
        self._database.run(lambda connection: connection.execute(one))

    def end_all(self, account: str) -> None:
        """Signs the account out everywhere; its tokens stay."""
        every = delete(sessions).where(sessions.c.account == account)
        self._database.run(lambda connection: connection.execute(every))
