"""Keystores and the publicly known development keys."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from oracle.chain.keys import (
    DEV_ACCOUNTS,
    dev_account,
    is_dev_address,
    load_keystore,
    new_password,
    require_dev_key,
    write_keystore,
)
from oracle.errors import InputError, RefusedError

OWN = Account.from_key(b"\x42" * 32)


@pytest.fixture
def stored(tmp_path: Path) -> tuple[Path, Path]:
    """A keystore and its password file."""
    keystore, password = tmp_path / "keystore.json", tmp_path / "password"
    write_keystore(keystore, OWN, new_password(password))
    return keystore, password


def test_dev_account__first__is_the_one_every_local_chain_has() -> None:
    assert dev_account(0).address == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    assert dev_account(1).address == "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def test_load_keystore__own__the_same_account(stored: tuple[Path, Path]) -> None:
    assert load_keystore(*stored).key == OWN.key


def test_write_keystore__files__are_for_the_owner_only(stored: tuple[Path, Path]) -> None:
    for path in stored:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert OWN.key.hex() not in stored[0].read_text()


def test_write_keystore__existing__is_never_overwritten(stored: tuple[Path, Path]) -> None:
    before = stored[0].read_bytes()
    with pytest.raises(FileExistsError):
        write_keystore(stored[0], dev_account(0), "x")
    with pytest.raises(FileExistsError):
        new_password(stored[1])
    assert stored[0].read_bytes() == before


def test_new_password__each_time__another(tmp_path: Path) -> None:
    assert new_password(tmp_path / "a") != new_password(tmp_path / "b")
    assert (tmp_path / "a").read_text().count("\n") == 1


@pytest.mark.parametrize("content", ["sesame-42\n", "", "\n"])
def test_load_keystore__wrong_password__says_which_files_and_shows_none(
    stored: tuple[Path, Path], content: str
) -> None:
    stored[1].write_text(content)
    with pytest.raises(
        InputError, match=r"keystore\.json cannot be opened with .*password"
    ) as info:
        load_keystore(*stored)
    assert "sesame-42" not in str(info.value.message).replace(str(stored[0].parent), "")


@pytest.mark.parametrize("which", [0, 1])
def test_load_keystore__missing_file__named(stored: tuple[Path, Path], which: int) -> None:
    stored[which].unlink()
    with pytest.raises(InputError, match=f"cannot read {stored[which]}: No such file"):
        load_keystore(*stored)


@pytest.mark.parametrize("which", [0, 1])
def test_load_keystore__not_text__names_the_right_file(
    stored: tuple[Path, Path], which: int
) -> None:
    stored[which].write_bytes(b"\xff\xfe\xff")
    with pytest.raises(InputError, match=str(stored[which])) as info:
        load_keystore(*stored)
    assert str(stored[1 - which]) not in info.value.message


@pytest.mark.parametrize(
    "value", [[], 5, None, {}, {"version": 3}, {"version": 99}, {"version": 3, "crypto": {}}, "x"]
)
def test_load_keystore__json_but_no_keystore__refused(
    stored: tuple[Path, Path], value: Any
) -> None:
    stored[0].write_text(json.dumps(value))
    with pytest.raises(InputError, match=r"keystore\.json"):
        load_keystore(*stored)


@pytest.mark.parametrize(
    "change",
    [
        {"kdf": "md5"},
        {"ciphertext": "zz"},
        {"mac": "00"},
        {"kdfparams": {}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_load_keystore__damaged__refused(
    stored: tuple[Path, Path], change: dict[str, object]
) -> None:
    value = json.loads(stored[0].read_text())
    value["crypto"].update(change)
    stored[0].write_text(json.dumps(value))
    with pytest.raises(InputError, match=r"keystore\.json"):
        load_keystore(*stored)


def test_is_dev_address__all_a_devnet_funds__known_in_any_case() -> None:
    for index in (0, 1, DEV_ACCOUNTS - 1):
        address = dev_account(index).address
        for spelled in (address, address.lower(), "0x" + address[2:].upper()):
            assert is_dev_address(spelled)
            require_dev_key(spelled)


def test_require_dev_key__a_persons_own__refused() -> None:
    for stranger in (OWN, dev_account(DEV_ACCOUNTS)):
        assert not is_dev_address(stranger.address)
        with pytest.raises(RefusedError, match="is not a development account") as info:
            require_dev_key(stranger.address)
        assert "--dev-account" in info.value.fix
