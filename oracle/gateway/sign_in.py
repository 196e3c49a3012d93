"""Routes of people: signing in, their account, their tokens."""

from typing import Annotated

from fastapi import APIRouter, Header, Request
from pydantic import BaseModel, Field

from oracle.accounts.caller import Account, Caller, Scope, SignInError
from oracle.accounts.tokens import Token
from oracle.gateway.forms import iso
from oracle.gateway.rest.common import ERRORS
from oracle.gateway.services import Outside, Services, where_from


class SignInTerms(BaseModel):
    """What an EIP-4361 message must hold."""

    domain: str
    uri: str
    chain_ids: list[int]
    nonce: str


class SignedMessage(BaseModel):
    message: str = Field(max_length=4096)
    signature: str = Field(max_length=4_098)


class SessionShown(BaseModel):
    """``session`` is shown once: send it as ``Authorization: Bearer <session>``."""

    session: str
    expires_at: str | None


class AccountShown(BaseModel):
    id: str
    address: str
    username: str | None
    inserted_at: str | None


class Rename(BaseModel):
    username: str = Field(max_length=64)


class TokenWish(BaseModel):
    """``expires_at`` in seconds since 1970, or never."""

    name: str = Field(max_length=200)
    scopes: list[str] = Field(max_length=32)
    expires_at: int | None = Field(default=None, ge=0, lt=2**37)


class TokenShown(BaseModel):
    public_id: str
    name: str
    scopes: list[Scope]
    created_at: str | None
    used_at: str | None
    expires_at: str | None
    revoked_at: str | None


class NewTokenShown(TokenShown):
    """``secret`` is shown once; numerapi takes it as its secret key."""

    secret: str


def router(services: Services) -> APIRouter:
    """Routes below ``/v1``."""
    routes, accounts, call = (
        APIRouter(prefix="/v1", tags=["account"], responses=ERRORS),
        services.accounts,
        services.call,
    )

    @routes.get("/sign-in")
    async def terms(request: Request) -> SignInTerms:
        """What to sign; its nonce is good for one sign-in within ten minutes."""
        nonce = await call(accounts.nonce, where_from(request))
        config = services.config
        chains = sorted({one.chain_id for one in config.tournaments})
        return SignInTerms(domain=config.domain, uri=config.url, chain_ids=chains, nonce=nonce)

    @routes.post("/sign-in", status_code=201)
    async def sign_in(request: Request, signed: SignedMessage) -> SessionShown:
        """A session for the wallet that signed the message."""
        where = where_from(request)
        shown = (signed.message, signed.signature, where)
        session = await services.outside(Outside.ASKING, accounts.sign_in, *shown)
        return SessionShown(session=session.secret, expires_at=iso(session.expires_at))

    @routes.delete("/sign-in", status_code=204)
    async def sign_out(authorization: Annotated[str, Header()] = "") -> None:
        """Ends the session that is shown."""
        kind, _, secret = authorization.partition(" ")
        if kind == "Bearer":
            await call(accounts.sign_out, secret.strip())

    @routes.get("/account")
    async def account(request: Request) -> AccountShown:
        caller = await services.caller(request)
        return _account(caller.require(Scope.READ_USER_INFO))

    @routes.patch("/account")
    async def rename(request: Request, wish: Rename) -> AccountShown:
        caller = await services.caller(request)
        mine = caller.require(Scope.EDIT_PROFILE)
        await call(accounts.people.rename, mine.id, wish.username)
        found = await call(accounts.people.by_id, mine.id)
        return _account(found or mine)

    @routes.get("/tokens")
    async def tokens(request: Request) -> list[TokenShown]:
        mine = _in_person(await services.caller(request))
        return [_token(token) for token in await call(accounts.tokens, mine)]

    @routes.post("/tokens", status_code=201)
    async def create(request: Request, wish: TokenWish) -> NewTokenShown:
        """A new token; its secret is shown this once."""
        mine = _in_person(await services.caller(request))
        made = await call(accounts.create_token, mine, wish.name, wish.scopes, wish.expires_at)
        return NewTokenShown(**_token(made.token).model_dump(), secret=made.secret)

    @routes.delete("/tokens/{public_id}", status_code=204)
    async def revoke(request: Request, public_id: str) -> None:
        mine = _in_person(await services.caller(request))
        await call(accounts.revoke_token, mine, public_id)

    return routes


def _in_person(caller: Caller) -> Account:
    """Tokens are made and seen by who signed in with the wallet: a token must not make one with
    more scopes than it has."""
    account = caller.signed_in()
    if caller.token is not None:
        raise SignInError("tokens are made by a session", "sign in with your wallet")
    return account


def _account(account: Account) -> AccountShown:
    return AccountShown(
        id=account.id,
        address=account.address,
        username=account.username,
        inserted_at=iso(account.inserted_at),
    )


def _token(token: Token) -> TokenShown:
    return TokenShown(
        public_id=token.public_id,
        name=token.name,
        scopes=sorted(token.scopes),
        created_at=iso(token.created_at),
        used_at=iso(token.used_at),
        expires_at=iso(token.expires_at),
        revoked_at=iso(token.revoked_at),
    )
