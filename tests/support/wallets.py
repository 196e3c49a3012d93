"""Wallets that sign in to the tournament server."""

from datetime import UTC, datetime

from eth_account.messages import encode_defunct
from eth_account.signers.local import LocalAccount
from siwe import ISO8601Datetime, SiweMessage

from oracle.accounts.accounts import Accounts
from oracle.accounts.caller import Account, Scope
from oracle.accounts.signing_in import Site
from oracle.chain.keys import dev_account

SITE = Site("assay.example:8443", "https://assay.example:8443", frozenset({731371}))
WHERE = "203.0.113.9"
"""The address that requests come from."""


def wallet(index: int = 10) -> LocalAccount:
    return dev_account(index)


def message(nonce: str, now: float, account: LocalAccount, **changes: object) -> str:
    """An EIP-4361 message as a wallet shows it."""
    fields = {
        "domain": SITE.domain,
        "address": account.address,
        "uri": SITE.uri,
        "version": "1",
        "chain_id": 731371,
        "nonce": nonce,
        "issued_at": ISO8601Datetime.from_datetime(datetime.fromtimestamp(now, UTC)),
        "statement": "Sign in to the tournament.",
    }
    return SiweMessage(**{**fields, **changes}).prepare_message()


def signed(text: str, account: LocalAccount) -> str:
    return "0x" + bytes(account.sign_message(encode_defunct(text=text)).signature).hex()


def signed_in(accounts: Accounts, now: float, account: LocalAccount) -> str:
    """A session's secret."""
    text = message(accounts.nonce(WHERE), now, account)
    return accounts.sign_in(text, signed(text, account), WHERE).secret


def token_of(accounts: Accounts, account: Account, *scopes: Scope) -> str:
    """An ``Authorization`` header, as numerapi sends it."""
    made = accounts.create_token(account, "test", scopes or tuple(Scope))
    return f"Token {made.token.public_id}${made.secret}"
