"""What ``assay server check`` looks at; its checks are an operator's, as far as a server has what
an operator has."""

import errno
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import httpx

from oracle.chain.reader import PoolReader
from oracle.chain.rpc import readable
from oracle.chain.signers import SignerSettings, open_signer
from oracle.errors import AssayError
from oracle.gateway.config import ServerConfig, TournamentSettings
from oracle.operator.checks import (
    Finding,
    Said,
    SkippedError,
    fail,
    ok,
    said_by,
    sqlite_file,
    warn,
)
from oracle.operator.checks_of_chain import clock, coins, members_at
from oracle.operator.checks_of_endpoints import endpoints
from oracle.operator.checks_of_machine import (
    first_there,
    free_space,
    key_files,
    not_written,
    private,
    readable_folder,
)
from oracle.records.migrations import HEAD
from oracle.store.database import Database
from oracle.store.migrations import revision

_PATIENCE = 3.0
_GAS_OF_CHANGE = 400_000
"""What relaying one request may take."""

_FEW_CHANGES, _TOO_FEW_CHANGES = 200, 10


@dataclass(frozen=True)
class TournamentLook:
    """One tournament's surroundings."""

    server: ServerConfig
    config: TournamentSettings

    @cached_property
    def reader(self) -> PoolReader:
        chain = self.config.chain
        return PoolReader.open(
            chain.urls,
            self.config.pool,
            self.config.chain_id,
            agree=chain.agree,
            solo=chain.solo,
            stale_seconds=chain.stale_seconds,
        )

    @property
    def chain(self) -> PoolReader:
        """For checks that are not about reaching it."""
        try:
            return self.reader
        except AssayError:
            raise SkippedError("the chain cannot be read") from None


def findings(config: ServerConfig) -> Iterator[Finding]:
    """One check after the other; trouble with one leaves the others alone."""
    for name, check in _SERVER_CHECKS:
        for said in said_by(check, config):
            yield Finding(name, said)
    for one in config.tournaments:
        look = TournamentLook(config, one)
        for name, of_tournament in _TOURNAMENT_CHECKS:
            for said in said_by(of_tournament, look):
                yield Finding(f"{one.number} {name}", said)


# ---------------------------------------------------------------------- this machine


def _config(config: ServerConfig) -> Iterator[Said]:
    numbers = ", ".join(str(one.number) for one in config.tournaments)
    yield ok(f"{config.name}: tournaments {numbers} at {config.url}")
    if config.url.startswith("http:") and not config.domain.startswith(("127.0.0.1", "localhost")):
        yield warn(
            f"{config.url} is not encrypted: tokens can be read on the way",
            "put a proxy with TLS before it, and write https:// into url",
        )
    if config.webhooks.allow_private:
        yield warn(
            "webhooks may call addresses of this machine and its network",
            "remove webhooks.allow_private, unless this is a devnet",
        )


def _keys(config: ServerConfig) -> Iterator[Said]:
    without = {
        "submitter": "no submission is signed for owners; people use `assay submit`",
        "relayer": "no stake is changed by mandate; people send transactions themselves",
    }
    for name, lack in without.items():
        settings: SignerSettings | None = getattr(config, name)
        signer = open_signer(settings)
        if signer is None:
            yield warn(f"no {name}: {lack}", f"name a key with {name}")
            continue
        yield ok(f"{name}: {signer.address}")
        yield from private(key_files(settings))
    if config.files.secret.exists():
        yield from private([config.files.secret])


def _database(config: ServerConfig) -> Iterator[Said]:
    file = sqlite_file(config.where)
    if file is not None and not file.exists():
        yield ok(f"{file} is made at the first start")
        return
    database = Database.open(config.where, _PATIENCE, migrate=False)
    try:
        found = database.read(revision)
        if found is None:
            yield ok(f"{database.where} is empty; the first start makes the tables")
            return
        if found[:1] != HEAD[:1]:
            yield fail(f"{database.where} is an operator's", "give the server one of its own")
            return
        if found != HEAD:
            yield warn(f"{database.where} is of revision {found}; the next start makes it {HEAD}")
            return
        with database.begin():
            pass  # takes the writer's lock, and on PostgreSQL waits for the replica
        yield ok(f"{database.where}: revision {HEAD}, writable")
        for warning in database.warnings():
            yield warn(warning)
    finally:
        database.close()


