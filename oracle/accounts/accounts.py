"""Everything about who makes a request, in one place."""

import time
from collections.abc import Callable, Collection, Mapping

from oracle.accounts.caller import ALL, NOBODY, Account, Caller, SignInError
from oracle.accounts.people import People
from oracle.accounts.rates import DEFAULT_RATES, Rates
from oracle.accounts.sessions import Session, Sessions
from oracle.accounts.signing_in import Contracts, SigningIn, Site
from oracle.accounts.tokens import NewToken, Token, Tokens
from oracle.store.database import Database


class Accounts:
    """``clock`` gives seconds since 1970: of this machine, for a chain's may be moved.

    Every method may be called from any thread; ``where`` is the address that a request came from.
    """

    def __init__(
        self,
        database: Database,
        site: Site,
        rates: Mapping[str, str] = DEFAULT_RATES,
        clock: Callable[[], float] = time.time,
        contracts: Contracts | None = None,
    ) -> None:
        self.people, self.rates = People(database), Rates(rates)
        self._signing_in, self._clock = SigningIn(database, site, contracts), clock
        self._tokens, self._sessions = Tokens(database), Sessions(database)

    # ------------------------------------------------------------------ signing in

    def nonce(self, where: str) -> str:
        """For one sign-in."""
        self.rates.count("sign_in", where)
        return self._signing_in.nonce(self._now())

    def sign_in(self, message: str, signature: str, where: str) -> Session:
        """A session for the wallet that signed; its account is made if it is new."""
        self.rates.count("sign_in", where)
        address = self._signing_in.wallet(message, signature, self._now())
        account = self.people.met(address, self._now())
        return self._sessions.begin(account.id, self._now())

    def sign_out(self, secret: str) -> None:
        self._sessions.end(secret)

    # ------------------------------------------------------------------ requests

    def authenticate(self, authorization: str | None, where: str) -> Caller:
        """Who shows ``authorization``: ``Token PUBLIC$SECRET`` or ``Bearer SESSION``; nobody
        without one.

        Raises ``SignInError`` for one that does not hold, ``TooManyError`` after many of those.
        """
        if not authorization:
            return NOBODY
        self.rates.require("refused", where)
        kind, _, rest = authorization.partition(" ")
        caller = None
        if kind == "Token":
            caller = self._by_token(rest.strip())
        elif kind == "Bearer":
            caller = self._by_session(rest.strip())
        if caller is None:
            self.rates.count("refused", where)
            raise SignInError("Invalid API credentials", "make a new token, or sign in again")
        return caller

    def _by_token(self, shown: str) -> Caller | None:
        public_id, _, secret = shown.partition("$")
        token = self._tokens.check(public_id, secret, self._now())
        account = None if token is None else self.people.by_id(token.account)
        if token is None or account is None:
            return None
        return Caller(account, token.scopes, token.public_id)

    def _by_session(self, secret: str) -> Caller | None:
        found = self._sessions.account(secret, self._now())
        account = None if found is None else self.people.by_id(found)
        return None if account is None else Caller(account, ALL)

    # ------------------------------------------------------------------ tokens

    def create_token(
        self, account: Account, name: str, scopes: Collection[str], expires_at: int | None = None
    ) -> NewToken:
        return self._tokens.create(account.id, name, scopes, self._now(), expires_at)

    def tokens(self, account: Account) -> list[Token]:
        return self._tokens.of(account.id)

    def revoke_token(self, account: Account, public_id: str) -> None:
        self._tokens.revoke(account.id, public_id, self._now())

    def _now(self) -> int:
        return int(self._clock())
