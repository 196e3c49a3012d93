"""A new operator's folder: key, identity, configuration, and the request to join a tournament."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from eth_account import Account
from eth_utils import (
    is_address,
    is_checksum_address,
    is_checksum_formatted_address,
    to_checksum_address,
)

from oracle.chain.keys import KEY_VARIABLE, new_password, write_keystore
from oracle.chain.kms import KmsSigner
from oracle.chain.signing import LocalSigner, Signer
from oracle.errors import InputError, RefusedError
from oracle.operator.config import OperatorConfig, load_config
from oracle.operator.config_text import Settings, config_text
from oracle.operator.joining import JoinRequest, request_to_join
from oracle.store.sealing import Identity

CONFIG, JOIN, IDENTITY = "operator.toml", "join.json", "identity.age"


class NewKey(Protocol):
    """How an operator's key is made or found."""

    def make(self, folder: Path) -> tuple[Signer, Mapping[str, object]]:
        """The key, its files written to ``folder``, and the table ``[signer]`` that names it."""


@dataclass(frozen=True, slots=True)
class NewKeystore:
    """A new key in an encrypted keystore, the password in a file beside it."""

    def make(self, folder: Path) -> tuple[Signer, Mapping[str, object]]:
        account = Account.create()
        write_keystore(folder / "key.json", account, new_password(folder / "password"))
        table = {"kind": "keystore", "keystore": "key.json", "password_file": "password"}
        return LocalSigner(account), table


@dataclass(frozen=True, slots=True)
class NewEnvFile:
    """A new key in a file that a service manager can read as well."""

    def make(self, folder: Path) -> tuple[Signer, Mapping[str, object]]:
        account, path = Account.create(), folder / "key.env"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{KEY_VARIABLE}={account.key.to_0x_hex()}\n")
        return LocalSigner(account), {"kind": "envfile", "file": path.name}


@dataclass(frozen=True, slots=True)
class KmsKey:
    """A key that is in AWS KMS already and never leaves it."""

    key_id: str
    region: str

    def make(self, folder: Path) -> tuple[Signer, Mapping[str, object]]:
        table = {"kind": "kms", "key_id": self.key_id, "region": self.region}
        return KmsSigner(self.key_id, self.region), table


def initialise(
    folder: Path, settings: Settings, key: NewKey, *, not_as: str | None = None
) -> JoinRequest:
    """Makes ``folder`` with everything an operator needs; returns its request to join.

    The folder is there whole and readable by its owner only, or not at all. Raises
    ``RefusedError`` where something is there already or the key is that of ``not_as``,
    ``InputError`` for wrong settings.
    """
    pool = str(settings[""]["pool"])
    if not is_address(pool) or (
        is_checksum_formatted_address(pool) and not is_checksum_address(pool)
    ):
        raise InputError(f"{pool!r} is not an address, or its checksum is wrong")
    with _whole(folder) as made:
        signer, table = key.make(made)
        if signer.address == not_as:
            raise RefusedError("the new key is the old one", "name another key")
        identity = Identity.new()
        identity.save(made / IDENTITY)
        top = {**settings[""], "identity": IDENTITY}
        _write(made / CONFIG, config_text({**settings, "": top, "signer": table}))
        config = _loaded(made, folder)
        request = request_to_join(
            signer,
            chain_id=config.chain_id,
            pool=to_checksum_address(config.pool),
            url=config.public_url,
            recipient=identity.recipient,
        )
        _write(made / JOIN, request.text())
    return request


def _loaded(made: Path, folder: Path) -> OperatorConfig:
    try:
        return load_config(made / CONFIG)
    except InputError as error:
        raise InputError(error.message.replace(str(made), str(folder)), error.fix) from None


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """A new folder under another name, which becomes ``folder`` if nothing goes wrong."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RefusedError(f"{folder} is there already", "name a new folder; a key is never lost")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    except OSError as error:
        raise InputError(f"cannot make {folder}: {error.strerror}") from None
    try:
        yield made
        _sync(*made.iterdir(), made)
        # Takes the place of nothing, or of an empty folder; anything else is refused here too.
        os.rename(made, folder)
        _sync(folder.parent)
    except OSError as error:
        raise InputError(f"cannot make {folder}: {error.strerror}") from None
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _write(path: Path, text: str) -> None:
    with path.open("x") as file:
        file.write(text)


def _sync(*paths: Path) -> None:
    """To disk: a key that a crash loses cannot be had again."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
