"""Sign-in with Ethereum: one nonce, one sign-in, on this site alone."""

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from siwe import SiweMessage
from wallets import SITE, WHERE, message, signed, signed_in, wallet

from oracle.accounts.accounts import Accounts
from oracle.accounts.caller import ALL, SignInError
from oracle.accounts.rates import TooManyError
from oracle.accounts.sessions import SESSION_SECONDS
from oracle.errors import AssayError, InputError
from oracle.store.database import Database

NOW = 1_795_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accounts(database: Database, clock: Clock) -> Accounts:
    return Accounts(database, SITE, {"sign_in": "1000/minute"}, clock)


def test_sign_in__new_wallet__has_an_account_from_then_on(accounts: Accounts) -> None:
    first = accounts.authenticate("Bearer " + signed_in(accounts, NOW, wallet()), WHERE)
    second = accounts.authenticate("Bearer " + signed_in(accounts, NOW, wallet()), WHERE)
    assert first.account is not None
    assert first.account.address == wallet().address
    assert first.account == second.account
    assert first.scopes == ALL
    assert first.owns(wallet().address.lower())
    assert not first.owns(wallet(11).address)


def test_sign_in__message_twice__refused(accounts: Accounts) -> None:
    text = message(accounts.nonce(WHERE), NOW, wallet())
    accounts.sign_in(text, signed(text, wallet()), WHERE)
    with pytest.raises(SignInError, match="nonce is not known, or was used"):
        accounts.sign_in(text, signed(text, wallet()), WHERE)


def test_sign_in__message_of_more_than_1000_characters__refused_before_it_is_parsed(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parser's time grows with the square of the length, and nobody has signed yet."""
    nonce = accounts.nonce(WHERE)
    short = message(nonce, NOW, wallet(), statement="x")
    text = message(nonce, NOW, wallet(), statement="x" * (1_002 - len(short)))
    assert len(text) == 1_001
    monkeypatch.setattr(SiweMessage, "from_message", None)
    with pytest.raises(InputError, match="more than 1000 characters"):
        accounts.sign_in(text, signed(text, wallet()), WHERE)


def test_sign_in__nonce_of_its_own__refused(accounts: Accounts) -> None:
    text = message("a" * 32, NOW, wallet())
    with pytest.raises(SignInError, match="nonce is not known"):
        accounts.sign_in(text, signed(text, wallet()), WHERE)


def test_sign_in__nonce_too_old__refused(accounts: Accounts, clock: Clock) -> None:
    nonce = accounts.nonce(WHERE)
    clock.now += 601
    text = message(nonce, clock.now, wallet())
    with pytest.raises(SignInError, match="too old"):
        accounts.sign_in(text, signed(text, wallet()), WHERE)


def test_sign_in__another_wallets_signature__refused_and_the_nonce_stays_good(
    accounts: Accounts,
) -> None:
    text = message(accounts.nonce(WHERE), NOW, wallet())
    with pytest.raises(SignInError, match="InvalidSignature"):
        accounts.sign_in(text, signed(text, wallet(11)), WHERE)
    accounts.sign_in(text, signed(text, wallet()), WHERE)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"domain": "evil.example"}, "domain"),
        ({"uri": "https://evil.example"}, "URI"),
        ({"chain_id": 1}, "chain id"),
    ],
    ids=["domain", "uri", "chain"],
)
def test_sign_in__message_for_another_site__refused(
    accounts: Accounts, changes: dict[str, object], what: str
) -> None:
    text = message(accounts.nonce(WHERE), NOW, wallet(), **changes)
    with pytest.raises(SignInError, match=f"another {what} than it must"):
        accounts.sign_in(text, signed(text, wallet()), WHERE)


@pytest.mark.parametrize("seconds", [-601, 61], ids=["old", "future"])
def test_sign_in__issued_at_another_time__refused(accounts: Accounts, seconds: int) -> None:
    text = message(accounts.nonce(WHERE), NOW + seconds, wallet())
    with pytest.raises(SignInError, match="issued-at time"):
        accounts.sign_in(text, signed(text, wallet()), WHERE)


@pytest.mark.parametrize(
    ("field", "seconds"),
    [("expiration_time", -1), ("not_before", 30)],
    ids=["expired", "not yet"],
)
def test_sign_in__message_says_not_now__refused(
    accounts: Accounts, field: str, seconds: int
) -> None:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(NOW + seconds))
    text = message(accounts.nonce(WHERE), NOW, wallet(), **{field: stamp})
    with pytest.raises(SignInError, match="does not hold"):
        accounts.sign_in(text, signed(text, wallet()), WHERE)


@pytest.mark.parametrize("text", ["", "hello", "x" * 5_000, "\0\n\n"], ids=repr)
def test_sign_in__no_message__refused(accounts: Accounts, text: str) -> None:
    with pytest.raises(InputError):
        accounts.sign_in(text, "0x" + "11" * 65, WHERE)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(signature=st.binary(min_size=65, max_size=65).map(lambda raw: "0x" + raw.hex()))
def test_sign_in__any_signature__refused_and_never_a_crash(
    accounts: Accounts, signature: str
) -> None:
    with pytest.raises(SignInError):
        accounts.sign_in(message("a" * 32, NOW, wallet()), signature, WHERE)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=300), signature=st.text(max_size=140))
def test_sign_in__any_text__refused_and_never_a_crash(
    accounts: Accounts, text: str, signature: str
) -> None:
    with pytest.raises(AssayError):
        accounts.sign_in(text, signature, WHERE)


def test_session__after_its_time_or_sign_out__is_nobodys(accounts: Accounts, clock: Clock) -> None:
    first, second = (signed_in(accounts, NOW, wallet()) for _ in range(2))
    accounts.sign_out(first)
    with pytest.raises(SignInError, match="Invalid API credentials"):
        accounts.authenticate(f"Bearer {first}", WHERE)
    accounts.authenticate(f"Bearer {second}", WHERE)
    clock.now += SESSION_SECONDS
    with pytest.raises(SignInError):
        accounts.authenticate(f"Bearer {second}", WHERE)


def test_nonce__too_many_from_one_address__refused_and_others_served(database: Database) -> None:
    accounts = Accounts(database, SITE, {"sign_in": "3/minute"})
    for _ in range(3):
        accounts.nonce(WHERE)
    with pytest.raises(TooManyError, match="3 per 1 minute"):
        accounts.nonce(WHERE)
    accounts.nonce("203.0.113.10")
