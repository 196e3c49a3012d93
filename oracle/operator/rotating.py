"""A new key for an operator: a second operator beside the old one, which takes over by itself.

A round belongs to the operators it was announced with. So the old key must go on signing for the
rounds that were announced before the change, and for no others. Two processes, each with a key, a
database and a folder of its own, do that without knowing of each other: each works on the rounds
that its key is a member of. A database for both could not tell whose signature a digest is.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oracle.chain.signers import open_signer
from oracle.errors import InputError, RefusedError
from oracle.operator.config import OperatorConfig, load_config
from oracle.operator.config_text import Settings
from oracle.operator.joining import JoinRequest
from oracle.operator.setup import NewKey, initialise

_LONGEST_NAME = 32


@dataclass(frozen=True, slots=True)
class Rotated:
    """``old`` is the address to be retired; ``announces``: the old configuration announces."""

    old: str
    request: JoinRequest
    announces: bool


def rotate(
    old_file: Path,
    folder: Path,
    key: NewKey,
    *,
    port: int | None = None,
    url: str = "",
    database: str = "",
) -> Rotated:
    """Makes ``folder`` for the operator that follows the one configured in ``old_file``.

    All but key, identity, name, home, database, port and address is taken from the old
    configuration, which stays as it is; rounds are announced by the old one only. Raises
    ``InputError`` where both would share a database or an address, ``RefusedError`` for a dry run.
    """
    old = load_config(old_file)
    signer = open_signer(old.signer)
    if signer is None:
        raise RefusedError(f"{old_file} names no key", "there is nothing to rotate")
    port = old.port + 1 if port is None else port
    _require_apart(old, port, url, database)
    settings = _following(old, port, url, database)
    request = initialise(folder, settings, key, not_as=signer.address)
    return Rotated(signer.address, request, old.announce is not None)


def _require_apart(old: OperatorConfig, port: int, url: str, database: str) -> None:
    if not database and "://" in old.database:
        raise InputError(
            "the old operator's database is on a server, and the new one needs one of its own",
            "make an empty one there and name it with --database",
        )
    if database in (old.database, old.store.database) and "://" in database:
        raise InputError("that is the old operator's database", "name a new one with --database")
    if port == old.port:
        raise InputError(f"port {port} is the old operator's", "both run for a while: --port")
    if old.url and url in ("", old.url):
        raise InputError(
            "the new operator needs an address of its own, as both run for a while",
            "name it with --url",
        )


def _following(old: OperatorConfig, port: int, url: str, database: str) -> Settings:
    given: dict[str, Any] = old.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    for taken_anew in ("signer", "announce", "identity", "home"):
        given.pop(taken_anew, None)
    store = given.pop("store", {})
    chain = given.pop("chain")
    s3 = store.pop("s3", {})
    store.pop("database", None)
    name = _next_name(old.name)
    given |= {"name": name, "port": port, "data": str(old.data.resolve())}
    if url:
        given["url"] = url
    if database:
        store["database"] = database
    if s3:  # a round's folder differs by who signed it
        s3["prefix"] = f"{s3.get('prefix', '').strip('/')}/{name}".lstrip("/")
    return {"": given, "chain": chain, "store": store, "store.s3": s3}


def _next_name(name: str) -> str:
    """``alice-2`` after ``alice``, ``alice-3`` after that."""
    stem, number = re.fullmatch(r"(.*?)(?:-(\d+))?", name).groups()  # type: ignore[union-attr]
    following = f"-{int(number or 1) + 1}"
    return stem[: _LONGEST_NAME - len(following)] + following
