"""Keys in files: eth-account keystores (encrypted JSON), and environment files.

A key never reaches a log or an error text.
"""

import json
import os
import secrets
from functools import cache
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount

from oracle.errors import InputError, RefusedError

DEV_MNEMONIC = "test test test test test test test test test test test junk"
"""The development mnemonic every local chain tool uses; its keys are known to everyone."""

DEV_ACCOUNTS = 64
"""How many of its accounts a devnet funds."""

KEY_VARIABLE = "ASSAY_OPERATOR_KEY"
_OTHERS_MAY = 0o077


def dev_account(index: int) -> LocalAccount:
    """Development account ``index``; fit for local chains only."""
    Account.enable_unaudited_hdwallet_features()
    return Account.from_mnemonic(DEV_MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}")


def write_keystore(path: Path, account: LocalAccount, password: str) -> None:
    """A new keystore file, readable by its owner only."""
    content = json.dumps(Account.encrypt(account.key, password, kdf="pbkdf2", iterations=100_000))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)


def load_keystore(path: Path, password_file: Path) -> LocalAccount:
    """The account in a keystore; its password is the first line of ``password_file``."""
    password = _text(password_file).split("\n", 1)[0]
    try:
        content = json.loads(_text(path))
    except json.JSONDecodeError:
        raise InputError(f"{path} is not a keystore (JSON)") from None
    try:
        return Account.from_key(Account.decrypt(content, password))
    except (ValueError, KeyError, TypeError, AttributeError, NotImplementedError):
        raise InputError(
            f"{path} cannot be opened with the password in {password_file}",
            "check that both belong together",
        ) from None


def load_env_file(path: Path) -> LocalAccount:
    """The account whose key is in the line ``ASSAY_OPERATOR_KEY=0x...`` of ``path``.

    The file must be of mode 0600 or stricter. Other lines are left alone, so that a service
    manager may read the same file.
    """
    if path.exists() and path.stat().st_mode & _OTHERS_MAY:
        raise RefusedError(
            f"{path} holds a key and may be read by others", f"run: chmod 600 {path}"
        )
    text = _text(path)
    lines = (line.strip().removeprefix("export ").partition("=") for line in text.splitlines())
    found = [value.strip().strip("\"'") for name, _, value in lines if name.strip() == KEY_VARIABLE]
    if len(found) != 1:
        raise InputError(
            f"{path} has {len(found)} lines {KEY_VARIABLE}=..., not one",
            f"write one line {KEY_VARIABLE}=0x and 64 hex digits",
        )
    try:
        return Account.from_key(bytes.fromhex(found[0].removeprefix("0x")))
    except ValueError:
        raise InputError(
            f"{path}: {KEY_VARIABLE} is no private key", "it is 0x and 64 hex digits"
        ) from None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not a text file") from None


def new_password(path: Path) -> str:
    """A random password, written to a file readable by its owner only."""
    password = secrets.token_urlsafe(24)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(password + "\n")
    return password


@cache
def _dev_addresses() -> frozenset[str]:
    return frozenset(dev_account(i).address.lower() for i in range(DEV_ACCOUNTS))


def is_dev_address(address: str) -> bool:
    """Whether ``address`` is one of the publicly known development accounts of a devnet."""
    return address.lower() in _dev_addresses()


def require_dev_key(address: str) -> None:
    """Refuses a person's own key on a devnet, where signatures and funds are worth nothing."""
    if not is_dev_address(address):
        raise RefusedError(
            f"{address} is not a development account: a devnet takes no key of your own",
            "leave out --key and name a development account with --dev-account N",
        )