def _folders(config: ServerConfig) -> Iterator[Said]:
    places = {"home": config.home}
    if config.files.s3 is None:
        places["files"] = config.files.folder
    for name, folder in places.items():
        problem = not_written(first_there(folder))
        if problem:
            yield fail(f"cannot write to {folder} ({name}): {problem}", "see its owner and rights")
        else:
            yield ok(f"{name}: {folder}")
    yield free_space(first_there(config.home))


def _port(config: ServerConfig) -> Iterator[Said]:
    where = f"{config.host}:{config.port}"
    try:
        socket.create_server((config.host, config.port)).close()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            yield fail(f"cannot listen on {where}: {error.strerror}", "change host or port")
            return
        yield _whose(config, where)
    else:
        yield ok(f"{where} is free: the server does not run")


def _whose(config: ServerConfig, where: str) -> Said:
    """Whether it is a server that listens, and whether it is well."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(config.host, config.host)
    try:
        answer = httpx.get(f"http://{host}:{config.port}/readyz", timeout=5, trust_env=False)
        told = answer.json()
        reasons = [str(reason) for reason in told["reasons"]]
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return fail(f"something else listens on {where}", "stop it, or change port")
    if not told.get("ready"):
        return warn(f"it runs on {where}, but is not ready: {'; '.join(reasons)}", "see its log")
    return ok(f"it runs on {where}")


_SERVER_CHECKS: Sequence[tuple[str, Callable[[ServerConfig], Iterable[Said]]]] = (
    ("config", _config),
    ("keys", _keys),
    ("database", _database),
    ("folders", _folders),
    ("port", _port),
)


# ---------------------------------------------------------------------- each tournament


def _pool(look: TournamentLook) -> Iterator[Said]:
    found = look.chain.addresses.tournament
    if found != look.config.number:
        yield fail(
            f"the pool {look.config.pool} is tournament {found}'s",
            "correct the number or the pool's address",
        )
    else:
        yield ok(f"pool {look.config.pool} on chain {look.config.chain_id}")


def _clock(look: TournamentLook) -> Iterator[Said]:
    yield clock(look.chain)


def _operators(look: TournamentLook) -> Iterator[Said]:
    if not look.config.operators:
        yield warn("no operators: nothing can be submitted here", "list their addresses")
        return
    yield from members_at(look.chain, look.config.operators, "", "operators")


def _data(look: TournamentLook) -> Iterator[Said]:
    yield readable_folder("data", look.config.data, "name the provider's folder with `data`")
    if look.config.datasets is None:
        yield warn("no data sets are published", "name their folder with `datasets`")
    else:
        fix = "name the folder of what is published with `datasets`"
        yield readable_folder("datasets", look.config.datasets, fix)


def _balance(look: TournamentLook) -> Iterator[Said]:
    signer = open_signer(look.server.relayer)
    if signer is None:
        return
    reader = look.chain
    with readable(reader.url):
        holds = reader.web3.eth.get_balance(signer.address)  # type: ignore[arg-type]
        price = reader.web3.eth.gas_price
    changes = holds // max(1, price * _GAS_OF_CHANGE)
    text = f"relayer {signer.address} holds {coins(holds)}: enough for {changes:,} requests"
    fix = f"send it {coins(_FEW_CHANGES * price * _GAS_OF_CHANGE)} of the chain's coin"
    if changes < _TOO_FEW_CHANGES:
        yield fail(text, fix)
    else:
        yield warn(text, fix) if changes < _FEW_CHANGES else ok(text)


_TOURNAMENT_CHECKS: Sequence[tuple[str, Callable[[TournamentLook], Iterable[Said]]]] = (
    ("endpoints", endpoints),
    ("pool", _pool),
    ("clock", _clock),
    ("operators", _operators),
    ("data", _data),
    ("relayer", _balance),
)
