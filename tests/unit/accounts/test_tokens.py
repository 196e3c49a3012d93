"""API tokens: what they may do, until when, and that nothing opens an account but a live one."""

import pytest
from sqlalchemy import select
from wallets import SITE, WHERE, signed_in, token_of, wallet

from oracle.accounts.accounts import Accounts
from oracle.accounts.caller import Account, Scope, ScopeError, SignInError
from oracle.accounts.rates import Rates, TooManyError
from oracle.accounts.tokens import MAX_TOKENS
from oracle.errors import InputError, RefusedError
from oracle.records.schema import people
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
    return Accounts(database, SITE, {"refused": "1000/minute"}, clock)


@pytest.fixture
def account(accounts: Accounts) -> Account:
    return accounts.people.met(wallet().address, int(NOW))


def test_token__its_scopes__are_what_the_caller_may_do(
    accounts: Accounts, account: Account
) -> None:
    caller = accounts.authenticate(token_of(accounts, account, Scope.STAKE), WHERE)
    assert caller.require(Scope.STAKE) == account
    with pytest.raises(ScopeError, match=r"^Insufficient permission for upload_submission$"):
        caller.require(Scope.UPLOAD_SUBMISSION)


def test_nobody__asked_for_a_scope__is_told_to_sign_in(accounts: Accounts) -> None:
    with pytest.raises(SignInError, match="must be authenticated"):
        accounts.authenticate(None, WHERE).require(Scope.STAKE)


def test_token__revoked__opens_nothing_any_more(accounts: Accounts, account: Account) -> None:
    header = token_of(accounts, account)
    [kept] = accounts.tokens(account)
    accounts.revoke_token(account, kept.public_id)
    accounts.revoke_token(account, kept.public_id)
    with pytest.raises(SignInError):
        accounts.authenticate(header, WHERE)
    assert accounts.tokens(account)[0].revoked_at == int(NOW)


def test_token__of_another_account__cannot_be_revoked(accounts: Accounts, account: Account) -> None:
    header = token_of(accounts, account)
    other = accounts.people.met(wallet(11).address, int(NOW))
    with pytest.raises(InputError, match="no such token"):
        accounts.revoke_token(other, accounts.tokens(account)[0].public_id)
    accounts.authenticate(header, WHERE)


def test_token__expired__opens_nothing(accounts: Accounts, account: Account, clock: Clock) -> None:
    made = accounts.create_token(account, "short", [Scope.STAKE], int(NOW) + 10)
    header = f"Token {made.token.public_id}${made.secret}"
    accounts.authenticate(header, WHERE)
    clock.now += 10
    with pytest.raises(SignInError):
        accounts.authenticate(header, WHERE)


@pytest.mark.parametrize(
    "change",
    [
        lambda header: header[:-1],
        lambda header: header + "x",
        lambda header: header.replace("$", ""),
        lambda header: header.replace("Token ", "Basic "),
        lambda header: header.replace("Token ", "token "),
        lambda header: header.split("$", maxsplit=1)[0] + "$",
        lambda header: "Token " + "A" * 32 + "$" + header.split("$")[1],
        lambda header: header.replace("Token ", "Token \0"),
        lambda header: "Token ' OR 1=1 --$x",
        lambda header: "Bearer " + header.split("$")[1],
    ],
    ids=range(10),
)
def test_authenticate__not_quite_a_token__refused(
    accounts: Accounts, account: Account, change: object
) -> None:
    header = token_of(accounts, account)
    with pytest.raises(SignInError, match="Invalid API credentials"):
        accounts.authenticate(change(header), WHERE)  # type: ignore[operator]


def test_database__holds_no_secret(
    accounts: Accounts, account: Account, database: Database
) -> None:
    secrets = [
        token_of(accounts, account).split("$")[1],
        signed_in(accounts, NOW, wallet()),
    ]
    with database.connect() as connection:
        rows = [
            str(tuple(row))
            for table in (people.tokens, people.sessions, people.accounts)
            for row in connection.execute(select(table))
        ]
    assert rows
    assert not [row for row in rows for secret in secrets if secret in row]


def test_token__used__says_when_but_writes_once_a_minute(
    accounts: Accounts, account: Account, clock: Clock
) -> None:
    header, used = token_of(accounts, account), []
    for _ in range(3):
        accounts.authenticate(header, WHERE)
        used.append(accounts.tokens(account)[0].used_at)
        clock.now += 40
    assert used == [int(NOW), int(NOW), int(NOW) + 80]


@pytest.mark.parametrize(
    ("scopes", "name", "expires", "why"),
    [
        ([], "a", None, "needs a scope"),
        (["everything"], "a", None, "no scope 'everything'"),
        (["stake"], "", None, "1 to 64"),
        (["stake"], "a\nb", None, "1 to 64"),
        (["stake"], "a", int(NOW), "over before it begins"),
    ],
    ids=["no scope", "unknown scope", "no name", "line", "expired"],
)
def test_create_token__bad_wishes__refused(
    accounts: Accounts,
    account: Account,
    scopes: list[str],
    name: str,
    expires: int | None,
    why: str,
) -> None:
    with pytest.raises(InputError, match=why):
        accounts.create_token(account, name, scopes, expires)


def test_create_token__too_many__refused_until_one_is_revoked(
    accounts: Accounts, account: Account
) -> None:
    for _ in range(MAX_TOKENS):
        token_of(accounts, account)
    with pytest.raises(RefusedError, match=f"the account has {MAX_TOKENS} tokens"):
        token_of(accounts, account)
    accounts.revoke_token(account, accounts.tokens(account)[0].public_id)
    token_of(accounts, account)


def test_authenticate__many_wrong_tokens_from_one_address__even_a_right_one_waits(
    database: Database,
) -> None:
    accounts = Accounts(database, SITE, {"refused": "5/minute"})
    account = accounts.people.met(wallet().address, int(NOW))
    header = token_of(accounts, account)
    for _ in range(5):
        with pytest.raises(SignInError):
            accounts.authenticate("Token wrong$wrong", WHERE)
    with pytest.raises(TooManyError):
        accounts.authenticate(header, WHERE)
    accounts.authenticate(header, "203.0.113.77")


def test_rename__taken_or_ill_formed__refused(accounts: Accounts, account: Account) -> None:
    accounts.people.rename(account.id, "quant_1")
    assert accounts.people.by_username("quant_1") == accounts.people.by_id(account.id)
    other = accounts.people.met(wallet(11).address, int(NOW))
    with pytest.raises(RefusedError, match="taken"):
        accounts.people.rename(other.id, "quant_1")
    with pytest.raises(InputError, match="no username"):
        accounts.people.rename(other.id, "<script>")


@pytest.mark.parametrize("rates", [{"other": "1/minute"}, {"sign_in": "often"}], ids=repr)
def test_rates__not_understood__refused(rates: dict[str, str]) -> None:
    with pytest.raises(InputError):
        Rates(rates)
